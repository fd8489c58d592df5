"""A folder -> the saved models in it, each of them once."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence

from keras_benford.weights import tensorflowjs

SAVED_MODEL = "saved_model.pb"
WEIGHTS = "model.weights.h5"
UNZIPPED = {"config.json", "metadata.json", WEIGHTS}
"""The files of a `.keras` that was unzipped. A name alone is no proof of a format."""
_SUFFIXES = (".keras", ".h5", ".hdf5", ".h5f", ".safetensors")
_INDEXES = (".weights.json", ".safetensors.index.json")
_VARIABLES = "variables"  # In a SavedModel: a folder, and the prefix of the checkpoint in it.
_MOST_INDEX = 1 << 26


def models_in(folder: str) -> Iterator[str]:
    """The paths of the saved models in a folder and in those below it, in alphabetical order.

    A SavedModel or an unzipped Keras model is one model, and so are an index and its shards. Hidden
    folders and links to folders are passed over.
    """
    for path, inner, files in os.walk(folder):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        if SAVED_MODEL in files:
            yield path
        elif set(files) >= UNZIPPED:
            yield path
            files.remove(WEIGHTS)
        around, here = os.path.split(path)
        within = path != folder and here == _VARIABLES
        of_saved_model = within and os.path.exists(os.path.join(around, SAVED_MODEL))
        for name in models_among(path, files):
            if not of_saved_model or name != _VARIABLES:
                yield os.path.join(path, name)


def models_among(folder: str, files: Sequence[str]) -> Iterator[str]:
    """The names of the models among a folder's files, in alphabetical order.

    That of a checkpoint is its prefix, or where something else has that name, its index.
    """
    indexes = [name for name in files if name.endswith(_INDEXES)]
    shards = {name for index in indexes for name in _shards(os.path.join(folder, index))}
    models = [name for name in files if name.endswith(_SUFFIXES) and name not in shards]
    for name in files:
        prefix = name.removesuffix(".index")
        if prefix != name and any(other.startswith(f"{prefix}.data-") for other in files):
            taken = os.path.lexists(os.path.join(folder, prefix))
            models.append(name if taken else prefix)
    models += [name for name in _tensorflowjs(folder, files) if name not in indexes]
    yield from sorted([*models, *indexes])


def _tensorflowjs(folder, files):
    """TensorFlow.js models; files of another than the usual name only where shards are."""
    has_shards = any(name.endswith(".bin") for name in files)
    for name in files:
        likely = name == "model.json" or (has_shards and name.endswith(".json"))
        if likely and tensorflowjs.is_one(os.path.join(folder, name)):
            yield name


def _shards(index):
    """The names of the files that an index names; none where it is damaged, which shows later."""
    try:
        if os.path.getsize(index) > _MOST_INDEX:
            return set()
        with open(index, "rb") as file:
            weight_map = json.load(file)["weight_map"]
        values = weight_map.values()
        return {name for v in values for name in (v if isinstance(v, list) else [v])}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return set()
