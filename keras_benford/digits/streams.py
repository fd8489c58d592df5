"""Arrays that arrive in chunks -> their tallies, means and standard deviations, in bounded memory.

This is how files are counted. The figures depend neither on how many threads count nor on whether
numba does: counts are integers, and moments are summed over fixed blocks of values.
"""

import collections
from collections.abc import Iterable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_benford.digits import arrays, moments
from keras_benford.digits.table import N_CLASSES

CHUNK = 1 << 20
"""Values in a chunk: every chunk of an array but the last has just so many."""
PAYS_FOR_NUMBA = 200_000_000
"""Values from which on counting by numba saves more than the half second that loading it takes."""
# Fewer values are counted before another thread has begun with them.
_PAYS_FOR_A_THREAD = 1 << 16
# Fewer values of 16 bits are counted faster as float32 than by a table of all patterns.
_PAYS_FOR_PATTERNS = 1 << 17


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
    """`summarise_each` of one array."""
    (summary,) = summarise_each([chunks], pool=pool, compiled=compiled)
    return summary


def summarise_each(
    chunks_of_arrays: Iterable[Iterable[np.ndarray]],
    *,
    pool: Executor | None = None,
    compiled: bool = False,
) -> list[Summary]:
    """Count the digits of arrays in chunks, and take their means and standard deviations.

    Args:
        chunks_of_arrays: for each array one-dimensional arrays of one dtype, each of `CHUNK` values
            but for the last.
        pool: threads that count while the next chunks are read; by default the caller's own.
        compiled: count by numba's loops, where numba is installed and works.

    Returns:
        A `Summary` for each. The deviation is good to nine significant digits, and the mean to a
        thousand millionth of it; float64 values must be so small that their squares are finite, and
        so large that those are not zero.

    Raises:
        TypeError: if the values are no real numbers.
    """
    loops = arrays.compiled_loops() if compiled else None
    begun: collections.deque[_Sums] = collections.deque()
    summaries = []

    def all_chunks():
        for chunks in chunks_of_arrays:
            begun.append(_Sums(loops))
            for chunk in chunks:
                yield begun[-1], chunk

    for of_array, *part in _mapped(pool, all_chunks()):
        while begun[0] is not of_array:
            summaries.append(begun.popleft().summary())
        of_array.add(*part)
    return summaries + [of_array.summary() for of_array in begun]


class _Sums:
    """The counts and moments of one array's chunks so far.

    Threads share it for as long as they count: `spare` holds counts of patterns that none of them
    adds to at the moment.
    """

    def __init__(self, loops):
        self.loops = loops
        self.spare: collections.deque[np.ndarray] = collections.deque()
        self._dtype = None
        self._counts = np.zeros(N_CLASSES, np.int64)
        self._moments = []

    def add(self, dtype, counts, blocks):
        if counts is None:
            self._dtype = dtype
        else:
            self._counts += counts
            self._moments.extend(blocks)

    def summary(self):
        counts, found = self._counts, self._moments
        if self._dtype is not None:
            patterns = np.sum(self.spare, axis=0)
            with np.errstate(all="ignore"):  # some of the patterns are signalling NaN
                values = np.arange(1 << 16, dtype=np.uint16).view(self._dtype).astype(np.float64)
                found = [*found, moments.of_repeated(values, patterns)]
            counts = counts + arrays.classes_of_patterns(patterns, self._dtype)
        return Summary(arrays.tally_of_classes(counts), *moments.mean_and_deviation(found))


def _counted(item):
    """What a chunk adds to its array's `_Sums`: these, its dtype, class counts and moments.

    Counts are None where those of its patterns were added to a spare array.
    """
    sums, chunk = item
    chunk = arrays.as_floats(chunk)
    dtype = chunk.dtype.newbyteorder("=")
    chunk = chunk.astype(dtype, copy=False)
    with np.errstate(all="ignore"):
        if dtype.itemsize == 2:
            if chunk.size >= _PAYS_FOR_PATTERNS:
                _add_patterns(sums, arrays.patterns(chunk))
                return sums, dtype, None, None
            chunk = chunk.astype(np.float32)
        if sums.loops is None:
            counts, lanes = arrays.counts_of_classes(chunk), moments.sums(chunk)
        else:
            counts, lanes = sums.loops.count_and_sum(chunk)
        return sums, dtype, counts, moments.of_blocks(chunk, lanes)


def _add_patterns(sums, patterns):
    try:
        counts = sums.spare.pop()
    except IndexError:
        counts = np.zeros(1 << 16, np.int64)
    if sums.loops is None:
        counts += np.bincount(patterns, minlength=1 << 16)
    else:
        sums.loops.add_patterns(patterns, counts)
    sums.spare.append(counts)


def _mapped(pool, items):
    """`_counted` of each item, by a pool without running far ahead of what is taken."""
    if pool is None:
        yield from map(_counted, items)
        return
    waiting: collections.deque[Any] = collections.deque()
    for item in items:
        is_small = item[1].size < _PAYS_FOR_A_THREAD
        waiting.append(_counted(item) if is_small else pool.submit(_counted, item))
        if len(waiting) > 4:
            yield _result(waiting.popleft())
    yield from map(_result, waiting)


def _result(found):
    return found.result() if isinstance(found, Future) else found
