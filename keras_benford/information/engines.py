"""What computes all pairs: compiled loops by numba, or a program of Keras' backend."""

import sys
from collections.abc import Callable

import numpy as np

from keras_benford import _machine
from keras_benford.information import binning

ENGINES = ("auto", "numba", "keras")


def sum_of_psi(values: list, k: int, psi: np.ndarray, engine: str, track: Callable) -> np.ndarray:
    """For pairs of neurons, how many examples are closer in each than the k-th neighbour is.

    Args:
        values: one `(n_samples, n)` float64, for all pairs within it, or two.
        k: which neighbour.
        psi: `(n_samples,)` float64, the digamma function of 1 to n_samples.
        engine: one of `ENGINES`.
        track: function of a number of steps that gives a function of steps made.

    Returns:
        `(n, m)` float64: the means over the examples of `psi(count + 1)` of both, added.
    """
    bases, others = values[0], values[-1]
    within = len(values) == 1
    n, m = bases.shape[1], others.shape[1]
    if _by_numba(engine):
        found = compiled_loops().sum_of_psi(bases, others, k, psi, within, track(n))
        return found + np.triu(found, 1).T if within else found
    from keras_benford.information import tensors

    columns = np.concatenate([part.T for part in values])
    places = np.triu_indices(n) if within else tuple(np.indices((n, m)).reshape(2, -1))
    pairs = np.stack(places, axis=1)
    if not within:
        pairs[:, 1] += n
    found = np.zeros((n, m))
    found[places] = tensors.sum_of_psi(columns, pairs, k, psi, track(len(pairs)))
    return found + np.triu(found, 1).T if within else found


def joint_terms(coded: list, bins: int, track: Callable) -> np.ndarray:
    """Sums of n ln(n) over the cells of joint histograms.

    Args:
        coded: one `(n, n_samples)` array of codes, for pairs j >= i within it, or two.
        bins: number of codes.
        track: as for `sum_of_psi`.

    Returns:
        `(n, m)` float64.
    """
    module = compiled_loops() or binning
    advance = track(len(coded[0]))
    return module.joint_terms(coded[0], coded[-1], bins, len(coded) == 1, advance)


def compiled_loops():
    """The module of numba's loops, or None where numba is missing or does not work."""
    return _machine.compiled_loops("keras_benford.information.loops")


def _by_numba(engine):
    if engine == "keras":
        return False
    if engine == "numba" and compiled_loops() is None:
        raise ImportError(
            "engine='numba': expected the package numba; received none that works; "
            "run `pip install numba`, or pass engine='keras'"
        )
    if engine == "auto" and "keras" in sys.modules:
        from keras_benford import _backends

        if _backends.has_gpu():
            return False
    return compiled_loops() is not None
