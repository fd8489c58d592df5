"""Small data and models that tests train."""

import keras
import numpy as np
import pytest
from keras.src.trainers.data_adapters.generator_data_adapter import GeneratorDataAdapter

from keras_benford.measures import Measure
from tests.backends import BACKEND

# Keras says so at the end of every first epoch whose length it did not know.
unknown_length = pytest.mark.filterwarnings("ignore:Your input ran out of data")


def two_classes(n=200, seed=0):
    """`(n, 8)` float32 points and their class, whether their sum is positive."""
    x = np.random.default_rng(seed).standard_normal((n, 8)).astype("float32")
    return x, (x.sum(axis=1) > 0).astype("int32")


def batches_of_unknown_length(x, y, size):
    """Data to go through anew in each epoch, which do not say how long they are."""
    if BACKEND == "tensorflow":
        import tensorflow as tf

        return tf.data.Dataset.from_tensor_slices((x, y)).batch(size).filter(lambda *_: True)

    def batches():
        for start in range(0, len(x), size):
            yield x[start : start + size], y[start : start + size]

    # Of a plain generator nothing is left for a second epoch.
    adapter = GeneratorDataAdapter(batches())
    adapter.generator = batches
    return adapter


def classifier(optimizer="adam", metrics=("accuracy",), seed=0, **compile_arguments):
    """A compiled network for `two_classes`, the same for the same seed."""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(16, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(2),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, metrics=list(metrics), **compile_arguments)
    return model


class Scripted(Measure):
    """A measure that reads its numbers from a list."""

    def __init__(self, name, values):
        self.name = name
        self._numbers = iter(values)

    def __call__(self, evidence):
        return next(self._numbers)


class Recorder(keras.callbacks.Callback):
    """Keeps the weights and logs after every batch and epoch; stands wherever it is put."""

    def on_train_begin(self, logs=None):
        self.batch_weights, self.epoch_weights, self.epoch_logs, self.batch_logs = [], [], [], []

    def on_train_batch_end(self, batch, logs=None):
        self.batch_weights.append(self.model.get_weights())
        self.batch_logs.append(dict(logs))

    def on_epoch_end(self, epoch, logs=None):
        self.epoch_weights.append(self.model.get_weights())
        self.epoch_logs.append(dict(logs))


def assert_same_weights(left, right):
    for a, b in zip(left, right, strict=True):
        np.testing.assert_array_equal(a, b)
