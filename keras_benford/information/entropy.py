"""Activations -> the entropy of each neuron: how diverse it is by itself.

Source: Bansal et al., arXiv 2210.09404, intra-neuron diversity.
"""

import warnings
from typing import Any

import numpy as np

from keras_benford._messages import counted
from keras_benford.information import binning
from keras_benford.information.psi import psi_table
from keras_benford.information.values import (
    as_values,
    check_neighbour,
    check_option,
    is_single,
    without_ties,
)

METHODS = ("bins", "knn")
TIES = ("keep", "jitter")


def neuron_entropy(
    values: Any,
    *,
    method: str = "bins",
    bins: int = 100,
    edges: str = "shared",
    k: int = 3,
    ties: str = "keep",
    seed: int = 0,
) -> Any:
    """The entropy of each neuron over the examples, in nats.

    Entropies by bins lie from 0 to ln(bins), and depend on the number of bins and of examples:
    compare networks by the same. Entropies by nearest neighbours are those of a density, may be
    negative, and change with the neuron's scale.

    Args:
        values: `(n_samples, n_neurons)` activations, or `(n_samples,)` of one neuron.
        method: `"bins"` for a histogram of equally wide bins (plug-in), as published; `"knn"` for
            the estimate of Kozachenko and Leonenko from the distance to the k-th neighbour.
        bins: number of bins.
        edges: `"shared"` for bins from the least to the largest of all values, as published;
            `"neuron"` for bins of each neuron's own, which do not mind its scale.
        k: which neighbour.
        ties: for `"knn"`, what to do about equal values: `"keep"`; or `"jitter"`, to add noise of
            about 1e-10.
        seed: of that noise.

    Returns:
        `(n_neurons,)` float64, or a float for one neuron. A neuron with one value has 0 by bins.
        -inf by `"knn"` where an example has k others of the same value, as such values have no
        density; a warning says so.

    Raises:
        TypeError, ValueError: where the values or an option make no sense.

    Source: arXiv 2210.09404; Kozachenko and Leonenko (1987).

    Example:

    >>> import numpy as np
    >>> print(f"{neuron_entropy(np.arange(1000) % 4, bins=4) / np.log(2):.6f} bits")
    2.000000 bits
    """
    check_option("method", method, METHODS)
    check_option("ties", ties, TIES)
    binning.check_binning(bins, edges)
    array = as_values(values)
    if method == "knn":
        check_neighbour(k, len(array))
        if ties == "jitter":
            array = without_ties(array, np.random.default_rng(seed))
        found = _by_neighbours(array, k)
        n_endless = np.isneginf(found).sum()
        if n_endless:
            warnings.warn(
                f"{counted(n_endless, 'neuron has', 'neurons have')} one value for more than k = "
                f"{k} examples, and so an entropy of -inf; pass activations from before a "
                "ReLU, or ties='jitter' or method='bins'",
                UserWarning,
                stacklevel=2,
            )
    else:
        found = binning.entropies(binning.codes(array, bins, edges), bins)
    return float(found[0]) if is_single(values) else found


def _by_neighbours(values, k):
    """`psi(S) - psi(k) + ln(2) + mean(ln(d))`, d the distance to the k-th neighbour."""
    n_samples = len(values)
    ordered = np.sort(values, axis=0)
    distances = np.full(values.shape, np.inf)
    # The k nearest of a sorted value are some to its left, and the others to its right.
    for left in range(k + 1):
        right = k - left
        inside = slice(left, n_samples - right)
        here = ordered[inside]
        farthest = np.maximum(here - ordered[: n_samples - k], ordered[k:] - here)
        distances[inside] = np.minimum(distances[inside], farthest)
    psi = psi_table(n_samples)
    with np.errstate(divide="ignore"):
        logarithms = np.log(distances)
    return psi[n_samples - 1] - psi[k - 1] + np.log(2) + logarithms.mean(axis=0)
