"""The networks of the paper, as Keras models that give logits.

Source: arXiv 2102.03313 and its published code. Keras' own initializer stands where the authors
had PyTorch's; `pytorch_default()` gives theirs.
"""

import keras
from keras import layers


def pytorch_default():
    """PyTorch's initializer of kernels: uniform in ±1/sqrt(fan_in)."""
    return keras.initializers.VarianceScaling(1 / 3, mode="fan_in", distribution="uniform")


def small_alexnet(input_shape, n_classes, kernel_initializer="glorot_uniform"):
    """The authors' small AlexNet, without dropout: 356,288 kernel weights for 32×32×3 inputs."""

    def conv(filters, size, strides=1):
        return layers.Conv2D(
            filters, size, strides, activation="relu", kernel_initializer=kernel_initializer
        )

    def dense(units, activation=None):
        return layers.Dense(units, activation, kernel_initializer=kernel_initializer)

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
        return layers.Conv2D(filters, 5, 2, "same", kernel_initializer=kernel_initializer)

    return keras.Sequential(
        [
            keras.Input(input_shape),
            conv(32),
            layers.LeakyReLU(),
            conv(64),
            layers.LeakyReLU(),
            layers.Flatten(),
            layers.Dense(n_classes, kernel_initializer=kernel_initializer),
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


NETWORKS = {"small_alexnet": small_alexnet, "lenet": lenet}
INITIALIZERS = {"pytorch": pytorch_default, "keras": keras.initializers.GlorotUniform}
