"""HDF5 files: what is in them, as the process of `hdf5_index` finds it, and their values.

The values themselves are read here, from positions that have been checked against the file's size:
none passes through the HDF5 library.
"""

from __future__ import annotations

import base64
import math
import os
from dataclasses import dataclass, field

import numpy as np

from keras_benford import _isolation
from keras_benford._messages import printable
from keras_benford.weights.arrays import InMemory, Range

SECONDS = 10.0
"""How long listing a file's content may take, and a second more for each 10 MB of it."""
_MOST_SECONDS = 120.0
_MOST_TREE = 1 << 25
_NUMBERS = {"b1", *(f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)), "f2", "f4", "f8"}


@dataclass(frozen=True, eq=False)
class Dataset:
    """A dataset: its shape, its dtype's name, whether that is one of integers, and its values."""

    shape: tuple[int, ...]
    dtype_name: str
    is_integer: bool
    values: object


@dataclass(eq=False)
class Group:
    """A group: its text attributes, the groups in it and its datasets, by name.

    `described` counts the characters of the JSON that told what is in a root group.
    """

    attributes: dict = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    datasets: dict[str, Dataset] = field(default_factory=dict)
    described: int = 0

    def has(self, names):
        """Whether there is a group at a path below this one."""
        group = self
        for name in names:
            group = group.groups.get(name, _NOTHING)
        return group is not _NOTHING

    def at(self, names):
        """The group at a path below this one, made where there is none."""
        group = self
        for name in names:
            group = group.groups.setdefault(name, Group())
        return group


_NOTHING = Group()


def read_tree(path: str, *, start: int = 0, length: int | None = None, into: Group | None = None):
    """The root `Group` of an HDF5 file.

    Args:
        path: the file.
        start: where the HDF5 file begins, if it is a part of this one.
        length: how many bytes it has; by default all up to the end.
        into: a group to add its content to, for files in several parts.

    Raises:
        ValueError: if it is damaged, or holds what could do harm.
        OSError: if it cannot be read.
    """
    length = os.path.getsize(path) - start if length is None else length
    answer, characters = _ask(path, start, length)
    if "error" in answer:
        raise ValueError(f"{path}: {printable(answer['error'])}")
    root = Group() if into is None else into
    root.described += characters
    if root.described > _MOST_TREE:
        raise ValueError(f"{path}: its parts together hold more than any model's")
    total = 0
    for described in answer["datasets"]:
        *names, name = described["path"]
        values, stored = _values(path, start, length, described)
        total += stored
        if total > length:
            raise ValueError(f"{path}: declares more values than the file holds")
        datasets = root.at(names).datasets
        if name in datasets:
            name = printable("/".join(described["path"]))
            raise ValueError(f"{path}: holds {name}, as does another part")
        datasets[name] = values
    # Groups that hold something stand in the order of their datasets, that of the model.
    for group in answer["groups"]:
        root.at(group["path"]).attributes.update(group["attributes"])
    return root


def _values(path, start, length, described):
    """The `Dataset` that an index describes, and how many bytes it takes in the file."""
    name = printable("/".join(described["path"]))
    shape = tuple(described["shape"] or ())
    dtype = _dtype(described)
    size = 0 if described["shape"] is None else math.prod(shape)
    layout = described["layout"]
    is_integer = dtype is not None and dtype.kind in "iu"
    about = shape, described["dtype"] if dtype is None else dtype.name, is_integer

    def checked(at, count):
        if at is None or at < 0 or at + count > length:
            raise ValueError(f"{path}: declares {size:,} values in {name} that are not in the file")
        return start + at, count

    if dtype is None or size == 0:
        return Dataset(*about, InMemory(lambda: np.empty(0, dtype))), 0
    if "at" in layout:
        at, stored = checked(layout["at"], size * dtype.itemsize)
        return Dataset(*about, Range(path, at, size, dtype)), stored
    data = base64.b64decode(layout["bytes"])
    if len(data) != size * dtype.itemsize:
        checked(None, 0)
    return Dataset(*about, InMemory(lambda: np.frombuffer(data, dtype))), 0


def _dtype(described):
    """The NumPy dtype; None for what is no plain number. bfloat16 is stored as two raw bytes."""
    text = described["dtype"]
    if text == "|V2" or described["attributes"].get("dtype") == "bfloat16":
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16) if text[1:] in ("V2", "u2", "i2") else None
    return np.dtype(text) if text[1:] in _NUMBERS else None


def _ask(path, start, length):
    """What `hdf5_index` says of a file, and how many characters that took."""
    request = {"path": os.path.abspath(path), "start": start, "length": length}
    server = _isolation.server("hdf5_index")
    try:
        answer, _, size = server.ask(request, min(SECONDS + length / 1e7, _MOST_SECONDS))
    except _isolation.LostError as error:
        return {"error": f"no readable HDF5 file (the HDF5 library {error}); fetch it again"}, 0
    return answer, size
