"""What the experiments share: runs that resume, rules of stopping, trainings that are watched."""

import json
import math

import keras
import numpy as np
import pytest

pytest.importorskip("sklearn")

from examples.experiments import datasets, records, runner, stopping, training
from keras_benford import MLHEarlyStopping

SETTING = {
    "network": "lenet",
    "initializer": "pytorch",
    "dataset": "digits",
    "held_out": 0.2,
    "batch_size": 64,
    "learning_rate": 3e-3,
    "epochs": 3,
    "check_every": 0.5,
    "judge": ["val", "test"],
    "seed": 0,
}


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("patience", [1, 2, 4])
@pytest.mark.parametrize("seed", range(4))
def test_the_rule_stops_where_keras_own_callback_does(mode, patience, seed):
    values = np.random.default_rng(seed).integers(8, size=15).astype(float).tolist()
    theirs = keras.callbacks.EarlyStopping(
        "value", patience=patience, mode=mode, restore_best_weights=True
    )
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(1)])
    model.stop_training = False
    theirs.set_model(model)
    theirs.on_train_begin()
    for epoch, value in enumerate(values):
        theirs.on_epoch_end(epoch, {"value": value})
        if model.stop_training:
            break
    ours = stopping.stop(values, patience, min if mode == "min" else max)
    expected = (theirs.stopped_epoch, theirs.best_epoch) if model.stop_training else None
    assert ours == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], None),
        ([math.nan] * 9, None),
        ([1, math.nan, math.nan], (2, 0)),
        ([math.nan, 1, 2, 2], (3, 1)),
        ([1, 1, 1], (2, 0)),
        ([3, 2, 1], None),
    ],
)
def test_what_is_not_finite_is_never_the_best(values, expected):
    assert stopping.stop(values, 2) == expected


def test_rules_applied_to_the_record_stop_where_the_callbacks_would():
    monitors = ("mlh", "scaled_eic")
    setting = SETTING | {"epochs": 12, "check_every": "epoch", "held_out": 0.0}
    setting |= {"judge": ["test"], "until": dict.fromkeys(monitors, 2)}
    record = training.train(setting)
    for monitor in monitors:
        keras.utils.set_random_seed(0)
        data = datasets.load("digits")
        (x, y), _ = datasets.split(data, 0.0, 0)
        model = training.models.lenet(
            data.input_shape, data.n_classes, training.models.pytorch_default()
        )
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(3e-3), loss, metrics=["accuracy"])
        callback = MLHEarlyStopping(monitor, patience=2)
        model.fit(x, y, 64, 12, verbose=0, callbacks=[callback])
        end = stopping.stop_by(monitor, 2, record["checks"])
        best = stopping.best_by(monitor, record["checks"]) if end is None else end.best
        assert best == callback.best_epoch
        assert (end.at if end else 0) == callback.stopped_epoch
        accuracy = np.mean(model.predict(data.x_test, verbose=0).argmax(axis=1) == data.y_test)
        assert record["checks"]["test_accuracy"][best] == pytest.approx(accuracy, abs=2e-3)


def test_a_training_is_judged_at_every_check_and_by_all_parts():
    record = training.train(SETTING)
    checks = record["checks"]
    assert {*checks} == {
        "step", "accuracy", "mlh", "val_loss", "val_accuracy", "test_loss", "test_accuracy"
    }  # fmt: skip
    assert checks["step"] == [2, 4, 6, 8, 10, 12]
    assert record["steps"] == 4
    assert json.loads(json.dumps(record)) == record


def test_the_judgement_is_that_of_evaluate():
    data = datasets.load("digits")
    model = training.models.lenet(data.input_shape, 10)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    watch = training.Watch({"test": (data.x_test, data.y_test)}, "epoch", {})
    model.fit(data.x_train, data.y_train, verbose=0, callbacks=[watch.benford, watch])
    expected = model.evaluate(data.x_test, data.y_test, verbose=0, return_dict=True)
    assert watch.checks["test_loss"][-1] == pytest.approx(expected["loss"], rel=1e-4)
    assert watch.checks["test_accuracy"][-1] == pytest.approx(expected["accuracy"], abs=1e-6)


@pytest.mark.parametrize("share", [0, 0.001, 0.25, 1])
def test_a_split_holds_its_share_out_and_loses_nothing(share):
    data = datasets.load("digits")
    (x, _), (x_held_out, y_held_out) = datasets.split(data, share, seed=3)
    assert len(x_held_out) == len(y_held_out) == round(300 * share)
    both = {picture.tobytes() for picture in (*x, *x_held_out)}
    assert both == {picture.tobytes() for picture in data.x_train}


@pytest.mark.parametrize("jobs", [1, 2])
def test_only_what_is_missing_is_run(tmp_path, jobs):
    path = tmp_path / "runs.jsonl"
    function = "tests.runs:run"
    settings = [{"x": x} for x in (3, 13, 5)]
    failures = runner.run_missing(settings, function, path, jobs=jobs)
    assert len(failures) == 1
    assert "13" in failures[0]
    assert "ValueError: unlucky number" in failures[0]
    first = path.read_text()
    assert {record["double"] for record in records.read(path)} == {6, 10}

    failures = runner.run_missing([*settings, {"x": 1}], function, path, jobs=jobs)
    assert len(failures) == 1
    assert path.read_text().startswith(first)
    found = runner.recorded([{"x": 1}, *settings], path)
    assert [record["setting"]["x"] for record in found] == [1, 3, 5]
    assert all(record["environment"]["cores"] > 0 for record in found)
