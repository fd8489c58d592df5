"""A training that is killed goes on from its folder as if nothing had happened."""

import json
import os
import subprocess
import sys
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

import keras_benford as kb
from keras_benford.callbacks.resume import Backup
from tests.training import assert_same_weights, two_classes

pytestmark = pytest.mark.slow

# TensorFlow's own shuffling starts anew in each process; the others' goes on where it was.
SHUFFLE = keras.backend.backend() != "tensorflow"


def network(**optimizer):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(16, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(2),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01, **optimizer), loss, metrics=["accuracy"])
    return model


class Killed(BaseException):
    """What ends a training at once; nothing catches it."""


class KillAt(keras.callbacks.Callback):
    """Ends the training at the beginning of an epoch, or after a batch of it."""

    def __init__(self, epoch, batch=None):
        super().__init__()
        self.at = epoch, batch

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch
        if self.at == (epoch, None):
            raise Killed

    def on_train_batch_end(self, batch, logs=None):
        if self.at == (self.epoch, batch):
            raise Killed


def mlh_stopping(**arguments):
    return kb.MLHEarlyStopping(**arguments)


def churn_stopping(x=None, **arguments):
    return kb.ChurnEarlyStopping(two_classes()[0] if x is None else x, **arguments)


def train(
    folder=None,
    kill_at=None,
    *,
    kind=mlh_stopping,
    callbacks=(),
    optimizer=(),
    epochs=30,
    **arguments,
):
    """Train a new network until it ends or is killed; give the callback and the network."""
    arguments = {"check_every": 0.5, "patience": 4, **arguments}
    stopping = kind(backup_dir=folder, **arguments)
    model = network(**dict(optimizer))
    callbacks = [each or stopping for each in (callbacks or [None])]
    try:
        model.fit(
            *two_classes(),
            epochs=epochs,
            shuffle=SHUFFLE,
            callbacks=[*callbacks, *([kill_at] if kill_at else [])],
            verbose=0,
        )
    except Killed:
        return None, None
    return stopping, model


def assert_same_training(left, right):
    for name in ("history", "best", "best_epoch", "best_step", "stopped_epoch", "stop_reason"):
        assert getattr(left[0], name) == getattr(right[0], name), name
    assert_same_weights(left[1].get_weights(), right[1].get_weights())


@pytest.mark.parametrize(
    ("kind", "check_every", "optimizer", "arguments"),
    [
        (mlh_stopping, "epoch", {"gradient_accumulation_steps": 2}, {}),
        (mlh_stopping, 0.5, {}, {"restore": "average"}),
        (mlh_stopping, 3, {"use_ema": True}, {}),
        (churn_stopping, 0.5, {}, {}),
        (churn_stopping, 3, {"use_ema": True}, {"unseen": None, "restore": "best"}),
    ],
    ids=["epoch-accumulation", "half-epoch-average", "batches-ema", "churn", "churn-best-ema"],
)
def test_it_ends_as_if_it_had_never_been_killed(tmp_path, kind, check_every, optimizer, arguments):
    arguments = {"kind": kind, "check_every": check_every, "optimizer": optimizer, **arguments}
    undisturbed = train(**arguments)
    # At the beginning of an epoch, inside the first one, and inside another.
    for kill_at in (KillAt(0, 2), KillAt(1), KillAt(2, 4)):
        train(tmp_path, kill_at, **arguments)
    resumed = train(tmp_path, **arguments)
    assert_same_training(resumed, undisturbed)
    assert resumed[0].stop_reason.startswith("training ended") is False
    assert resumed[0].best is not None
    assert [path.name for path in tmp_path.iterdir()] == ["best.weights.h5"]


class Reshuffled(keras.utils.PyDataset):
    """Batches that come in another order whenever they are gone through."""

    def __len__(self):
        return 4

    def __getitem__(self, i):
        x, y = two_classes()
        chosen = np.random.default_rng().permutation(200)[:50]
        return x[chosen], y[chosen]


def test_the_probes_are_those_of_the_first_start(tmp_path):
    arguments = {"kind": churn_stopping, "x": Reshuffled(), "probe_size": 100}
    train(tmp_path, KillAt(2), **arguments)
    before = dict(np.load(tmp_path / "probe-training.npz"))
    state = json.loads((tmp_path / "state.json").read_text())["record"]
    assert state["history"]["churn"][0] is None
    assert all(value < 1 for value in state["history"]["churn"][1:])

    class Look(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            (self.probe,) = stopping[0]._probes[0].arrays()

    stopping = []

    def kind(**given):
        stopping.append(churn_stopping(**given))
        return stopping[0]

    look = Look()
    train(tmp_path, **{**arguments, "kind": kind}, callbacks=[None, look], epochs=4)
    np.testing.assert_array_equal(look.probe, before["0"])


def test_a_training_goes_on_with_the_way_to_restore_that_it_began_with(tmp_path):
    train(tmp_path, KillAt(2))
    with pytest.raises(ValueError, match="`restore`: expected 'best', as the training in"):
        train(tmp_path, restore="average")
    assert (tmp_path / "state.json").exists()


def test_another_callback_s_training_is_refused(tmp_path):
    train(tmp_path, KillAt(2))
    with pytest.raises(ValueError, match="monitor churn; received one with symbolic_eic"):
        train(tmp_path, kind=churn_stopping)


def test_the_end_of_fit_is_reached_as_if_it_had_never_been_killed(tmp_path):
    undisturbed = train(epochs=4, patience=99)
    for kill_at in (KillAt(1), KillAt(3)):
        train(tmp_path, kill_at, epochs=4, patience=99)
    assert_same_training(train(tmp_path, epochs=4, patience=99), undisturbed)


@pytest.mark.parametrize("save_freq", ["epoch", 3], ids=["epochs", "batches"])
def test_it_agrees_with_a_backup_and_restore_that_stands_first(tmp_path, save_freq):
    def callbacks():
        return [keras.callbacks.BackupAndRestore(tmp_path / "theirs", save_freq=save_freq), None]

    undisturbed = train()
    for kill_at in (KillAt(1), KillAt(2, 4)):
        train(tmp_path / "ours", kill_at, callbacks=callbacks())
    assert_same_training(train(tmp_path / "ours", callbacks=callbacks()), undisturbed)


@pytest.mark.parametrize("save_freq", ["epoch", 3], ids=["epochs", "batches"])
def test_a_backup_and_restore_behind_it_that_is_elsewhere_is_refused(tmp_path, save_freq):
    def callbacks():
        theirs = keras.callbacks.BackupAndRestore(tmp_path / "theirs", save_freq=save_freq)
        return [None, KillBetween(2), theirs]

    train(tmp_path / "ours", callbacks=callbacks())
    with pytest.raises(ValueError, match=r"go on with epoch 4.*put `BackupAndRestore` first"):
        train(tmp_path / "ours", callbacks=callbacks())


@pytest.mark.parametrize(
    "other",
    [
        lambda folder: churn_stopping(backup_dir=folder / "x" / ".." / "ours"),
        lambda folder: keras.callbacks.BackupAndRestore(folder / "ours"),
        lambda folder: keras.callbacks.BackupAndRestore(folder),
    ],
    ids=["same", "BackupAndRestore", "BackupAndRestore-above"],
)
@pytest.mark.parametrize("ours_first", [True, False], ids=["first", "last"])
def test_a_folder_that_another_callback_would_write_to_is_refused(tmp_path, other, ours_first):
    ours, model = mlh_stopping(backup_dir=tmp_path / "ours"), network()
    callbacks = [ours, other(tmp_path)][:: 1 if ours_first else -1]
    with pytest.raises(ValueError, match=r"`backup_dir`: expected a folder for .* alone; received"):
        model.fit(*two_classes(), callbacks=callbacks, verbose=0)
    assert model.optimizer.iterations == 0
    train(tmp_path / "ours", callbacks=[None, churn_stopping(backup_dir=tmp_path / "theirs")])


class KillBetween(keras.callbacks.Callback):
    """Stands between two callbacks, and ends the training at the end of an epoch."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.epoch:
            raise Killed


def test_a_kill_between_its_save_and_that_of_backup_and_restore_does_no_harm(tmp_path):
    def callbacks(epoch):
        theirs = keras.callbacks.BackupAndRestore(tmp_path / "theirs")
        return [theirs, KillBetween(epoch), None]

    undisturbed = train()
    for epoch in (0, 2):
        train(tmp_path / "ours", callbacks=callbacks(epoch))
    assert_same_training(train(tmp_path / "ours", callbacks=callbacks(99)), undisturbed)


def interrupt_write(monkeypatch, number, *, after):
    """End the process' work at the so-manieth step of writing, before or after it is done."""
    steps = iter(range(10**9))

    def watched(function):
        def step(*args, **kwargs):
            hit = next(steps) == number
            if hit and not after:
                raise Killed
            result = function(*args, **kwargs)
            if hit:
                raise Killed
            return result

        return step

    for owner, name in (
        (os, "replace"),
        (os, "fsync"),
        (Path, "unlink"),
        (Path, "write_text"),
        (np, "savez"),
        (h5py.Group, "create_dataset"),
    ):
        monkeypatch.setattr(owner, name, watched(getattr(owner, name)))


def save_epochs(folder, model, epochs):
    """Save a training in which every weight is the number of the epoch, and the odd are best."""
    backup, best_file = Backup(folder), None
    for epoch in epochs:
        fill(model, epoch)
        if epoch % 2:
            best_file = backup.save_weights(f"best-{epoch}", model)
        recent = backup.save_arrays(f"check-{epoch}", model.get_weights())
        record = {"epoch": epoch, "best_file": best_file, "recent": recent}
        arrays = {"epoch": np.full(3, epoch)}
        backup.save(model, "mlh", record, arrays, [best_file, recent])


def fill(model, number):
    for variable in [*model.weights, *model.optimizer.variables]:
        variable.assign(np.full(variable.shape, number, dtype=variable.dtype))


def numbers(model):
    variables = [*model.weights, *model.optimizer.variables]
    return {float(n) for v in variables for n in keras.ops.convert_to_numpy(v).ravel()}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_kill_at_any_step_of_writing_leaves_what_can_be_gone_on_from(tmp_path, after):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile("sgd", "mse")
    model.optimizer.build(model.trainable_variables)
    for number in range(10**9):
        folder = tmp_path / str(number)
        with pytest.MonkeyPatch.context() as monkeypatch:
            interrupt_write(monkeypatch, number, after=after)
            try:
                save_epochs(folder, model, range(1, 4))
                break
            except Killed:
                pass
        reached = max(numbers(model))
        backup = Backup(folder)
        record = backup.read(model, "mlh")
        if record is None:
            assert reached == 1
        else:
            assert record["epoch"] in (reached, reached - 1)
            fill(model, 99)
            backup.restore(model, record)
            assert numbers(model) == {record["epoch"]}
            backup.load_weights(record["best_file"], model)
            assert numbers(model) == {record["epoch"], record["epoch"] - (record["epoch"] + 1) % 2}
            recent = backup.arrays(record["recent"], ["float32"] * len(model.weights))
            remembered = backup.arrays(record["arrays_file"])["epoch"]
            kept = {float(n) for array in [*recent, remembered] for n in array.ravel()}
            assert kept == {record["epoch"]}
        save_epochs(folder, model, [5, 6])
        assert {path.name for path in folder.iterdir()} == {
            "state.json",
            "training-6.weights.h5",
            "training-6.npz",
            "best-5.weights.h5",
            "check-6.npz",
        }
    assert number > 30


def test_a_killed_process_goes_on(tmp_path):
    command = [sys.executable, "-m", "tests.trials.killed", "--kills", "3"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout.splitlines()[-1])
    assert record["same"]
    assert record["kills"] == 3


def test_a_fit_that_ended_is_not_gone_on_with(tmp_path):
    first = train(tmp_path)
    second = train(tmp_path)
    assert_same_training(first, second)
    stopping, model = second
    model.fit(*two_classes(), epochs=1, callbacks=[stopping], verbose=0)
    assert stopping.history["epoch"] == [0, 0]


@pytest.mark.filterwarnings("ignore:The weights of epoch 1 come back")
def test_broken_weights_in_the_history_survive(tmp_path):
    def break_weights(epoch, _):
        if epoch == 1:
            kernel = breaker.model.layers[0].kernel
            values = keras.ops.convert_to_numpy(kernel).copy()
            values[0, 0] = np.nan
            kernel.assign(values)

    histories = []
    for folder, kill in ((None, None), (tmp_path, KillAt(3)), (tmp_path, None)):
        breaker = keras.callbacks.LambdaCallback(on_epoch_end=break_weights)
        with pytest.warns(UserWarning, match="expected finite weights"):
            stopping, _ = train(folder, kill, callbacks=[breaker, None], check_every="epoch")
        histories.append(stopping and stopping.history)
    np.testing.assert_array_equal(histories[0]["mlh"], histories[2]["mlh"])
    assert np.isnan(histories[2]["mlh"][1:]).all()
