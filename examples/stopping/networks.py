"""The networks of the tasks: functions of a `Shape` to a Keras model that gives logits or a number.

Those of the development half are plain: dense layers, small convolutional networks, an LSTM. Those
of the other half differ in kind: residual and normalised ones, SELU, tanh, GRU, a Transformer.
Each ends in one `Dense` layer.
"""

import functools
from dataclasses import dataclass

import keras
from keras import layers

from examples.experiments import models


@dataclass(frozen=True)
class Shape:
    """What a network takes and gives.

    Attributes:
        inputs: shape of one example.
        outputs: number of classes; 0 for a number.
        n_symbols: how many symbols there are, where inputs are integers; else 0.
    """

    inputs: tuple[int, ...]
    outputs: int
    n_symbols: int = 0


def _network(name, shape, body):
    inputs = keras.Input(shape.inputs, dtype="int32" if shape.n_symbols else "float32")
    outputs = layers.Dense(shape.outputs or 1)(body(inputs))
    return keras.Model(inputs, outputs, name=name)


def mlp(shape, *, units=256, depth=2, activation="relu", dropout=0.0, norm=False):
    """Dense layers, with dropout or batch normalisation at wish."""

    def body(x):
        x = layers.Flatten()(_embedded(x, shape, 16))
        initializer = "lecun_normal" if activation == "selu" else "glorot_uniform"
        for _ in range(depth):
            x = layers.Dense(units, kernel_initializer=initializer)(x)
            if norm:
                x = layers.BatchNormalization()(x)
            x = layers.Activation(activation)(x)
            if dropout:
                x = layers.Dropout(dropout)(x)
        return x

    return _network("mlp", shape, body)


def residual_mlp(shape, *, units=128, blocks=3):
    """Blocks of a normalised dense layer that is added to what came before."""

    def body(x):
        x = layers.Dense(units)(x)
        for _ in range(blocks):
            y = layers.BatchNormalization()(x)
            y = layers.Dense(units, "relu")(y)
            x = layers.Add()([x, layers.Dense(units)(y)])
        return layers.LayerNormalization()(x)

    return _network("residual_mlp", shape, body)


def cnn(shape):
    """Two convolutions, for pictures of 8×8 pixels."""
    return models.digits_cnn(shape.inputs, shape.outputs)


def lenet(shape):
    """`models.lenet`."""
    return models.lenet(shape.inputs, shape.outputs)


def small_alexnet(shape, *, augment=False):
    """`models.small_alexnet`, at wish behind flips and shifts of the training pictures."""
    network = models.small_alexnet(shape.inputs, shape.outputs)
    if not augment:
        return network
    distort = [layers.RandomFlip("horizontal"), layers.RandomTranslation(0.1, 0.1)]
    # Copies, which know of this model only.
    copies = [type(layer).from_config(layer.get_config()) for layer in network.layers]
    return keras.Sequential([keras.Input(shape.inputs), *distort, *copies])


def alexnet_of_28(shape, *, filters=64):
    """The network for pictures of 28×28 pixels that gradient disparity was published with."""
    settings = {"activation": "relu", "kernel_initializer": "he_normal"}
    convolution = functools.partial(layers.Conv2D, kernel_size=3, padding="same", **settings)

    def body(x):
        x = convolution(filters, strides=2)(x)
        x = convolution(3 * filters)(layers.MaxPooling2D()(x))
        x = layers.MaxPooling2D()(x)
        for n in (6, 4, 4):
            x = convolution(n * filters)(x)
        x = layers.Flatten()(layers.MaxPooling2D()(x))
        for _ in range(2):
            x = layers.Dense(4096, **settings)(layers.Dropout(0.5)(x))
        return x

    return _network("alexnet_of_28", shape, body)


def cnn_norm(shape, *, filters=32):
    """Three normalised convolutions and a mean over space."""

    def body(x):
        for i in range(3):
            x = layers.Conv2D(filters * 2**i, 3, 2 if i else 1, "same", use_bias=False)(x)
            x = layers.BatchNormalization()(x)
            x = layers.ReLU()(x)
        return layers.GlobalAveragePooling2D()(x)

    return _network("cnn_norm", shape, body)


def recurrent(shape, *, kind="LSTM", units=64):
    """One recurrent layer over a sequence, of symbols or of features."""

    def body(x):
        return getattr(layers, kind)(units)(_embedded(x, shape, 16))

    return _network("recurrent", shape, body)


def _embedded(x, shape, width):
    """A vector for each symbol; features as they are."""
    return layers.Embedding(shape.n_symbols, width)(x) if shape.n_symbols else x


def cnn_1d(shape, *, filters=64):
    """Two convolutions over a sequence, of symbols or of features."""

    def body(x):
        x = _embedded(x, shape, 16)
        x = layers.Conv1D(filters, 5, padding="same", activation="elu")(x)
        x = layers.MaxPooling1D(2)(x)
        x = layers.Conv1D(filters, 5, padding="same", activation="elu")(x)
        return layers.GlobalMaxPooling1D()(x)

    return _network("cnn_1d", shape, body)


class Positions(layers.Layer):
    """Adds a vector to each position of a sequence, which training finds."""

    def build(self, shape):
        self.vectors = self.add_weight(shape=shape[1:], initializer="normal", name="kernel")

    def call(self, x):
        return x + self.vectors


def transformer(shape, *, width=32, blocks=2):
    """Blocks of attention and dense layers over a sequence, of symbols or of features."""

    def body(x):
        x = layers.Embedding(shape.n_symbols, width)(x) if shape.n_symbols else _tokens(x, width)
        x = Positions()(x)
        for _ in range(blocks):
            y = layers.LayerNormalization()(x)
            x = layers.Add()([x, layers.MultiHeadAttention(4, width // 4)(y, y)])
            y = layers.LayerNormalization()(x)
            y = layers.Dense(2 * width, "gelu")(y)
            x = layers.Add()([x, layers.Dense(width)(y)])
        return layers.GlobalAveragePooling1D()(layers.LayerNormalization()(x))

    def _tokens(x, width):
        return layers.Dense(width)(x)

    return _network("transformer", shape, body)


def learning_rate(rate, steps, cosine):
    """The rate itself, or one that falls along a cosine to 0 over so many steps."""
    return keras.optimizers.schedules.CosineDecay(rate, steps) if cosine else rate


def last_layer(network):
    """The last layer, and a model that gives what goes into it and what comes out."""
    last = network.layers[-1]
    return last, keras.Model(network.inputs, [last.input, last.output])
