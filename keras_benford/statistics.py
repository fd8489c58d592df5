"""Digit counts to numbers: how far nine counts lie from Benford's law.

Every function takes counts of the leading digits 1 to 9 on its last axis, as a NumPy array, nested
lists or a Keras tensor, and gives one number for each set of nine. Counts and frequencies serve
alike, except in `chi_squared`, which grows with the number of values. NumPy input is computed in
float64, tensors in float32. A set without any digit has no distribution: its statistics are NaN.

Source: Sahu, Java, Shaikh, Kilcher, "Rethinking Neural Networks With Benford's Law",
arXiv 2102.03313, for MLH; Nigrini, "Benford's Law" (2012), for the mean absolute deviation.
"""

from typing import Any

import numpy as np

BENFORD = np.log10(1 + 1 / np.arange(1, 10))
BENFORD.setflags(write=False)

# As plain numbers: `torch.compile` makes an array that it meets writable, and leaves it so.
_LAW = BENFORD.tolist()
_LOG_LAW = np.log(BENFORD).tolist()
_CENTRED_LAW = (BENFORD - 1 / 9).tolist()


def mlh(counts: Any) -> Any:
    """Correlate the digits' frequencies with Benford's law: the paper's MLH.

    MLH is Pearson's r between the nine frequencies and `BENFORD`. The law is exact here; the
    authors' code rounds it to three decimals, which moves MLH by at most about 3e-4.

    Args:
        counts: `(..., 9)` non-negative counts or frequencies of the digits 1 to 9.

    Returns:
        `(...)` numbers in [-1, 1], higher is closer to Benford's law. NaN where there are no
        digits, where all nine counts are equal, and where a count is not finite.

    Raises:
        ValueError: if the last axis does not have nine entries, or a count is negative.
        TypeError: if the counts are no real numbers.

    Source: arXiv 2102.03313.

    >>> round(mlh([30, 18, 12, 10, 8, 7, 6, 5, 4]), 4)
    0.9991
    >>> mlh([5, 5, 5, 5, 5, 5, 5, 5, 5])
    nan
    """
    xp, counts = _namespace_and_counts(counts)
    # r knows neither origin nor scale. With the smallest count taken off, which is exact for
    # integers, the differences of large counts survive the rounding to floats.
    low = xp.min(counts, axis=-1, keepdims=True)
    spread = _float(xp, xp.max(counts, axis=-1, keepdims=True) - low)
    counts = _divided(xp, _float(xp, counts - low), spread)
    deviation = counts - xp.mean(counts, axis=-1, keepdims=True)
    law = _constant(xp, _CENTRED_LAW)
    covariance = xp.sum(deviation * law, axis=-1)
    norm = xp.sqrt(xp.sum(deviation**2, axis=-1) * xp.sum(law**2))
    return _number(xp, xp.clip(covariance / norm, -1.0, 1.0))


def kl_divergence(counts: Any) -> Any:
    """Kullback-Leibler divergence of the observed digits from Benford's law, in nats.

    `KL(P || q) = sum_d P(d) ln(P(d) / q(d))`, P Benford's law and q the observed frequencies.

    Args:
        counts: `(..., 9)` non-negative counts or frequencies of the digits 1 to 9.

    Returns:
        `(...)` numbers >= 0 in nats, 0 for exactly Benford's law; infinite where a digit never
        occurs, NaN where there are no digits.

    Raises:
        ValueError: if the last axis does not have nine entries, or a count is negative.
        TypeError: if the counts are no real numbers.

    >>> round(kl_divergence([1] * 9), 6)
    0.203791
    """
    xp, counts = _namespace_and_counts(counts)
    q = _frequencies(xp, counts)
    with np.errstate(divide="ignore"):
        terms = _constant(xp, _LAW) * (_constant(xp, _LOG_LAW) - xp.log(q))
    return _number(xp, xp.sum(terms, axis=-1))


def js_divergence(counts: Any) -> Any:
    """Jensen-Shannon divergence between the observed digits and Benford's law, in nats.

    The mean of both distributions' KL divergence to their midpoint: symmetric and always finite.

    Args:
        counts: `(..., 9)` non-negative counts or frequencies of the digits 1 to 9.

    Returns:
        `(...)` numbers in [0, ln 2], 0 for exactly Benford's law; NaN where there are no digits.

    Raises:
        ValueError: if the last axis does not have nine entries, or a count is negative.
        TypeError: if the counts are no real numbers.

    >>> round(js_divergence([1] * 9), 6)
    0.047928
    """
    xp, counts = _namespace_and_counts(counts)
    p, q = _constant(xp, _LAW), _frequencies(xp, counts)
    log_midpoint = xp.log((p + q) / 2)
    # 0 ln 0 is 0: `_log` gives 0 for 0, and the factor q is 0 as well.
    of_law = xp.sum(p * (_constant(xp, _LOG_LAW) - log_midpoint), axis=-1)
    of_digits = xp.sum(q * (_log(xp, q) - log_midpoint), axis=-1)
    return _number(xp, xp.maximum((of_law + of_digits) / 2, 0.0))


def mean_absolute_deviation(counts: Any) -> Any:
    """Mean over the nine digits of |observed frequency - Benford's law| (Nigrini's MAD).

    Args:
        counts: `(..., 9)` non-negative counts or frequencies of the digits 1 to 9.

    Returns:
        `(...)` numbers >= 0. Nigrini's bands for first digits: below 0.006 close conformity,
        below 0.012 acceptable, below 0.015 marginal, else none. NaN where there are no digits.

    Raises:
        ValueError: if the last axis does not have nine entries, or a count is negative.
        TypeError: if the counts are no real numbers.

    >>> round(mean_absolute_deviation([1] * 9), 6)
    0.059717
    """
    xp, counts = _namespace_and_counts(counts)
    deviation = _frequencies(xp, counts) - _constant(xp, _LAW)
    return _number(xp, xp.mean(xp.abs(deviation), axis=-1))


CONFORMITY_FROM = 550
"""Of fewer values chance makes more than one perfect sample in 20 nonconforming."""


def conformity(deviation: float, n: int | None = None) -> str | None:
    """Nigrini's word for a mean absolute deviation of first digits from Benford's law.

    Args:
        deviation: what `mean_absolute_deviation` gives.
        n: of how many values; None for many.

    Returns:
        `"close"` below 0.006, `"acceptable"` below 0.012, `"marginal"` below 0.015, else
        `"nonconforming"`; None for NaN, and for fewer than 550 values, of which the deviation tells
        more of chance than of them.

    >>> conformity(0.01)
    'acceptable'
    """
    if np.isnan(deviation) or (n is not None and n < CONFORMITY_FROM):
        return None
    bands = ((0.006, "close"), (0.012, "acceptable"), (0.015, "marginal"))
    return next((word for limit, word in bands if deviation < limit), "nonconforming")


def chi_squared(counts: Any) -> Any:
    """Pearson's chi-squared statistic of the counts against Benford's law, 8 degrees of freedom.

    It grows with the number of values: with millions of weights any network departs significantly
    from Benford's law, so compare effect sizes (`mlh`, `js_divergence`) first.

    Args:
        counts: `(..., 9)` non-negative counts of the digits 1 to 9; frequencies will not do.

    Returns:
        `(...)` numbers >= 0, NaN where there are no digits.

    Raises:
        ValueError: if the last axis does not have nine entries, or a count is negative.
        TypeError: if the counts are no real numbers.

    >>> round(chi_squared([100] * 9), 3)
    361.528
    """
    xp, counts = _namespace_and_counts(counts)
    deviation = _frequencies(xp, counts) - _constant(xp, _LAW)
    total = xp.sum(_float(xp, counts), axis=-1)
    return _number(xp, total * xp.sum(deviation**2 / _constant(xp, _LAW), axis=-1))


def _namespace_and_counts(counts):
    """The module that computes on `counts` (NumPy or `keras.ops`), and the validated counts."""
    if not isinstance(counts, (np.ndarray, list, tuple)) and hasattr(counts, "dtype"):
        from keras import backend, ops

        if ops.is_tensor(counts):
            dtype = backend.standardize_dtype(counts.dtype)
            if "int" not in dtype and "float" not in dtype:
                raise _not_real(dtype)
            _check_last_axis(counts.shape)
            return ops, ops.cast(counts, "float32") if "float" in dtype else counts
    counts = np.asarray(counts)
    if counts.dtype.kind not in "uif":
        raise _not_real(counts.dtype)
    _check_last_axis(counts.shape)
    if (counts < 0).any():
        raise ValueError(
            "`counts`: expected non-negative numbers; "
            f"received {counts.min()}; pass what `digit_counts` gives."
        )
    if counts.dtype.kind == "f":
        # NaN passes through in silence, arithmetic on infinity warns.
        counts = np.where(counts == np.inf, np.nan, np.asarray(counts, np.float64))
    return np, counts


def _not_real(dtype):
    return TypeError(
        "`counts`: expected real numbers, the counts of the digits 1 to 9; "
        f"received {dtype} values; pass what `digit_counts` gives."
    )


def _check_last_axis(shape):
    if len(shape) == 0 or shape[-1] != 9:
        raise ValueError(
            "`counts`: expected nine entries on the last axis, for the digits 1 to 9; "
            f"received shape {tuple(shape)}; pass what `digit_counts` gives."
        )


def _frequencies(xp, counts):
    # Floats first: the sum of narrow integers could overflow.
    counts = _float(xp, counts)
    return _divided(xp, counts, xp.sum(counts, axis=-1, keepdims=True))


def _divided(xp, x, by):
    # NumPy warns of 0 / 0. Tensors are left to give NaN by it: what looks for NaN in a program, as
    # `tf.debugging.enable_check_numerics` does, takes one that is written there for a fault.
    return x / (np.where(by == 0, np.nan, by) if xp is np else by)


def _log(xp, q):
    """ln q, and 0 where q is 0."""
    return xp.log(xp.where(q == 0, 1.0, q))


def _float(xp, x):
    return np.asarray(x, np.float64) if xp is np else xp.cast(x, "float32")


def _constant(xp, x):
    return np.array(x) if xp is np else xp.convert_to_tensor(x, "float32")


def _number(xp, x):
    """A Python float instead of a rank-0 array."""
    return float(x) if xp is np and x.ndim == 0 else x
