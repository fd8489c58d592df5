"""NumPy arrays -> leading digits and their counts, in chunks of bounded memory.

Everything is done on bit patterns, so nothing rounds and the sign is one bit to drop. Formats of
16 bits and fewer have so few patterns that a histogram of patterns is the count.
"""

import functools

import numpy as np

from keras_benford.digits.table import (
    DIGIT_OF_CLASS,
    N_CLASSES,
    NOT_FINITE,
    ZERO,
    float32_table,
    float64_table,
)

CHUNK = 1 << 16
_FLOATS = ("float16", "bfloat16", "float32", "float64")


def as_floats(values):
    """Validate numbers and give them as a float array that has the same leading digits.

    Floats of 16, 32 and 64 bits stay as they are, layout and byte order too. Narrower floats widen
    to float32, integers to the float64 of `_floats_of_integers`.

    Args:
        values: array, number or (nested) list of numbers.

    Returns:
        An array of float16, bfloat16, float32 or float64.

    Raises:
        TypeError, ValueError: where the values are no real numbers.
    """
    if isinstance(values, np.ma.MaskedArray):
        raise TypeError(
            "expected `values` without a mask; received a masked array; "
            "do pass `values.compressed()`"
        )
    array = values if isinstance(values, np.ndarray) else _array_of(values)
    dtype = array.dtype
    if dtype.name in _FLOATS:
        return array
    if dtype.kind in "iu":
        return _floats_of_integers(array)
    if _is_narrow_float(dtype):
        return array.astype(np.float32)
    raise TypeError(
        "expected `values` to be real numbers (float16, bfloat16, float32, float64 or integers); "
        f"received {_described(values, dtype)}; do convert them first"
    )


def leading_digits(array):
    """Leading digits of a float array, uint8, same shape."""
    digits_of = _digits_of_halves(array.dtype) if array.dtype.itemsize == 2 else None
    with _chunks(array, with_output=True) as iterator:
        for patterns, digits in iterator:
            if digits_of is not None:
                np.take(digits_of, patterns, out=digits)
            else:
                np.take(DIGIT_OF_CLASS, classes(patterns), out=digits)
        return iterator.operands[1]


def tally(array):
    """Counts of digits 1 to 9, zeros and non-finite values of a float array, `(11,)` int64."""
    if array.dtype.itemsize == 2:
        counts = np.zeros(1 << 16, dtype=np.int64)
        with _chunks(array) as iterator:
            for patterns in iterator:
                counts += np.bincount(patterns, minlength=1 << 16)
        return _tally_of_classes(_sum_by_class(counts, _classes_of_halves(array.dtype)))
    counts = np.zeros(N_CLASSES, dtype=np.int64)
    with _chunks(array) as iterator:
        for patterns in iterator:
            counts += np.bincount(classes(patterns), minlength=N_CLASSES)
    return _tally_of_classes(counts)


def classes(patterns):
    """Classes (see `table`) of the bit patterns of float32 (uint32) or float64 (uint64) values."""
    if patterns.dtype == np.uint32:
        table = float32_table()
        positions = (patterns & np.uint32(0x7FFF_FFFF)).view(np.int32)
    else:
        table = float64_table()
        positions = _float64_positions(patterns)
    bins = positions >> table.low_bits
    bins -= table.first_bin
    positions += table.offsets[bins]
    positions >>= table.low_bits
    return positions


def _float64_positions(patterns):
    positions = (patterns & np.uint64(0x7FFF_FFFF_FFFF_FFFF)).view(np.int64)
    small = np.flatnonzero(positions < 1 << 52)
    if small.size:
        subnormal = positions[small].astype(np.float64).view(np.int64) - (1074 << 52)
        positions[small] = np.maximum(subnormal, -52 << 52)
    return positions


def _chunks(array, *, with_output=False):
    """Iterate over the bit patterns of any array: strided, byte-swapped, mapped, 0-d or empty."""
    size = array.dtype.itemsize
    patterns = array.view(np.dtype(f"u{size}").newbyteorder(array.dtype.byteorder))
    operands, flags, dtypes = [patterns], [["readonly"]], [np.dtype(f"u{size}")]
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
def _classes_of_halves(dtype):
    values = np.arange(1 << 16, dtype=np.uint16).view(dtype.newbyteorder("="))
    return classes(values.astype(np.float32).view(np.uint32))


def _digits_of_halves(dtype):
    return DIGIT_OF_CLASS[_classes_of_halves(dtype)]


def _sum_by_class(counts, class_of):
    sums = np.zeros(N_CLASSES, dtype=np.int64)
    np.add.at(sums, class_of, counts)
    return sums


def _tally_of_classes(counts):
    nines = counts[0] + counts[9]
    return np.array([*counts[1:9], nines, counts[ZERO], counts[NOT_FINITE]], dtype=np.int64)


def _array_of(values):
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(
            "expected `values` to be a number or a list with rows of equal length; "
            f"received {_described(values)}; do count its parts one by one and add the counts"
        ) from error
    if isinstance(values, (list, tuple, int)) and array.dtype.kind in "Of":
        _check_integers(values)
    return array


def _check_integers(values):
    """Refuse Python integers that became something which does not hold them exactly."""
    for value in np.asarray(values, dtype=object).flat:
        if isinstance(value, (int, np.integer)) and abs(int(value)) > 1 << 53:
            raise ValueError(
                "expected integers in `values` that fit 64 bits, and 53 bits beside floats; "
                f"received {value}; do count such integers apart, or convert them to floats"
            )


def _floats_of_integers(array):
    """Integers as float64 with the same leading digits.

    float64 holds 53 bits. Beyond them every digit edge is a multiple of 10^15 and so of 2^11:
    clearing the eleven lowest bits moves no integer across one, and makes it fit.
    """
    if array.dtype.itemsize < 8:
        return array.astype(np.float64)
    magnitudes = np.where(array < 0, np.negative(array), array).astype(np.uint64)
    cut = magnitudes & ~np.uint64(0x7FF)
    return np.where(magnitudes >> np.uint64(53), cut, magnitudes).astype(np.float64)


def _is_narrow_float(dtype):
    """Whether this is one of ml_dtypes' floats of eight bits and fewer."""
    return dtype.itemsize == 1 and dtype.kind in "Vf" and dtype.name.startswith("float")


def _described(values, dtype=None):
    name = type(values).__name__
    return name if dtype is None else f"{name} of dtype {dtype}"
