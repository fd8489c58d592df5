"""NumPy arrays -> leading digits and their counts, in chunks of bounded memory.

Everything is done on bit patterns, so nothing rounds and the sign is one bit to drop. The formats
of 16 bits have so few patterns that a table holds the class of each.
"""

import functools
import sys
from typing import Any

import numpy as np

from keras_benford import _machine
from keras_benford.digits.objects import floats_of_objects
from keras_benford.digits.table import (
    DIGIT_OF_CLASS,
    N_CLASSES,
    NOT_FINITE,
    ZERO,
    float32_table,
    float64_table,
)

CHUNK = 1 << 16
# Importing numba and loading its compiled loops takes as long as NumPy needs for 2e8 values. One
# array this large rarely comes alone; once the loops are there, far smaller ones gain by them.
PAYS_FOR_NUMBA = 1 << 24
PAYS_FOR_THREADS = 1 << 20
# Where the loops are there, for values of 32 and 64 bits.
_PAYS_FOR_LOOPS = 1 << 12

# The C library of Linux gives memory back to the system as soon as twice the largest block that was
# ever freed lies idle. To take it anew for each chunk would take longer than counting the chunk, so
# a large block is freed here, which was never in use.
np.empty((1 << 25) - (1 << 16), np.uint8)

# Of a format of 16 bits.
_PATTERNS = 1 << 16

_FLOATS = ("float16", "bfloat16", "float32", "float64")


def as_floats(values):
    """Validate numbers and give them as a float array that has the same leading digits.

    Floats of 16, 32 and 64 bits stay as they are, layout and byte order too. Narrower floats widen
    to float32, integers to the float64 of `_floats_of_integers`, and Python's own numbers to that
    of `floats_of_objects`.

    Args:
        values: array, number or (nested) list of numbers.

    Returns:
        An array of float16, bfloat16, float32 or float64.

    Raises:
        TypeError, ValueError: where the values are no real numbers.
    """
    # `numpy.ma` is imported as soon as it is named.
    if type(values) is not np.ndarray and isinstance(values, np.ma.MaskedArray):
        raise TypeError(
            "expected `values` without a mask; received a masked array; pass `values.compressed()`"
        )
    array = values if isinstance(values, np.ndarray) else _array_of(values)
    dtype = array.dtype
    if dtype.name in _FLOATS:
        return array
    if dtype.kind in "iu":
        return _floats_of_integers(array)
    if _is_narrow_float(dtype):
        return array.astype(np.float32)
    if dtype.hasobject:
        floats = floats_of_objects(array)
        if floats is not None:
            return floats
    raise TypeError(
        "expected `values` to be real numbers (float16, bfloat16, float32, float64 or integers); "
        f"received {_described(values, dtype)}; convert them first"
    )


def leading_digits(array):
    """Leading digits of a float array: uint8, same shape. See `keras_benford.digits`."""
    with _chunks(array, with_output=True) as iterator:
        for chunk, digits in iterator:
            np.take(DIGIT_OF_CLASS, classes(chunk, array.dtype), out=digits)
        return iterator.operands[1]


def tally(array):
    """Counts of digits 1 to 9, zeros and non-finite values of a float array: `(11,)` int64."""
    loops = _loops(array)
    if loops is None:
        return tally_of_classes(counts_of_classes(array))
    flat = patterns(array).ravel(order="K")
    if array.dtype.itemsize == 2:
        return tally_of_classes(classes_of_patterns(loops.count_patterns(flat), array.dtype))
    threads = None if array.size >= PAYS_FOR_THREADS else 1
    return tally_of_classes(loops.count_classes(flat, threads))


def counts_of_classes(array):
    """Counts of the twelve classes (see `table`) of a float array, by NumPy: `(12,)` int64."""
    by_pattern = array.dtype.itemsize == 2 and array.size >= 16 * _PATTERNS
    counts = np.zeros(_PATTERNS if by_pattern else N_CLASSES, dtype=np.int64)
    with _chunks(array) as iterator:
        for chunk in iterator:
            if by_pattern:
                counts += np.bincount(chunk, minlength=counts.size)
            else:
                counts += _histogram(classes(chunk, array.dtype))
    return classes_of_patterns(counts, array.dtype) if by_pattern else counts


def _histogram(classes):
    """Counts of the twelve classes: `(n,)` integers to `(12,)`."""
    # As numbers of two bytes each, there are half as many of them to count.
    narrow = classes.astype(np.uint8)
    even = narrow.size // 2 * 2
    counts = np.bincount(narrow[:even].view(np.uint16), minlength=N_CLASSES << 8)
    counts = counts.reshape(N_CLASSES, 1 << 8)
    counts = counts.sum(axis=1) + counts[:, :N_CLASSES].sum(axis=0)
    counts[narrow[even:]] += 1
    return counts


def classes_of_patterns(counts, dtype):
    """Counts of the 65,536 patterns of float16 or bfloat16, as those of the twelve classes."""
    classes = classes_of_halves(dtype.newbyteorder("="))
    return np.bincount(classes, weights=counts, minlength=N_CLASSES).astype(np.int64)


def tally_of_classes(counts):
    """Counts of the twelve classes (see `table`) as counts of digits, zeros and non-finite."""
    nines = counts[0] + counts[9]
    return np.array([*counts[1:9], nines, counts[ZERO], counts[NOT_FINITE]], dtype=np.int64)


def classes(chunk, dtype):
    """Classes (see `table`) of bit patterns of a float dtype, given as unsigned integers."""
    if chunk.dtype == np.uint16:
        return classes_of_halves(dtype.newbyteorder("="))[chunk]
    if chunk.dtype == np.uint32:
        table = float32_table()
        positions = (chunk & np.uint32(0x7FFF_FFFF)).view(np.int32)
    else:
        table = float64_table()
        positions = _float64_positions(chunk)
    bins = positions >> table.low_bits
    bins -= table.first_bin
    # `take` is twice as fast as an index in brackets.
    positions += table.offsets.take(bins)
    positions >>= table.low_bits
    return positions


def _float64_positions(chunk):
    positions = (chunk & np.uint64(0x7FFF_FFFF_FFFF_FFFF)).view(np.int64)
    small = np.flatnonzero(positions < 1 << 52)
    if small.size:
        subnormal = positions[small].astype(np.float64).view(np.int64) - (1074 << 52)
        positions[small] = np.maximum(subnormal, -52 << 52)
    return positions


def patterns(array):
    """The bit patterns of a float array, in its own layout and byte order."""
    unsigned = np.dtype(f"u{array.dtype.itemsize}").newbyteorder(array.dtype.byteorder)
    return np.asarray(array).view(unsigned)


def _chunks(array, *, with_output=False):
    """Iterate over the bit patterns of any array: strided, byte-swapped, mapped, 0-d or empty."""
    operands: list[Any] = [patterns(array)]
    flags: list[Any] = [["readonly"]]
    dtypes = [operands[0].dtype.newbyteorder("=")]
    if with_output:
        operands.append(None)
        flags.append(["writeonly", "allocate"])
        dtypes.append(np.dtype(np.uint8))
    return np.nditer(
        operands,
        flags=["external_loop", "buffered", "zerosize_ok"],
        op_flags=flags,
        op_dtypes=dtypes,
        casting="equiv",
        buffersize=CHUNK,
    )


@functools.cache
def classes_of_halves(dtype):
    """The class of each of the 65,536 patterns of float16 or bfloat16."""
    values = np.arange(_PATTERNS, dtype=np.uint16).view(dtype)
    return classes(values.astype(np.float32).view(np.uint32), np.dtype(np.float32)).astype(np.int8)


def _loops(array):
    """The module of numba's loops, or None where it does not fit, pay or work."""
    if not array.dtype.isnative or not array.flags.forc:
        return None
    least = PAYS_FOR_NUMBA
    if f"{__package__}.loops" in sys.modules:
        least = PAYS_FOR_THREADS if array.dtype.itemsize == 2 else _PAYS_FOR_LOOPS
    return compiled_loops() if array.size >= least else None


def compiled_loops():
    """The module of numba's loops, or None where numba is missing or does not work."""
    return _machine.compiled_loops("keras_benford.digits.loops")


def _array_of(values):
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(
            "expected `values` to be a number or a list with rows of equal length; "
            f"received {_described(values)}; count its parts one by one and add the counts"
        ) from error
    if isinstance(values, (list, tuple)) and array.dtype.kind == "f" and not _is_exact(values):
        return np.asarray(values, dtype=object)
    return array


def _is_exact(values):
    """Whether floats hold all the integers among these numbers."""
    return not any(
        isinstance(value, (int, np.integer)) and abs(int(value)) > 1 << 53
        for value in np.asarray(values, dtype=object).flat
    )


def _floats_of_integers(array):
    """Integers as float64 with the same leading digits.

    float64 holds 53 bits. Beyond them every digit edge is a multiple of 10^15 and so of 2^11:
    clearing the eleven lowest bits moves no integer across one, and makes it fit.
    """
    if array.dtype.itemsize < 8:
        return array.astype(np.float64)
    with np.errstate(over="ignore"):  # -2^63 has no negative, and its pattern is that of 2^63
        magnitudes = np.where(array < 0, np.negative(array), array).astype(np.uint64)
    cut = magnitudes & ~np.uint64(0x7FF)
    return np.where(magnitudes >> np.uint64(53), cut, magnitudes).astype(np.float64)


def _is_narrow_float(dtype):
    """Whether this is one of ml_dtypes' floats of eight bits and fewer."""
    return dtype.itemsize == 1 and dtype.kind in "Vf" and dtype.name.startswith("float")


def _described(values, dtype=None):
    name = type(values).__name__
    return name if dtype is None else f"{name} of dtype {dtype}"
