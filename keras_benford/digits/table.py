"""The one table that turns a float's bit pattern into its leading digit, exactly.

Non-negative floats sort like their bit patterns. Cut that line into bins of equal exponent and
equal top four mantissa bits: neighbouring digit edges `d * 10^k` lie at least a ninth of their
value apart and a bin is at most a sixteenth of its values wide, so a bin holds one edge at most,
and one entry a bin is enough:

    class = (position + offsets[bin]) >> low_bits

where `position` is the pattern without its sign. The offset replaces the bin's own number by the
class of the bin's lower end, and makes the bits below it carry into the next class exactly where
the next digit begins. For that the classes are ordered so that the next digit is always the next
class: class 0 holds the nines of the bins in which a one begins, 1 to 8 the digits 1 to 8, 9 the
other nines; 10 is zero, 11 not finite.

A float64 subnormal is an integer multiple m of 2^-1074. The pattern of m as a float64, less 1074
exponents, continues the line to the left, so that 52 exponents more at the table's left end serve
subnormals and zero. Float32 subnormals count as zeros instead: hardware may flush them to zero,
and a count must not depend on what computed it.

The edges come from exact integers, never from floats.
"""

import functools
from dataclasses import dataclass

import numpy as np

TOP_MANTISSA_BITS = 4
ZERO, NOT_FINITE = 10, 11
N_CLASSES = 12

DIGIT_OF_CLASS = np.array([9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 0], dtype=np.uint8)
DIGIT_OF_CLASS.setflags(write=False)


@dataclass(frozen=True, eq=False)
class DigitTable:
    """What turns the positions of one float format into classes.

    Attributes:
        offsets: `(n_bins,)` int32 (float32) or int64 (float64), read-only.
        low_bits: number of bits of a position below those that number its bin.
        first_bin: number of the bin that `offsets[0]` belongs to, zero or negative.
    """

    offsets: np.ndarray
    low_bits: int
    first_bin: int


@functools.cache
def float32_table():
    """The table of float32: 4,096 bins, subnormals among the zeros."""
    return _build(exponent_bits=8, mantissa_bits=23, first_exponent=1, dtype=np.int32)


@functools.cache
def float64_table():
    """The table of float64: 32,768 bins, and 832 more for subnormals and zero."""
    return _build(exponent_bits=11, mantissa_bits=52, first_exponent=-51, dtype=np.int64)


def _build(*, exponent_bits, mantissa_bits, first_exponent, dtype):
    """Build a table whose numbers begin at a (biased) exponent; the zeros lie below it."""
    low_bits = mantissa_bits - TOP_MANTISSA_BITS
    width = 1 << low_bits
    first_bin = min(first_exponent - 1, 0) << TOP_MANTISSA_BITS
    first_number = first_exponent << TOP_MANTISSA_BITS
    first_infinite = ((1 << exponent_bits) - 1) << TOP_MANTISSA_BITS

    bins = np.arange(first_bin, 1 << (exponent_bits + TOP_MANTISSA_BITS), dtype=np.int64)
    classes = np.where(bins < first_number, ZERO, NOT_FINITE)
    to_next_class = np.full(bins.shape, width)

    numbers = slice(first_number - first_bin, first_infinite - first_bin)
    lower_ends = bins[numbers] << low_bits
    edges, digits = _digit_edges(exponent_bits, mantissa_bits, first_exponent)
    below = np.searchsorted(edges, lower_ends, side="right") - 1
    to_next_class[numbers] = np.minimum(edges[below + 1] - lower_ends, width)
    one_begins = (digits[below] == 9) & (to_next_class[numbers] < width)
    classes[numbers] = np.where(one_begins, 0, digits[below])

    offsets = ((classes - bins) << low_bits) + (width - to_next_class)
    offsets = offsets.astype(dtype)
    offsets.setflags(write=False)
    return DigitTable(offsets, low_bits, first_bin)


def _digit_edges(exponent_bits, mantissa_bits, first_exponent):
    """The first position at or above each `d * 10^k`, and d, from below the first number on."""
    bias = (1 << (exponent_bits - 1)) - 1
    first_infinite = ((1 << exponent_bits) - 1) << mantissa_bits
    # A decade spans more than three exponents, so this power of ten lies below every number.
    k = (first_exponent - bias) // 3 - 1
    positions, digits = [], []
    while True:
        for d in range(1, 10):
            position = _first_position(
                d * 10 ** max(k, 0), 10 ** max(-k, 0), bias=bias, mantissa_bits=mantissa_bits
            )
            positions.append(position)
            digits.append(d)
            if position >= first_infinite:
                return np.array(positions, dtype=np.int64), np.array(digits)
        k += 1


def _first_position(numerator, denominator, *, bias, mantissa_bits):
    """The position of the smallest float that is no less than `numerator / denominator`."""
    exponent = numerator.bit_length() - denominator.bit_length()
    if numerator << max(-exponent, 0) < denominator << max(exponent, 0):
        exponent -= 1
    shift = mantissa_bits - exponent
    # Rounded up; it contains the leading one, which adds one to the exponent below.
    significand = -((-numerator << max(shift, 0)) // (denominator << max(-shift, 0)))
    return ((exponent + bias - 1) << mantissa_bits) + significand
