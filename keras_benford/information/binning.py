"""Activations -> codes of equal bins, and the entropies of histograms of such codes.

A histogram of counts n that sum to S has the entropy ln(S) - sum(n ln(n)) / S in nats. Edges are
those of `numpy.histogram`: equally wide, a value on an edge belongs to the bin above it, and the
largest value to the last bin.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from keras_benford.information.values import check_option

EDGES = ("shared", "neuron")


def check_binning(bins: Any, edges: Any) -> None:
    """Raise a ValueError where an option makes no sense."""
    if not isinstance(bins, (int, np.integer)) or isinstance(bins, bool) or bins < 1:
        raise ValueError(f"`bins`: expected an integer of 1 or more; received {bins!r}")
    check_option("edges", edges, EDGES)


def codes(values: np.ndarray, bins: int, edges: str, span: tuple | None = None) -> np.ndarray:
    """The bin of each value.

    Args:
        values: `(n_samples, n_neurons)` float64.
        bins: how many there are.
        edges: `"shared"` for bins from the least to the largest of all values; `"neuron"` for bins
            of each neuron's own.
        span: instead, the lower and the upper end of shared bins.

    Returns:
        `(n_neurons, n_samples)` int64 from 0 to `bins` - 1; 0 where all values are equal.
    """
    if edges == "shared":
        low, high = span or (values.min(), values.max())
        return _codes(values.T, bins, low, high)
    return np.stack([_codes(column, bins, column.min(), column.max()) for column in values.T])


def _codes(values, bins, low, high):
    if low == high:
        return np.zeros(values.shape, np.int64)
    inner = np.linspace(low, high, bins + 1)[1:-1]
    return np.searchsorted(inner, values, side="right")


def entropies(coded: np.ndarray, bins: int) -> np.ndarray:
    """Entropies of neurons in nats: `(n_neurons, n_samples)` codes to `(n_neurons,)`."""
    n_neurons, n_samples = coded.shape
    offsets = bins * np.arange(n_neurons)[:, None]
    counts = np.bincount((coded + offsets).ravel(), minlength=bins * n_neurons)
    counts = counts.reshape(n_neurons, bins)
    terms = (counts * np.log(np.maximum(counts, 1))).sum(axis=1)
    return of_terms(terms, n_samples)


def of_terms(terms: Any, n_samples: int) -> Any:
    """Entropies in nats, from sums of n ln(n)."""
    return np.log(n_samples) - terms / n_samples


def joint_terms(
    bases: np.ndarray, others: np.ndarray, bins: int, symmetric: bool, advance: Callable
) -> np.ndarray:
    """What `loops.joint_terms` gives, by sorting, where numba is missing."""
    n, m, n_samples = len(bases), len(others), bases.shape[1]
    terms = np.zeros((n, m))
    for i in range(n):
        first = i if symmetric else 0
        pairs = np.sort(bases[i] * bins + others[first:], axis=1)
        starts = np.ones(pairs.shape, bool)
        starts[:, 1:] = pairs[:, 1:] != pairs[:, :-1]
        (places,) = np.nonzero(starts.ravel())
        counts = np.diff(np.append(places, pairs.size))
        owners = places // n_samples
        terms[i, first:] = np.bincount(owners, counts * np.log(counts), m - first)
        advance()
    return terms
