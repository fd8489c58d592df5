import keras
import numpy as np
import pytest

import keras_benford as kb
from keras_benford.callbacks.accuracy import AccuracyWindow
from tests.backends import BACKEND
from tests.training import (
    Recorder,
    assert_same_weights,
    batches_of_unknown_length,
    classifier,
    two_classes,
    unknown_length,
)


def batch_hits(model, x, y, batch_size):
    """Right predictions and sizes of each batch of an unshuffled epoch of a frozen model."""
    hits = model.predict(x, verbose=0).argmax(axis=1) == y
    edges = range(batch_size, len(x), batch_size)
    return [(h.sum(), len(h)) for h in np.split(hits, edges)]


@pytest.mark.slow
@unknown_length
@pytest.mark.parametrize("validation", [None, two_classes(50, seed=1)], ids=["alone", "validation"])
@pytest.mark.parametrize("known", [True, False], ids=["arrays", "unknown length"])
def test_accuracy_is_the_mean_over_the_batches_since_the_last_check(validation, known):
    x, y = two_classes(190)
    # No learning and no batch norm: every batch's accuracy is that of one fixed network.
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(2)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.0), loss, metrics=["accuracy"])
    callback = kb.MLHEarlyStopping(check_every=4, patience=99)
    data = (x, y)
    if not known:
        data = (batches_of_unknown_length(x, y, 20),)
    model.fit(
        *data,
        batch_size=20 if known else None,
        epochs=2,
        shuffle=False,
        validation_data=validation,
        callbacks=[callback],
        verbose=0,
    )
    hits = batch_hits(model, x, y, 20)
    windows = [hits[0:4], hits[4:8], hits[8:10]] * 2
    expected = [sum(h for h, _ in w) / sum(n for _, n in w) for w in windows]
    np.testing.assert_allclose(callback.history["accuracy"], expected, atol=1e-6)
    if known:
        assert callback.history["step"] == [4, 8, 10, 14, 18, 20]


@pytest.mark.parametrize(
    ("metrics", "named"),
    [
        ([], "loss"),
        (["sparse_categorical_crossentropy"], "sparse_categorical_crossentropy"),
        ([keras.metrics.SparseTopKCategoricalAccuracy(2, name="top_k_accuracy")], "top_k_accuracy"),
    ],
    ids=["no-metrics", "another-metric", "top-k"],
)
def test_a_missing_accuracy_is_told_before_training(metrics, named):
    model = classifier(metrics=metrics)
    before = model.get_weights()
    with pytest.raises(ValueError, match=rf'received .*{named}.*monitor="mlh"'):
        model.fit(*two_classes(), callbacks=[kb.MLHEarlyStopping()], verbose=0)
    if named != "top_k_accuracy":
        assert_same_weights(model.get_weights(), before)


def test_mlh_alone_needs_no_accuracy():
    history = classifier(metrics=[]).fit(
        *two_classes(), callbacks=[kb.MLHEarlyStopping("mlh")], verbose=0
    )
    assert set(history.history) == {"loss", "mlh"}


def two_outputs(metrics):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8,))
    outputs = {name: keras.layers.Dense(2, name=name)(inputs) for name in ("a", "b")}
    model = keras.Model(inputs, outputs)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(True), metrics=metrics)
    return model


def test_the_accuracy_of_one_output_can_be_named():
    x, y = two_classes(190)
    model = two_outputs({"a": ["accuracy"], "b": ["accuracy"]})
    callback = kb.MLHEarlyStopping(accuracy="b_accuracy", check_every=0.5)
    history = model.fit(x, {"a": y, "b": y}, callbacks=[callback], verbose=0).history
    (half, rest), sizes = callback.history["accuracy"], (96, 94)
    mean = (half * sizes[0] + rest * sizes[1]) / sum(sizes)
    assert mean == pytest.approx(history["b_accuracy"][0], abs=1e-6)


def test_several_accuracies_must_be_told_apart():
    x, y = two_classes()
    model = two_outputs({"a": ["accuracy"], "b": ["accuracy"]})
    with pytest.raises(ValueError, match=r"received a_accuracy, b_accuracy; say which"):
        model.fit(x, {"a": y, "b": y}, callbacks=[kb.MLHEarlyStopping()], verbose=0)


@pytest.mark.parametrize("own_step", [False, True], ids=["keras", "own-step"])
def test_a_metric_of_a_number_for_each_class_is_told_by_the_first_batch(own_step):
    class Own(keras.Sequential):
        """Its metrics are looked at when they are in the logs."""

        def compute_metrics(self, *args, **kwargs):
            return super().compute_metrics(*args, **kwargs)

    x, y = two_classes()
    model = (Own if own_step else keras.Sequential)([keras.Input((8,)), keras.layers.Dense(2)])
    model.compile("sgd", "mse", metrics=[keras.metrics.F1Score()])
    callback, recorder = kb.MLHEarlyStopping(accuracy="f1_score"), Recorder()
    with pytest.raises(ValueError, match="expected a metric of one number; received 'f1_score', w"):
        model.fit(x, np.eye(2)[y], callbacks=[recorder, callback], verbose=0)
    assert own_step or len(recorder.batch_weights) <= 1


@pytest.mark.slow
def test_an_accuracy_that_is_not_there_is_told_by_the_first_batch():
    callback, recorder = kb.MLHEarlyStopping(accuracy="precision"), Recorder()
    with pytest.raises(ValueError, match=r"the metric 'precision'.*received .*accuracy"):
        classifier().fit(*two_classes(), callbacks=[recorder, callback], verbose=0)
    # Under TensorFlow it is that batch which gives the metrics their names.
    assert len(recorder.batch_weights) == (1 if BACKEND == "tensorflow" else 0)


@pytest.mark.slow
@pytest.mark.parametrize("check_every", ["epoch", "batch"])
def test_rounding_never_takes_the_accuracy_out_of_its_range(check_every):
    x, _ = two_classes(64)
    # Wrong once, then right: in float32 the weights of the right ones add up to a bit too much.
    weights = np.random.default_rng(1).random(64)
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(2)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.0), loss, weighted_metrics=["accuracy"])
    labels = model.predict(x, verbose=0).argmax(axis=1)
    labels[0] = 1 - labels[0]
    callback = kb.MLHEarlyStopping("eic", check_every=check_every, patience=99)
    model.fit(x, labels, 1, 5, 0, callbacks=[callback], shuffle=False, sample_weight=weights)
    assert 0 <= min(callback.history["accuracy"]) <= max(callback.history["accuracy"]) <= 1


@pytest.mark.slow
def test_a_share_is_kept_within_its_range_and_other_numbers_are_left_alone():
    model = classifier()
    model.fit(*two_classes(), verbose=0)
    window = AccuracyWindow(model, "accuracy")
    assert window.read({"accuracy": 1.0000001}, inside_epoch=False) == 1
    assert window.read({"accuracy": 58.0}, inside_epoch=False) == 58


def test_an_evaluation_by_another_callback_does_not_reach_the_accuracy():
    x, y = two_classes(190)
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(2)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.0), loss, metrics=["accuracy"])
    evaluation = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda *_: model.evaluate(x[:7], y[:7], verbose=0)
    )
    callback = kb.MLHEarlyStopping(check_every=0.5)
    model.fit(x, y, 20, 2, 0, callbacks=[evaluation, callback], shuffle=False)
    hits = batch_hits(model, x, y, 20)
    expected = [sum(h for h, _ in w) / sum(n for _, n in w) for w in (hits[:5], hits[5:])] * 2
    np.testing.assert_allclose(callback.history["accuracy"], expected, atol=1e-6)


@pytest.mark.slow
def test_a_weighted_accuracy_will_do():
    x, y = two_classes()
    model = classifier(metrics=[], weighted_metrics=["accuracy"])
    callback = kb.MLHEarlyStopping(check_every=0.5)
    weights = np.linspace(0, 1, len(y))
    history = model.fit(x, y, sample_weight=weights, callbacks=[callback], verbose=0).history
    assert len(callback.history["accuracy"]) == 2
    assert min(callback.history["accuracy"]) <= history["accuracy"][0]
    assert max(callback.history["accuracy"]) >= history["accuracy"][0]


class OwnMetrics(keras.Sequential):
    def compute_metrics(self, *args, **kwargs):
        logs = super().compute_metrics(*args, **kwargs)
        return {**logs, "my_accuracy": keras.ops.convert_to_tensor(0.25)}


class OwnTrainStep(keras.Sequential):
    def train_step(self, *args):
        own = {"my_accuracy": keras.ops.convert_to_tensor(0.25)}
        if BACKEND == "jax":
            logs, state = super().train_step(*args)
            return {**logs, **own}, state
        return {**super().train_step(*args), **own}


@pytest.mark.parametrize("kind", [OwnTrainStep, OwnMetrics])
def test_a_model_with_methods_of_its_own_may_log_the_accuracy(kind):
    model = kind([keras.Input((8,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    callback = kb.MLHEarlyStopping("eic")
    model.fit(*two_classes(), callbacks=[callback], verbose=0)
    assert callback.history["accuracy"] == [0.25]
