"""Inputs that are looked at again and again in a training: drawn once, kept for the run."""

import keras
import numpy as np

from keras_benford import _keras, inputs
from keras_benford.callbacks import processes

# Layers whose inputs stand for things: half of one and half of another is a third.
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
_LOW, _HIGH = 0.3, 0.7


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


def mixed(probe, n, seed):
    """A `Probe` of n convex mixtures of two of another's examples: stand-ins for unseen inputs.

    Raises:
        TypeError: where inputs are no numbers.
    """
    rng = np.random.default_rng(seed)
    first = rng.integers(len(probe), size=n)
    second = (first + rng.integers(1, len(probe), size=n)) % len(probe)
    share = rng.uniform(_LOW, _HIGH, n).astype("float32")

    def mix(array):
        if array.dtype.kind in "SUO":
            raise TypeError(
                f"`unseen`: expected inputs of numbers to mix; received {array.dtype} values; do "
                "pass inputs that are not trained on, or None"
            )
        array = array.astype("float32") if array.dtype.kind in "uib" else array
        weight = share.reshape(-1, *[1] * (array.ndim - 1)).astype(array.dtype)
        return weight * array[first] + (1 - weight) * array[second]

    return Probe(keras.tree.map_structure(mix, probe.inputs))


def why_not_mixed(probe, model):
    """Why examples cannot be mixed, as a phrase; None if they can."""
    for array in probe.arrays():
        if array.dtype.kind != "f" and array.dtype not in ("uint8", "bfloat16"):
            return f"the inputs are {array.dtype} values"
    for layer in _keras.flat_layers(model):
        kinds = {kind.__name__ for kind in type(layer).__mro__}
        if kinds & _OF_SYMBOLS:
            return f"the layer {layer.name} takes symbols"
    return None
