"""Activations -> the mutual information of pairs of neurons: how much they tell of each other.

Source: Bansal et al., arXiv 2210.09404, inter-neuron diversity; Kraskov, Stögbauer and Grassberger,
Phys. Rev. E 69, 066138 (2004), estimator 1.
"""

import warnings
from typing import Any

import numpy as np

from keras_benford._messages import counted
from keras_benford._progress import progress_bar
from keras_benford.information import binning, engines
from keras_benford.information.psi import psi_table
from keras_benford.information.values import (
    as_values,
    check_neighbour,
    check_option,
    is_single,
    most_tied,
    without_ties,
)

METHODS = ("ksg", "bins")
TIES = ("keep", "jitter", "mask")
SCALES = ("keep", "std")


def mutual_information(
    values: Any,
    others: Any = None,
    *,
    method: str = "ksg",
    k: int = 3,
    scale: str = "keep",
    bins: int = 100,
    edges: str = "shared",
    ties: str = "keep",
    seed: int = 0,
    engine: str = "auto",
    progress: bool = False,
) -> Any:
    """The mutual information of each pair of neurons over the examples, in nats.

    Estimates by nearest neighbours scatter about the truth, so that those of independent neurons
    are negative as often as positive. Where many examples share a value, as the zeros of a ReLU,
    they are far too low: a warning says so, and `ties` what to do about it. Estimates by bins are
    never negative, and too high where there are few examples for many cells.

    Args:
        values: `(n_samples, n_neurons)` activations, or `(n_samples,)` of one neuron.
        others: None for all pairs within `values`; or `(n_samples, m)` (or `(n_samples,)`)
            activations of other neurons on the same examples, in the same order.
        method: `"ksg"` for the estimate of Kraskov, Stögbauer and Grassberger from the k nearest
            neighbours (their first), as published; `"bins"` for histograms: H(x) + H(y) - H(x, y).
        k: which neighbour.
        scale: for `"ksg"`, of each neuron's values: `"keep"` as they are, as published; `"std"`
            divides them by their standard deviation, as scikit-learn does. Nearest neighbours see
            less of a neuron whose values are small beside the other's: of Gaussians with a truth
            of 0.83 it finds 0.84 where both have one scale, 0.82 where one has ten times the
            other's, 0.60 at a hundred times. `"std"` finds 0.84 in all cases: pass it where
            scales differ by ten times and more.
        bins, edges: as for `neuron_entropy`.
        ties: for `"ksg"`, what to do about neurons of which more than k examples have the same
            value: `"keep"` what the formula gives; `"jitter"`, add noise of about 1e-10 to all;
            `"mask"`, NaN for every pair with such a neuron.
        seed: of that noise.
        engine: `"numba"`, compiled loops on the CPU's cores; `"keras"`, a program of Keras' backend
            and on its device; `"auto"` for the first where numba is installed and Keras' backend,
            if it is loaded, has no GPU. Both are exact and differ by rounding of the mean only.
        progress: whether to show a progress bar, on a terminal.

    Returns:
        `(n_neurons, n_neurons)` float64, symmetric; or `(n_neurons, m)`; a float for one neuron and
        another one. The diagonal is what a neuron tells of itself: psi(n_samples) - psi(k) by
        `"ksg"` without ties, its entropy by `"bins"`. A constant neuron tells nothing: 0.

    Raises:
        TypeError, ValueError: where the values or an option make no sense.
        ImportError: for `engine="numba"` where it is missing.

    Example:

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> a, b = rng.standard_normal((2, 500))
    >>> print(f"{mutual_information(a, b):.4f} {mutual_information(a, a + b):.4f}")
    0.0465 0.4530
    """
    check_option("method", method, METHODS)
    check_option("ties", ties, TIES)
    check_option("scale", scale, SCALES)
    check_option("engine", engine, engines.ENGINES)
    binning.check_binning(bins, edges)
    arrays = [as_values(values)]
    if others is not None:
        arrays.append(as_values(others, "others"))
        if len(arrays[0]) != len(arrays[1]):
            raise ValueError(
                f"expected the same examples in `values` and `others`; received {len(arrays[0])} "
                f"and {len(arrays[1])}"
            )
    if method == "ksg":
        if scale == "std":
            arrays = [_of_one_scale(array) for array in arrays]
        found = _by_neighbours(arrays, k, ties, seed, engine, progress)
    else:
        found = _by_bins(arrays, bins, edges, progress)
    single = others is not None and is_single(values) and is_single(others)
    return float(found[0, 0]) if single else found


def _of_one_scale(values):
    """The values divided by their standard deviation; those of a constant neuron as they are."""
    # First by the largest, so that no square overflows.
    largest = np.abs(values).max(axis=0)
    values = values / np.where(largest > 0, largest, 1)
    deviations = values.std(axis=0)
    return values / np.where(np.ptp(values, axis=0) > 0, deviations, 1)


def _by_neighbours(arrays, k, ties, seed, engine, progress):
    n_samples = len(arrays[0])
    check_neighbour(k, n_samples)
    tied = [most_tied(array) > k for array in arrays]
    constant = [np.ptp(array, axis=0) == 0 for array in arrays]
    if ties == "jitter":
        rng = np.random.default_rng(seed)
        arrays = [without_ties(array, rng) for array in arrays]
    psi = psi_table(n_samples)
    with progress_bar("mutual information", progress) as track:
        sums = engines.sum_of_psi(arrays, k, psi, engine, track)
    found = psi[n_samples - 1] + psi[k - 1] - sums
    # It has no distances to speak of, and nothing to tell.
    found[constant[0]] = 0.0
    found[:, constant[-1]] = 0.0
    pairs_tied = tied[0][:, None] | tied[-1]
    if ties == "mask":
        found[pairs_tied] = np.nan
    elif ties == "keep":
        changing = [of & ~alike for of, alike in zip(tied, constant, strict=True)]
        _warn_of_ties(found[changing[0][:, None] | changing[-1]], sum(map(np.sum, changing)))
    return found


def _warn_of_ties(estimates, n_tied):
    """What ties have made negative is not to pass for the estimates of independent neurons."""
    if np.min(estimates, initial=0) < 0:
        warnings.warn(
            f"{counted(n_tied, 'neuron has', 'neurons have')} one value for many examples, and "
            f"estimates as low as {np.min(estimates):.2f} nats; pass activations from before a "
            "ReLU, or ties='jitter', ties='mask' or method='bins'",
            UserWarning,
            stacklevel=4,
        )


def _by_bins(arrays, bins, edges, progress):
    n_samples = len(arrays[0])
    low, high = (function([function(array) for array in arrays]) for function in (np.min, np.max))
    coded = [binning.codes(array, bins, edges, (low, high)) for array in arrays]
    with progress_bar("mutual information", progress) as track:
        terms = engines.joint_terms(coded, bins, track)
    if len(arrays) == 1:
        terms = np.triu(terms) + np.triu(terms, 1).T
    joint = binning.of_terms(terms, n_samples)
    own = [binning.entropies(codes, bins) for codes in coded]
    # Not what rounding leaves of 0.
    return np.maximum(own[0][:, None] + own[-1] - joint, 0.0)
