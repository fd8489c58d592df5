import math

import keras
import numpy as np
import pytest

import keras_benford as kb
from tests.backends import BACKEND, holding, needs_tensorflow, not_under
from tests.training import (
    Recorder,
    Scripted,
    assert_same_weights,
    batches_of_unknown_length,
    classifier,
    two_classes,
    unknown_length,
)

pytestmark = pytest.mark.slow


def scripted(values, monitor="mlh", **arguments):
    """An `MLHEarlyStopping` that reads MLH from a list instead of from the weights."""
    callback = kb.MLHEarlyStopping(monitor, **arguments)
    callback.measures[0] = Scripted("mlh", values)
    return callback


class Script(keras.callbacks.Callback):
    """Writes the same list into the logs, for Keras' own EarlyStopping."""

    def __init__(self, values):
        super().__init__()
        self.values = values

    def on_epoch_end(self, epoch, logs=None):
        logs["mlh"] = self.values[epoch]


@pytest.mark.parametrize("seed", range(12))
def test_decisions_are_those_of_keras_early_stopping(seed):
    rng = np.random.default_rng(seed)
    values = np.round(0.9 + 0.02 * rng.standard_normal(12).cumsum(), 3).clip(-1, 1).tolist()
    arguments = {
        "min_delta": float(rng.choice([0.0, 0.01])),
        "patience": int(rng.integers(4)),
        "baseline": rng.choice([None, 0.91]),
        "start_from_epoch": int(rng.integers(3)),
        "mode": "max",
    }
    x, y = two_classes(20)
    theirs = keras.callbacks.EarlyStopping("mlh", restore_best_weights=True, **arguments)
    ours = scripted(values, **arguments)
    models = classifier(), classifier()
    training = {"epochs": 12, "shuffle": False, "verbose": 0}
    models[0].fit(x, y, callbacks=[Script(values), theirs], **training)
    models[1].fit(x, y, callbacks=[ours], **training)
    for name in ("stopped_epoch", "best_epoch", "best", "wait"):
        assert getattr(ours, name) == getattr(theirs, name), name
    assert_same_weights(models[0].get_weights(), models[1].get_weights())


@pytest.mark.parametrize("epochs", [3, 20], ids=["fit-ends-first", "patience-ends-first"])
def test_the_best_weights_come_back_whoever_ended_the_training(epochs):
    values = [0.90, 0.95, 0.94, 0.93, 0.92]
    callback, recorder = scripted(values, patience=3), Recorder()
    model = classifier()
    model.fit(*two_classes(), epochs=epochs, callbacks=[recorder, callback], verbose=0)
    assert (callback.best, callback.best_epoch, callback.best_step) == (0.95, 1, 14)
    assert callback.stopped_epoch == (4 if epochs == 20 else 0)
    assert_same_weights(model.get_weights(), recorder.epoch_weights[1])


def test_the_best_weights_of_an_interrupted_training_are_at_hand():
    class Interrupt(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 3:
                raise KeyboardInterrupt

    callback, recorder = scripted([0.90, 0.95, 0.94]), Recorder()
    model = classifier()
    with pytest.raises(KeyboardInterrupt):
        model.fit(*two_classes(), epochs=9, callbacks=[recorder, callback, Interrupt()], verbose=0)
    assert_same_weights(callback.best_weights, recorder.epoch_weights[1])


def test_weights_stay_as_they_are_where_restoring_is_switched_off():
    callback, recorder = scripted([0.95, 0.9], restore_best_weights=False), Recorder()
    model = classifier()
    model.fit(*two_classes(), epochs=2, callbacks=[recorder, callback], verbose=0)
    assert_same_weights(model.get_weights(), recorder.epoch_weights[1])


@pytest.mark.parametrize(
    ("monitor", "formula"),
    [
        ("eic", lambda a, m: -a - m),
        ("scaled_eic", lambda a, m: -a - (m - 0.9462) / 0.0537),
        ("symbolic_eic", lambda a, m: -math.log(m) / a),
        ("mlh", lambda a, m: m),
    ],
)
def test_each_criterion_is_in_the_logs_and_its_best_is_restored(monitor, formula):
    model, callback = classifier(), kb.MLHEarlyStopping(monitor)
    history = model.fit(*two_classes(), epochs=4, callbacks=[callback], verbose=0).history
    expected = [formula(a, m) for a, m in zip(history["accuracy"], history["mlh"], strict=True)]
    np.testing.assert_allclose(history[monitor], expected, rtol=1e-9)
    pick = np.argmax if monitor == "mlh" else np.argmin
    assert callback.best_epoch == pick(expected)
    assert callback.best == history[monitor][callback.best_epoch]
    assert kb.score(model).mlh == history["mlh"][callback.best_epoch]


def test_mlh_range_sets_the_scale():
    callback = kb.MLHEarlyStopping("scaled_eic", mlh_range=(0.5, 0.9))
    history = classifier().fit(*two_classes(), callbacks=[callback], verbose=0).history
    expected = -history["accuracy"][0] - (history["mlh"][0] - 0.5) / 0.4
    assert history["scaled_eic"][0] == pytest.approx(expected)


def test_best_step_may_lie_inside_an_epoch():
    values = [0.90, 0.93, 0.92, 0.91, 0.95, 0.94]
    callback = scripted(values, check_every=1 / 3)
    recorder, model = Recorder(), classifier()
    model.fit(*two_classes(), epochs=2, callbacks=[recorder, callback], verbose=0)
    assert (callback.best_epoch, callback.best_step) == (1, 12)
    assert_same_weights(model.get_weights(), recorder.batch_weights[11])


def test_a_stop_inside_an_epoch_ends_it_without_another_check():
    callback = scripted([0.95, 0.94, 0.93, 0.92], check_every=2, patience=2)
    recorder, model = Recorder(), classifier()
    history = model.fit(*two_classes(), epochs=9, callbacks=[callback, recorder], verbose=0).history
    assert len(recorder.batch_weights) == 6
    assert callback.history["step"] == [2, 4, 6]
    assert history["mlh"] == [0.93]
    assert "did not improve for 2 checks" in callback.stop_reason


@unknown_length
def test_data_of_unknown_length_is_first_checked_at_the_end_of_an_epoch():
    x, y = two_classes()
    data = batches_of_unknown_length(x, y, 20)
    callback = kb.MLHEarlyStopping(check_every=0.5)
    classifier().fit(data, epochs=2, shuffle=False, callbacks=[callback], verbose=0)
    # Under TensorFlow the optimizer also counts the step that finds the data exhausted.
    steps = [11, 16, 22] if BACKEND == "tensorflow" else [10, 15, 20]
    assert callback.history["step"] == steps


@unknown_length
def test_a_generator_is_checked():
    x, y = two_classes()

    def batches():
        for start in range(0, 200, 20):
            yield x[start : start + 20], y[start : start + 20]

    callback = kb.MLHEarlyStopping()
    classifier().fit(batches(), shuffle=False, callbacks=[callback], verbose=0)
    assert callback.history["epoch"] == [0]


@not_under("torch", "Keras trains step by step")
def test_steps_per_execution_checks_within_the_epoch():
    callback = kb.MLHEarlyStopping(check_every=0.5)
    model = classifier(steps_per_execution=3)
    model.fit(*two_classes(), batch_size=20, epochs=2, callbacks=[callback], verbose=0)
    assert callback.history["step"] == [6, 10, 16, 20]
    assert callback.history["epoch"] == [0, 0, 1, 1]


def test_gradient_accumulation_counts_updates():
    callback = kb.MLHEarlyStopping()
    optimizer = keras.optimizers.Adam(gradient_accumulation_steps=2)
    model = classifier(optimizer)
    model.fit(*two_classes(), batch_size=20, epochs=2, callbacks=[callback], verbose=0)
    assert callback.history["step"] == [5, 10]


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "bfloat16", "float64"])
def test_other_precisions_are_watched_and_restored(policy):
    before = keras.config.dtype_policy()
    with holding("float64" if policy == "float64" else "float32"):
        keras.config.set_dtype_policy(policy)
        try:
            model, callback, recorder = classifier(), kb.MLHEarlyStopping(), Recorder()
        finally:
            keras.config.set_dtype_policy(before)
        model.fit(*two_classes(), epochs=3, callbacks=[recorder, callback], verbose=0)
        assert np.isfinite(callback.history["mlh"]).all()
        assert_same_weights(model.get_weights(), recorder.epoch_weights[callback.best_epoch])
        assert kb.score(model).mlh == callback.history["mlh"][callback.best_epoch]


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_averaged_weights_of_the_best_epoch_come_back_under_ema(policy):
    def trained(epochs, callbacks=()):
        keras.config.set_dtype_policy(policy)
        try:
            optimizer = keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5)
            model = classifier(optimizer)
        finally:
            keras.config.set_dtype_policy("float32")
        recorder = Recorder()
        model.fit(*two_classes(), epochs=epochs, callbacks=[*callbacks, recorder], verbose=0)
        return model.get_weights(), recorder.epoch_weights

    # Keras itself averages at the end of a fit of two epochs.
    expected, _ = trained(2)
    callback = scripted([0.90, 0.95, 0.94, 0.93], patience=2)
    restored, raw = trained(9, [callback])
    undisturbed = trained(4)[1]
    assert_same_weights(restored, expected)
    assert_same_weights(raw[3], undisturbed[3])
    assert any((a != b).any() for a, b in zip(restored, raw[1], strict=True))


def break_weights(epoch, how_many=2):
    """A callback that writes NaN into a kernel at the end of an epoch."""

    def on_epoch_end(at, _):
        if at == epoch:
            kernel = broken.model.layers[0].kernel
            values = keras.ops.convert_to_numpy(kernel).copy()
            values.flat[:how_many] = np.nan
            kernel.assign(values)

    broken = keras.callbacks.LambdaCallback(on_epoch_end=on_epoch_end)
    return broken


def test_broken_weights_are_never_best_and_reported_once():
    callback, recorder = kb.MLHEarlyStopping(patience=3), Recorder()
    model = classifier()
    with pytest.warns(UserWarning, match="expected finite weights; received") as caught:
        history = model.fit(
            *two_classes(), epochs=20, callbacks=[break_weights(1), recorder, callback], verbose=0
        ).history
    said = [str(warning.message) for warning in caught if warning.category is UserWarning]
    said = [each for each in said if not each.startswith("MLH of 160 weights")]
    assert len(said) == 1
    assert said[0].startswith("Epoch 2: expected finite weights; received 2 infinite or NaN values")
    assert callback.best_epoch == 0
    assert callback.stopped_epoch == 3
    assert np.isnan(history["mlh"][1:]).all()
    assert np.isnan(history["symbolic_eic"][1:]).all()
    assert_same_weights(model.get_weights(), recorder.epoch_weights[0])


def test_nothing_is_restored_where_no_value_was_finite():
    model, callback = classifier(), scripted([math.nan] * 3, patience=2)
    with pytest.warns(UserWarning, match="received none in 2 checks, so no weights were the best"):
        model.fit(*two_classes(), epochs=5, callbacks=[callback], verbose=0)
    assert callback.best is None
    assert callback.best_weights is None
    assert callback.stopped_epoch == 1


def test_a_second_fit_starts_anew():
    x, y = two_classes()
    callback = scripted([0.95, 0.90, 0.89, 0.80, 0.85, 0.84, 0.83], patience=2)
    model = classifier()
    model.fit(x, y, epochs=9, callbacks=[callback], verbose=0)
    assert (callback.best, callback.stopped_epoch) == (0.95, 2)
    model.fit(x, y, epochs=9, callbacks=[callback], verbose=0)
    assert (callback.best, callback.stopped_epoch, callback.best_epoch) == (0.85, 3, 1)
    assert callback.history["mlh"] == [0.80, 0.85, 0.84, 0.83]


@needs_tensorflow
@pytest.mark.parametrize("check_every", ["epoch", 0.5])
def test_it_stops_under_a_distribution_strategy(check_every):
    import tensorflow as tf

    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        model = classifier()
    callback = kb.MLHEarlyStopping(check_every=check_every)
    model.fit(*two_classes(), batch_size=20, epochs=2, callbacks=[callback], verbose=0)
    assert callback.history["step"][-1] == 20
    assert np.isfinite(callback.history["symbolic_eic"]).all()


def test_checkpoints_may_monitor_the_criterion(tmp_path):
    path = tmp_path / "best.keras"
    callbacks = [
        kb.MLHEarlyStopping("eic"),
        keras.callbacks.ModelCheckpoint(path, monitor="eic", mode="min", save_best_only=True),
    ]
    model = classifier()
    model.fit(*two_classes(), epochs=4, callbacks=callbacks, verbose=0)
    assert_same_weights(keras.models.load_model(path).get_weights(), model.get_weights())


def test_verbose_says_what_happened(capsys):
    callback = scripted([0.95, 0.90, 0.89], patience=2, verbose=1)
    classifier().fit(*two_classes(), epochs=9, callbacks=[callback], verbose=0)
    said = capsys.readouterr().out
    assert "mlh did not improve for 2 checks; restored the weights of epoch 1" in said


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([0.95, 0.96], "training ended while mlh was still improving"),
        ([0.95, 0.94], "training ended 1 check after the best mlh, within its patience"),
        ([0.95, 0.94, 0.93], "training ended 2 checks after the best mlh, within its patience"),
    ],
    ids=["improving", "waiting", "waiting-longer"],
)
def test_the_end_of_fit_is_a_reason_too(values, reason):
    callback = scripted(values)
    classifier().fit(*two_classes(), epochs=len(values), callbacks=[callback], verbose=0)
    assert callback.stop_reason == reason


def test_a_model_without_weights_that_count_is_told_before_training():
    model = keras.Sequential([keras.Input((8,)), keras.layers.BatchNormalization()])
    model.compile("sgd", "mse", metrics=["accuracy"])
    x, _ = two_classes()
    with pytest.raises(ValueError, match=r"expected weights that count; received .*gamma"):
        model.fit(x, x, callbacks=[kb.MLHEarlyStopping()], verbose=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"monitor": "val_loss"}, "`monitor`: expected one of 'symbolic_eic'.*received 'val_loss'"),
        ({"patience": -1}, "`patience`: expected .*received -1"),
        ({"patience": 1.5}, "`patience`: expected .*received 1.5"),
        ({"mode": "up"}, "`mode`: expected .*received 'up'"),
        ({"check_every": 0}, "`check_every`: expected .*received 0"),
        ({"check_every": 1.5}, "`check_every`: expected .*received 1.5"),
        ({"mlh_range": (1, 0)}, "`mlh_range`: expected .*low < high"),
        ({"mlh_range": 0.9}, "`mlh_range`: expected .*received 0.9"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_arguments_that_make_no_sense_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        kb.MLHEarlyStopping(**arguments)


def test_it_takes_keras_arguments_in_keras_order():
    import inspect

    def names(cls):
        kinds = inspect.signature(cls).parameters.values()
        return [p.name for p in kinds if p.kind is p.POSITIONAL_OR_KEYWORD]

    assert names(kb.MLHEarlyStopping) == names(keras.callbacks.EarlyStopping)
