"""What this package takes of Keras that is not public is there, and does what it is taken for.

Each test names a part of `keras_benford._keras`: a new version of Keras that changed it fails here.
"""

import ast
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

import keras_benford
from keras_benford import _keras
from tests.backends import BACKEND, needs_tensorflow
from tests.training import classifier, two_classes

PACKAGE = Path(keras_benford.__file__).parent


def nested():
    inner = keras.Sequential([keras.layers.Dense(2), keras.layers.Dense(2)], name="inner")
    return keras.Sequential([keras.Input((3,)), inner, keras.layers.Dense(2, name="last")])


def test_flatten_layers_gives_what_a_layer_holds():
    model = nested()
    names = [layer.name for layer in _keras.flat_layers(model, include_self=False)]
    assert {"inner", "last"} < set(names)
    assert len(names) >= 4
    direct = _keras.flat_layers(model, include_self=False, recursive=False)
    assert [layer.name for layer in direct if layer.name in names] == [
        name for name in names if name in {layer.name for layer in direct}
    ]
    assert _keras.flat_layers(model)[0] is model
    assert _keras.is_layer(model)
    assert _keras.is_layer(model.layers[-1])
    assert not _keras.is_layer(keras.optimizers.Adam())


@pytest.mark.parametrize("module", ["tf_keras.src.engine.base_layer", "tensorflow.python.keras.x"])
def test_models_of_tf_keras_are_told_by_their_module(module):
    theirs = type("Layer", (), {"__module__": module, "weights": [], "_flatten_layers": None})
    model = type("Sequential", (theirs,), {"__module__": "own"})()
    metric, monitor = keras_benford.WeightsMLH(), keras_benford.BenfordMonitor()
    for give in (keras_benford.score, metric.bind, monitor.set_model):
        with pytest.raises(TypeError, match="expected a model of Keras 3; received Sequential of"):
            give(model)
    _keras.check_is_no_tf_keras(nested())


def test_call_has_training_arg_tells_of_the_argument():
    class With(keras.Model):
        def call(self, x, training=None):
            return x

    class Without(keras.Model):
        def call(self, x):
            return x

    assert _keras.takes_training(With())
    assert not _keras.takes_training(Without())


def test_user_metrics_are_those_given_to_compile():
    model = classifier(metrics=["accuracy", "mse"], weighted_metrics=["mae"])
    (compiled,) = (each for each in model.metrics if hasattr(each, "metrics"))
    assert _keras.given_metrics(compiled) == ["accuracy", "mse", "mae"]
    assert _keras.given_metrics(keras.metrics.Mean()) == []


@pytest.mark.slow
@pytest.mark.parametrize(("epoch", "expected"), [(2, [2, 3]), (None, [0, 1, 2, 3])])
def test_initial_epoch_is_where_fit_begins(epoch, expected):
    begun = []

    class Begin(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            _keras.begin_with(self.model, epoch)

        def on_epoch_begin(self, epoch, logs=None):
            begun.append(epoch)

    classifier().fit(*two_classes(), epochs=4, verbose=0, callbacks=[Begin()])
    assert begun == expected


@pytest.mark.slow
def test_save_weights_only_leaves_the_optimizer_out(tmp_path):
    model = classifier()
    model.fit(*two_classes(), verbose=0)
    path = tmp_path / "own.weights.h5"
    _keras.save_weights(model, path, without=[model.optimizer])
    with h5py.File(path) as file:
        assert "optimizer" not in file
        assert "layers" in file
    other = classifier(seed=1)
    other.load_weights(path, objects_to_skip=[other.optimizer])
    np.testing.assert_array_equal(other.get_weights()[0], model.get_weights()[0])


def test_in_stateless_scope_tells_of_an_open_one():
    assert not _keras.in_stateless_scope()
    with keras.StatelessScope():
        assert _keras.in_stateless_scope()


def test_direct_assign_is_how_a_weight_lets_go_of_its_array():
    model = classifier()
    before = [weight.value for weight in model.weights]
    own = [dict(vars(weight)) for weight in model.weights]
    values = [np.ones(weight.shape, "float32") for weight in model.weights]
    with _keras.old_arrays_freed(model.weights):
        model.set_weights(values)
    if BACKEND == "jax":
        assert all(array.is_deleted() for array in before)
    for weight, value, attributes in zip(model.weights, values, own, strict=True):
        np.testing.assert_array_equal(weight, value)
        assert vars(weight).keys() == attributes.keys()


def test_trainable_variables_are_those_an_optimizer_was_built_for():
    model = classifier()
    some = model.trainable_variables[1:3]
    optimizer = keras.optimizers.Adam(use_ema=True)
    optimizer.build(some)
    assert list(map(id, _keras.updated_by(optimizer))) == list(map(id, some))
    pairs = _keras.averaged_by(optimizer)
    assert [id(variable) for variable, _ in pairs] == list(map(id, some))
    optimizer.apply([keras.ops.ones(variable.shape) for variable in some])
    for variable, average in pairs:
        np.testing.assert_array_equal(variable, average)
    assert _keras.averaged_by(keras.optimizers.Adam()) == []


@pytest.mark.slow
def test_the_callback_list_that_calls_has_all_callbacks():
    found = []

    class Look(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            found.append(_keras.callbacks_beside(self))

    class LookFromWithin(Look):
        def on_train_begin(self, logs=None):
            super().on_train_begin(logs)

    first, second = Look(), LookFromWithin()
    classifier().fit(*two_classes(), verbose=0, callbacks=[first, second])
    for each in found:
        assert each[:2] == [first, second]
    assert len(found) == 2
    first.on_train_begin()
    assert found[2] == []


@pytest.mark.slow
def test_swapping_tells_whether_the_averages_are_in_the_model():
    swap, told = keras.callbacks.SwapEMAWeights(swap_on_epoch=True), []
    look = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda *_: told.append(_keras.averages_are_in(swap)),
        on_epoch_end=lambda *_: told.append(_keras.averages_are_in(swap)),
    )
    optimizer = keras.optimizers.SGD(use_ema=True)
    classifier(optimizer).fit(*two_classes(), epochs=2, verbose=0, callbacks=[swap, look])
    assert told == [False, True, False, True]
    assert not _keras.averages_are_in(look)


@needs_tensorflow  # one backend will do
def test_nothing_private_of_keras_is_taken_anywhere_else():
    private = {
        "_flatten_layers",
        "_call_has_training_arg",
        "_user_metrics",
        "_user_weighted_metrics",
        "_initial_epoch",
        "_direct_assign",
        "_model_variables_moving_average",
        "_ema_weights_in_model",
    }
    for path in PACKAGE.rglob("*.py"):
        if path.name == "_keras.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [getattr(node, "attr", None), getattr(node, "value", None)]
            assert not any(isinstance(name, str) and name in private for name in names), path
            assert not (getattr(node, "module", None) or "").startswith("keras.src"), path
