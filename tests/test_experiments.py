"""What the experiments share: runs that resume, rules of stopping, trainings that are watched."""

import gc
import json
import math
import os
import pathlib
import subprocess
import sys
import time
import weakref

import keras
import numpy as np
import pytest

pytest.importorskip("sklearn")

from examples.experiments import datasets, models, records, runner, stopping, training
from examples.experiments.shuffled import Shuffled
from keras_benford import MLHEarlyStopping, score
from tests.backends import needs_tensorflow
from tests.training import classifier, two_classes

pytestmark = pytest.mark.slow
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


# By MLH it stops early indeed.
@pytest.mark.filterwarnings("ignore:The weights of epoch 1 come back")
def test_rules_applied_to_the_record_stop_where_the_callbacks_would():
    monitors = ("mlh", "scaled_eic")
    setting = SETTING | {"epochs": 12, "check_every": "epoch", "held_out": 0.0}
    setting |= {"judge": ["test"], "until": dict.fromkeys(monitors, 2)}
    record = training.train(setting)
    for monitor in monitors:
        keras.utils.set_random_seed(0)
        data = datasets.load("digits")
        (x, y), _ = datasets.split(data, 0.0, 0)
        model = models.lenet(data.input_shape, data.n_classes, models.pytorch_default())
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(3e-3), loss, metrics=["accuracy"])
        callback = MLHEarlyStopping(monitor, patience=2)
        batches = Shuffled(x, y, 64, seed=0)
        model.fit(batches, shuffle=False, epochs=12, verbose=0, callbacks=[callback])
        end = stopping.stop_by(monitor, 2, record["checks"])
        assert end.best == callback.best_epoch
        assert (end.stopped or 0) == callback.stopped_epoch
        accuracy = np.mean(model.predict(data.x_test, verbose=0).argmax(axis=1) == data.y_test)
        assert record["checks"]["test_accuracy"][end.best] == pytest.approx(accuracy, abs=2e-3)


def test_a_training_is_judged_at_every_check_and_by_all_parts():
    record = training.train(SETTING)
    checks = record["checks"]
    assert {*checks} == {
        "step", "accuracy", "mlh", "val_loss", "val_accuracy", "test_loss", "test_accuracy"
    }  # fmt: skip
    assert checks["step"] == [2, 4, 6, 8, 10, 12]
    assert record["steps"] == 4
    assert json.loads(json.dumps(record)) == record


def test_a_training_ends_after_its_updates():
    checks = training.train(SETTING | {"judge": [], "check_every": 2, "updates": 5})["checks"]
    assert checks["step"] == [2, 4, 6]
    assert {*checks} == {"step", "accuracy", "mlh"}


def test_where_there_is_a_number_to_predict_the_loss_is_the_squared_error():
    setting = SETTING | {"network": "mlp", "dataset": "synthetic_uniform", "epochs": 1}
    checks = training.train(setting | {"check_every": "epoch"})["checks"]
    assert {*checks} == {"step", "mlh", "val_loss", "test_loss"}
    data = datasets.load("synthetic_uniform")
    assert 0 < checks["test_loss"][0] < 2 * np.mean(data.y_test**2)


def test_the_judgement_is_that_of_evaluate():
    data = datasets.load("digits")
    model = models.lenet(data.input_shape, 10)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    watch = training.Watch({"test": (data.x_test, data.y_test)}, "epoch", {})
    model.fit(data.x_train, data.y_train, verbose=0, callbacks=[watch.monitor, watch])
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


def test_fit_takes_the_examples_in_a_new_order_each_epoch():
    x, y = two_classes(n=50)
    model, by_hand = (classifier("sgd") for _ in range(2))
    epochs, seed, size = 3, 7, 16
    model.fit(Shuffled(x, y, size, seed), shuffle=False, epochs=epochs, verbose=0)
    rng = np.random.default_rng(seed)
    rng.permutation(len(x))  # which `fit` draws and does not use: it resets the data as it begins
    for _ in range(epochs):
        order = rng.permutation(len(x))
        for start in range(0, len(x), size):
            chosen = order[start : start + size]
            by_hand.train_on_batch(x[chosen], y[chosen])
    for trained, expected in zip(model.get_weights(), by_hand.get_weights(), strict=True):
        np.testing.assert_allclose(trained, expected, rtol=1e-5, atol=1e-6)


def test_shuffled_batches_hold_each_example_once():
    batches = Shuffled(np.arange(50), -np.arange(50), 16, seed=0)
    orders = []
    for _ in range(2):
        x, y = map(np.concatenate, zip(*(batches[i] for i in range(len(batches))), strict=True))
        assert sorted(x) == list(range(50))
        np.testing.assert_array_equal(y, -x)
        orders.append(list(x))
        batches.on_epoch_end()
    assert orders[0] != orders[1]
    assert [len(batches[i][0]) for i in range(len(batches))] == [16, 16, 16, 2]


def test_nothing_holds_the_arrays_after_a_training():
    arrays = [array.copy() for array in two_classes()]
    held = [weakref.ref(array) for array in arrays]
    model = classifier()
    with Shuffled(*arrays, 64, seed=0) as batches:
        model.fit(batches, shuffle=False, epochs=2, verbose=0)
    assert [len(part) for part in batches[0]] == [0, 0]
    del arrays
    gc.collect()
    assert [reference() for reference in held] == [None, None]


@pytest.mark.parametrize("network", [models.small_alexnet, models.lenet, models.mlp])
def test_layers_start_from_random_numbers_of_their_own(network):
    model = network((32, 32, 3), 10, models.pytorch_default())
    starts = [
        keras.ops.convert_to_numpy(w).ravel()[:500] for w in model.weights if w.name == "kernel"
    ]
    between = np.corrcoef(starts)[np.triu_indices(len(starts), 1)]
    assert abs(between).max() < 0.25


@needs_tensorflow  # JAX takes long to start its 121 kernels, which are the same
def test_densenet_has_the_published_layers():
    """6,956,298 parameters; every 1×1 and 3×3 kernel by the arithmetic of growing channels."""
    model = models.densenet121((32, 32, 3), 10)
    assert sum(math.prod(weight.shape) for weight in model.trainable_weights) == 6_956_298
    kernels, channels = [(3, 3, 3, 64)], 64
    for block, n_layers in enumerate((6, 12, 24, 16)):
        if block > 0:
            kernels.append((1, 1, channels, channels // 2))
            channels //= 2
        for _ in range(n_layers):
            kernels += [(1, 1, channels, 128), (3, 3, 128, 32)]
            channels += 32
    kernels.append((channels, 10))
    assert [weight.shape for weight in model.weights if weight.name == "kernel"] == kernels
    assert model.get_layer("global_average_pooling2d").input.shape[1:] == (4, 4, 1024)


@pytest.mark.parametrize(
    ("network", "shape", "sizes"),
    [
        (models.lstm, (784, 1), [4 * 128, 128 * 4 * 128, 128 * 4 * 128, 128 * 4 * 128, 1280]),
        (models.mlp, (64,), [64 * 64, 64 * 10]),
    ],
    ids=["lstm", "mlp"],
)
def test_the_other_networks_have_their_weights(network, shape, sizes):
    found = score(network(shape, 10, models.pytorch_default()))
    assert [layer.size for layer in found.layers] == sizes


def test_synthetic_labels_are_a_linear_map_of_the_inputs():
    boolean = datasets.load("synthetic_boolean", seed=1)
    assert (boolean.x_train.shape, boolean.x_test.shape) == ((8000, 64), (2000, 64))
    assert set(np.unique(boolean.x_train)) == {0, 1}
    assert set(np.unique(boolean.y_train)) == {0, 1}
    uniform = datasets.load("synthetic_uniform", seed=1)
    assert 0 <= uniform.x_train.min() < uniform.x_train.max() < 1
    fitted, *_ = np.linalg.lstsq(uniform.x_train, uniform.y_train, rcond=None)
    np.testing.assert_allclose(uniform.x_test @ fitted, uniform.y_test, atol=1e-4)
    other = datasets.load("synthetic_uniform", seed=2)
    assert not np.array_equal(other.x_train, uniform.x_train)


def pictures(sizes):
    """What `tfds.load` gives: a set of pictures of these heights, with their number as label."""
    import tensorflow as tf

    def examples():
        for label, size in enumerate(sizes):
            yield np.full((size, 30, 3), 40 * label + 3, np.uint8), label

    signature = (tf.TensorSpec((None, 30, 3), tf.uint8), tf.TensorSpec((), tf.int64))
    made = tf.data.Dataset.from_generator(examples, output_signature=signature)
    return made.apply(tf.data.experimental.assert_cardinality(len(sizes)))


@needs_tensorflow
def test_pictures_of_many_sizes_are_brought_to_one_and_kept(tmp_path, monkeypatch):
    tfds = pytest.importorskip("tensorflow_datasets")
    sets = [pictures([20, 90, 33]), pictures([64, 11])]
    monkeypatch.setattr(tfds, "load", lambda *_, **__: sets)
    data = datasets.load("stanford_dogs", cache=tmp_path)
    assert (data.x_train.shape, data.x_test.shape) == ((3, 64, 64, 3), (2, 64, 64, 3))
    for x, y in zip((*data.x_train, *data.x_test), (*data.y_train, *data.y_test), strict=True):
        np.testing.assert_allclose(x, (40 * y + 3) / 255, rtol=1e-6)
    monkeypatch.setattr(tfds, "load", None)
    again = datasets.load("stanford_dogs", cache=tmp_path)
    np.testing.assert_array_equal(again.x_train, data.x_train)
    assert [path.name for path in tmp_path.iterdir()] == ["stanford_dogs.npz"]


def test_a_kept_set_needs_no_tfds(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    rng = np.random.default_rng(0)
    arrays = {}
    for part, n in (("train", 50), ("test", 20)):
        arrays[f"x_{part}"] = rng.integers(256, size=(n, 28, 28, 1), dtype=np.uint8)
        arrays[f"y_{part}"] = np.arange(n, dtype=np.uint8) % 10
    np.savez(tmp_path / "mnist.npz", **arrays)
    data = datasets.load("seqmnist", cache=tmp_path)
    assert data.x_train.shape == (50, 784, 1)
    assert data.n_classes == 10
    np.testing.assert_array_equal(np.sort(data.y_test), np.sort(arrays["y_test"]))


def test_a_set_that_cannot_be_had_is_said_in_a_line_and_not_tried_again(tmp_path, monkeypatch):
    tfds = pytest.importorskip("tensorflow_datasets")
    tried = []

    def load(name, **_):
        tried.append(name)
        raise ConnectionError("no network\nhere")

    monkeypatch.setattr(tfds, "load", load)
    monkeypatch.setattr(training, "_MISSING", {})
    monkeypatch.setattr(datasets, "CACHE", tmp_path)
    for _ in range(2):
        said = runner.run("examples.experiments.training:train", SETTING | {"dataset": "aircraft"})
        assert said == (
            "OSError: aircraft: cannot be had from TensorFlow Datasets (no network here)"
        )
    assert tried == ["visual_domain_decathlon/aircraft"]


@pytest.mark.parametrize("jobs", [1, 2])
def test_only_what_is_missing_is_run(tmp_path, jobs):
    path = tmp_path / "runs.jsonl"
    function = "tests.runs:run"
    settings = [{"x": x} for x in (3, 13, 5)] + [{"x": 13, "again": True}]
    failures = runner.run_missing(settings, function, path, jobs=jobs)
    (failure,) = failures
    assert failure.startswith("ValueError: unlucky number (2 of 4 runs, the first: {")
    first = path.read_text()
    assert {record["double"] for record in records.read(path)} == {6, 10}

    failures = runner.run_missing([*settings, {"x": 1}], function, path, jobs=jobs)
    assert len(failures) == 1
    assert path.read_text().startswith(first)
    found = runner.recorded([{"x": 1}, *settings], path)
    assert [record["setting"]["x"] for record in found] == [1, 3, 5]
    assert all(record["environment"]["cores"] > 0 for record in found)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processes have no cores here")
def test_runs_side_by_side_have_as_many_threads_as_cores(tmp_path):
    script, path = tmp_path / "script.py", tmp_path / "runs.jsonl"
    # As the papers' scripts do, it has NumPy loaded before a process knows its cores.
    script.write_text(
        "import numpy\n"
        "from examples.experiments import runner\n"
        "if __name__ == '__main__':\n"
        "    settings = [{'x': x} for x in range(2)]\n"
        f"    runner.run_missing(settings, 'tests.runs:cores_and_threads', {str(path)!r}, jobs=2)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(pathlib.Path(__file__).parents[1])}
    subprocess.run([sys.executable, script], env=environment, check=True, timeout=120)
    found = records.read(path)
    assert len(found) == 2
    assert all(record["threads"] <= record["usable"] for record in found)


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="needs /proc")
def test_a_run_ends_with_the_script_that_is_killed(tmp_path):
    said = tmp_path / "pid"
    script = (
        "from examples.experiments import runner\n"
        "if __name__ == '__main__':\n"
        f"    runner.run_missing([{{'said': {str(said)!r}}}], 'tests.runs:wait', 'runs.jsonl')\n"
    )
    (tmp_path / "script.py").write_text(script)
    process = subprocess.Popen(
        [sys.executable, tmp_path / "script.py"], env=os.environ | {"PYTHONPATH": os.getcwd()}
    )
    try:
        run = soon(lambda: said.exists() and said.read_text())
    finally:
        process.kill()
        process.wait()
    assert run
    assert soon(lambda: not is_running(run))


def soon(happens):
    """What a function says, once that is something."""
    deadline = time.monotonic() + 60
    while not (found := happens()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def is_running(process):
    """Whether it is: one that has ended and that nobody asked for its exit code is not."""
    try:
        state = pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
