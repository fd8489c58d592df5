"""What every format of a saved model ends in, and the checks and errors that all of them share."""

from __future__ import annotations

import dataclasses
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from keras_benford._messages import printable
from keras_benford._names import unique_paths
from keras_benford.weights.arrays import StoredArray
from keras_benford.weights.other_formats import pointer_in

_HEAD = 4096


@dataclass(frozen=True, eq=False)
class StoredModel:
    """A saved model.

    Attributes:
        path: where it is.
        name: the model's name, or the file's where that is not known.
        format: what it is: `"keras"`, `"keras-weights"`, `"keras-sharded"`, `"keras-legacy"`,
            `"safetensors"`, `"tensorflowjs"`, `"tf-savedmodel"` or `"tf-checkpoint"`.
        arrays: its arrays; those that are no weights too. Their paths are unique.
    """

    path: str
    name: str
    format: str
    arrays: tuple[StoredArray, ...]


def finished(path, kind, arrays, name=None):
    """The model of a path, of its format and arrays; refused where it holds no weights."""
    if not any(array.kind == "weight" for array in arrays):
        raise ValueError(f"{path}: holds no weights; pass the file with them")
    name = printable(name or Path(path).name)
    return StoredModel(path, name, kind, _with_unique_paths(arrays))


def _with_unique_paths(arrays):
    """The arrays with what is printable of their paths, which are unique but for copies."""
    arrays = [dataclasses.replace(array, path=printable(array.path)) for array in arrays]
    unique = iter(unique_paths(array.path for array in arrays if array.kind != "copy"))
    return tuple(
        array if array.kind == "copy" else dataclasses.replace(array, path=next(unique))
        for array in arrays
    )


def name_in(config):
    """The model's name in its configuration; None where there is none."""
    inner = config.get("config") if isinstance(config, dict) else None
    name = inner.get("name") if isinstance(inner, dict) else None
    return name if isinstance(name, str) else None


def check_regular(*paths):
    """Refuse what can be read without end, or is never ready: devices, pipes, sockets."""
    for path in paths:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise ValueError(f"{path}: expected a file; received a folder, a pipe or a device")


def check_parts(*paths):
    """The same for parts of a model, and refuse those that git-lfs has not fetched."""
    check_regular(*paths)
    for path in paths:
        with open(path, "rb") as file:
            pointer = pointer_in(file.read(_HEAD))
        if pointer is not None:
            raise ValueError(f"{path}: {pointer}")


def about(path, error, inner=None):
    """The error as one line with the path in front, that of a part of the file replaced."""
    text = str(error).removeprefix(f"{inner or path}: ").removeprefix(f"{path}: ")
    # What a file is named in its folder is told after the folder's own name.
    text = text.removeprefix(os.path.join(path, ""))
    return ValueError(f"{printable(path)}: {printable(text)}")


def of_system(path, error):
    """The operating system's error as one line with the path in front."""
    about = error.filename
    of_part = isinstance(about, str) and about != path
    reason = error.strerror or str(error)
    reason = f"{printable(about)}: {reason}" if of_part else reason
    told = type(error)(f"{printable(path)}: {reason}")
    told.errno = error.errno
    return told
