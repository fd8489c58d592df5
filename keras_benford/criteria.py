"""Training accuracy, MLH and likelihoods to information criteria: lower is better for all of them.

Each takes numbers or arrays that broadcast together and gives a float or an array. What is
undefined is NaN; what cannot be an accuracy, an MLH or a count is an error.

Source: arXiv 2102.03313, eqs. 8 to 10.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

MLH_RANGE = (0.9462, 0.9999)
"""Lowest and highest MLH that the paper's authors saw on RGB data sets (eq. 9)."""


def eic(accuracy: ArrayLike, mlh: ArrayLike) -> Any:
    """The paper's information criterion: `-accuracy - mlh`.

    Args:
        accuracy: training accuracy in [0, 1].
        mlh: MLH of the weights in [-1, 1].

    Returns:
        Numbers in [-2, 1], lower is better; NaN where an argument is NaN.

    Raises:
        ValueError: if an argument lies outside its range.
        TypeError: if an argument is no real number.

    Source: arXiv 2102.03313, eq. 8.

    >>> round(eic(0.5, 0.98), 6)
    -1.48
    """
    return _number(-_accuracy(accuracy) - _mlh(mlh))


def scaled_eic(
    accuracy: ArrayLike, mlh: ArrayLike, *, mlh_range: tuple[float, float] = MLH_RANGE
) -> Any:
    """EIC with both terms of about the same weight: `-A - (MLH - low) / (high - low)`.

    Args:
        accuracy: training accuracy A in [0, 1].
        mlh: MLH of the weights in [-1, 1].
        mlh_range: `(low, high)`, the MLH values that map to 0 and 1. The default is eq. 9's, the
            range the authors saw on RGB data sets; smaller pictures (MNIST) fall below it.

    Returns:
        Numbers, lower is better; NaN where an argument is NaN.

    Raises:
        ValueError: if an argument lies outside its range, or not `low < high`.
        TypeError: if an argument is no real number.

    Source: arXiv 2102.03313, eq. 9.

    >>> round(scaled_eic(0.5, 0.9999), 6)
    -1.5
    """
    low, high = check_mlh_range(mlh_range)
    return _number(-_accuracy(accuracy) - (_mlh(mlh) - low) / (high - low))


def symbolic_eic(accuracy: ArrayLike, mlh: ArrayLike) -> Any:
    """The criterion that the authors found by symbolic regression: `-ln(mlh) / accuracy`.

    Args:
        accuracy: training accuracy in [0, 1].
        mlh: MLH of the weights in [-1, 1].

    Returns:
        Numbers >= 0, lower is better; NaN where the accuracy is 0, where MLH is not positive and
        where an argument is NaN.

    Raises:
        ValueError: if an argument lies outside its range.
        TypeError: if an argument is no real number.

    Source: arXiv 2102.03313, eq. 10.

    >>> round(symbolic_eic(0.5, 0.98), 6)
    0.040405
    """
    a, m = _accuracy(accuracy), _mlh(mlh)
    defined = (a > 0) & (m > 0)
    # `+ 0.0` turns the -0.0 of a perfect MLH into 0.0.
    value = -np.log(np.where(defined, m, 1.0)) / np.where(defined, a, 1.0) + 0.0
    return _number(np.where(defined, value, np.nan))


def aic(log_likelihood: ArrayLike, n_parameters: ArrayLike) -> Any:
    """Akaike's information criterion: `-2 ln L + 2 p`.

    Args:
        log_likelihood: ln L of all samples together, in nats.
        n_parameters: p >= 0.

    Returns:
        Numbers, lower is better; NaN where the likelihood is NaN.

    Raises:
        ValueError: if `n_parameters` is negative.
        TypeError: if an argument is no real number.

    >>> aic(-100.0, 5)
    210.0
    """
    p = _at_least("n_parameters", n_parameters, 0)
    return _number(-2 * _real("log_likelihood", log_likelihood) + 2 * p)


def bic(log_likelihood: ArrayLike, n_parameters: ArrayLike, n_samples: ArrayLike) -> Any:
    """Bayesian (Schwarz's) information criterion: `-2 ln L + p ln n`.

    The paper prints the penalty with a stray factor 2; this is the standard definition.

    Args:
        log_likelihood: ln L of all samples together, in nats.
        n_parameters: p >= 0.
        n_samples: n >= 1, how many samples the likelihood is of.

    Returns:
        Numbers, lower is better; NaN where the likelihood is NaN.

    Raises:
        ValueError: if `n_parameters` is negative or `n_samples` below 1.
        TypeError: if an argument is no real number.

    >>> round(bic(-100.0, 5, 1000), 3)
    234.539
    """
    p = _at_least("n_parameters", n_parameters, 0)
    n = _at_least("n_samples", n_samples, 1)
    return _number(-2 * _real("log_likelihood", log_likelihood) + p * np.log(n))


def check_mlh_range(mlh_range: Any) -> tuple[float, float]:
    """Validate `mlh_range` and return it as two floats."""
    try:
        low, high = (float(bound) for bound in mlh_range)
    except (TypeError, ValueError):
        raise _range_error(mlh_range) from None
    if not -np.inf < low < high < np.inf:
        raise _range_error(mlh_range)
    return low, high


def _range_error(mlh_range):
    return ValueError(
        "`mlh_range`: expected two finite numbers (low, high), low < high; "
        f"received {mlh_range!r}; pass the MLH that maps to 0 and the one that maps to 1, "
        f"such as {MLH_RANGE}."
    )


def _accuracy(values):
    values = _real("accuracy", values)
    outside = (values < 0) | (values > 1)
    if outside.any():
        raise ValueError(
            f"`accuracy`: expected numbers in [0, 1]; received {values[outside].flat[0]:.9g}; "
            "divide a percentage by 100."
        )
    return values


def _mlh(values):
    values = _real("mlh", values)
    outside = np.abs(values) > 1
    if outside.any():
        raise ValueError(
            f"`mlh`: expected numbers in [-1, 1]; received {values[outside].flat[0]:g}; "
            "pass what `mlh(counts)` gives."
        )
    return values


def _at_least(name, values, lowest):
    values = _real(name, values)
    if not (values >= lowest).all():
        raise ValueError(f"`{name}`: expected {lowest} or more; received {values.min():g}.")
    return values


def _real(name, values):
    values = np.asarray(values)
    if values.dtype.kind not in "uif":
        raise TypeError(f"`{name}`: expected real numbers; received {values.dtype} values.")
    return values.astype(np.float64)


def _number(x):
    return float(x) if np.ndim(x) == 0 else x
