"""Values -> their mean and standard deviation, in one pass and without cancellation.

The values are summed in blocks of fixed length, in float64, as deviations from the block's first
value: however far all of them lie from zero, nothing of their differences is lost. Each block is
summed in lanes, value `i` in lane `i % LANES`, which NumPy adds in the same order as the loop of
`loops` does, so that both give the same bits. Blocks are put together by the formula of Chan,
Golub and LeVeque, "Algorithms for computing the sample variance" (1983).

A moment is a row: the number of finite values, their mean, the sum of squared deviations from it.
"""

import math
from collections.abc import Iterable

import numpy as np

BLOCK = 1 << 16
LANES = 256


def sums(values: np.ndarray) -> np.ndarray:
    """The deviations from each block's first value, and their squares, summed in lanes.

    Args:
        values: `(n,)` float32 or float64.

    Returns:
        `(n_blocks, 2, LANES)` float64.
    """
    found = np.zeros((-(-values.size // BLOCK), 2, LANES))
    for block, both in enumerate(found):
        deviations = values[block * BLOCK : (block + 1) * BLOCK].astype(np.float64)
        deviations -= deviations[0]
        whole = deviations.size // LANES * LANES
        rows, rest = deviations[:whole].reshape(-1, LANES), deviations[whole:]
        for lanes in both:
            rows.sum(axis=0, out=lanes)
            lanes[: rest.size] += rest
            deviations *= deviations
    return found


def of_blocks(values: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """The moment of each block `(n_blocks, 3)`, from what `sums` gives."""
    first = values[::BLOCK].astype(np.float64)
    n = np.full(len(first), float(BLOCK))
    n[-1:] = values.size - BLOCK * (len(first) - 1)
    total, of_squares = sums.sum(axis=-1).T
    squares = np.maximum(of_squares - total * total / n, 0.0)
    found = np.stack([n, first + total / n, squares], axis=1)
    for block in np.flatnonzero(~np.isfinite(found).all(axis=1)):
        block_values = values[block * BLOCK : (block + 1) * BLOCK]
        finite = block_values[np.isfinite(block_values)].astype(np.float64)
        found[block] = _of_finite(finite, np.ones(finite.size))
    return found


def of_repeated(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The moment of the finite ones of some values, each of which occurs so many times."""
    occurs = (counts > 0) & np.isfinite(values)
    return _of_finite(values[occurs].astype(np.float64), counts[occurs])


def _of_finite(values, counts):
    n = counts.sum()
    if n == 0:
        return np.zeros(3)
    mean = values[0] + math.fsum(counts * (values - values[0])) / n
    return np.array([n, mean, math.fsum(counts * (values - mean) ** 2)])


def mean_and_deviation(moments: Iterable[np.ndarray]) -> tuple[float, float]:
    """Mean and standard deviation of all values behind some moments; NaN if there are none."""
    rows = [row for row in moments if row[0] > 0]
    if not rows:
        return math.nan, math.nan
    if len(rows) == 1:
        ((n, mean, squares),) = rows
        return float(mean), math.sqrt(squares / n)
    n, means, squares = np.array(rows).T
    total = math.fsum(n)
    mean = means[0] + math.fsum(n * (means - means[0])) / total
    between = math.fsum(n * (means - mean) ** 2)
    return float(mean), math.sqrt((math.fsum(squares) + between) / total)
