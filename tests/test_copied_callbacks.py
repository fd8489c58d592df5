"""Callbacks can be copied and pickled: before, after, and out of a `fit` that was interrupted."""

import copy
import pickle

import keras
import numpy as np
import pytest

import keras_benford as kb
from tests.backends import needs_tensorflow
from tests.training import assert_same_weights, classifier, two_classes

pytestmark = pytest.mark.slow
X, Y = two_classes()
COPIES = [copy.copy, copy.deepcopy, lambda callback: pickle.loads(pickle.dumps(callback))]
MAKERS = {
    "MLH": lambda **given: kb.MLHEarlyStopping(**given),
    "churn": lambda **given: kb.ChurnEarlyStopping(X, **given),
    "Benford": lambda **given: kb.BenfordMonitor(**given),
    "information": lambda: kb.InformationMonitor(X[:50]),
}
KINDS = [
    ("MLH", {}),
    ("MLH", {"check_every": 2, "patience": 99}),
    ("churn", {"check_every": 2, "patience": 99}),
    ("Benford", {"check_every": 2}),
    ("information", {}),
]


class Interrupt(keras.callbacks.Callback):
    """Ctrl-C within the last of so many epochs."""

    def __init__(self, epochs):
        super().__init__()
        self.epochs = epochs

    def on_epoch_begin(self, epoch, logs=None):
        self.last = epoch == self.epochs - 1

    def on_train_batch_end(self, batch, logs=None):
        if self.last and batch == 3:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def fit():
    """Trains the same network from the same start: compiled once."""
    model = classifier()
    model.optimizer.build(model.trainable_variables)
    variables = [*model.variables, *model.optimizer.variables]
    start = [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]

    def fit(callback, *more, epochs=2):
        for variable, values in zip(variables, start, strict=True):
            variable.assign(values)
        keras.utils.set_random_seed(0)
        model.fit(X, Y, epochs=epochs, verbose=0, callbacks=[callback, *more])

    return fit


@pytest.mark.parametrize(("kind", "given"), KINDS)
def test_what_was_found_until_ctrl_c_is_kept(fit, kind, given):
    callback = MAKERS[kind](**given)
    with pytest.raises(KeyboardInterrupt):
        fit(callback, Interrupt(7), epochs=9)
    best = getattr(callback, "best_weights", None)
    assert (best is not None) is (kind in ("MLH", "churn"))
    for made in COPIES:
        twin = made(callback)
        assert twin.history == callback.history
        assert len(twin.history["epoch"]) >= 6
        if best is not None:
            assert_same_weights(twin.best_weights, best)


@pytest.mark.parametrize(("kind", "given"), KINDS)
def test_a_copy_trains_like_the_original(fit, kind, given):
    original = MAKERS[kind](**given)
    shallow, deep, _ = (made(original) for made in COPIES)
    fit(original)
    expected = dict(original.history)
    for twin in (shallow, deep, pickle.loads(pickle.dumps(original)), original):
        fit(twin)
        np.testing.assert_equal(twin.history, expected)


@needs_tensorflow
@pytest.mark.parametrize(
    "make",
    [lambda x: kb.ChurnEarlyStopping(x, x), lambda x: kb.InformationMonitor(x)],
    ids=["churn", "information"],
)
def test_inputs_that_no_pickle_holds_are_told_when_they_are_missed(fit, make):
    import tensorflow as tf

    batches = tf.data.Dataset.from_tensor_slices(X).batch(50)
    callback = make(batches)
    fit(callback)
    twin = pickle.loads(pickle.dumps(callback))
    assert twin.history == callback.history
    with pytest.raises(ValueError, match="`x`: expected inputs; received a callback from a pickle"):
        fit(twin)
    fit(copy.deepcopy(callback))
