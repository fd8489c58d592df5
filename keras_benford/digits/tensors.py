"""Keras tensors -> leading digits and their counts, by one kernel in `keras.ops`.

`tally_ops` and `leading_digits_ops` can be traced into any graph. `tally_each` compiles the former
for a whole model at once: compilation is per shape, and a program for each of a model's kernels
would take far longer than the counting.
"""

import numpy as np
from keras import KerasTensor, Variable, backend, ops

from keras_benford.digits.table import (
    DIGIT_OF_CLASS,
    N_CLASSES,
    ZERO,
    float32_table,
    float64_table,
)

_FLOATS = ("float16", "bfloat16", "float32", "float64")


def leading_digits(values):
    """Leading digits of a tensor, uint8, same shape."""
    tensor = _as_floats(values)
    return ops.cast(ops.take(DIGIT_OF_CLASS, _classes(tensor), axis=0), "uint8")


def tally(values):
    """Counts of digits 1 to 9, zeros and non-finite values of a tensor, `(11,)` int64."""
    return tally_each([values])[0]


def tally_each(tensors):
    """Tally each of several tensors, by one compiled call.

    Args:
        tensors: list of tensors or variables, of any mix of shapes and of the dtypes float16,
            bfloat16, float32, float64 and integers.

    Returns:
        `(n, 11)` int64 tensor: a row of `keras_benford.digits.tally` for each.

    Raises:
        TypeError: as `keras_benford.digits.tally`.
    """
    return tally_ops(tensors)


def tally_ops(tensors):
    """What `tally_each` computes, not compiled: to be traced into a larger graph."""
    if not tensors:
        return ops.zeros((0, 11), dtype="int64")
    rows = []
    for tensor in tensors:
        classes = ops.reshape(_classes(_as_floats(tensor)), (-1, 1))
        hits = ops.cast(ops.equal(classes, np.arange(N_CLASSES)), "int64")
        rows.append(_tally_of_classes(ops.sum(hits, axis=0)))
    return ops.stack(rows)


def _tally_of_classes(counts):
    nines = counts[..., 0:1] + counts[..., 9:10]
    return ops.concatenate([counts[..., 1:9], nines, counts[..., ZERO:]], axis=-1)


def _classes(tensor):
    shape = ops.shape(tensor)
    # A last axis of known size lets `view` work on tensors of unknown shape.
    column = ops.reshape(tensor, (-1, 1))
    if backend.standardize_dtype(tensor.dtype) == "float64":
        table = float64_table()
        positions = _float64_positions(ops.view(column, "int64"))
    else:
        table = float32_table()
        bits = ops.view(ops.cast(column, "float32"), "int32")
        positions = ops.bitwise_and(bits, 0x7FFF_FFFF)
    bins = ops.right_shift(positions, table.low_bits) - table.first_bin
    positions = positions + ops.take(table.offsets, bins, axis=0)
    return ops.reshape(ops.cast(ops.right_shift(positions, table.low_bits), "int32"), shape)


def _float64_positions(bits):
    positions = ops.bitwise_and(bits, np.int64(0x7FFF_FFFF_FFFF_FFFF))
    subnormal = ops.view(ops.cast(positions, "float64"), "int64") - np.int64(1074 << 52)
    subnormal = ops.maximum(subnormal, np.int64(-52 << 52))
    return ops.where(positions < np.int64(1 << 52), subnormal, positions)


def _as_floats(values):
    if isinstance(values, KerasTensor):
        raise TypeError(
            "expected `values` to hold numbers; received a symbolic KerasTensor; "
            "do count inside a layer's `call`"
        )
    tensor = ops.convert_to_tensor(values.value if isinstance(values, Variable) else values)
    dtype = backend.standardize_dtype(tensor.dtype)
    if dtype in _FLOATS:
        return tensor
    if "int" in dtype:
        return ops.cast(tensor, "float64")
    raise TypeError(f"expected floats; received {dtype}; do convert")
