"""What a model gives is no hidden layer: told by what its outputs are, not by their shape."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_benford.information import activations

X = np.random.default_rng(0).standard_normal((20, 6)).astype("float32")


def dense(name, units=6, activation=None):
    return layers.Dense(units, activation, name=name)


class TwoHeads(keras.Model):
    """Heads of one shape with a hidden layer, as a dict, in an order that is not that of calls."""

    def __init__(self, softmax=False):
        super().__init__()
        self.hidden, self.a, self.b = dense("hidden"), dense("a"), dense("b", 3)
        self.softmax = softmax

    def call(self, x):
        hidden = self.hidden(x)
        a, b = self.a(hidden), self.b(hidden)
        change = ops.softmax if self.softmax else lambda values: values
        return {"b": change(b), "a": [change(a)]}


class OwnOutput(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.kernel = self.add_weight(shape=(6, 6), name="kernel")

    def call(self, x):
        return x @ self.kernel


def functional(make):
    inputs = keras.Input((6,))
    hidden = dense("hidden")(inputs)
    return keras.Model(inputs, make(hidden))


def nested():
    head = keras.Sequential([keras.Input((6,)), dense("logits"), layers.Softmax()], name="head")
    return keras.Sequential([keras.Input((6,)), dense("hidden"), head])


MODELS = {
    "two heads": lambda: called(TwoHeads()),
    "two heads by operations": lambda: called(TwoHeads(softmax=True)),
    "several": lambda: functional(lambda hidden: [dense("a", 3)(hidden), dense("b")(hidden)]),
    "a dict": lambda: functional(
        lambda hidden: {"a": dense("a", 3)(hidden), "b": dense("b")(hidden)}
    ),
    "a hidden layer too": lambda: functional(
        lambda hidden: [(a := dense("also")(hidden)), dense("logits", 2)(a)]
    ),
    "softmax": lambda: functional(lambda hidden: layers.Softmax()(dense("logits")(hidden))),
    "activation": lambda: functional(
        lambda hidden: layers.Activation("softmax", dtype="float32")(dense("logits")(hidden))
    ),
    "dropout": lambda: functional(lambda hidden: layers.Dropout(0.5)(dense("logits")(hidden))),
    "another shape": lambda: functional(
        lambda hidden: layers.Activation("sigmoid")(layers.Reshape((2, 3))(dense("logits")(hidden)))
    ),
    "an operation": lambda: functional(lambda hidden: ops.softmax(dense("logits")(hidden))),
    "a layer of one's own": lambda: functional(OwnOutput()),
    "by time step": lambda: functional(
        lambda hidden: layers.TimeDistributed(dense("logits", 1))(layers.Reshape((6, 1))(hidden))
    ),
    "nested": nested,
}


def called(model):
    model(X)
    return model


@pytest.mark.parametrize("name", MODELS)
def test_outputs_are_left_out_and_hidden_layers_of_their_shape_kept(name):
    assert activations(MODELS[name](), X).layer_names == ["hidden"]


def test_of_a_shared_layer_the_call_that_gives_the_output_is():
    inputs, layer = keras.Input((6,)), dense("shared")
    model = keras.Model(inputs, layer(layer(layer(inputs))))
    assert activations(model, X).layer_names == ["shared", "shared (call 2)"]


def test_features_that_a_model_gives_are_outputs_unless_they_are_asked_for():
    model = keras.Sequential([keras.Input((5, 6)), layers.LSTM(4, name="features")])
    x = np.zeros((20, 5, 6), "float32")
    with pytest.raises(
        ValueError, match=r"expected a model with hidden layers.*choose by `layers`"
    ):
        activations(model, x)
    assert activations(model, x, "features").layer_names == ["features"]
