"""Inputs that are looked at again and again in a training: drawn once, kept for the run."""

import keras
import numpy as np

from keras_benford import _keras, inputs
from keras_benford.callbacks import processes

# Layers whose inputs stand for things: what lies near one may be another.
_OF_SYMBOLS = {
    "Embedding",
    "ReversibleEmbedding",
    "CategoryEncoding",
    "Hashing",
    "HashedCrossing",
    "IntegerLookup",
    "StringLookup",
    "TextVectorization",
}
# In standard deviations of each feature.
_NOISE = 0.5
# The share of an input's values that come from another one.
_SWAPPED = 0.3


class Probe:
    """Examples to run a model on.

    Attributes:
        inputs: arrays of equally many examples, in the structure that the model takes.
    """

    def __init__(self, arrays):
        self.inputs = processes.of_the_first(arrays)

    def __len__(self):
        return len(self.arrays()[0])

    def structure(self):
        """How its arrays make up the inputs, as JSON holds it."""
        return keras.tree.map_structure(lambda _: 0, self.inputs)

    def arrays(self):
        """The arrays one by one."""
        return keras.tree.flatten(self.inputs)

    @classmethod
    def of(cls, structure, arrays):
        """The probe of which these are the structure and the arrays."""
        return cls(keras.tree.pack_sequence_as(structure, arrays))


def draw(given, n, seed, name):
    """A `Probe` of n of the given inputs."""
    return Probe(inputs.draw(given.inputs(name), n, np.random.default_rng(seed), name))


def noisy(probe, n, seed):
    """A `Probe` of n of another's examples with noise: stand-ins for unseen inputs.

    Each feature gets Gaussian noise of half its standard deviation over the examples.

    Raises:
        TypeError: where inputs are no numbers.
    """
    rng = np.random.default_rng(seed)
    chosen = rng.integers(len(probe), size=n)

    def add_noise(array):
        if array.dtype.kind in "SUO":
            raise TypeError(
                f"`unseen`: expected inputs of numbers to add noise to; received {array.dtype} "
                "values; pass inputs that are not trained on, or None"
            )
        kept = "float32" if array.dtype.kind in "uib" else array.dtype
        values = array.astype("float32")
        # A missing value must not make its whole feature one.
        spread = _NOISE * np.where(np.isfinite(values), values, 0).std(axis=0)
        noise = spread * rng.standard_normal(values[chosen].shape, dtype="float32")
        return (values[chosen] + noise).astype(kept)

    return Probe(keras.tree.map_structure(add_noise, probe.inputs))


def swapped(probe, n, seed):
    """A `Probe` of n of another's examples with values of others: stand-ins for unseen inputs.

    Three in ten of the values along the first axis (letters, columns, steps) come from the same
    place in a second example.

    Raises:
        ValueError: where each example is one value, so that none would be new.
    """
    if not can_be_swapped(probe):
        raise ValueError(
            "`unseen`: expected inputs of several values, to swap some; received one value in "
            "each; pass inputs that are not trained on, or None"
        )
    rng = np.random.default_rng(seed)
    first = rng.integers(len(probe), size=n)
    second = (first + rng.integers(1, max(2, len(probe)), size=n)) % len(probe)

    def swap(array):
        shape = (n, *array.shape[1:2], *[1] * (array.ndim - 2))
        return np.where(rng.random(shape) < _SWAPPED, array[second], array[first])

    return Probe(keras.tree.map_structure(swap, probe.inputs))


def can_be_swapped(probe):
    """Whether each example has several values, in one array or in several."""
    return sum(array.shape[1] if array.ndim > 1 else 1 for array in probe.arrays()) > 1


def why_not_noisy(probe, model):
    """Why noise would make no examples of the same kind, as a phrase; None if it does."""
    for array in probe.arrays():
        if array.dtype.kind != "f" and array.dtype not in ("uint8", "bfloat16"):
            return f"the inputs are {array.dtype} values"
    for layer in _keras.flat_layers(model):
        kinds = {kind.__name__ for kind in type(layer).__mro__}
        if kinds & _OF_SYMBOLS:
            return f"the layer {layer.name} takes symbols"
        if "Masking" in kinds:
            return f"the layer {layer.name} marks values that are missing"
    return None
