"""HDF5 files: what is in them, as the process of `hdf5_index` finds it, and their values.

The values themselves are read here, from positions that have been checked against the file's size:
none passes through the HDF5 library.
"""

from __future__ import annotations

import base64
import itertools
import math
import os
import zlib
from dataclasses import dataclass, field

import numpy as np

from keras_benford import _isolation
from keras_benford._messages import printable
from keras_benford.weights.arrays import CHUNK, InMemory, Range, fill, rechunked

SECONDS = 10.0
"""How long listing a file's content may take, and a second more for each 10 MB of it."""
_MOST_SECONDS = 120.0
_MOST_BAND = 1 << 25
_MOST_TREE = 1 << 25
_MOST_EXPANSION = 100
_SHUFFLE, _DEFLATE, _FLETCHER = 2, 1, 3
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
    total = unpacked = 0
    for described in answer["datasets"]:
        *names, name = described["path"]
        values, stored = _values(path, start, length, described)
        total += stored
        if total > length:
            raise ValueError(f"{path}: declares more values than the file holds")
        if isinstance(values.values, Compressed):
            unpacked += values.values.n_bytes
            if unpacked > max(_MOST_BAND, _MOST_EXPANSION * length):
                raise ValueError(
                    f"{path}: declares {unpacked:,} bytes of compressed values in {length:,}; "
                    "refused as a bomb"
                )
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
    if "bytes" in layout:
        data = base64.b64decode(layout["bytes"])
        if len(data) != size * dtype.itemsize:
            checked(None, 0)
        return Dataset(*about, InMemory(lambda: np.frombuffer(data, dtype))), 0
    chunks = [
        (tuple(chunk[: len(shape)]), chunk[-3], *checked(*chunk[-2:])) for chunk in layout["chunks"]
    ]
    values = Compressed(path, name, shape, dtype, layout["chunk_shape"], layout["filters"], chunks)
    values.check()
    return Dataset(*about, values), sum(chunk[-1] for chunk in chunks)


def _dtype(described):
    """The NumPy dtype; None for what is no plain number. bfloat16 is stored as two raw bytes."""
    text = described["dtype"]
    if text == "|V2" or described["attributes"].get("dtype") == "bfloat16":
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16) if text[1:] in ("V2", "u2", "i2") else None
    return np.dtype(text) if text[1:] in _NUMBERS else None


@dataclass(frozen=True)
class Compressed:
    """Values in HDF5's own chunks, each of them perhaps shuffled and deflated.

    Keras writes none, tools that shrink its files do. They are read in bands: all the HDF5 chunks
    that share their place on the first axis.
    """

    file: str
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    chunk_shape: tuple[int, ...]
    filters: list
    parts: list

    @property
    def n_bytes(self):
        """How many bytes the values take when decoded."""
        return math.prod(self.shape) * self.dtype.itemsize

    def check(self):
        """Refuse what cannot be read in bounded memory, or at all."""
        unknown = [str(number) for number, _ in self.filters if number not in (1, 2, 3)]
        if unknown:
            raise ValueError(
                f"{self.file}: {self.name} is compressed by HDF5 filter {unknown[0]}; expected "
                "gzip, shuffle or fletcher32; do write it anew with one of these or none"
            )
        grid = [range(0, n, step) for n, step in zip(self.shape, self.chunk_shape, strict=True)]
        # A range of more than 2^63 numbers has no length.
        n_parts = math.prod(-(-axis.stop // axis.step) for axis in grid)
        if n_parts != len(self.parts) or (
            sorted(part[0] for part in self.parts) != list(itertools.product(*grid))
        ):
            raise ValueError(
                f"{self.file}: declares values in {self.name} that are not in the file"
            )
        chunk_bytes = math.prod(self.chunk_shape) * self.dtype.itemsize
        band = self.chunk_shape[0] * math.prod(self.shape[1:]) * self.dtype.itemsize
        stored = max(part[-1] for part in self.parts)
        if max(band, chunk_bytes, stored) > _MOST_BAND:
            raise ValueError(
                f"{self.file}: {self.name} is compressed in pieces of {max(band, chunk_bytes):,} "
                f"bytes; expected at most {_MOST_BAND:,}; do write it anew in smaller ones"
            )

    def chunks(self):
        return rechunked(self._bands())

    def _bands(self):
        with open(self.file, "rb", buffering=0) as file:
            by_row = itertools.groupby(sorted(self.parts), key=lambda part: part[0][0])
            for row, parts in by_row:
                # In pieces, so that no band is copied as a whole, and one at a time is held.
                yield from _pieces(self._band(file, row, parts))

    def _band(self, file, row, parts):
        rows = min(self.chunk_shape[0], self.shape[0] - row)
        band = np.empty((rows, *self.shape[1:]), self.dtype)
        for offset, skipped, at, stored in parts:
            file.seek(at)
            place = tuple(
                slice(o, min(o + step, n))
                for o, step, n in zip(offset, self.chunk_shape, self.shape, strict=True)
            )
            place = (slice(0, rows), *place[1:])
            inside = tuple(slice(0, s.stop - s.start) for s in place)
            band[place] = self._decoded(file, stored, skipped)[inside]
        return band.reshape(-1)

    def _decoded(self, file, stored, skipped):
        data: bytes | bytearray = bytearray(stored)
        fill(file, memoryview(data), self.file)
        size = math.prod(self.chunk_shape) * self.dtype.itemsize
        for i, (number, parameters) in reversed(list(enumerate(self.filters))):
            if skipped >> i & 1:
                continue
            if number == _FLETCHER:
                data = data[:-4] if _has_checksum(data) else b""
            elif number == _DEFLATE:
                stream = zlib.decompressobj()
                try:
                    # A few bytes more: a checksum may follow.
                    data = stream.decompress(data, size + 8)
                except zlib.error as error:
                    raise ValueError(f"{self.file}: {self.name} is damaged ({error})") from None
                if not stream.eof:
                    data = b""
            elif number == _SHUFFLE and len(data) == size:
                data = _unshuffled(data, parameters)
        if len(data) != size:
            raise ValueError(
                f"{self.file}: {self.name} is damaged (a chunk of the wrong length or checksum)"
            )
        return np.frombuffer(data, self.dtype).reshape(self.chunk_shape)


def _unshuffled(data, parameters):
    """The bytes of values of which first all first bytes were stored, then all second ones, …"""
    if len(parameters) != 1 or not parameters[0]:
        return b""
    width = parameters[0]
    whole = len(data) // width * width
    planes = np.frombuffer(data, np.uint8, whole).reshape(width, -1)
    return planes.T.tobytes() + bytes(data[whole:])


def _has_checksum(data):
    """Whether the last four bytes are the Fletcher checksum of those before, as HDF5 takes it."""
    if len(data) < 4:
        return False
    words = np.frombuffer(bytes(data[:-4]) + bytes(len(data) % 2), ">u2").astype(np.uint64)
    # Modulo 65,535, and in rows, so that no sum overflows.
    rows = np.append(words, np.zeros(-words.size % 4096, np.uint64)).reshape(-1, 4096)
    first = second = 0
    for row in rows[:, ::-1] if len(rows) else ():
        second += 4096 * first + int(np.dot(row, np.arange(1, 4097, dtype=np.uint64)))
        first += int(row.sum())
    second -= (rows.size - words.size) * first
    stored = int.from_bytes(data[-4:], "little")
    # The bytes of each half were once written in the other order.
    swapped = (stored & 0x00FF00FF) << 8 | (stored >> 8) & 0x00FF00FF
    return any(
        (first - (each & 0xFFFF)) % 65535 == (second - (each >> 16)) % 65535 == 0
        for each in (stored, swapped)
    )


def _pieces(values):
    for first in range(0, values.size, CHUNK):
        yield values[first : first + CHUNK]


def _ask(path, start, length):
    """What `hdf5_index` says of a file, and how many characters that took."""
    request = {"path": os.path.abspath(path), "start": start, "length": length}
    server = _isolation.server("hdf5_index")
    try:
        answer, _, size = server.ask(request, min(SECONDS + length / 1e7, _MOST_SECONDS))
    except _isolation.LostError as error:
        return {"error": f"no readable HDF5 file (the HDF5 library {error}); do fetch it again"}, 0
    return answer, size
