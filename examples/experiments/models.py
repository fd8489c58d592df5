"""The networks of the paper, as Keras models that give logits.

Source: arXiv 2102.03313 and its published code. Keras' own initializer stands where the authors
had PyTorch's; `pytorch_default()` gives theirs.
"""

import keras
from keras import layers


def pytorch_default():
    """PyTorch's initializer of kernels: uniform in ±1/sqrt(fan_in)."""
    return keras.initializers.VarianceScaling(1 / 3, mode="fan_in", distribution="uniform")


def scaled_normal(scale, mode):
    """PyTorch's normal initializers, which cut nothing off."""
    return keras.initializers.VarianceScaling(scale, mode, "untruncated_normal")


class Shifted(keras.initializers.Initializer):
    """The paper's bad start: each kernel has a mean of its own, drawn from 0.1 to 0.5.

    The paper does not say how it scatters about that; here as PyTorch's default does about 0.
    """

    def __call__(self, shape, dtype=None):
        mean = keras.random.uniform((), 0.1, 0.5, dtype=dtype)
        return mean + pytorch_default()(shape, dtype)


def _anew(initializer):
    """Another initializer of this kind: one and the same gives all layers the same numbers."""
    initializer = keras.initializers.get(initializer)
    return getattr(initializer, "clone", lambda: initializer)()


def small_alexnet(input_shape, n_classes, kernel_initializer="glorot_uniform"):
    """The authors' small AlexNet, without dropout: 356,288 kernel weights for 32×32×3 inputs."""

    def conv(filters, size, strides=1):
        return layers.Conv2D(
            filters, size, strides, activation="relu", kernel_initializer=_anew(kernel_initializer)
        )

    def dense(units, activation=None):
        return layers.Dense(units, activation, kernel_initializer=_anew(kernel_initializer))

    return keras.Sequential(
        [
            keras.Input(input_shape),
            layers.ZeroPadding2D(2),
            conv(64, 11, strides=4),
            layers.MaxPooling2D(3, 2),
            layers.ZeroPadding2D(2),
            conv(192, 5),
            layers.MaxPooling2D(3, 2),
            layers.Flatten(),
            dense(128, "relu"),
            dense(n_classes),
        ],
        name="small_alexnet",
    )


def lenet(input_shape, n_classes, kernel_initializer="glorot_uniform"):
    """Two strided convolutions with leaky ReLU, and a dense layer."""

    def conv(filters):
        return layers.Conv2D(filters, 5, 2, "same", kernel_initializer=_anew(kernel_initializer))

    return keras.Sequential(
        [
            keras.Input(input_shape),
            conv(32),
            layers.LeakyReLU(),
            conv(64),
            layers.LeakyReLU(),
            layers.Flatten(),
            layers.Dense(n_classes, kernel_initializer=_anew(kernel_initializer)),
        ],
        name="lenet",
    )


def digits_cnn(input_shape, n_classes):
    """A small convolutional network for pictures of 8×8 pixels."""
    return keras.Sequential(
        [
            keras.Input(input_shape),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.Conv2D(64, 3, strides=2, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dense(64, "relu"),
            layers.Dense(n_classes),
        ],
        name="digits_cnn",
    )


def densenet121(input_shape, n_classes, kernel_initializer="glorot_uniform"):
    """DenseNet-121 for small pictures: growth 32, a stem of 3×3, and no pooling before the blocks.

    With 10 classes it has 6,956,298 trainable parameters, as published for PyTorch.
    """
    growth = 32

    def conv(x, filters, size):
        x = layers.BatchNormalization(epsilon=1e-5, momentum=0.9)(x)
        x = layers.ReLU()(x)
        return plain(x, filters, size)

    def plain(x, filters, size):
        return layers.Conv2D(
            filters,
            size,
            padding="same",
            use_bias=False,
            kernel_initializer=_anew(kernel_initializer),
        )(x)

    inputs = keras.Input(input_shape)
    x = plain(inputs, 2 * growth, 3)
    for block, n_layers in enumerate((6, 12, 24, 16)):
        if block > 0:
            x = layers.AveragePooling2D(2)(conv(x, x.shape[-1] // 2, 1))
        for _ in range(n_layers):
            x = layers.Concatenate()([conv(conv(x, 4 * growth, 1), growth, 3), x])
    x = layers.ReLU()(layers.BatchNormalization(epsilon=1e-5, momentum=0.9)(x))
    x = layers.GlobalAveragePooling2D()(x)
    outputs = layers.Dense(n_classes, kernel_initializer=_anew(kernel_initializer))(x)
    return keras.Model(inputs, outputs, name="densenet121")


def lstm(input_shape, n_classes, kernel_initializer="glorot_uniform"):
    """Two LSTM layers and a dense one, for sequences `(steps, features)`."""

    def layer(return_sequences):
        return layers.LSTM(
            128,
            return_sequences=return_sequences,
            kernel_initializer=_anew(kernel_initializer),
            recurrent_initializer=_anew(kernel_initializer),
        )

    dense = layers.Dense(n_classes, kernel_initializer=_anew(kernel_initializer))
    return keras.Sequential(
        [keras.Input(input_shape), layer(True), layer(False), dense], name="lstm"
    )


def mlp(input_shape, n_classes, kernel_initializer="glorot_uniform"):
    """Two dense layers; a single output where there are no classes but a number to predict."""
    return keras.Sequential(
        [
            keras.Input(input_shape),
            layers.Flatten(),
            layers.Dense(64, "relu", kernel_initializer=_anew(kernel_initializer)),
            layers.Dense(n_classes or 1, kernel_initializer=_anew(kernel_initializer)),
        ],
        name="mlp",
    )


NETWORKS = {each.__name__: each for each in (small_alexnet, lenet, densenet121, lstm, mlp)}
INITIALIZERS = {
    "pytorch": pytorch_default,
    "keras": keras.initializers.GlorotUniform,
    "kaiming_uniform": keras.initializers.HeUniform,
    "kaiming_normal": lambda: scaled_normal(2, "fan_in"),
    "xavier_uniform": keras.initializers.GlorotUniform,
    "xavier_normal": lambda: scaled_normal(1, "fan_avg"),
    "orthogonal": keras.initializers.Orthogonal,
    "normal": lambda: keras.initializers.RandomNormal(0, 1),
    "uniform": lambda: keras.initializers.RandomUniform(0, 1),
    "bad": lambda: Shifted(),
}
"""Functions that give an initializer of kernels, by name: those of the paper's Figure 1."""
