"""Leading digits by another road than the package's: decimal expansions, and exact edges in order.

`decimal_digit` writes a float out in full and reads its first digit. `leading_digits` serves
millions: it looks values up among the floats at which a digit begins, which come from Python's own
correctly rounded text-to-float conversion, adjusted by comparing fractions.
"""

import functools
import math
from decimal import Decimal
from fractions import Fraction

import numpy as np

SMALLEST_NORMAL_FLOAT32 = 2.0**-126


def decimal_digit(value):
    """The first nonzero decimal digit of a Python float, 0 if it has none."""
    exact = Decimal(value)
    return exact.as_tuple().digits[0] if exact.is_finite() else 0


def integer_digit(value):
    """The first digit of a Python integer, 0 for zero."""
    return int(str(abs(value))[0])


@functools.cache
def digit_edges():
    """Floats at which a digit begins, ascending: the first at or above each `d * 10^k`; and d."""
    edges, digits = [], []
    for k in range(-324, 309):
        for d in range(1, 10):
            edge = float(f"{d}e{k}")
            if math.isinf(edge):
                break
            if Fraction(edge) < d * Fraction(10) ** k:
                edge = math.nextafter(edge, math.inf)
            edges.append(edge)
            digits.append(d)
    # Below the smallest subnormal (4.9e-324) several edges share one float: the last one counts.
    return np.array(edges), np.array(digits)


def leading_digits(values):
    """Digits of float16, bfloat16, float32 (subnormal ones count as zeros) or float64 values."""
    wide = np.abs(_widened(values))
    edges, digits = digit_edges()
    found = digits[np.searchsorted(edges, wide, side="right") - 1]
    has_digit = np.isfinite(wide) & (wide > 0)
    if values.dtype.name in ("float32", "bfloat16"):
        has_digit &= wide >= SMALLEST_NORMAL_FLOAT32
    return np.where(has_digit, found, 0)


def tally(values):
    """Counts of the digits 1 to 9, zeros and non-finite values."""
    counts = np.bincount(leading_digits(values).ravel(), minlength=10)
    n_not_finite = np.count_nonzero(~np.isfinite(_widened(values)))
    return np.array([*counts[1:], counts[0] - n_not_finite, n_not_finite])


def _widened(values):
    with np.errstate(invalid="ignore"):  # signalling NaN
        return values.astype(np.float64)
