"""The digit count of a large array as a compiled loop, one thread a core. Needs numba.

Imported by `arrays` when an array is large enough to pay for it, and only then.
"""

from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np

from keras_benford.digits.arrays import available_cores
from keras_benford.digits.table import N_CLASSES, float32_table, float64_table


def count_classes(patterns, threads=None):
    """Counts of the twelve classes (see `table`) over a contiguous array of bit patterns.

    Args:
        patterns: `(n,)` uint32 (of float32 values) or uint64 (of float64), contiguous.
        threads: how many to count with; by default one a core.

    Returns:
        `(12,)` int64.
    """
    if patterns.dtype == np.uint32:
        loop, table = _count32, float32_table()
    else:
        loop, table = _count64, float64_table()
    return _by_threads(lambda part: loop(part, table.offsets), patterns, threads)


def count_patterns(patterns, threads=None):
    """Counts of the 65,536 patterns of a 16-bit format: `(n,)` uint16 to `(65536,)` int64."""
    return _by_threads(_count16, patterns, threads)


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
        position = max(np.float64(position).view(np.int64) - (1074 << 52), -52 << 52)
    return np.uintp((position + offsets[np.uintp((position >> 48) + 832)]) >> 48)


@numba.njit(nogil=True, cache=True)
def _count16(patterns):
    counts = np.zeros(1 << 16, dtype=np.int64)
    for i in range(patterns.size):
        counts[patterns[i]] += 1
    return counts


@numba.njit(nogil=True, cache=True)
def _count32(patterns, offsets):
    # Four histograms in turn: no value waits until the count of the one before is written.
    counts = np.zeros((4, N_CLASSES), dtype=np.int64)
    whole = patterns.size // 4 * 4
    for start in range(0, whole, 4):
        for lane in range(4):
            counts[lane, _class32(patterns[start + lane], offsets)] += 1
    for i in range(whole, patterns.size):
        counts[0, _class32(patterns[i], offsets)] += 1
    return counts.sum(axis=0)


@numba.njit(nogil=True, cache=True)
def _count64(patterns, offsets):
    counts = np.zeros((4, N_CLASSES), dtype=np.int64)
    whole = patterns.size // 4 * 4
    for start in range(0, whole, 4):
        for lane in range(4):
            counts[lane, _class64(patterns[start + lane], offsets)] += 1
    for i in range(whole, patterns.size):
        counts[0, _class64(patterns[i], offsets)] += 1
    return counts.sum(axis=0)
