"""Averages that optimizers keep, and several optimizers in one model, under early stopping."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_benford as kb
from keras_benford.callbacks import optimizers
from tests.backends import BACKEND
from tests.test_resume import KillAt, Killed
from tests.training import Recorder, assert_same_weights, classifier, two_classes

pytestmark = pytest.mark.slow
has_multi = pytest.mark.skipif(
    not hasattr(keras.optimizers, "MultiOptimizer"), reason="this Keras has no MultiOptimizer"
)


def averaging(kind="sgd"):
    arguments = {"use_ema": True, "ema_momentum": 0.5}
    if kind == "sgd":
        return keras.optimizers.SGD(0.1, **arguments)
    if kind == "scaled":
        return keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1, **arguments))
    first, rest = keras.optimizers.SGD(0.1, **arguments), keras.optimizers.Adam(0.01)
    return keras.optimizers.MultiOptimizer(lambda v: first if v.path.endswith("kernel") else rest)


def train(*callbacks, epochs=9, optimizer="sgd"):
    model = classifier(averaging(optimizer))
    model.fit(*two_classes(), epochs=epochs, shuffle=False, callbacks=list(callbacks), verbose=0)
    return model


def stopping(**arguments):
    """Stops after a few epochs, the best one being before the last."""
    arguments = {"patience": 2, "start_from_epoch": 1, **arguments}
    return kb.MLHEarlyStopping("mlh", mode="min", **arguments)


def swap():
    """Changes the weights in their last bit under TensorFlow, where it adds and subtracts."""
    return keras.callbacks.SwapEMAWeights(swap_on_epoch=True)


def assert_nearly_same_weights(left, right):
    for a, b in zip(left, right, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("optimizer", "restore"),
    [("sgd", "average"), ("scaled", "best"), pytest.param("multi", "best", marks=has_multi)],
)
def test_the_order_of_swapping_and_stopping_makes_no_difference(optimizer, restore):
    alone = stopping(restore=restore)
    expected = train(alone, optimizer=optimizer).get_weights()
    assert alone.best_epoch < alone.stopped_epoch < 8
    for order in (lambda ours: [swap(), ours], lambda ours: [ours, swap()]):
        ours = stopping(restore=restore)
        model = train(*order(ours), optimizer=optimizer)
        assert ours.history["epoch"] == alone.history["epoch"]
        assert ours.best_epoch == alone.best_epoch
        assert_nearly_same_weights(model.get_weights(), expected)


def test_the_averages_of_the_best_epoch_come_back_after_a_swap():
    ours, averages = stopping(), Recorder()
    model = train(swap(), averages, ours)
    assert_same_weights(model.get_weights(), averages.epoch_weights[ours.best_epoch])
    # Keras itself averages at the end of a fit of so many epochs.
    fitted = train(swap(), epochs=ours.best_epoch + 1)
    assert_same_weights(model.get_weights(), fitted.get_weights())


@has_multi
def test_averages_of_several_optimizers_are_kept_as_fit_would_leave_them():
    expected = train(epochs=2, optimizer="multi").get_weights()
    ours = kb.MLHEarlyStopping("mlh", patience=0, start_from_epoch=1, baseline=-1)
    model = train(ours, epochs=2, optimizer="multi")
    assert_same_weights(model.get_weights(), expected)


@pytest.mark.parametrize("swap_first", [True, False], ids=["swap-first", "swap-last"])
def test_a_killed_training_with_swapped_averages_goes_on_from_the_raw_weights(tmp_path, swap_first):
    def run(folder=None, kill=()):
        ours = stopping(backup_dir=folder)
        order = [swap(), ours] if swap_first else [ours, swap()]
        return train(*order, *kill).get_weights(), ours.history

    expected, history = run()
    for epoch in (1, 3):
        with pytest.raises(Killed):
            run(tmp_path, [KillAt(epoch)])
    resumed, resumed_history = run(tmp_path)
    assert resumed_history["epoch"] == history["epoch"]
    assert_nearly_same_weights(resumed, expected)


class Adversarial(keras.Model):
    """Two parts, each with an optimizer of its own, that one `train_step` updates in turn."""

    def __init__(self, first="adam", second="adam"):
        super().__init__()
        self.parts = [keras.layers.Dense(8), keras.layers.Dense(8, activation="relu")]
        # In a container, which Keras saves as well.
        self.own = {"first": keras.optimizers.get(first), "second": keras.optimizers.get(second)}

    def build(self, shape):
        for part in self.parts:
            part.build(shape)
        self.built = True

    def call(self, x):
        return self.parts[1](self.parts[0](x))

    def train_step(self, data):
        for part, optimizer in zip(self.parts, self.own.values(), strict=True):
            self._update(data, part.trainable_variables, optimizer)
        return {"loss": ops.mean(self(data) ** 2)}

    def _update(self, x, variables, optimizer):
        if BACKEND == "tensorflow":
            import tensorflow as tf

            with tf.GradientTape() as tape:
                loss = ops.mean(ops.abs(self(x) - x))
            gradients = tape.gradient(loss, variables)
            optimizer.apply_gradients(zip(gradients, variables, strict=True))
        else:
            import torch

            self.zero_grad()
            ops.mean(ops.abs(self(x) - x)).backward()
            with torch.no_grad():
                optimizer.apply([variable.value.grad for variable in variables], variables)


def adversarial(*callbacks, epochs=8, model=None):
    if model is None:
        keras.utils.set_random_seed(0)
        model = Adversarial()
        model.build((None, 8))
        model.compile()
    data = two_classes(64)[0]
    model.fit(data, epochs=epochs, shuffle=False, callbacks=list(callbacks), verbose=0)
    return model


def steps(model):
    return [int(optimizer.iterations.numpy()) for optimizer in model.own.values()]


@pytest.mark.skipif(BACKEND == "jax", reason="updates the compiled optimizer's variables only")
class TestSeveralOptimizers:
    def test_all_of_them_are_found_once(self):
        model = adversarial(epochs=1)
        model.again = [model.own["first"], (model.parts, {"deep": model.own["second"]})]
        assert set(map(id, optimizers.all_of(model))) == {
            id(model.optimizer),
            *map(id, model.own.values()),
        }
        outer = keras.Sequential([model])
        outer.compile("sgd")
        assert len(optimizers.all_of(outer)) == 4

    def test_the_best_weights_leave_them_where_training_ended(self, tmp_path):
        ours = kb.MLHEarlyStopping("mlh", mode="min", patience=9, backup_dir=tmp_path)
        model = adversarial(ours)
        assert steps(model) == [16, 16]
        undisturbed = adversarial()
        for mine, theirs in zip(model.own.values(), undisturbed.own.values(), strict=True):
            assert_same_weights(
                [ops.convert_to_numpy(v) for v in mine.variables],
                [ops.convert_to_numpy(v) for v in theirs.variables],
            )

    def test_a_killed_training_goes_on_with_the_state_of_each(self, tmp_path):
        def run(*more, folder=None):
            return adversarial(
                kb.MLHEarlyStopping("mlh", patience=9, restore="last", backup_dir=folder), *more
            )

        expected = run()
        for kill in (KillAt(0, 1), KillAt(4)):
            with pytest.raises(Killed):
                run(kill, folder=tmp_path)
        resumed = run(folder=tmp_path)
        assert steps(resumed) == steps(expected) == [16, 16]
        assert_same_weights(resumed.get_weights(), expected.get_weights())

    def test_one_of_foreign_weights_is_refused(self, tmp_path):
        model = adversarial(epochs=1)
        nobody = keras.layers.Dense(2)
        nobody.build((None, 3))
        model.own["first"] = keras.optimizers.Adam()
        model.own["first"].build(nobody.trainable_variables)
        ours = kb.MLHEarlyStopping("mlh", backup_dir=tmp_path)
        with pytest.raises(ValueError, match="expected optimizers of the model's own"):
            adversarial(ours, model=model)

    def test_one_that_has_moved_on_is_refused(self, tmp_path):
        def run(*more, model=None):
            return adversarial(kb.MLHEarlyStopping("mlh", backup_dir=tmp_path), *more, model=model)

        keras.utils.set_random_seed(0)
        model = Adversarial()
        model.build((None, 8))
        model.compile()
        with pytest.raises(Killed):
            run(KillAt(0, 1), model=model)
        with pytest.raises(ValueError, match="as it was before its first update"):
            run(model=model)
