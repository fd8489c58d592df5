"""A saved model -> its arrays, named, one after the other and in chunks. Runs no code of the file.

Files of weights are data here. No model is loaded, no configuration turned into objects, nothing
unpickled: what a stranger sends cannot do more than be refused. The content decides what a file is,
not its suffix.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from keras_benford.weights.arrays import StoredArray
from keras_benford.weights.formats import open_model
from keras_benford.weights.models import StoredModel

__all__ = ["StoredArray", "StoredModel", "iter_weights", "open_model"]


def iter_weights(path: str | os.PathLike[str]) -> Iterator[StoredArray]:
    """The weights in a file, without running anything in it.

    Args:
        path: a `.keras` file, a Keras `.weights.h5` or `.weights.json` with its shards, an HDF5
            model of any Keras, a safetensors file or index, the `model.json` of a TensorFlow.js
            layers model, a SavedModel folder, or a TensorFlow checkpoint.

    Returns:
        An iterator over `StoredArray`s in the file's order. `array.chunks()` reads their values
        piece by piece, `array.read()` all of them. State of optimizers, metrics and random
        generators is left out, and so are second copies of an array and what somebody put beside
        the model.

    Raises:
        ValueError: if the file is damaged, no model, or holds what could do harm; one line that
            starts with its path.
        OSError: if it cannot be read.
        ImportError: if it takes a package that is not installed.

    Example:

    >>> for array in iter_weights("model.keras"):  # doctest: +SKIP
    ...     print(array.path, array.shape, abs(array.read()).max())
    """
    model = open_model(path)
    for array in model.arrays:
        if array.kind == "weight":
            yield array
