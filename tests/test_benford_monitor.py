import copy
import csv

import keras
import numpy as np
import pytest

import keras_benford as kb
from tests.training import Recorder, classifier, two_classes


def test_mlh_of_the_weights_after_each_epoch_is_in_the_history():
    x, y = two_classes()
    model, recorder = classifier(), Recorder()
    history = model.fit(
        x, y, epochs=3, callbacks=[kb.BenfordMonitor(), recorder], verbose=0
    ).history
    expected = []
    for weights in recorder.epoch_weights:
        model.set_weights(weights)
        expected.append(kb.score(model).mlh)
    assert history["mlh"] == expected
    assert len(set(expected)) == 3


def test_layers_are_logged_under_their_paths(tmp_path):
    x, y = two_classes()
    model = classifier()
    history = model.fit(x, y, callbacks=[kb.BenfordMonitor(layers=True)], verbose=0).history
    layers = {f"layer_mlh/{layer.path}": [layer.mlh] for layer in kb.score(model).layers}
    assert len(layers) == 2
    assert history.items() >= layers.items()
    # A tracker such as MLflow keeps each in a file of that name: none may be another's folder.
    for key in history:
        path = tmp_path / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


@pytest.mark.slow
def test_checks_inside_an_epoch_reach_the_logs_of_their_batches():
    x, y = two_classes()
    monitor, recorder = kb.BenfordMonitor(check_every=0.5), Recorder()
    model = classifier()
    model.fit(x, y, batch_size=20, epochs=2, callbacks=[monitor, recorder], verbose=0)
    at = [batch for batch, logs in enumerate(recorder.batch_logs) if "mlh" in logs]
    assert at == [4, 14]
    assert monitor.history["step"] == [5, 10, 15, 20]
    assert monitor.history["epoch"] == [0, 0, 1, 1]
    model.set_weights(recorder.batch_weights[4])
    assert monitor.history["mlh"][0] == kb.score(model).mlh
    assert [logs["mlh"] for logs in recorder.epoch_logs] == monitor.history["mlh"][1::2]


def test_a_check_at_the_last_batch_serves_the_epoch_too():
    x, y = two_classes()
    monitor = kb.BenfordMonitor(check_every=5)
    classifier().fit(x, y, batch_size=20, callbacks=[monitor], verbose=0)
    assert monitor.history["step"] == [5, 10]


@pytest.mark.slow
def test_mlh_reaches_callbacks_that_stand_after_it(tmp_path):
    x, y = two_classes()
    log, best = tmp_path / "log.csv", tmp_path / "best.keras"
    callbacks = [
        kb.BenfordMonitor(),
        keras.callbacks.CSVLogger(log),
        keras.callbacks.ModelCheckpoint(best, monitor="mlh", mode="max", save_best_only=True),
    ]
    history = classifier().fit(x, y, epochs=3, callbacks=callbacks, verbose=0).history
    with log.open() as file:
        column = [float(row["mlh"]) for row in csv.DictReader(file)]
    assert column == history["mlh"]
    assert kb.score(keras.models.load_model(best)).mlh == max(history["mlh"])


@pytest.mark.slow
def test_include_and_exclude_choose_the_weights():
    x, y = two_classes()
    model = classifier()
    path = next(w.path for w in model.weights if w.name == "kernel")
    monitor = kb.BenfordMonitor(include=path)
    history = model.fit(x, y, callbacks=[monitor], verbose=0).history
    assert history["mlh"] == [kb.score(model, include=path).mlh]


def test_a_pattern_without_a_match_stops_fit_before_it_trains():
    model = classifier()
    before = model.get_weights()
    with pytest.raises(ValueError, match="`include`: expected patterns that match"):
        model.fit(*two_classes(), callbacks=[kb.BenfordMonitor(include="conv*")], verbose=0)
    np.testing.assert_array_equal(model.get_weights()[0], before[0])


@pytest.mark.slow
def test_a_model_that_its_first_batch_builds_is_watched():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Dense(4), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    history = model.fit(*two_classes(), callbacks=[kb.BenfordMonitor()], verbose=0).history
    assert history["mlh"] == [kb.score(model).mlh]


def test_a_copy_and_a_second_fit_start_anew():
    x, y = two_classes()
    monitor = kb.BenfordMonitor(check_every=0.5)
    twin = copy.deepcopy(monitor)
    model = classifier()
    for callback in (monitor, twin, monitor):
        model.fit(x, y, callbacks=[callback], verbose=0)
    assert len(monitor.history["mlh"]) == len(twin.history["mlh"]) == 2
    assert monitor.history["mlh"] != twin.history["mlh"]


@pytest.mark.parametrize(("check_every", "has_hook"), [("epoch", False), (1.0, False), (0.5, True)])
def test_batches_are_watched_only_where_checks_inside_an_epoch_are_asked_for(check_every, has_hook):
    monitor = kb.BenfordMonitor(check_every=check_every)
    plain = monitor.on_train_batch_end == keras.callbacks.Callback.on_train_batch_end.__get__(
        monitor
    )
    assert plain is not has_hook
