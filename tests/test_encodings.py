"""What is printed where an encoding lacks characters, and of files with the oddest names."""

import csv
import html
import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import keras_benford as kb
from keras_benford import information
from keras_benford._console import encodable
from keras_benford.cli import main

TRAINED = Path(__file__).parent / "files" / "trained.keras"
ENCODINGS = ("ascii", "cp437", "cp1252", "latin-1", "utf-8")
AWAY = "é∂"
# A name of two lines, and one of a byte that is no UTF-8, which few systems allow.
ODD = ["a\nb.keras", "a\udcff.keras"]
COMMANDS = {
    "score one": ["score", f"{AWAY}.keras"],
    "score all": ["score", "."],
    "score all by layer": ["score", ".", "--per-layer", "--accuracy", "0.9"],
    "csv": ["score", ".", "--format", "csv"],
    "json": ["score", ".", "--format", "json"],
    "compare": ["compare", "plain.keras", f"{AWAY}.keras"],
    "compare in csv": ["compare", "plain.keras", f"{AWAY}.keras", "--format", "csv"],
    "compare in json": ["compare", "plain.keras", f"{AWAY}.keras", "--format", "json"],
    "describe": ["describe", "."],
    "describe in csv": ["describe", ".", "--format", "csv"],
    "describe in json": ["describe", ".", "--format", "json"],
    "plot": ["plot", ".", "-o", "picture.png"],
    "to a file": ["score", ".", "-o", "out.txt"],
}


class Stream(io.TextIOWrapper):
    """A text file in memory that refuses what its encoding lacks, in a terminal or not."""

    def __init__(self, encoding, is_terminal=False):
        super().__init__(io.BytesIO(), encoding=encoding, errors="strict", newline="\n")
        self._is_terminal = is_terminal

    def isatty(self):
        return self._is_terminal

    def printed(self):
        self.flush()
        return self.buffer.getvalue().decode(self.encoding)


@pytest.fixture
def names(tmp_path, monkeypatch):
    """Copies of one model in the working folder: their names."""
    monkeypatch.chdir(tmp_path)
    made = []
    for name in ("plain.keras", f"{AWAY}.keras", *ODD):
        try:
            shutil.copy(TRAINED, name)
        except (OSError, UnicodeError):  # No such names on this system.
            continue
        made.append(name)
    return made


@pytest.fixture
def run(names, monkeypatch):
    def run(encoding, *arguments):
        stream = Stream(encoding)
        monkeypatch.setattr(sys, "stdout", stream)
        # Each process more takes seconds to start.
        jobs = [] if arguments[0] == "describe" else ["--jobs", "1"]
        code = main([*arguments, *jobs])
        return code, stream.printed()

    return run


@pytest.mark.slow
@pytest.mark.parametrize("arguments", COMMANDS.values(), ids=COMMANDS)
def test_each_command_prints_in_ascii(arguments, run):
    assert run("ascii", *arguments)[0] == 0


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_each_file_has_one_row_and_rows_are_of_one_length(encoding, run, names):
    lines = run(encoding, "score", ".")[1].splitlines()
    rows = [line for line in lines if line[0] in "│|" and ".keras" in line]
    assert len(rows) == len(names)
    # Below the table stands what is wrong with a file.
    faults = [line for line in lines if ": Infinite or NaN: " in line or ": Zero: " in line]
    assert len(faults) == 2 * len(names)
    assert len({len(line) for line in lines if line not in faults}) == 1
    for name in names:
        shown = name if name.isprintable() else repr(name)[1:-1]
        assert any(encodable(f" {os.path.join('.', shown)} ", encoding) in row for row in rows)


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_json_is_exact(encoding, run, names):
    text = run(encoding, "score", ".", "--format", "json")[1]
    assert {os.path.basename(about["file"]) for about in json.loads(text)} == set(names)
    assert encoding == "utf-8" or text.isascii()


def test_csv_has_one_line_a_file(run, names):
    text = run("cp1252", "score", ".", "--format", "csv")[1]
    assert text.count("\n") == 1 + len(names)
    files = [os.path.basename(row["file"]) for row in csv.DictReader(io.StringIO(text))]
    assert r"é\u2202.keras" in files


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments", [["score", "."], ["compare", "plain.keras", f"{AWAY}.keras"]], ids=lambda a: a[0]
)
def test_a_page_is_right_in_utf8_whatever_it_is_printed_in(arguments, run):
    text = run("cp1252", *arguments, "--format", "html")[1]
    assert text.isascii()
    assert f"{AWAY}.keras" in html.unescape(text)
    assert "±" in html.unescape(text)


def test_marks_that_an_encoding_lacks_are_told_in_ascii(run):
    in_ascii, in_dos, in_windows = (
        run(encoding, "describe", "plain.keras")[1] + run(encoding, "score", "plain.keras")[1]
        for encoding in ("ascii", "cp437", "cp1252")
    )
    assert re.search(r"\d+x\d+", in_ascii)
    assert " +/- " in in_ascii
    assert re.search(r"\d+x\d+", in_dos)
    assert " ± " in in_dos
    assert re.search(r"\d+×\d+", in_windows)
    assert " ± " in in_windows


def test_a_narrow_window_loses_nothing_where_no_character_says_so(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Stream("ascii"))
    monkeypatch.setenv("COLUMNS", "30")
    score = kb.score(TRAINED)
    lines = repr(score).splitlines()
    assert max(map(len, [line for line in lines if line.startswith(("|", "+"))])) <= 30
    print(score)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_scores_are_printed_in_any_encoding(encoding, monkeypatch):
    stream = Stream(encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    print(kb.score(TRAINED))
    assert "MLH" in stream.printed()


def test_a_score_has_all_characters_where_any_text_goes(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert "±" in repr(kb.score(TRAINED))


@pytest.mark.parametrize("encoding", ["ascii", "cp437"])
def test_reports_and_rankings_are_printed_in_any_encoding(encoding, monkeypatch):
    import keras

    x = np.random.default_rng(0).normal(size=(60, 4)).astype("float32")
    layers = [keras.layers.Dense(3, "tanh", name=f"{AWAY}{i}") for i in range(2)]
    model = keras.Sequential([keras.Input((4,)), *layers, keras.layers.Dense(2)])
    report = information.report(model, x, method="bins")
    ranking = information.rank({AWAY: report, "a\nb": report, "c": report}, looking_for="shortcuts")
    stream = Stream(encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    print(report, ranking, sep="\n")
    assert encodable(f" {AWAY}0 ", encoding) in stream.printed()
    assert r" a\nb " in stream.printed()


def test_errors_have_one_line_each(run, capsys, names):
    for name in names:
        Path(name).write_bytes(b"PK")
    assert run("ascii", "score", ".")[0] == 2
    assert run("ascii", "describe", ".")[0] == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 * len(names)
    assert all(line.startswith("keras-benford: ") for line in lines)


def test_progress_is_shown_in_any_encoding(run, monkeypatch):
    stream = Stream("ascii", is_terminal=True)
    monkeypatch.setattr(sys, "stderr", stream)
    assert run("ascii", "score", ".")[0] == 0
    assert "scoring" in stream.printed()


def test_the_command_itself_prints_in_ascii(names):
    environment = {**os.environ, "PYTHONIOENCODING": "ascii:strict"}
    command = [sys.executable, "-m", "keras_benford", "describe", f"{AWAY}.keras"]
    done = subprocess.run(command, env=environment, capture_output=True, check=True)
    assert done.stdout.startswith(rb"\xe9\u2202.keras: keras, model ")
