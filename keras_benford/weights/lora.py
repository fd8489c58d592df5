"""Kernels beside their LoRA factors -> the merged kernels that the layers compute with.

Keras 3's own formats hold the merged kernel. Those that list every variable hold the three of which
it is made: `kernel + (alpha / rank) * a @ b`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from keras_benford.weights.arrays import StoredArray, rechunked

_KERNELS = ("kernel", "embeddings")
_MOST_VALUES = 1 << 24


def merge(arrays: Sequence[StoredArray], alphas: Mapping[str, float]) -> list[StoredArray]:
    """Put the merged kernel in the place of each kernel that has LoRA factors beside it.

    Args:
        arrays: the arrays of a file.
        alphas: the layers' `lora_alpha` by the layers' names. Where it is not known it is taken
            for the rank, which is Keras' default, and the kernel is marked as guessed.

    Returns:
        The arrays in their order, the factors among them as they are.
    """
    by_path = {array.path: array for array in arrays if array.kind == "weight"}

    def merged(array):
        layer, _, role = array.path.rpartition("/")
        if role not in _KERNELS or array.kind != "weight":
            return array
        a, b = (by_path.get(f"{layer}/lora_{role}_{factor}") for factor in "ab")
        if a is None or b is None or not _fits(array, a, b):
            return array
        alpha = alphas.get(layer.rpartition("/")[2])
        values = _Merged(array, a, b, 1.0 if alpha is None else alpha / a.shape[-1])
        return dataclasses.replace(array, values=values, guessed=array.guessed or alpha is None)

    return [merged(array) for array in arrays]


def _fits(kernel, a, b):
    floats = all("float" in array.dtype for array in (kernel, a, b))
    return floats and (
        len(b.shape) == 2
        and (*a.shape[:-1], b.shape[-1]) == kernel.shape
        and a.shape[-1] == b.shape[0] > 0
        and b.size <= _MOST_VALUES
    )


@dataclass(frozen=True)
class _Merged:
    """The merged kernel's values, row by row of the kernel seen as a matrix.

    Each step is rounded to the dtype that it has in the layer.
    """

    kernel: StoredArray
    a: StoredArray
    b: StoredArray
    scale: float

    def chunks(self) -> Iterator[np.ndarray]:
        return rechunked(self._pieces())

    def _pieces(self):
        b = self.b.read()
        rank, width = b.shape
        rows = max(1, (1 << 20) // max(width, rank))
        n_rows = math.prod(self.kernel.shape[:-1])
        kernels = _Taken(self.kernel.chunks())
        factors = _Taken(self.a.chunks())
        for first in range(0, n_rows, rows):
            count = min(rows, n_rows - first)
            kernel = kernels.take(count * width).reshape(count, width)
            a = factors.take(count * rank).reshape(count, rank)
            wide = np.promote_types(a.dtype, np.float32)
            # What overflows is infinite, and counted as that.
            with np.errstate(all="ignore"):
                product = (a.astype(wide) @ b.astype(wide)).astype(a.dtype)
                merged = (kernel + a.dtype.type(self.scale) * product).astype(kernel.dtype)
            yield merged.reshape(-1)


class _Taken:
    """Takes so many values at a time from chunks."""

    def __init__(self, chunks):
        self._chunks, self._left = chunks, None

    def take(self, count):
        parts = [] if self._left is None else [self._left]
        have = sum(part.size for part in parts)
        while have < count:
            parts.append(next(self._chunks))
            have += parts[-1].size
        values = np.concatenate(parts)
        self._left = values[count:]
        return values[:count]
