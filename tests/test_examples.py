import csv
import json
import pathlib
import re
import sys
from dataclasses import replace

import keras
import numpy as np
import pytest

import keras_benford as kb

pytest.importorskip("sklearn", reason="needs scikit-learn")
pytest.importorskip("matplotlib", reason="needs matplotlib").use("Agg")

from examples import early_stopping, first_steps  # noqa: E402
from examples.experiments import datasets, models, records  # noqa: E402
from tests.backends import needs_tensorflow  # noqa: E402

pytestmark = pytest.mark.slow


def prepared(name):
    """Skip unless a data set is where `tfds.load` finds it without a network."""
    tfds = pytest.importorskip("tensorflow_datasets", reason="needs tensorflow-datasets")
    if not tfds.builder(name).data_path.exists():
        pytest.skip(f"{name} is not prepared in TFDS's folder")


def test_the_first_steps_of_the_readme_run(capsys):
    readme = (pathlib.Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    code = re.search(r"```python\n(import keras\n.*?)```", readme, re.DOTALL)[1]
    exec(compile(code, "README.md", "exec"), {})
    said = capsys.readouterr().out
    assert "checks showed that the network memorises; restored the mean weights up to" in said
    # Trained on, the accuracy falls below 0.8.
    assert float(said.split()[-1]) > 0.85


def test_the_picture_of_the_readme_is_drawn(tmp_path, capsys):
    first_steps.main(["--epochs", "7", "--picture", str(tmp_path / "picture.png")])
    assert "after 7 epochs" in capsys.readouterr().out
    assert (tmp_path / "picture.png").stat().st_size > 10_000


@needs_tensorflow  # which writes TensorBoard's files
def test_early_stopping_compares_six_ways_and_writes_its_results(tmp_path, capsys):
    record = tmp_path / "runs.jsonl"
    early_stopping.main(
        ["--train-size", "120", "--epochs", "7", "--out", str(tmp_path), "--record", str(record)]
    )
    said = capsys.readouterr().out
    ways = (
        *("ChurnEarlyStopping, unseen", "ChurnEarlyStopping, noisy", "MLHEarlyStopping (symbolic"),
        *("10 % held out", "20 % held out", "no early stopping"),
    )
    assert all(said.count(way) >= 2 for way in ways)
    assert "120 training and 1,000 test pictures, 677 without labels" in said
    assert "MLHEarlyStopping: training ended" in said
    runs = {way: run for way in ways for run in records.read(record) if way in run["way"]}
    assert [run["epochs"] for run in runs.values()] == [7] * 6
    # From the same weights and the same order of the data, the first epoch is the same.
    first = [runs[way]["history"]["loss"][0] for way in (*ways[:3], ways[-1])]
    np.testing.assert_allclose(first, first[0], rtol=1e-5)
    with (tmp_path / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {"epoch", "accuracy", "test_accuracy", "churn", "unseen_churn"} <= set(rows[0])
    saved = keras.models.load_model(tmp_path / "model.keras")
    data = datasets.load("digits", train_size=120)
    accuracy = np.mean(saved.predict(data.x_test, verbose=0).argmax(axis=1) == data.y_test)
    assert runs[ways[0]]["test_accuracy"] == pytest.approx(accuracy)
    weights = runs[ways[2]]
    restored = weights["history"]["test_accuracy"][weights["restored_epoch"] - 1]
    assert weights["test_accuracy"] == pytest.approx(restored, abs=1e-5)
    assert (tmp_path / "curves.png").stat().st_size > 10_000
    assert list((tmp_path / "tensorboard").rglob("events*"))


@pytest.mark.parametrize(
    ("accuracy", "said"),
    [
        (0.95, "Best: Churn. MLH: 15.0 points below it."),
        (0.90, "Best: Churn. MLH: 10.0 points below it."),
        (0.80, "Best: theirs. Churn: 10.0 points below it. MLH: 10.0 points below it."),
    ],
)
def test_the_verdict_says_when_the_result_is_not_in_favour(accuracy, said):
    results = [
        {"way": "Churn", "test_accuracy": accuracy},
        {"way": "MLH", "test_accuracy": 0.80},
        {"way": "theirs", "test_accuracy": 0.90},
        {"way": "worst", "test_accuracy": 0.10},
    ]
    assert early_stopping.verdict(results) == said


@pytest.mark.parametrize(
    "arguments",
    [
        ["--label-noise", "2"],
        ["--dataset", "cifar100"],
        ["--monitor", "val_loss"],
        ["--only", "refit"],
        ["--epochs", "0"],
        ["--batch-size", "-1"],
        ["--train-size", "5000"],
        ["--train-size", "9"],
        ["--seed", "99999999999"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_arguments_that_make_no_sense_end_in_one_line(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        early_stopping.main(arguments)
    assert ended.value.code == 2
    assert re.search(rf"error: .*{arguments[0][2:5]}.*{arguments[1]}", capsys.readouterr().err)


def test_a_folder_that_cannot_be_made_ends_in_one_line(tmp_path, capsys):
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit) as ended:
        early_stopping.main(["--out", str(tmp_path / "file" / "runs")])
    assert ended.value.code == 2
    assert "Not a directory" in capsys.readouterr().err


def test_digits_are_scaled_split_and_drawn_by_the_seed():
    data, other = datasets.load("digits", seed=0), datasets.load("digits", seed=1)
    assert data.x_train.shape == (300, 8, 8, 1)
    assert data.x_test.shape == (1000, 8, 8, 1)
    assert (data.x_train.min(), data.x_train.max()) == (0, 1)
    assert (datasets.load("digits", seed=0).x_train == data.x_train).all()
    assert (other.x_train != data.x_train).any()
    seen = {image.tobytes() for image in data.x_train}
    assert len(seen & {image.tobytes() for image in data.x_test}) == 0


def test_label_noise_redraws_its_share_of_the_training_labels():
    clean = datasets.load("digits", train_size=797)
    noisy = datasets.load("digits", train_size=797, label_noise=0.5)
    changed = (clean.y_train != noisy.y_train).mean()
    # Half are redrawn, and a tenth of those get their own label again.
    assert changed == pytest.approx(0.45, abs=0.05)
    np.testing.assert_array_equal(clean.y_test, noisy.y_test)


def test_a_data_set_that_is_too_small_or_unknown_is_told():
    with pytest.raises(ValueError, match="expected 1 to 797 pictures; received 5000"):
        datasets.load("digits", train_size=5000)
    with pytest.raises(ValueError, match="`name`: expected one of digits, mnist"):
        datasets.load("svhn")


@needs_tensorflow
@pytest.mark.dataset
@pytest.mark.parametrize(
    ("name", "shape", "n"), [("mnist", (28, 28, 1), 60_000), ("cifar10", (32, 32, 3), 50_000)]
)
def test_tfds_sets_load_whole_and_are_trained_on(name, shape, n, tmp_path, capsys, monkeypatch):
    prepared(name)
    load = datasets.load

    def load_and_look(*args, **settings):
        data = load(*args, **settings)
        assert data.x_train.shape == (1024, *shape)
        assert data.x_unseen.shape == (n - 1024, *shape)
        assert data.x_test.shape == (10_000, *shape)
        assert (data.x_train.dtype, data.x_train.max()) == ("float32", 1)
        assert np.unique(data.y_train).tolist() == list(range(10))
        # Of ten thousand pictures the rest would take most of the time.
        few = slice(500)
        return replace(
            data, x_test=data.x_test[few], y_test=data.y_test[few], x_unseen=data.x_unseen[few]
        )

    monkeypatch.setattr(datasets, "load", load_and_look)
    early_stopping.main(
        ["--dataset", name, "--train-size", "1024", "--epochs", "1", "--out", str(tmp_path)]
    )
    assert f"{name}: 1,024 training and 500 test pictures" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("model", "kernels"),
    [
        (models.small_alexnet((32, 32, 3), 10), 356_288),
        (models.lenet((28, 28, 1), 10), 5 * 5 * 32 + 5 * 5 * 32 * 64 + 7 * 7 * 64 * 10),
    ],
    ids=["small_alexnet", "lenet"],
)
def test_the_paper_networks_have_their_weights(model, kernels):
    assert kb.score(model).size == kernels


def test_the_small_alexnet_starts_where_the_authors_runs_do():
    keras.utils.set_random_seed(0)
    model = models.small_alexnet((32, 32, 3), 10, models.pytorch_default())
    # Their 96 stored runs: 0.96966 ± 0.00028.
    assert kb.score(model).mlh == pytest.approx(0.96966, abs=5 * 0.00028)


@needs_tensorflow  # whose version a record has
def test_records_are_lines_that_can_be_summarised(tmp_path):
    path = tmp_path / "new" / "runs.jsonl"
    assert records.read(path) == []
    for seed, accuracy in enumerate((0.5, 0.6, 0.7)):
        run = {"way": "w", "epochs": 3, "restored_epoch": 2}
        run |= {"dataset": "digits", "train_size": 300, "label_noise": 0.0}
        records.append(path, run | {"seed": seed, "test_accuracy": accuracy})
    assert [json.loads(line)["seed"] for line in path.read_text().splitlines()] == [0, 1, 2]
    assert records.read(path)[0]["environment"]["python"] == ".".join(
        map(str, sys.version_info[:3])
    )
    assert records.mean_and_spread([50.0, 60.0, 70.0]) == "60.0 ± 10.0"
    (table,) = records.summaries(records.read(path))
    assert table.title == "digits, 300 training pictures, label noise 0"
    row = [list(column.cells) for column in table.columns]
    assert row == [["w"], ["3"], ["3.0 ± 0.0"], ["2.0 ± 0.0"], ["60.0 ± 10.0"]]
