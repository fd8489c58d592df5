"""Python's own numbers -> floats that have the same leading digits, exactly.

`int`, `Fraction` and `Decimal` hold numbers that no float does: their digits come from integers.
"""

import math
import numbers
from decimal import Decimal
from typing import Any

import numpy as np


def floats_of_objects(array):
    """An array of objects as float64 with the same leading digits; None where one is no number."""
    found = np.empty(array.shape, np.float64)
    for place, value in np.ndenumerate(array):
        of_value = _float(value)
        if of_value is None:
            return None
        found[place] = of_value
    return found


def _float(value):
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (numbers.Real, Decimal)):
        return None
    if isinstance(value, numbers.Rational):
        return float(_first_digit(abs(int(value.numerator)), int(value.denominator)))
    if isinstance(value, Decimal):
        if not value.is_finite():
            return math.nan
        return float(next((digit for digit in value.as_tuple().digits if digit), 0))
    real: Any = value  # `numbers.Real` does not promise what floats can do.
    if not np.isfinite(real):
        return math.nan
    numerator, denominator = real.as_integer_ratio()
    return float(_first_digit(abs(numerator), denominator))


def _first_digit(numerator, denominator):
    """The first digit of a quotient: of its integer part, once that has two digits and more."""
    if numerator == 0:
        return 0
    bits = numerator.bit_length() - denominator.bit_length()
    power = math.floor(bits * math.log10(2)) - 2
    scaled = numerator * 10 ** max(-power, 0) // (denominator * 10 ** max(power, 0))
    return int(str(scaled)[0])
