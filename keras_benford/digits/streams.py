"""An array that arrives in chunks -> its tally, mean and standard deviation, in bounded memory.

This is how files are counted. The figures depend neither on how many threads count nor on whether
numba does: counts are integers, and moments are summed over fixed rows of values.
"""

import collections
import functools
import math
from collections.abc import Iterable
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from keras_benford.digits import arrays
from keras_benford.digits.table import N_CLASSES

CHUNK = 1 << 20
"""Values in a chunk: every chunk of an array but the last has just so many."""
PAYS_FOR_NUMBA = 200_000_000
"""Values from which on counting by numba saves more than the half second that loading it takes."""
_ROW = 1024
# Below this, a row's sum of squares may have lost what underflows.
_SMALL = {np.dtype(np.float32): 1e-30, np.dtype(np.float64): 1e-290}


@dataclass(frozen=True, eq=False)
class Summary:
    """What is known of an array when all of it has passed.

    Attributes:
        tally: `(11,)` int64, see `keras_benford.digits.tally`.
        mean: arithmetic mean of the finite values; NaN where there are none.
        std: their standard deviation (divided by n); NaN where there are none.
    """

    tally: np.ndarray
    mean: float
    std: float


def summarise(
    chunks: Iterable[np.ndarray], *, pool: Executor | None = None, compiled: bool = False
) -> Summary:
    """Count the digits of the chunks of one array, and take its mean and standard deviation.

    Args:
        chunks: one-dimensional arrays of one dtype, each of `CHUNK` values but for the last.
        pool: threads that count while the next chunks are read; by default the caller's own.
        compiled: count by numba's loops, where numba is installed and works.

    Returns:
        A `Summary`. Mean and standard deviation are good to six significant digits.

    Raises:
        TypeError: if the values are no real numbers.
    """
    loops = arrays.compiled_loops() if compiled else None
    halves = None
    counts, sums, squares = np.zeros(N_CLASSES, np.int64), [], []
    for part in _mapped(pool, functools.partial(_part, loops), chunks):
        if isinstance(part, _Patterns):
            halves = part if halves is None else halves.plus(part)
        else:
            counts += part[0]
            sums.append(part[1])
            squares.append(part[2])
    if halves is not None:
        counts, total, total_of_squares = halves.summary()
        sums, squares = [total], [total_of_squares]
    tally = arrays.tally_of_classes(counts)
    n = int(tally[:10].sum())
    if n == 0:
        return Summary(tally, math.nan, math.nan)
    mean = math.fsum(sums) / n
    return Summary(tally, mean, math.sqrt(max(math.fsum(squares) / n - mean * mean, 0.0)))


@dataclass(frozen=True, eq=False)
class _Patterns:
    """How often each of the 65,536 patterns of a 16-bit format occurs."""

    dtype: np.dtype
    counts: np.ndarray

    def plus(self, other):
        return _Patterns(self.dtype, self.counts + other.counts)

    def summary(self):
        """Counts of the twelve classes, the sum of the finite values and that of their squares."""
        counts = arrays.classes_of_patterns(self.counts, self.dtype)
        with np.errstate(invalid="ignore"):  # some of the patterns are signalling NaN
            values = np.arange(1 << 16, dtype=np.uint16).view(self.dtype).astype(np.float64)
        occurs = (self.counts > 0) & np.isfinite(values)
        n, values = self.counts[occurs], values[occurs]
        return counts, math.fsum(n * values), math.fsum(n * values**2)


def _part(loops, chunk):
    """What a chunk adds: `_Patterns`, or counts of classes, sum and sum of squares."""
    chunk = arrays.as_floats(chunk)
    if chunk.dtype.itemsize == 2:
        dtype = chunk.dtype.newbyteorder("=")
        patterns = arrays.patterns(chunk)
        if loops is not None and patterns.dtype.isnative:
            return _Patterns(dtype, loops.count_patterns(patterns, threads=1))
        return _Patterns(dtype, np.bincount(patterns, minlength=1 << 16))
    if loops is not None and chunk.dtype.isnative:
        counts = loops.count_classes(arrays.patterns(chunk), threads=1)
    else:
        counts = arrays.counts_of_classes(chunk)
    return counts, *_moments(chunk.astype(chunk.dtype.newbyteorder("="), copy=False))


def _moments(values):
    """Sum and sum of squares of the finite values."""
    whole = values.size - values.size % _ROW
    total = total_of_squares = 0.0
    for rows in (values[:whole].reshape(-1, _ROW), values[whole:].reshape(1, -1)):
        sums = np.einsum("ij->i", rows).astype(np.float64)
        squares = np.einsum("ij,ij->i", rows, rows).astype(np.float64)
        # Also true of NaN. Such a row is done again in float64, its finite values only.
        doubtful = ~((squares > _SMALL[values.dtype]) & (squares < np.inf))
        for i in np.flatnonzero(doubtful):
            row = rows[i][np.isfinite(rows[i])].astype(np.float64)
            sums[i], squares[i] = row.sum(), (row * row).sum()
        total += math.fsum(sums)
        total_of_squares += math.fsum(squares)
    return total, total_of_squares


def _mapped(pool, function, items):
    """`map(function, items)`, by a pool without running far ahead of what is taken."""
    if pool is None:
        yield from map(function, items)
        return
    waiting = collections.deque()
    for item in items:
        waiting.append(pool.submit(function, item))
        if len(waiting) > 4:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
