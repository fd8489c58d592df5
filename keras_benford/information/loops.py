"""Compiled loops over examples: nearest neighbours and joint histograms of neurons. Needs numba.

The k-th nearest neighbour of an example in the plane of two neurons, by the maximum norm, lies
within a strip about it. For a neuron at the base, examples are sorted by it, and for each of them
the others are visited outward, until they are farther off in the base than the k-th nearest so far.
That is done for `LANES` other neurons at a time, which visit the same examples in the same order:
what is done to each of them is then one instruction on several numbers. How many examples are
closer than that in each neuron alone is counted in the sorted neuron, neuron by neuron. Distances
are float64, as in the plain definition, and so are the comparisons; nothing is approximate.
"""

import functools
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np

from keras_benford._machine import available_cores

LANES = 32
# Examples that are visited between two looks at whether it is enough.
_BLOCK = 8
# One in so many values of a sorted neuron is a mark; so many marks are looked through at a time.
_STRIDE, _MARKS = 40, 32
_TINY = np.finfo(np.float64).smallest_subnormal


def sum_of_psi(bases, others, k, psi, symmetric, advance):
    """How many examples are closer in each neuron than the k-th neighbour is in the plane of two.

    Args:
        bases: `(n_samples, n)` float64.
        others: `(n_samples, m)` float64.
        k: which neighbour.
        psi: `(n_samples,)` float64, the digamma function of 1 to n_samples.
        symmetric: whether the two are the same, and only pairs with j >= i are to be found.
        advance: called without arguments after each base, from several threads.

    Returns:
        `(n, m)` float64: for each pair the means over the examples of `psi(count + 1)`, added.
    """
    found = np.zeros((bases.shape[1], others.shape[1]))
    of_others = _sorted(others)
    orders, lines, marks, _ = of_others if symmetric else _sorted(bases)
    others = np.ascontiguousarray(others)
    loop = _neighbours(k)

    def one(i):
        first = i if symmetric else 0
        loop(lines[i], marks[i], orders[i], others, *of_others[1:], first, psi, LANES, found[i])
        advance()

    _by_threads(one, bases.shape[1])
    return found


def _sorted(values):
    """Neurons in ascending order, in which `_closer` counts.

    Args:
        values: `(n_samples, n_neurons)` float64.

    Returns:
        For each neuron, by rows: the examples in its order; its values in that order from place
        `_STRIDE` on, endless ones on both sides; every `_STRIDE`th of these; and the place of each
        example among them.
    """
    n_samples, n_neurons = values.shape
    orders = np.argsort(values.T, axis=1, kind="stable")
    places = np.empty(orders.shape, np.int64)
    np.put_along_axis(places, orders, np.arange(n_samples)[None] + _STRIDE, axis=1)
    # One mark at least beyond the largest value.
    block = _MARKS * _STRIDE
    width = -(-(n_samples + 2 * _STRIDE) // block) * block
    lines = np.full((n_neurons, width), np.inf)
    lines[:, :_STRIDE] = -np.inf
    lines[:, _STRIDE : _STRIDE + n_samples] = np.take_along_axis(values.T, orders, axis=1)
    return orders, lines, np.ascontiguousarray(lines[:, ::_STRIDE]), places


def joint_terms(bases, others, bins, symmetric, advance):
    """Joint histograms of pairs, as what their entropies are made of.

    Args:
        bases: `(n, n_samples)` int64 codes from 0 to `bins` - 1.
        others: `(m, n_samples)` likewise.
        bins: number of codes.
        symmetric: whether the two are the same, and only pairs with j >= i are to be found.
        advance: as for `sum_of_psi`.

    Returns:
        `(n, m)` float64, the sum of n ln(n) over the cells of each pair's histogram.
    """
    n_samples = bases.shape[1]
    counts = np.arange(n_samples + 1.0)
    terms = counts * np.log(np.maximum(counts, 1))
    sums = np.zeros((len(bases), len(others)))

    def one(i):
        first = i if symmetric else 0
        _joint(bases[i], others, first, bins, np.diff(terms), sums[i])
        advance()

    _by_threads(one, len(bases))
    return sums


def _by_threads(function, n):
    with ThreadPoolExecutor(available_cores()) as pool:
        try:
            for _ in pool.map(function, range(n)):
                pass
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


@numba.njit(nogil=True, cache=True)
def _joint(base, others, first, bins, increments, sums):
    histogram = np.zeros(bins * bins, np.int64)
    for j in range(first, len(others)):
        total = 0.0
        for i in range(len(base)):
            cell = np.uintp(base[i] * bins + others[j, i])
            count = histogram[cell]
            total += increments[count]
            histogram[cell] = count + 1
        for i in range(len(base)):
            histogram[np.uintp(base[i] * bins + others[j, i])] = 0
        sums[j] = total


@functools.cache
def _neighbours(k):
    """The loop over the examples of one base; compiled for a k, so that its insertion unrolls."""
    # One array for all that is written, at places that the compiler knows: so it sees that they
    # do not overlap, and has several lanes in one instruction. First the k nearest distances.
    here = k * LANES
    near = here + LANES
    kth = (k - 1) * LANES

    @numba.njit(nogil=True, cache=True)
    def neighbours(
        x, marks, order, others, lines, marks_of_lines, places, first_other, psi, lanes, found
    ):
        n_samples, m = others.shape
        last = n_samples + _STRIDE
        y = np.zeros((n_samples + 2 * _STRIDE) * LANES)
        work = np.zeros(near + _BLOCK * LANES)
        radii = np.empty((LANES, n_samples))
        for first in range(first_other, m, LANES):
            for i in range(n_samples):
                for lane in range(LANES):
                    y[(_STRIDE + i) * LANES + lane] = others[order[i], min(first + lane, m - 1)]
            for i in range(_STRIDE, last):
                for lane in range(LANES):
                    work[here + lane] = y[np.uintp(i * LANES + lane)]
                for at in range(here):
                    work[at] = np.inf
                below, above = i - _BLOCK, i + 1
                while True:
                    to_left, to_right = x[i] - x[below + _BLOCK - 1], x[above] - x[i]
                    nearest = min(to_left, to_right)
                    unsettled = 0
                    # `lanes` is `LANES`: a loop of unknown length is not unrolled, but vectorised.
                    for lane in range(lanes):
                        unsettled += work[kth + lane] > nearest
                    if unsettled == 0:
                        break
                    if to_right < to_left:
                        start = above
                        above = min(above + _BLOCK, last)
                    else:
                        start = below
                        below = max(below - _BLOCK, 0)
                    for t in range(_BLOCK):
                        # Unsigned, or an index would be checked for counting from the end.
                        dx = abs(x[np.uintp(start + t)] - x[i])
                        row, to = np.uintp((start + t) * LANES), np.uintp(near + t * LANES)
                        for lane in range(LANES):
                            dy = abs(y[row + np.uintp(lane)] - work[here + lane])
                            work[to + np.uintp(lane)] = dy if dy > dx else dx
                    for lane in range(LANES):
                        for t in range(_BLOCK):
                            distance = work[near + t * LANES + lane]
                            for rank in range(0, here, LANES):
                                other = work[rank + lane]
                                closer = distance < other
                                work[rank + lane] = distance if closer else other
                                distance = other if closer else distance
                for lane in range(LANES):
                    # Where the k-th neighbour lies upon the example, those at no distance count.
                    radii[lane, i - _STRIDE] = max(work[kth + lane], _TINY)
            for lane in range(min(LANES, m - first)):
                j, total = first + lane, 0.0
                for i in range(n_samples):
                    radius = radii[lane, i]
                    # The example itself is among those that are counted.
                    total += psi[np.uintp(_closer(x, marks, _STRIDE + i, radius) - 1)]
                    at = places[j, order[i]]
                    total += psi[np.uintp(_closer(lines[j], marks_of_lines[j], at, radius) - 1)]
                found[j] = total / n_samples

    return neighbours


@numba.njit(nogil=True, cache=True)
def _closer(line, marks, at, radius):
    """How many values of a sorted neuron lie closer than a radius to the one at a place.

    First among the marks: the ends of those that do lie within a stride. Nothing branches, and all
    lengths are known, so that each loop is a few instructions.
    """
    here = line[np.uintp(at)]
    begun, ended = 0, 0
    for first in range(0, len(marks), _MARKS):
        for t in range(_MARKS):
            mark = marks[np.uintp(first + t)]
            begun += here - mark >= radius
            ended += mark - here < radius
    count = _STRIDE * (ended - begun)
    below, above = np.uintp(_STRIDE * (begun - 1) + 1), np.uintp(_STRIDE * (ended - 1) + 1)
    for t in range(_STRIDE):
        count -= here - line[below + np.uintp(t)] >= radius
        count += line[above + np.uintp(t)] - here < radius
    return count
