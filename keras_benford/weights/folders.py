"""A folder -> the saved models in it, each of them once."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

_SUFFIXES = (".keras", ".h5", ".hdf5", ".safetensors")
_INDEXES = (".weights.json", ".safetensors.index.json")
_MOST_INDEX = 1 << 26


def models_in(folder: str) -> Iterator[str]:
    """The paths of the saved models in a folder and in those below it, in alphabetical order.

    A SavedModel or an unzipped Keras model is one model, and so are an index and its shards. Hidden
    folders and links to folders are passed over.
    """
    for path, inner, files in os.walk(folder):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        if "saved_model.pb" in files or "model.weights.h5" in files:
            inner.clear()
            yield path
            continue
        indexes = [name for name in files if name.endswith(_INDEXES)]
        shards = {name for index in indexes for name in _shards(os.path.join(path, index))}
        checkpoints = [
            name.removesuffix(".index")
            for name in files
            if name.endswith(".index")
            and any(other.startswith(f"{name.removesuffix('.index')}.data-") for other in files)
        ]
        models = [name for name in files if name.endswith(_SUFFIXES) and name not in shards]
        for name in sorted([*models, *indexes, *checkpoints]):
            yield os.path.join(path, name)


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
