"""`keras-benford` as scripts and CI use it: exit codes, pipes, interrupts, odd names."""

import io
import json
import os
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
from keras import layers

import keras_benford as kb
from keras_benford.cli import main
from tests.backends import needs_tensorflow

pytestmark = [needs_tensorflow, pytest.mark.slow]  # the command loads no backend: once is enough


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """`good.keras`, `bad.keras` which is no model, `some.keras` with NaN, `all.keras` with only."""
    folder = tmp_path_factory.mktemp("models")
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="dense")], name="m")
    rng = np.random.default_rng(0)
    for name, n_broken in (("good", 0), ("some", 2), ("all", 12)):
        kernel = rng.standard_normal(12)
        kernel[:n_broken] = np.nan
        model.layers[0].kernel.assign(kernel.reshape(4, 3))
        model.save(folder / f"{name}.keras")
    (folder / "bad.keras").write_bytes(b"no model")
    return folder


@pytest.fixture
def run(folder, monkeypatch, capsys):
    """Run a command line in the folder; gives exit code, standard output and standard error."""
    monkeypatch.chdir(folder)

    def run(*arguments):
        code = main([*map(str, arguments), "--jobs", "1"])
        return code, *capsys.readouterr()

    return run


class TestExitCodes:
    @pytest.mark.parametrize(
        ("arguments", "code"),
        [
            ("good", 0),
            ("good some", 0),
            ("good bad", 1),
            ("bad", 2),
            ("bad gone", 2),
            ("good --min-mlh 1", 3),
            ("good bad --min-mlh -1", 1),
            ("good bad --min-mlh 1", 3),
            ("bad --min-mlh 1", 2),
            ("good --fail-on-nonfinite", 0),
            ("good some --fail-on-nonfinite", 4),
            ("good bad some --fail-on-nonfinite --min-mlh 1", 4),
            ("good all", 1),
            ("all --fail-on-nonfinite", 4),
            ("bad --fail-on-nonfinite", 2),
        ],
    )
    def test_of_those_that_apply_the_highest_is_given(self, run, arguments, code):
        names = [a if a[0] in "-1" else f"{a}.keras" for a in arguments.split()]
        assert run("score", *names)[0] == code

    def test_every_file_that_fails_a_check_is_named_whatever_else_is_wrong(self, run):
        files = ["good.keras", "bad.keras", "some.keras", "all.keras"]
        code, out, err = run("score", *files, "--min-mlh", 1, "--fail-on-nonfinite")
        mlh = {name: kb.score(f"{name}.keras").mlh for name in ("good", "some")}
        assert code == 4
        assert "good.keras" in out
        assert err.splitlines()[2:] == [
            f"keras-benford: good.keras: MLH {mlh['good']:.6f} lies below 1",
            f"keras-benford: some.keras: MLH {mlh['some']:.6f} lies below 1",
            "keras-benford: some.keras: 2 of the counted values are infinite or NaN",
            "keras-benford: all.keras: 12 of the counted values are infinite or NaN",
        ]

    def test_the_help_tells_them(self, capsys):
        for command in ([], ["score"]):
            with pytest.raises(SystemExit):
                main([*command, "--help"])
            said = " ".join(capsys.readouterr().out.split())
            assert "exit codes, of those that apply the highest: 0 all is well; 1 some of" in said


class TestCompare:
    def test_has_a_help(self, capsys):
        with pytest.raises(SystemExit) as end:
            main(["compare", "--help"])
        assert end.value.code == 0
        assert capsys.readouterr().out.rstrip().count("\n") > 5

    @pytest.mark.parametrize(("files", "said"), [(1, "required: B"), (0, "required: A, B")])
    def test_says_which_file_lacks(self, capsys, files, said):
        with pytest.raises(SystemExit) as end:
            main(["compare", *["a.keras"] * files])
        assert end.value.code == 2
        assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    ["score good.keras", "describe good.keras", "compare good.keras some.keras"],
    ids=lambda command: command.split()[0],
)
def test_json_tells_the_version_of_its_keys(run, folder, monkeypatch, capsys, command):
    monkeypatch.chdir(folder)
    assert main([*command.split(), "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    for each in found if isinstance(found, list) else [found]:
        assert next(iter(each)) == "schema_version"
        assert each["schema_version"] == 1


def test_more_models_than_a_picture_can_tell_apart_are_refused_before_they_are_read(run, tmp_path):
    pytest.importorskip("matplotlib", reason="needs matplotlib")
    code, out, err = run("plot", *(f"{i}.keras" for i in range(500)), "-o", tmp_path / "p.png")
    assert (code, out) == (2, "")
    assert err == (
        "keras-benford: expected at most 30 models in one picture; received 500; plot fewer, or "
        "`keras-benford score`, which gives each a row\n"
    )


ODD_NAMES = ["é", "日本", "a\nb", "x\x1b[31m", "tab\t", os.fsdecode(b"s\xff"), "x[1]{}$%", "-"]


@pytest.mark.skipif(os.name == "nt", reason="such names are not allowed there")
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437", "utf-8"])
@pytest.mark.parametrize("kind", ["table", "json", "csv"])
def test_any_name_can_be_printed_in_any_encoding(folder, tmp_path, monkeypatch, encoding, kind):
    for name in ODD_NAMES:
        try:
            (tmp_path / f"{name}.keras").write_bytes((folder / "good.keras").read_bytes())
        except OSError:
            pytest.skip("the file system refuses such names")
    monkeypatch.chdir(tmp_path)
    out = io.TextIOWrapper(io.BytesIO(), encoding, newline="")
    err = io.TextIOWrapper(io.BytesIO(), encoding, "backslashreplace", newline="")
    monkeypatch.setattr("sys.stdout", out)
    monkeypatch.setattr("sys.stderr", err)
    assert main(["score", ".", "--format", kind, "--jobs", "1", "--min-mlh", "1"]) == 3
    assert main(["compare", "./é.keras", "./a\nb.keras", "--format", kind]) == 0
    out.flush()
    err.flush()
    printed = out.buffer.getvalue().decode(encoding)
    assert "\x1b" not in printed
    assert len(err.buffer.getvalue().decode(encoding).splitlines()) == len(ODD_NAMES)


def started(folder, *arguments, **options):
    code = f"import sys; from keras_benford.cli import main; sys.exit(main({[*arguments]!r}))"
    return subprocess.Popen([sys.executable, "-c", code], cwd=folder, **options)


@pytest.mark.parametrize(
    "arguments",
    [
        ["score", "good.keras"],
        ["score", "."],
        ["score", "good.keras", "bad.keras", "--jobs", "1"],
        ["--help"],
    ],
    ids=["a file", "a folder", "some bad", "help"],
)
def test_a_reader_that_has_had_enough_ends_it_with_0(folder, arguments):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with started(folder, *arguments, **pipes) as process:
        process.stdout.close()
        errors = process.stderr.read()
    assert process.returncode == 0
    assert "Traceback" not in errors
    assert "Broken" not in errors


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is sent otherwise there")
@pytest.mark.parametrize("files", [["good.keras"], ["good.keras", "some.keras"]], ids=len)
@pytest.mark.parametrize("after", [0.0, 0.05, 0.15])
def test_an_interrupt_is_one_line_and_130(folder, files, after):
    # Told once the command has begun: before, nothing of ours could catch it.
    code = (
        "import sys; from keras_benford import cli; run = cli._run; "
        "cli._run = lambda argv: (print('on', flush=True), run(argv))[1]; "
        f"sys.exit(cli.main({['score', *files]!r}))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout.readline() == "on\n"
        time.sleep(after)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate()
    if process.returncode == 0:
        assert (bool(out), err) == (True, "")  # It was done before.
    else:
        assert (process.returncode, err) == (130, "keras-benford: interrupted\n")


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is sent otherwise there")
def test_an_interrupt_that_a_library_swallows_is_told_all_the_same(monkeypatch, capsys):
    before = signal.getsignal(signal.SIGINT)

    def run(argv):
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)
        except KeyboardInterrupt:
            raise OSError("could not be read") from None

    monkeypatch.setattr("keras_benford.cli._run", run)
    assert main(["score", "a.keras"]) == 130
    assert capsys.readouterr().err == "keras-benford: interrupted\n"
    assert signal.getsignal(signal.SIGINT) is before
