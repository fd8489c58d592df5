"""One array of a file: what it is called, what is known of it, and its values in chunks.

Nothing is read until chunks are asked for, and never more than a chunk at a time. Values are read
from the file by position and length, both checked against the file's size beforehand.
"""

from __future__ import annotations

import collections
import dataclasses
import hashlib
import io
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

CHUNK = 1 << 20
"""Values in a chunk."""


@dataclass(frozen=True, eq=False)
class StoredArray:
    """A named array in a file.

    Attributes:
        path: its name, such as `"encoder/dense/kernel"`, unique within the file.
        shape: its shape.
        dtype: its dtype's name, such as `"float32"`, `"bfloat16"` or `"int8"`.
        role: the weight's own name in Keras' words, such as `"kernel"`.
        classes: names of its layer's class and base classes, as far as known.
        kind: `"weight"`, or `"optimizer"`, `"metric"`, `"random seed"`, `"copy"` (of another
            array of the same file) or `"other"` (what somebody put beside the model) for what is no
            weight of the model.
        guessed: whether the file does not tell the role, so that only the shape speaks.
    """

    path: str
    shape: tuple[int, ...]
    dtype: str
    role: str
    values: Any = dataclasses.field(repr=False)
    classes: tuple[str, ...] = ()
    kind: str = "weight"
    guessed: bool = False

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    def chunks(self) -> Iterator[np.ndarray]:
        """The values in C order, as one-dimensional arrays of `CHUNK` values and a last shorter.

        Raises:
            ValueError: if the file ends early or its values cannot be decoded.
            OSError: if it cannot be read.
        """
        return self.values.chunks()

    def read(self) -> np.ndarray:
        """The whole array in memory."""
        chunks = list(self.chunks())
        return np.concatenate(chunks).reshape(self.shape) if chunks else np.empty(self.shape)


@dataclass(frozen=True)
class Range:
    """Values that lie one after the other in a file.

    Attributes:
        file: the file's path.
        start: position of the first byte.
        size: number of values.
        dtype: NumPy dtype, byte order included.
    """

    file: str
    start: int
    size: int
    dtype: np.dtype

    def chunks(self):
        with open(self.file, "rb", buffering=0) as file:
            file.seek(self.start)
            for first in range(0, self.size, CHUNK):
                chunk = np.empty(min(CHUNK, self.size - first), self.dtype)
                fill(file, chunk.view(np.uint8).data, self.file)
                yield chunk


@dataclass(frozen=True)
class InMemory:
    """Values that have been read already: few ones, or those that a library gives whole."""

    read: Callable[[], np.ndarray]

    def chunks(self):
        values = self.read().reshape(-1)
        for first in range(0, values.size, CHUNK):
            yield values[first : first + CHUNK]


def fill(file: io.RawIOBase, buffer: memoryview, path: str) -> None:
    """Read until the buffer is full."""
    while len(buffer):
        count = file.readinto(buffer)
        if not count:
            raise ValueError(
                f"{path}: expected {len(buffer):,} more bytes; the file ends; fetch it again"
            )
        buffer = buffer[count:]


def rechunked(pieces: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """One-dimensional pieces of any length, as chunks."""
    waiting, count = [], 0
    for piece in pieces:
        waiting.append(piece)
        count += piece.size
        while count >= CHUNK:
            whole = np.concatenate(waiting)
            yield whole[:CHUNK]
            waiting, count = [whole[CHUNK:]], count - CHUNK
    if count:
        yield np.concatenate(waiting)


def mark_copies(arrays: Iterable[StoredArray]) -> list[StoredArray]:
    """Mark as a copy what has the path, the shape, the dtype and the values of one before it."""
    arrays = list(arrays)
    times = collections.Counter(map(_about, arrays))
    marked, seen = [], set()
    for array in arrays:
        if times[_about(array)] > 1:
            values = _about(array), _digest(array)
            if values in seen:
                array = dataclasses.replace(array, kind="copy")
            seen.add(values)
        marked.append(array)
    return marked


def _about(array):
    return array.path, array.shape, array.dtype


def _digest(array):
    digest = hashlib.sha256()
    for chunk in array.chunks():
        digest.update(chunk.view(np.uint8))
    return digest.digest()
