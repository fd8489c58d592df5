"""The command `keras-benford`, on files that Keras wrote: what it prints, and how it ends."""

import csv
import io
import json
import os
import re
import subprocess
import sys
import types

import keras
import numpy as np
import pytest
from keras import layers

import keras_benford as kb
from keras_benford._console import PlainConsole
from keras_benford.cli import main, many
from keras_benford.cli.files import expand
from tests.backends import needs_tensorflow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """`a.keras`, the same model as `a.h5`, another one as `b.weights.h5`, and `bad.keras`."""
    folder = tmp_path_factory.mktemp("models")
    keras.utils.set_random_seed(0)
    for name, scale in (("a", 1.0), ("b", 0.37)):
        model = keras.Sequential(
            [
                keras.Input((6, 6, 2)),
                layers.Conv2D(4, 3, name="conv"),
                layers.BatchNormalization(name="bn"),
                layers.Flatten(),
                layers.Dense(5, name="hidden"),
            ],
            name=name,
        )
        for weight in model.trainable_weights:
            weight.assign(weight * scale)
        if name == "a":
            model.save(folder / "a.keras")
            model.save(folder / "a.h5")
        else:
            model.save_weights(folder / "b.weights.h5")
    (folder / "bad.keras").write_bytes((folder / "a.keras").read_bytes()[:1000])
    return folder


@pytest.fixture
def run(folder, monkeypatch, capsys):
    """Run a command line in the folder; gives exit code, standard output and standard error."""
    monkeypatch.chdir(folder)

    def run(*arguments):
        code = main([*map(str, arguments)])
        return code, *capsys.readouterr()

    return run


def save_broken(path):
    """A model of 12 weights, one of which is NaN and one infinite."""
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="dense")])
    kernel = np.random.default_rng(0).standard_normal((4, 3))
    kernel[0, :2] = np.nan, np.inf
    model.layers[0].kernel.assign(kernel)
    model.save(path)


class TestScore:
    def test_shows_a_single_file_layer_by_layer(self, run):
        code, out, err = run("score", "a.keras")
        assert (code, err) == (0, "")
        score = kb.score("a.keras")
        for layer in score.layers:
            (line,) = [line for line in out.splitlines() if f" {layer.path} " in line]
            assert f"{layer.mlh:.4f}" in line
            assert f"{layer.mlh_if_gaussian:.4f}" in line
        assert "not counted, a bias: starts from a constant: conv/bias, hidden/bias" in out

    def test_shows_several_files_in_a_row_each(self, run):
        code, out, err = run("score", "a.keras", "a.h5", "b.weights.h5")
        assert (code, err) == (0, "")
        rows = [line for line in out.splitlines() if line.startswith("│")]
        assert [row.split()[1] for row in rows] == ["a.keras", "a.h5", "b.weights.h5"]
        assert "conv/kernel" not in out

    @pytest.mark.slow
    def test_per_layer_shows_the_layers_of_several_files_and_no_per_layer_none(self, run):
        assert run("score", "a.keras", "a.h5", "--per-layer")[1].count("conv/kernel") == 2
        assert "conv/kernel" not in run("score", "a.keras", "--no-per-layer")[1]

    def test_json_is_what_to_dict_gives_with_the_file(self, run):
        code, out, _ = run("score", "a.keras", "b.weights.h5", "--format", "json")
        found = json.loads(out)
        assert code == 0
        for about, file in zip(found, ("a.keras", "b.weights.h5"), strict=True):
            assert about == {"schema_version": 1, "file": file} | kb.score(file).to_dict()

    def test_json_has_the_documented_keys(self, run):
        (found,) = json.loads(run("score", "a.keras", "--format", "json")[1])
        of_model = {"schema_version", "looks", "reading"}
        figures = {
            *("size", "mlh", "mlh_spread", "mlh_if_gaussian", "mlh_if_uniform", "js_divergence"),
            *("mean_absolute_deviation", "conformity", "zeros", "nonfinite", "counts"),
        }
        assert set(found) == {"file", "format", "model", "layers", "skipped"} | figures | of_model
        about = {"path", "shape", "dtype", "guessed"}
        assert set(found["layers"][0]) == about | figures | {"mean", "std", "frozen"}
        assert set(found["skipped"][0]) == about | {"reason"}

    def test_csv_has_a_row_a_file_or_a_row_a_layer(self, run):
        rows = list(csv.DictReader(io.StringIO(run("score", "a.keras", "--format", "csv")[1])))
        score = kb.score("a.keras")
        assert [float(row["mlh"]) for row in rows] == [score.mlh]
        assert [int(rows[0][f"digit_{d}"]) for d in range(1, 10)] == score.counts.tolist()
        out = run("score", "a.keras", "a.h5", "--format", "csv", "--per-layer")[1]
        rows = list(csv.DictReader(io.StringIO(out)))
        assert [(row["file"], row["path"]) for row in rows] == [
            ("a.keras", "conv/kernel"),
            ("a.keras", "hidden/kernel"),
            ("a.h5", "a/conv/kernel"),
            ("a.h5", "a/hidden/kernel"),
        ]
        assert rows[0]["shape"] == "3x3x2x4"

    def test_says_in_plain_words_what_it_means(self, run, folder):
        said = str(kb.score(folder / "a.keras").reading)
        assert said in run("score", "a.keras")[1]
        (found,) = json.loads(run("score", "a.keras", "--format", "json")[1])
        assert (found["looks"], found["reading"]) == ("cannot be told", said)
        row = run("score", "a.keras", "a.h5")[1].splitlines()[3]
        assert [cell.strip() for cell in row.split("│")][1:3] == ["a.keras", "cannot be told"]
        assert "nonconforming" not in run("score", "a.keras")[1]

    @pytest.mark.slow
    def test_many_weights_that_do_not_count_are_summed_up_and_named_on_demand(self, run, tmp_path):
        model = keras.Sequential([keras.Input((4,)), *(layers.Dense(3) for _ in range(5))])
        model.save(tmp_path / "deep.keras")
        reason = "not counted, a bias: starts from a constant: "
        assert run("score", tmp_path / "deep.keras")[1].endswith(f"\n{reason}5 weights\n")
        names = ", ".join(skipped.path for skipped in kb.score(model).skipped)
        last = run("score", tmp_path / "deep.keras", "--verbose")[1].splitlines()[-1]
        assert last.count("/bias") == len(names.split(", ")) == 5
        assert last.endswith("(5 weights)")

    def test_broken_values_are_said_in_red_on_a_terminal_that_has_colours(
        self, run, tmp_path, monkeypatch
    ):
        save_broken(tmp_path / "broken.keras")
        monkeypatch.chdir(tmp_path)
        fault = "Infinite or NaN: 2 of 12 values, in dense/kernel."
        assert f"\n{fault}\n" in run("score", "broken.keras")[1]
        assert f"\nbroken.keras: {fault}\n" in run("score", "broken.keras", "--no-per-layer")[1]
        monkeypatch.setattr("sys.stdout.isatty", lambda: True)
        monkeypatch.setenv("TERM", "xterm-256color")
        monkeypatch.delenv("NO_COLOR", raising=False)
        assert f"\x1b[31m{fault}\x1b[0m" in run("score", "broken.keras")[1]
        monkeypatch.setenv("NO_COLOR", "1")
        assert "\x1b" not in run("score", "broken.keras")[1]

    def test_accuracy_adds_the_criteria(self, run):
        (found,) = json.loads(run("score", "a.keras", "--format", "json", "--accuracy", "0.9")[1])
        mlh = kb.score("a.keras").mlh
        assert found["accuracy"] == 0.9
        assert found["eic"] == kb.eic(0.9, mlh)
        assert found["scaled_eic"] == kb.scaled_eic(0.9, mlh)
        assert found["symbolic_eic"] == kb.symbolic_eic(0.9, mlh)
        assert f"{kb.eic(0.9, mlh):.4f}" in run("score", "a.keras", "--accuracy", "0.9")[1]

    def test_include_and_exclude_choose_weights(self, run):
        out = run("score", "a.keras", "--include", "conv/*", "--format", "json")[1]
        assert [layer["path"] for layer in json.loads(out)[0]["layers"]] == [
            "conv/kernel",
            "conv/bias",
        ]
        out = run("score", "a.keras", "--exclude", "conv/*", "--format", "json")[1]
        assert [layer["path"] for layer in json.loads(out)[0]["layers"]] == ["hidden/kernel"]

    def test_sort_puts_the_lowest_mlh_first_and_the_largest_size(self, run):
        files = ("a.keras", "b.weights.h5")
        by = {
            key: json.loads(run("score", *files, "--format", "json", "--sort", key)[1])
            for key in ("mlh", "size")
        }
        mlhs = [found["mlh"] for found in by["mlh"]]
        assert mlhs == sorted(mlhs)
        for found in by["mlh"]:
            assert [la["mlh"] for la in found["layers"]] == sorted(
                la["mlh"] for la in found["layers"]
            )
        sizes = [layer["size"] for layer in by["size"][0]["layers"]]
        assert sizes == sorted(sizes, reverse=True)

    def test_a_file_below_min_mlh_ends_with_3_and_says_which(self, run):
        mlh = kb.score("a.keras").mlh
        assert run("score", "a.keras", f"--min-mlh={mlh}")[0] == 0
        code, out, err = run("score", "a.keras", f"--min-mlh={mlh + 1e-6}")
        assert code == 3
        assert re.fullmatch(r"keras-benford: a\.keras: MLH .* lies below .*\n", err)
        assert "conv/kernel" in out

    def test_output_writes_to_a_file(self, run, folder):
        assert run("score", "a.keras", "--format", "json", "-o", "out.json") == (0, "", "")
        (found,) = json.loads((folder / "out.json").read_text())
        assert found["file"] == "a.keras"
        (folder / "out.json").unlink()

    @pytest.mark.slow
    @pytest.mark.parametrize("jobs", [1, 2, 3])
    def test_says_the_same_for_any_number_of_jobs(self, run, jobs):
        files = ("b.weights.h5", "a.keras", "bad.keras", "a.h5")
        expected = [many.score_one(file, {"include": None, "exclude": None}) for file in files]
        code, out, err = run("score", *files, "--format", "json", "--jobs", jobs)
        found = json.loads(out)
        assert code == 1
        assert [about["file"] for about in found] == list(files)
        for about, result in zip(found, expected, strict=True):
            score = {"error": result.error} if result.score is None else result.score.to_dict()
            assert about == {"schema_version": 1, "file": result.file} | score
        assert err.count("\n") == 1

    @pytest.mark.slow
    def test_says_the_same_on_ray(self, run):
        pytest.importorskip("ray", reason="needs ray")
        files = ("b.weights.h5", "a.keras", "bad.keras")
        expected = run("score", *files, "--format", "json", "--jobs", 1)
        assert run("score", *files, "--format", "json", "--ray", "local")[:2] == expected[:2]

    def test_a_cluster_that_does_not_answer_is_one_line_at_once(self, run, monkeypatch):
        monkeypatch.setitem(sys.modules, "ray", types.ModuleType("ray"))
        code, out, err = run("score", "a.keras", "--ray", "127.0.0.1:1")
        assert (code, out) == (2, "")
        assert re.fullmatch(
            r"keras-benford: `--ray`: .* nothing answers at 127\.0\.0\.1:1 .*\n", err
        )

    def test_ray_that_is_missing_is_one_line(self, run, monkeypatch):
        monkeypatch.setitem(sys.modules, "ray", None)
        code, out, err = run("score", "a.keras", "--ray", "local")
        assert (code, out) == (2, "")
        assert err == ("keras-benford: `--ray` takes the package ray; run `pip install ray`\n")


class TestErrors:
    def test_one_bad_file_among_many_does_not_stop_the_rest(self, run):
        code, out, err = run("score", "bad.keras", "a.keras")
        assert code == 1
        assert "a.keras" in out
        assert re.fullmatch(r"keras-benford: bad\.keras: no whole zip archive .*\n", err)

    def test_a_single_bad_file_ends_with_2(self, run):
        code, out, err = run("score", "bad.keras")
        assert (code, out) == (2, "")
        assert err.count("\n") == 1

    def test_json_says_the_error_too(self, run):
        code, out, _ = run("score", "bad.keras", "nothing.h5", "--format", "json")
        found = json.loads(out)
        assert code == 2
        assert [set(about) for about in found] == [{"schema_version", "file", "error"}] * 2
        assert found[1]["error"] == "nothing.h5: there is no such file or folder"

    def test_weights_that_are_all_zero_have_no_mlh(self, run, folder):
        model = keras.Sequential([keras.Input((4,)), layers.Dense(3, kernel_initializer="zeros")])
        model.save(folder / "zero.keras")
        code, _, err = run("score", "zero.keras")
        assert code == 2
        assert err == "keras-benford: zero.keras: all 12 counted values are zero: no MLH\n"
        (folder / "zero.keras").unlink()

    def test_a_pattern_that_matches_nothing_is_one_line_with_the_path(self, run):
        code, _, err = run("score", "a.keras", "--include", "heat/*")
        assert code == 2
        assert re.fullmatch(r"keras-benford: a\.keras: `include`: expected patterns .*\n", err)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ("score a.keras --jobs 0", "expected a whole number of 1 or more; received '0'"),
            ("score a.keras --accuracy 93", r"expected a number in \[0, 1\].*received '93'"),
            ("score a.keras --min-mlh x", r"expected a number in \[-1, 1\]; received 'x'"),
            ("score", "the following arguments are required: FILE"),
            ("", "the following arguments are required: COMMAND"),
        ],
        ids=["jobs", "accuracy", "min-mlh", "no file", "no command"],
    )
    def test_a_wrong_command_line_ends_with_2(self, run, capsys, arguments, message):
        with pytest.raises(SystemExit) as end:
            run(*arguments.split())
        assert end.value.code == 2
        assert re.search(message, capsys.readouterr().err)

    def test_a_process_that_ends_costs_its_file_only(self, run):
        results = list(
            many.score_many(
                ["a.keras", Deadly("a.h5"), "b.weights.h5"],
                {"include": None, "exclude": None},
                jobs=2,
                track=None,
            )
        )
        assert [result.score is None for result in results] == [False, True, False]
        assert results[1].error.startswith("a.h5: the process that read it was killed")


class Deadly(str):
    """A path that ends the process that it is sent to."""

    def __reduce__(self):
        return os._exit, (9,)


class TestFiles:
    def test_a_folder_means_the_models_in_it(self, run, folder):
        (folder / "sub").mkdir(exist_ok=True)
        (folder / "sub" / "c.keras").write_bytes((folder / "a.keras").read_bytes())
        (folder / "notes.txt").write_text("no model")
        assert expand(["."]) == [
            f".{os.sep}{name}"
            for name in ("a.h5", "a.keras", "b.weights.h5", "bad.keras", f"sub{os.sep}c.keras")
        ]

    def test_an_index_and_its_shards_are_one_model(self, tmp_path):
        model = keras.Sequential([keras.Input((40,)), layers.Dense(40), layers.Dense(40)])
        model.save_weights(tmp_path / "big.weights.json", max_shard_size=8e-6)
        assert len(list(tmp_path.glob("*.h5"))) > 1
        assert expand([str(tmp_path)]) == [str(tmp_path / "big.weights.json")]
        assert kb.score(tmp_path / "big.weights.json").size == 3200

    @needs_tensorflow
    def test_a_saved_model_and_an_unzipped_one_are_one_each(self, tmp_path):
        model = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
        model.export(tmp_path / "exported", verbose=False)
        keras.saving.save_model(model, tmp_path / "unzipped", zipped=False)
        assert expand([str(tmp_path)]) == [str(tmp_path / "exported"), str(tmp_path / "unzipped")]

    def test_patterns_are_expanded_where_no_shell_did_and_files_are_read_once(self, run):
        assert expand(["a.*", "a.keras"]) == ["a.h5", "a.keras"]

    def test_what_is_not_there_stays_for_its_error(self, run, tmp_path):
        assert expand(["nothing.h5", "*.nothing", str(tmp_path)]) == [
            *("nothing.h5", "*.nothing", str(tmp_path))
        ]
        code, _, err = run("score", tmp_path)
        assert code == 2
        assert "a folder that is no saved model" in err

    def test_a_name_with_brackets_is_itself(self, run, folder):
        (folder / "x[1].keras").write_bytes((folder / "a.keras").read_bytes())
        assert run("score", "x[1].keras")[0] == 0
        (folder / "x[1].keras").unlink()


class TestCompare:
    def test_shows_two_models_weight_by_weight(self, run):
        code, out, err = run("compare", "a.keras", "b.weights.h5")
        assert (code, err) == (0, "")
        a, b = kb.score("a.keras"), kb.score("b.weights.h5")
        for first, second in zip(a.layers, b.layers, strict=True):
            (line,) = [line for line in out.splitlines() if f" {first.path} " in line]
            assert f"{first.mlh:.4f}" in line
            assert f"{second.mlh:.4f}" in line
            assert f"{second.mlh - first.mlh:+.4f}" in line

    @pytest.mark.slow
    def test_the_same_model_in_two_formats_has_the_same_digits(self, run):
        out = run("compare", "a.keras", "a.h5")[1]
        assert out.count("same digits") == 3
        assert "a/conv/kernel" not in out

    def test_json_holds_both_and_their_difference(self, run):
        found = json.loads(run("compare", "a.keras", "b.weights.h5", "--format", "json")[1])
        a, b = kb.score("a.keras"), kb.score("b.weights.h5")
        assert found["files"] == ["a.keras", "b.weights.h5"]
        assert found["all"]["mlh"] == [a.mlh, b.mlh]
        assert found["all"]["mlh_difference"] == b.mlh - a.mlh
        assert [layer["path"] for layer in found["layers"]] == [
            ["conv/kernel", "conv/kernel"],
            ["hidden/kernel", "hidden/kernel"],
        ]

    def test_csv_has_a_column_for_each_and_a_row_for_all(self, run):
        out = run("compare", "a.keras", "b.weights.h5", "--format", "csv")[1]
        rows = list(csv.DictReader(io.StringIO(out)))
        assert [row["path_a"] for row in rows] == ["all", "conv/kernel", "hidden/kernel"]
        assert float(rows[0]["mlh_a"]) == kb.score("a.keras").mlh
        assert float(rows[0]["mlh_b"]) == kb.score("b.weights.h5").mlh

    def test_html_is_a_page_with_the_picture_of_both(self, run):
        pytest.importorskip("matplotlib", reason="needs matplotlib")
        page = run("compare", "a.keras", "b.weights.h5", "--format", "html")[1]
        assert "<td>hidden/kernel</td>" in page
        assert page.count("data:image/svg+xml;base64,") == 1

    def test_what_only_one_has_is_named(self, run, tmp_path):
        model = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="other")])
        model.save(tmp_path / "other.keras")
        out = run("compare", "a.keras", tmp_path / "other.keras")[1]
        assert "only in a.keras: conv/kernel, hidden/kernel" in out
        assert f"only in {tmp_path / 'other.keras'}: other/kernel" in out

    def test_other_names_match_by_position_where_all_shapes_agree(self):
        models = [
            keras.Sequential([keras.Input((4,)), layers.Dense(3, name=name)])
            for name in ("one", "two")
        ]
        comparison = kb.scoring.compare(*map(kb.score, models))
        assert comparison.matched_by == "position"
        assert len(comparison.pairs) == 1

    def test_a_bad_file_ends_with_2(self, run):
        code, out, err = run("compare", "a.keras", "bad.keras")
        assert (code, out) == (2, "")
        assert err.count("\n") == 1


class TestDescribe:
    def test_lists_every_array_and_what_it_is(self, run):
        code, out, _ = run("describe", "a.keras")
        assert code == 0
        assert "a.keras: keras, model a" in out
        assert re.search(r"│ conv/kernel +│ 3×3×2×4 │ float32 │ +72 │ weight +│ yes", out)
        assert re.search(r"│ bn/gamma +│ 4 +│ float32 │ +4 │ weight +│ no", out)
        assert "8 arrays with" in out

    def test_json_has_the_same(self, run):
        (found,) = json.loads(run("describe", "a.keras", "--format", "json")[1])
        assert set(found) == {"schema_version", "file", "format", "model", "arrays"}
        assert [array["path"] for array in found["arrays"] if array["counted"]] == [
            "conv/kernel",
            "hidden/kernel",
        ]

    def test_csv_has_a_row_an_array(self, run):
        out = run("describe", "a.keras", "--format", "csv")[1]
        rows = list(csv.DictReader(io.StringIO(out)))
        assert len(rows) == 8
        assert (rows[0]["path"], rows[0]["shape"]) == ("conv/kernel", "3x3x2x4")

    def test_a_bad_file_is_named(self, run):
        code, out, err = run("describe", "bad.keras", "a.keras")
        assert code == 1
        assert "conv/kernel" in out
        assert err.startswith("keras-benford: bad.keras: ")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "start"), [("p.png", b"\x89PNG"), ("p.svg", b"<?xml"), ("p.pdf", b"%PDF")]
)
def test_plot_writes_a_picture(run, tmp_path, name, start):
    pytest.importorskip("matplotlib", reason="needs matplotlib")
    assert run("plot", "a.keras", "b.weights.h5", "-o", tmp_path / name) == (0, "", "")
    assert (tmp_path / name).read_bytes().startswith(start)


def test_plot_refuses_another_suffix(run, tmp_path):
    code, _, err = run("plot", "a.keras", "-o", tmp_path / "p.doc")
    assert code == 2
    assert "expected a name that ends in .png, .svg, .pdf" in err


@pytest.mark.parametrize(
    "command",
    [["plot", "-o", "p.png"], ["score", "--format", "html"], ["compare", "--format", "html"]],
)
def test_missing_matplotlib_is_told_before_any_file_is_read(run, monkeypatch, command):
    monkeypatch.setattr("importlib.util.find_spec", lambda module: None)
    code, out, err = run(*command, "gone.keras", "gone.keras")
    assert (code, out) == (2, "")
    assert err == "keras-benford: pictures take matplotlib; run `pip install matplotlib`\n"


class TestPage:
    @pytest.fixture
    def page(self, run):
        pytest.importorskip("matplotlib", reason="needs matplotlib")
        return run("score", "a.keras", "b.weights.h5", "bad.keras", "--format", "html")[1]

    def test_holds_every_figure_and_error_and_nothing_from_outside(self, page):
        for layer in kb.score("a.keras").layers:
            assert f"<td>{layer.path}</td>" in page
            assert f"<td>{layer.mlh:.4f}</td>" in page
        assert '<p class="error">bad.keras: no whole zip archive' in page
        assert page.count("<p>Its digits do not tell whether it is trained: ") == 2
        assert page.count("data:image/svg+xml;base64,") == 3
        assert not re.search(r"(?:src|href)=\"(?!data:)", page)
        assert "<script" not in page

    @pytest.mark.slow
    def test_is_the_same_each_time(self, page, run):
        again = run("score", "a.keras", "b.weights.h5", "bad.keras", "--format", "html")[1]
        assert again == page

    def test_escapes_the_names_in_a_strangers_file(self, run, tmp_path):
        pytest.importorskip("matplotlib", reason="needs matplotlib")
        name = "<script>alert(1)<"
        model = keras.Sequential([keras.Input((4,)), layers.Dense(3, name=name)])
        model.save(tmp_path / "x.keras")
        page = run("score", tmp_path / "x.keras", "--format", "html")[1]
        assert "<script" not in page
        assert "&lt;script&gt;alert(1)&lt;/kernel" in page


class TestProcess:
    def test_loads_no_framework_and_no_numba_for_a_small_file(self, folder):
        code = (
            "import sys; from keras_benford.cli import main; main(['score', 'a.keras']); "
            "heavy = {'tensorflow', 'keras', 'jax', 'torch', 'numba', 'matplotlib', 'scipy'}; "
            "print(*sorted(heavy & set(sys.modules)), file=sys.stderr)"
        )
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", code],
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stderr.strip() == ""
        assert "conv/kernel" in done.stdout

    def test_runs_as_a_module_too(self, folder):
        command = [sys.executable, "-m", "keras_benford", "--version"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
        assert done.stdout == f"keras-benford {kb.__version__}\n"


def test_a_narrow_window_leaves_columns_out_and_says_so(folder):
    from keras_benford.scoring import tables

    text = io.StringIO()
    console = PlainConsole(text, 80)
    console.print(tables.table_of_layers(kb.score(folder / "a.keras"), console.width))
    lines = text.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert "no room for: MAD" not in text.getvalue()
    assert "no room for: " in text.getvalue()
    assert any("conv/kernel" in line and f"{72:,}" in line for line in lines)


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 0, "0 %"),
        (0, 9, "0 %"),
        (9, 9, "100 %"),
        (1, 3, "33.3 %"),
        (1, 10**6, "0.00010 %"),
        (10**6 - 1, 10**6, "99.99990 %"),
    ],
)
def test_a_percentage_says_0_or_100_only_where_it_is_that(part, whole, text):
    from keras_benford.scoring import tables

    assert tables.percentage(part, whole) == text
    assert np.isclose(float(text.split()[0]), 100 * part / max(whole, 1), rtol=0.01)
