"""The digit count of a large array as a compiled loop, one thread a core. Needs numba.

Imported by `arrays` and `streams` when there are values enough to pay for it, and only then.
"""

from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np

from keras_benford._machine import available_cores
from keras_benford.digits.moments import BLOCK, LANES
from keras_benford.digits.table import N_CLASSES, float32_table, float64_table


def count_classes(patterns, threads=None):
    """Counts of the twelve classes (see `table`) over a contiguous array of bit patterns.

    Args:
        patterns: `(n,)` uint32 (of float32 values) or uint64 (of float64), contiguous.
        threads: how many to count with; by default one a core.

    Returns:
        `(12,)` int64.
    """
    loop = _count32 if patterns.dtype == np.uint32 else _count64
    table = _table(patterns.dtype)

    def count(part):
        counts = np.zeros((4, N_CLASSES), np.int64)
        loop(part, table.offsets, counts)
        return counts.sum(axis=0)

    return _by_threads(count, patterns, threads)


def count_patterns(patterns, threads=None):
    """Counts of the 65,536 patterns of a 16-bit format: `(n,)` uint16 to `(65536,)` int64."""

    def count(part):
        counts = np.zeros(1 << 16, np.int64)
        add_patterns(part, counts)
        return counts

    return _by_threads(count, patterns, threads)


def add_patterns(patterns, counts):
    """Add the counts of the patterns of a 16-bit format to `(65536,)` int64."""
    _count16(_read_only(patterns), counts)


def count_and_sum(values):
    """What `count_classes` and `moments.sums` give, in one pass over the memory.

    Args:
        values: `(n,)` float32 or float64, contiguous.

    Returns:
        `(12,)` int64, and `(n_blocks, 2, LANES)` float64.
    """
    values = _read_only(values)
    patterns = values.view(f"u{values.itemsize}")
    loop = _count_and_sum32 if values.itemsize == 4 else _count_and_sum64
    counts = np.zeros((4, N_CLASSES), np.int64)
    sums = np.zeros((-(-values.size // BLOCK), 2, LANES))
    loop(patterns, values, _table(patterns.dtype).offsets, counts, sums)
    return counts.sum(axis=0), sums


def _table(dtype):
    return float32_table() if dtype == np.uint32 else float64_table()


def _by_threads(count, patterns, threads):
    patterns = _read_only(patterns)
    threads = threads or available_cores()
    if threads == 1:
        return count(patterns)
    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(count, np.array_split(patterns, threads)))


def _read_only(patterns):
    """A view: numba compiles anew for arrays that may be written to, this way there is one kind."""
    patterns = patterns.view()
    patterns.setflags(write=False)
    return patterns


@numba.njit(nogil=True, cache=True)
def _class32(pattern, offsets):
    # Unsigned throughout: a signed index would be checked for counting from the end.
    position = pattern & np.uint32(0x7FFF_FFFF)
    offset = np.uint32(offsets[np.uintp(position >> np.uint32(19))])
    return np.uintp(np.uint32(position + offset) >> np.uint32(19))


@numba.njit(nogil=True, cache=True)
def _class64(pattern, offsets):
    position = np.int64(pattern & np.uint64(0x7FFF_FFFF_FFFF_FFFF))
    if position < 1 << 52:
        position = max(np.float64(position).view(np.int64) - (1074 << 52), np.int64(-52 << 52))
    return np.uintp((position + offsets[np.uintp((position >> 48) + 832)]) >> 48)


@numba.njit(nogil=True, cache=True)
def _count16(patterns, counts):
    for i in range(patterns.size):
        counts[patterns[i]] += 1


@numba.njit(nogil=True, cache=True)
def _count32(patterns, offsets, counts):
    # Four histograms in turn: no value waits until the count of the one before is written.
    whole = patterns.size // 4 * 4
    for start in range(0, whole, 4):
        for lane in range(4):
            counts[lane, _class32(patterns[start + lane], offsets)] += 1
    for i in range(whole, patterns.size):
        counts[0, _class32(patterns[i], offsets)] += 1


@numba.njit(nogil=True, cache=True)
def _count64(patterns, offsets, counts):
    whole = patterns.size // 4 * 4
    for start in range(0, whole, 4):
        for lane in range(4):
            counts[lane, _class64(patterns[start + lane], offsets)] += 1
    for i in range(whole, patterns.size):
        counts[0, _class64(patterns[i], offsets)] += 1


@numba.njit(nogil=True, cache=True)
def _add_deviations(values, first, sums):
    # Apart from the counting, so that the compiler makes vectors of it.
    for lane in range(values.size):
        deviation = np.float64(values[lane]) - first
        sums[0, lane] += deviation
        sums[1, lane] += deviation * deviation


@numba.njit(nogil=True, cache=True)
def _count_and_sum32(patterns, values, offsets, counts, sums):
    lanes = sums.shape[2]
    for block in range(sums.shape[0]):
        begin = block * BLOCK
        first = np.float64(values[begin])
        for start in range(begin, min(begin + BLOCK, values.size), lanes):
            end = min(start + lanes, values.size)
            _count32(patterns[start:end], offsets, counts)
            _add_deviations(values[start:end], first, sums[block])


@numba.njit(nogil=True, cache=True)
def _count_and_sum64(patterns, values, offsets, counts, sums):
    lanes = sums.shape[2]
    for block in range(sums.shape[0]):
        begin = block * BLOCK
        first = values[begin]
        for start in range(begin, min(begin + BLOCK, values.size), lanes):
            end = min(start + lanes, values.size)
            _count64(patterns[start:end], offsets, counts)
            _add_deviations(values[start:end], first, sums[block])
