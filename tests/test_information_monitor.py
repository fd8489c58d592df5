"""The callback that writes entropy and mutual information into the logs."""

import copy
import csv
import math
import warnings

import keras
import numpy as np
import pytest
from keras import layers

from keras_benford import InformationMonitor
from keras_benford.information import report

RNG = np.random.default_rng(0)
X = RNG.standard_normal((60, 5)).astype("float32")
Y = RNG.integers(0, 3, 60)


def model(optimizer="adam"):
    keras.utils.set_random_seed(0)
    made = keras.Sequential(
        [keras.Input((5,)), layers.Dense(6, "relu"), layers.Dense(4, "relu"), layers.Dense(3)]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    made.compile(optimizer, loss, metrics=["accuracy"])
    return made


@pytest.mark.slow
def test_the_logs_have_what_a_report_on_the_weights_of_the_epoch_has():
    trained, reports = model(), []
    take = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda *_: reports.append(report(trained, X, neurons=8, seed=3))
    )
    monitor = InformationMonitor(X, neurons=8, seed=3)
    history = trained.fit(X, Y, epochs=3, verbose=0, callbacks=[monitor, take]).history
    assert history["entropy"] == [each.mean_entropy for each in reports]
    assert history["mutual_information"] == [each.mean_mutual_information for each in reports]
    assert monitor.history == {
        "epoch": [0, 1, 2],
        "step": [2, 4, 6],
        "entropy": history["entropy"],
        "mutual_information": history["mutual_information"],
    }
    assert len(set(history["entropy"])) == 3


@pytest.mark.slow
def test_it_changes_nothing_about_the_training():
    plain = model()
    expected = plain.fit(X, Y, epochs=2, verbose=0).history["loss"]
    # Each seeds anew.
    watched = model()
    found = watched.fit(X, Y, epochs=2, verbose=0, callbacks=[InformationMonitor(X)]).history
    assert found["loss"] == expected
    for one, other in zip(plain.get_weights(), watched.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_between_looks_the_logs_have_the_latest_so_that_every_column_is_there(tmp_path):
    monitor, path = InformationMonitor(X, every=3, method="bins"), tmp_path / "log.csv"
    callbacks = [monitor, keras.callbacks.CSVLogger(path)]
    model().fit(X, Y, epochs=5, verbose=0, callbacks=callbacks)
    assert monitor.history["epoch"] == [0, 3]
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    first, second = monitor.history["entropy"]
    assert [float(row["entropy"]) for row in rows] == [first] * 3 + [second] * 2
    assert all(row["mutual_information"] for row in rows)


@pytest.mark.slow
def test_a_copy_and_a_second_fit_begin_anew():
    monitor = InformationMonitor(X)
    other = copy.deepcopy(monitor)
    for each in (monitor, other, monitor):
        model().fit(X, Y, epochs=2, verbose=0, callbacks=[each])
    assert monitor.history == other.history
    assert monitor.history["epoch"] == [0, 1]


def test_broken_weights_give_nan_and_one_warning():
    with pytest.warns(UserWarning, match=r"Epoch 1: expected finite activations; .* in the logs"):
        history = model(keras.optimizers.SGD(1e30)).fit(
            X, Y, epochs=2, verbose=0, callbacks=[InformationMonitor(X)]
        )
    assert all(map(math.isnan, history.history["entropy"]))
    assert all(map(math.isnan, history.history["mutual_information"]))


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ((X, 0), ValueError, "`every`: expected an integer of 1 or more; received 0"),
        ((X, 0.5), ValueError, "received 0.5"),
        ((iter([X]),), TypeError, "what can be read only once"),
    ],
    ids=["never", "a fraction", "a generator"],
)
def test_arguments_that_make_no_sense_are_refused_at_once(arguments, error, said):
    with pytest.raises(error, match=said):
        InformationMonitor(*arguments)


def test_options_that_make_no_sense_are_refused_in_the_first_epoch():
    with pytest.raises(ValueError, match="`layers`: expected names of layers; received 'none'"):
        model().fit(X, Y, verbose=0, callbacks=[InformationMonitor(X, layers="none")])


@pytest.mark.slow
@pytest.mark.parametrize("n", [60, 200])
def test_few_examples_are_warned_of_once_and_batches_of_many_are_not(n):
    x, y = np.tile(X, (4, 1))[:n], np.tile(Y, 4)[:n]
    x += 0.1 * RNG.standard_normal(x.shape)
    monitor = InformationMonitor(x, batch_size=32)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        model().fit(x, y, epochs=2, verbose=0, callbacks=[monitor])
    said = [str(each.message) for each in found if "examples" in str(each.message)]
    assert [text.split(":")[:2] for text in said] == (
        [["Epoch 1", " Only 60 examples"]] if n == 60 else []
    )
