"""Reports and callbacks take the inputs that Keras' `predict` takes, and tell the rest at once."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_benford as kb
from keras_benford.information import activations, report
from tests.backends import needs_tensorflow

RNG = np.random.default_rng(0)
N = 120
Y = RNG.integers(0, 2, N)


def network(shape, **options):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input(shape, **options),
            layers.Flatten(),
            layers.Dense(5, "relu", name="hidden"),
            layers.Dense(2),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    return model


def normal(*shape):
    return RNG.standard_normal((N, *shape)).astype("float32")


class EpochBegunError(Exception):
    """The first epoch has begun."""


class NoEpoch(keras.callbacks.Callback):
    """Fails where an epoch begins."""

    def on_epoch_begin(self, epoch, logs=None):
        raise EpochBegunError


CALLBACKS = pytest.mark.parametrize(
    "callback",
    [kb.InformationMonitor, lambda x: kb.ChurnEarlyStopping(x, unseen=None)],
    ids=["InformationMonitor", "ChurnEarlyStopping"],
)
SHAPES = pytest.mark.parametrize(
    ("given", "taken"),
    [((6, 6), (6, 6, 1)), ((), (1,)), ((4, 4, 1), (4, 4)), ((5, 1), (5,))],
    ids=["no channel", "no axis", "a channel too many", "an axis too many"],
)


@pytest.mark.slow
@SHAPES
def test_axes_of_length_one_are_added_and_left_out_as_by_keras(given, taken):
    x, model = normal(*given), network(taken)
    before = keras.Model(model.inputs, model.get_layer("hidden").output).predict(x, verbose=0)
    found = activations(model, x, "hidden", before_activation=False).values
    np.testing.assert_allclose(found, before, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@CALLBACKS
@SHAPES
def test_so_they_are_by_callbacks(callback, given, taken):
    x = normal(*given)
    network(taken).fit(x, Y, verbose=0, callbacks=[callback(x)])


@pytest.mark.slow
@CALLBACKS
@pytest.mark.parametrize(
    "x",
    [normal(7), np.full((N, 6), "a"), normal(6, 6), {"other": normal(6)}],
    ids=["features", "text", "an axis", "a name"],
)
def test_what_does_not_fit_is_told_before_any_epoch(callback, x):
    with pytest.raises(ValueError, match=r"`x`: expected .* as the model takes") as raised:
        network((6,)).fit(normal(6), Y, verbose=0, callbacks=[callback(x), NoEpoch()])
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 500


@CALLBACKS
@pytest.mark.parametrize(
    "x",
    [normal(6).tolist(), [1.0] * 10_000, {"a": [1, 2]}, 5, np.float32(5)],
    ids=["rows", "numbers", "a dict of numbers", "a number", "a scalar"],
)
def test_numbers_in_lists_are_refused_and_not_printed(callback, x):
    with pytest.raises(TypeError, match=r"`x`: expected arrays of .* np\.array\(x\)") as raised:
        network((6,)).fit(normal(6), Y, verbose=0, callbacks=[callback(x), NoEpoch()])
    assert len(str(raised.value)) < 250


def test_symbols_outside_an_embedding_are_one_line_on_every_layer():
    model = keras.Sequential(
        [keras.Input((3,)), layers.Embedding(9, 2), layers.Flatten(), *network((6,)).layers[1:]]
    )
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - each backend has its own
        report(model, np.full((N, 3), 99))
    assert "\n" not in str(raised.value)


def dense_and_sparse(kind):
    dense = np.where(RNG.random((N, 6)) < 0.3, RNG.standard_normal((N, 6)), 0).astype("float32")
    if kind == "SciPy":
        sparse = pytest.importorskip("scipy.sparse")
        return dense, sparse.csr_array(dense)
    if kind == "JAX":
        return dense, pytest.importorskip("jax.experimental.sparse").BCOO.fromdense(dense)
    tf = pytest.importorskip("tensorflow")
    return dense, tf.sparse.from_dense(dense)


@pytest.mark.parametrize("kind", ["SciPy", "JAX", "TensorFlow"])
def test_sparse_examples_are_as_dense_ones(kind):
    dense, sparse = dense_and_sparse(kind)
    model = network((6,))
    expected, found = (activations(model, x, batch_size=50).values for x in (dense, sparse))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    drawn = [report(model, x, examples=50).mutual_information for x in (dense, sparse)]
    np.testing.assert_allclose(*drawn, atol=1e-5)


@needs_tensorflow
def test_ragged_examples_are_filled_up_with_zeros():
    import tensorflow as tf

    rows = [RNG.integers(1, 9, RNG.integers(1, 5)).tolist() for _ in range(N)]
    model = keras.Sequential([keras.Input((4,)), *network((4,)).layers])
    filled = keras.utils.pad_sequences(rows, 4, padding="post").astype("float32")
    found = activations(model, tf.cast(tf.ragged.constant(rows), "float32")).values
    np.testing.assert_allclose(found, activations(model, filled).values, rtol=1e-5, atol=1e-6)


def test_tables_and_other_byte_orders_are_numbers():
    pandas = pytest.importorskip("pandas", reason="needs pandas")
    x, model = normal(6), network((6,))
    expected = activations(model, x).values
    table = pandas.DataFrame(x, columns=list("abcdef"))
    for same in (table, table.astype(object), x.astype(">f4")):
        np.testing.assert_array_equal(activations(model, same).values, expected)


class TestManyExamples:
    X = RNG.standard_normal((2500, 6)).astype("float32")

    def test_are_drawn_from_and_it_is_said(self):
        model, said = network((6,)), "2,000 of 2,500 examples are looked at, drawn at random"
        with pytest.warns(UserWarning, match=said):
            found = report(model, self.X, method="bins")
        assert found.to_dict()["samples"] == 2000
        same = report(model, self.X, examples=2000, method="bins")
        np.testing.assert_array_equal(same.entropy, found.entropy)
        assert report(model, self.X, examples=2500, method="bins").to_dict()["samples"] == 2500

    def test_of_a_generator_too(self):
        batches = (self.X[i : i + 100] for i in range(0, 2500, 100))
        found = report(network((6,)), batches, examples=300, method="bins")
        assert found.to_dict()["samples"] == 300

    def test_are_drawn_once_a_training(self):
        model = network((6,))
        monitor = kb.InformationMonitor(self.X, examples=200, method="bins", seed=3)
        model.fit(self.X[:N], Y, epochs=2, verbose=0, callbacks=[monitor])
        last = report(model, self.X, examples=200, method="bins", seed=3, neurons=64)
        assert monitor.history["entropy"][-1] == last.mean_entropy
        with pytest.warns(UserWarning, match="2,000 of 2,500 examples"):
            model.fit(self.X[:N], Y, verbose=0, callbacks=[kb.InformationMonitor(self.X)])

    @pytest.mark.parametrize("examples", [1, 2.5, True])
    def test_in_no_number_are_refused(self, examples):
        with pytest.raises(ValueError, match="`examples`: expected 2 or more, or None; received"):
            report(network((6,)), self.X, examples=examples)
