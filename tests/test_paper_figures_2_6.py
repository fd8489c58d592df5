"""Figures 2 and 6 of the paper: models and files of weights to records, tables and pictures."""

import os
import sys
from types import SimpleNamespace

import keras
import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="needs matplotlib")

import keras_benford as kb
from examples.experiments import records
from examples.paper import figure2, figure6, known_models, pretrained
from keras_benford import BENFORD
from tests.backends import needs_tensorflow

# The others take long to build the models, whose weights they hold and count alike (test_scoring).
pytestmark = [needs_tensorflow, pytest.mark.slow]

BOTH = pytest.mark.parametrize("figure", [figure2, figure6], ids=["figure2", "figure6"])
UNIFORM = np.full(9, 1000) + np.arange(9)
"""Counts of MLH near -1."""
LAW = np.round(1e4 * BENFORD)
"""Counts of MLH near 1."""


def network(units=16):
    # In the order of their names `a_last` would come first.
    return keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(units, name="z_first"),
            keras.layers.Dense(units, name="m_middle"),
            keras.layers.Dense(10, name="a_last"),
        ],
        name="network",
    )


@pytest.fixture
def built(monkeypatch):
    """A tiny network in place of MobileNetV2, which no network gives; what it was built with."""
    calls = []

    def build(weights=None, **arguments):
        calls.append(weights)
        if weights is not None:
            raise Exception(f"URL fetch failure on {weights}.h5:\nName or service not known")
        return network()

    monkeypatch.setattr(keras.applications, "MobileNetV2", build)
    return calls


def run(figure, *arguments):
    """The exit code of a script's `main`."""
    with pytest.raises(SystemExit) as ended:
        figure.main([*map(str, arguments)])
    return ended.value.code


def name(figure):
    return figure.__name__.rpartition(".")[2]


def digits(model="VGG16", weights="random", layers=(LAW, UNIFORM, LAW), **start):
    setting = {"model": model, "weights": weights, **start}
    setting |= {"seed": 0} if weights == "random" else {}
    expected = {"uniform": 0.9, "gaussian": None}
    counted = [[str(i), int(sum(counts)), list(counts)] for i, counts in enumerate(layers)]
    return pretrained.Digits({"setting": setting, "mlh_expected": expected, "layers": counted})


@BOTH
@pytest.mark.parametrize("suffix", [".keras", ".weights.h5"])
def test_a_quick_try_with_a_file_gives_records_table_and_picture(
    figure, suffix, tmp_path, built, capsys
):
    trained = network()
    path = tmp_path / f"mine{suffix}"
    (trained.save if suffix == ".keras" else trained.save_weights)(path)
    assert run(figure, "--quick", "--out", tmp_path, "--weights", f"Mine={path}") == 0
    random, filed = records.read(tmp_path / "networks.jsonl")
    assert random["setting"] == {"model": known_models.QUICK, "weights": "random", "seed": 0}
    assert filed["setting"] == {"model": "Mine", "weights": path.name}
    assert str(tmp_path) not in str(filed)
    assert [size for _, size, _ in filed["layers"]] == [128, 256, 160]
    expected = [layer.counts.tolist() for layer in kb.score(trained).layers]
    assert [counts for _, _, counts in filed["layers"]] == expected
    assert filed["mlh"] == pytest.approx(kb.score(trained).mlh, abs=1e-5)
    text = (tmp_path / f"{name(figure)}.md").read_text()
    assert text.startswith("**A quick try of the script")
    assert f"| Mine | {path.name} |" in text
    assert f"**Trained weights of {known_models.QUICK} are not here:" in text
    assert text in capsys.readouterr().out
    assert (tmp_path / f"{name(figure)}.png").stat().st_size > 10_000


@BOTH
def test_a_quick_try_builds_a_model_of_keras_applications(figure, tmp_path):
    assert run(figure, "--quick", "--out", tmp_path) == 0
    (record,) = records.read(tmp_path / "networks.jsonl")
    assert len(record["layers"]) == 53
    assert record["layers"][0][0] == "Conv1/kernel"
    assert record["layers"][-1][0] == "predictions/kernel"


@BOTH
def test_what_is_recorded_is_neither_built_nor_scored_again(figure, tmp_path, built):
    path = tmp_path / "mine.keras"
    network().save(path)
    arguments = ("--quick", "--out", tmp_path, "--weights", f"Mine={path}")
    run(figure, *arguments)
    before = (tmp_path / "networks.jsonl").read_text()
    (tmp_path / f"{name(figure)}.png").unlink()
    assert run(figure, *arguments) == 0
    assert run(figure, "--draw", "--out", tmp_path) == 0
    assert built == [None]
    assert (tmp_path / "networks.jsonl").read_text() == before
    assert (tmp_path / f"{name(figure)}.png").exists()


def test_a_file_that_was_changed_is_scored_again_and_drawn_once(tmp_path, built):
    path = tmp_path / "mine.keras"
    arguments = ("--quick", "--out", tmp_path, "--weights", f"Mine={path}")
    for units in (16, 32):
        network(units).save(path)
        os.utime(path, (units, units))
        run(figure2, *arguments)
    found, _ = pretrained.recorded(tmp_path / "networks.jsonl")
    assert [(each.model, each.counts.sum()) for each in found[1:]] == [
        ("Mine", kb.score(path).counts.sum())
    ]


def test_seeds_are_records_of_their_own(tmp_path, built):
    for seed in (0, 0, 1):
        run(figure2, "--quick", "--out", tmp_path, "--seed", seed)
    found, _ = pretrained.recorded(tmp_path / "networks.jsonl")
    assert [each.weights for each in found] == ["random, seed 0", "random, seed 1"]
    assert (found[0].counts != found[1].counts).any()


@BOTH
def test_a_missing_file_is_one_line_and_the_rest_is_drawn(figure, tmp_path, built, capsys):
    path = tmp_path / "none.h5"
    assert run(figure, "--quick", "--out", tmp_path, "--weights", f"Mine={path}") == 1
    said = capsys.readouterr()
    assert said.err.splitlines() == [f"{path}: No such file or directory"]
    assert f"| {known_models.QUICK} | random, seed 0 |" in said.out
    assert (tmp_path / f"{name(figure)}.png").exists()


@BOTH
def test_a_download_that_fails_is_one_line_and_the_verdict_says_so(figure, tmp_path, built, capsys):
    arguments = ("--quick", "--out", tmp_path, "--download")
    assert (run(figure, *arguments), run(figure, *arguments)) == (1, 1)
    assert built == [None, "imagenet", "imagenet"]
    said = capsys.readouterr()
    line, again = said.err.splitlines()
    assert line == again
    assert line.startswith(f"{known_models.QUICK}: expected a download; received Exception: URL")
    assert line.endswith(f"pass a file, --weights {known_models.QUICK}=PATH")
    assert f"**Trained weights of {known_models.QUICK} could not be fetched here:" in said.out
    assert "NOT tested" in said.out
    assert len(records.read(tmp_path / "networks.jsonl")) == 2


def test_keras_hub_that_is_missing_is_one_line(tmp_path, built, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "keras_hub", None)
    arguments = ("--quick", "--download", "--keras-hub", "bert_tiny_en_uncased", "--out", tmp_path)
    assert run(figure6, *arguments) == 1
    lines = capsys.readouterr().err.splitlines()
    (line,) = (line for line in lines if "keras_hub" in line)
    assert line.startswith("--keras-hub: expected the package keras_hub; received ")
    assert line.endswith("`pip install keras-hub`")


def test_a_model_of_keras_hub_is_built_from_its_configuration(tmp_path, built, monkeypatch):
    given = []

    def bert(**arguments):
        given.append(arguments)
        return network()

    def from_preset(preset, load_weights):
        raise ConnectionError(f"no network to fetch {preset} from")

    backbone = SimpleNamespace(from_preset=from_preset)
    models = SimpleNamespace(BertBackbone=bert, Backbone=backbone)
    monkeypatch.setitem(sys.modules, "keras_hub", SimpleNamespace(models=models))
    presets = ("--keras-hub", "bert_tiny_en_uncased", "--keras-hub", "gpt2_base_en")
    assert run(figure6, "--quick", "--out", tmp_path, *presets) == 1
    found, refused = pretrained.recorded(tmp_path / "networks.jsonl")
    assert [each.model for each in found] == [known_models.QUICK, "bert_tiny_en_uncased"]
    assert given[0]["hidden_dim"] == 128
    # It was the configuration of random weights that failed.
    assert refused == []


@BOTH
def test_drawing_without_records_is_one_line(figure, tmp_path, capsys):
    assert run(figure, "--draw", "--out", tmp_path) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("expected records; received none; run without --draw")


@pytest.mark.parametrize(
    "arguments",
    [("--weights", "VGG16"), ("--models", "VGG17"), ("--seed", "-1")],
    ids=lambda arguments: arguments[0],
)
def test_arguments_that_make_no_sense_end_in_one_line(arguments, capsys):
    assert run(figure6, *arguments) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert arguments[0] in said
    assert f"received {arguments[1]}" in said


def test_a_folder_that_cannot_be_made_ends_in_one_line(tmp_path, capsys, built):
    (tmp_path / "file").touch()
    assert run(figure2, "--quick", "--out", tmp_path / "file" / "runs") == 2
    assert "Not a directory" in capsys.readouterr().err
    assert built == []


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["b.10.w", "b.2.w", "a.w"], ["b.10.w", "b.2.w", "a.w"]),
        (["a.w", "b.10.w", "b.2.w", "b.w"], ["a.w", "b.2.w", "b.10.w", "b.w"]),
    ],
    ids=["of the model", "of the names"],
)
def test_only_names_that_were_sorted_are_sorted_by_their_numbers(paths, expected):
    layers = [SimpleNamespace(path=path) for path in paths]
    assert [layer.path for layer in pretrained.in_depth(layers)] == expected


def test_small_layers_say_nothing_of_the_shape():
    found = digits(layers=(LAW, UNIFORM, UNIFORM / 100, UNIFORM, LAW, [9] + [0] * 8))
    depth, mlh, spread = figure6.by_layer(found)
    assert depth.tolist() == [1, 2, 4, 5]
    assert figure6.first_median_last(found) == pytest.approx((1, kb.mlh(UNIFORM), 1), abs=1e-4)
    assert (spread >= 0).all()
    assert len(mlh) == 4


def test_the_verdict_counts_shapes_and_compares_trained_with_random():
    random = digits(layers=(LAW[::-1], LAW, LAW))
    trained = digits(weights="imagenet")
    said = figure6.verdict({"VGG16": [random, trained]}, [])
    assert "| trained | 1 | 1 | 1 | 1 |" in said
    assert "| random, Keras' model's start | 1 | 0 | 0 | 0 |" in said
    # The second layer alone is lower in the trained one, where chance moves it far.
    mlh = f"{trained.mlh:.4f} | {random.mlh:.4f}"
    assert f"| VGG16 | Keras' model's | {mlh} | 3 | 1 | 0 |" in said
    assert "NOT tested" not in said


@pytest.mark.parametrize(
    ("refused", "said"), [([], "are not here"), (["VGG16"], "could not be fetched here")]
)
@BOTH
def test_the_verdict_says_what_was_not_tested(figure, refused, said):
    text = figure.verdict({"VGG16": [digits()]}, refused)
    assert f"**Trained weights of VGG16 {said}:" in text
    assert "was NOT tested on them.**" in text


@pytest.mark.parametrize(("trained", "closer"), [(UNIFORM, 0), (LAW, 1)], ids=["farther", "closer"])
def test_trained_weights_are_held_against_each_start(trained, closer):
    between = LAW + UNIFORM
    group = [
        *(digits(layers=[between], start=start) for start in ("its own", "Keras'")),
        digits(weights="a.h5", layers=[trained]),
    ]
    said = figure2.verdict({"VGG16": group}, [])
    for start in ("its own", "Keras'"):
        assert f"| {start} start | 1 | {closer} | {closer} |" in said


def test_the_authors_figures_stand_once_beside_a_network(tmp_path):
    text = figure6.draw([digits(), digits(weights="a.h5")], [], tmp_path / "figure6.png")
    assert text.count("0.9935 / 0.9842") == 1
    assert "ResNet18 0.9941 / 0.9862" in text
