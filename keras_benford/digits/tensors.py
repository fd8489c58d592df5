"""Keras tensors -> leading digits and their counts, by one kernel in `keras.ops`.

Compilation is per shape, and a program for each of a model's kernels would take far longer than the
counting: `tally_each` counts a whole model by one program, which is kept as long as the model.
`tally_ops` is the same, not compiled, to be traced into somebody else's graph. What of a model lies
in the host's memory is no work for either: `tally_where_they_lie` has it counted as arrays, without
a quarter of a second and ten megabytes for a program.

How the kernel counts: twelve classes (see `table`) of five bits each fit an int64, so that adding
`1 << (5 * class)` over 16 values is a histogram of them in one integer. 32 such integers, split
into even and odd classes of ten bits each, make a histogram of a block of 512 values. All of it is
elementwise or a sum, and the compiler fuses it into a single pass over the values.
"""

import functools
import math
import weakref
from typing import Any

import numpy as np
from keras import KerasTensor, Variable, backend, ops

from keras_benford import _backends
from keras_benford.digits import arrays
from keras_benford.digits.table import (
    DIGIT_OF_CLASS,
    N_CLASSES,
    NOT_FINITE,
    ZERO,
    float32_table,
    float64_table,
)

# `torch.compile` does not see that the tables are kept, and would trace how they are built.
_FLOAT32, _FLOAT64 = float32_table(), float64_table()

# A five-bit field holds 31: no more than that many values may be added in one integer, and no
# more than 63 such sums in one of ten bits.
_ROWS, _COLUMNS = 16, 32
_BLOCK = _ROWS * _COLUMNS
_EVEN_FIELDS = np.int64(sum(31 << (10 * lane) for lane in range(N_CLASSES // 2)))

# Small tensors are copied into one row of blocks, at most this many values at a time, which bounds
# the memory for the copy; a larger tensor is read where it lies. No more than 2^24, for which a
# segment's sum in float32, as Keras has it under PyTorch, is exact.
_POOL = 1 << 24
# Fewer tensors than this are read where they lie: XLA does not write the concatenation of a few
# down, but fuses it into what reads it, and then counts five to fifteen times as long.
_SMALLEST_POOL = 5
# A program for a shape of its own pays only for large tensors: compiling it takes a quarter of a
# second, in which the uncompiled operations count some twenty million values.
_WORTH_COMPILING = 1 << 20

_FLOATS = ("float16", "bfloat16", "float32", "float64")
_INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32")


@_backends.outside_graphs
def leading_digits(values):
    """Leading digits of a tensor: uint8, same shape. See `keras_benford.digits`."""
    tensor = _as_tensor(values)
    array = _backends.host_array(tensor)
    if array is not None:
        return ops.convert_to_tensor(arrays.leading_digits(arrays.as_floats(array)))
    with _backends.with_64_bits():
        column = ops.reshape(_as_floats(tensor), (-1, 1))
        digits = ops.take(ops.convert_to_tensor(DIGIT_OF_CLASS), _classes(column), axis=0)
        return ops.reshape(digits, ops.shape(tensor))


@_backends.outside_graphs
def tally(values):
    """Counts of digits 1 to 9, zeros and non-finite values of a tensor: `(11,)` integers.

    They are int64, and int32 where JAX has no 64-bit integers.
    """
    tensor = _as_tensor(values)
    size = _static_size(tensor)
    large = size is not None and size >= _WORTH_COMPILING
    if not _backends.has_64_bits() and size >= 1 << 31:
        raise ValueError(
            f"expected fewer than 2^31 values, whose counts fit an int32; received {size:,}; "
            "count parts of them, or set jax_enable_x64"
        )
    array = None if large and _backends.COMPILES else _backends.host_array(tensor)
    if array is not None:
        counts = arrays.tally(arrays.as_floats(array))
    else:
        counts = (tally_each if large else tally_ops)([tensor])[0]
    if not _backends.has_64_bits():
        return ops.cast(counts, "int32")
    return ops.convert_to_tensor(counts)


@_backends.outside_graphs
def tally_where_they_lie(tensors, owner):
    """Tally each of several tensors: as arrays if all lie in the host's memory, else compiled.

    Args:
        tensors, owner: as for `tally_each`.

    Returns:
        `(n, 11)` int64, an array or a tensor.

    Raises:
        TypeError: as `tally_each`.
    """
    in_memory = [host_array(tensor) for tensor in tensors]
    if not in_memory or any(array is None for array in in_memory):
        return tally_each(tensors, owner)
    if sum(array.size for array in in_memory) >= arrays.PAYS_FOR_NUMBA:
        arrays.compiled_loops()
    return np.stack([arrays.tally(arrays.as_floats(array)) for array in in_memory])


@_backends.outside_graphs
def tally_each(tensors, owner=None):
    """Tally each of several tensors, by one compiled call.

    The program is compiled at the first call with these shapes and dtypes, in their order.

    Args:
        tensors: list of tensors and variables of any mix of shapes and of the dtypes float16,
            bfloat16, float32, float64 and integers.
        owner: what the program is kept for, as long as it lives, such as the model whose weights
            these are. By default the last few programs are kept.

    Returns:
        `(n, 11)` int64 tensor: for each what `keras_benford.digits.tally` gives. Under JAX, which
        may have no such tensors; convert it to an array.

    Raises:
        TypeError: as `keras_benford.digits.tally`.

    Example:

    >>> from keras import ops
    >>> counts = tally_each([ops.ones((2, 3)), ops.array([0.02, -7.0, 0.0])])
    >>> ops.convert_to_numpy(counts)
    array([[6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
           [1, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0]])
    """
    tensors = [_as_tensor(tensor) for tensor in tensors]
    if not tensors:
        return tally_ops(tensors)
    return _program(owner, _backends.compiled_count, tally_ops, _signature(tensors))(tensors)


def tally_ops(tensors):
    """What `tally_each` computes, as plain operations: for use inside another graph.

    Args:
        tensors: as for `tally_each`; inside a graph their shapes may be unknown.

    Returns:
        `(n, 11)` int64 tensor.

    Raises:
        TypeError: as `tally_each`.
    """
    if not tensors:
        return ops.convert_to_tensor(np.zeros((0, 11), "int64"))
    with _backends.with_64_bits():
        tensors = [_as_floats(_as_tensor(tensor)) for tensor in tensors]
        groups = _groups(tensors)
        counts = ops.concatenate(
            [
                _count_pool([tensors[i] for i in group])
                if len(group) > 1
                else _count_alone(tensors[group[0]])
                for group in groups
            ]
        )
        counts = ops.take(counts, np.argsort(np.concatenate(groups)), axis=0)
        nines = counts[:, 0:1] + counts[:, 9:10]
        return ops.concatenate(
            [counts[:, 1:9], nines, counts[:, ZERO:NOT_FINITE], counts[:, NOT_FINITE:]], axis=1
        )


def moments_each(tensors, owner=None):
    """Mean and standard deviation of the finite values of each tensor, by one compiled call.

    Args:
        tensors, owner: as for `tally_each`.

    Returns:
        `(n, 2)` tensor, float64 if one of them is, else float32; NaN where no value is finite.
    """
    tensors = [_as_tensor(tensor) for tensor in tensors]
    return _program(owner, _backends.compiled, _moments_ops, _signature(tensors))(tensors)


def host_array(values):
    """The NumPy array of a tensor that lies in the host's memory, outside of any graph; else None.

    It shares the tensor's memory where it can.
    """
    return _backends.host_array(_checked(values))


def _moments_ops(tensors):
    moments = [_moments(_as_floats(tensor)) for tensor in tensors]
    wide = any(_is_wide(each) for each in moments)
    return ops.stack([ops.cast(each, "float64" if wide else "float32") for each in moments])


def _moments(tensor):
    values = ops.cast(tensor, "float64" if _is_wide(tensor) else "float32")
    finite = ops.isfinite(values)
    n = ops.sum(ops.cast(finite, values.dtype))
    mean = ops.sum(ops.where(finite, values, 0)) / n
    deviations = ops.where(finite, values - mean, 0)
    return ops.stack([mean, ops.sqrt(ops.sum(deviations**2) / n)])


def _signature(tensors):
    return tuple((str(tensor.shape), str(tensor.dtype)) for tensor in tensors)


_programs: weakref.WeakKeyDictionary[Any, dict] = weakref.WeakKeyDictionary()


def _program(owner, *key):
    """A function of tensors compiled, to be called with tensors of one signature only."""
    if owner is None:
        return _recent_program(*key)
    kept = _programs.setdefault(owner, {})
    if key not in kept:
        kept[key] = _new_program(*key)
    return kept[key]


def _new_program(compiled, function, signature):
    return compiled(function)


_recent_program = functools.lru_cache(maxsize=8)(_new_program)


def _groups(tensors):
    """Indices of the tensors that are counted together: of one width, within the pool, and many."""
    groups: list[list[int]] = []
    pools: dict[str, list[int]] = {}
    room: dict[str, int] = {}
    for index, tensor in enumerate(tensors):
        size = _static_size(tensor)
        if size is None or size > _POOL:
            groups.append([index])
            continue
        width = "float64" if _is_wide(tensor) else "float32"
        if size > room.get(width, -1):
            pools[width], room[width] = [], _POOL
            groups.append(pools[width])
        pools[width].append(index)
        room[width] -= size
    return [
        part
        for group in groups
        for part in ([group] if len(group) >= _SMALLEST_POOL else [[i] for i in group])
    ]


def _count_alone(tensor):
    """Class counts `(1, 12)` of one tensor, of which only the tail is copied."""
    flat = ops.reshape(tensor, (-1,))
    size = ops.shape(flat)[0]
    if not _backends.COMPILES and size > _POOL:
        # Every operation writes its result down: a part at a time bounds the memory for that.
        return sum(_count_alone(flat[at : at + _POOL]) for at in range(0, size, _POOL))
    n_blocks, rest = size // _BLOCK, size % _BLOCK
    tail = ops.concatenate([flat[size - rest :], ops.zeros((_BLOCK - rest,), flat.dtype)])
    counts = ops.sum(_count_blocks(flat[: size - rest], n_blocks), axis=0)
    counts = counts + _count_blocks(tail, 1)[0]
    return counts - _zeros(ops.reshape(_BLOCK - rest, (1, 1)))


def _count_pool(tensors):
    """Class counts `(n, 12)` of several tensors, copied into one row of blocks."""
    dtype = "float64" if _is_wide(tensors[0]) else "float32"
    sizes = np.array([_static_size(tensor) for tensor in tensors])
    paddings = -sizes % _BLOCK
    parts = []
    for tensor, padding in zip(tensors, paddings, strict=True):
        parts.append(ops.cast(ops.reshape(tensor, (-1,)), dtype))
        parts.append(ops.zeros((int(padding),), dtype))
    n_blocks = (sizes + paddings) // _BLOCK
    owners = np.repeat(np.arange(len(tensors), dtype=np.int32), n_blocks)
    blocks = _count_blocks(ops.concatenate(parts), int(n_blocks.sum()))
    counts = ops.segment_sum(blocks, owners, num_segments=len(tensors))
    return counts - _zeros(paddings[:, None])


def _count_blocks(flat, n_blocks):
    """Class counts `(n_blocks, 12)` int64 of consecutive blocks."""
    classes = _classes(ops.reshape(flat, (n_blocks, _ROWS, _COLUMNS)))
    # The mask says what is so anyway, and spares the compiler a check of each shift.
    shifts = ops.bitwise_and(ops.cast(classes * 5, "int64"), np.int64(63))
    packed = ops.sum(ops.left_shift(np.int64(1), shifts), axis=1)
    even = ops.bitwise_and(packed, _EVEN_FIELDS)
    odd = ops.bitwise_and(ops.right_shift(packed, 5), _EVEN_FIELDS)
    lanes = ops.sum(ops.stack([even, odd], axis=1), axis=2)
    offsets = 10 * np.arange(N_CLASSES // 2, dtype=np.int64)[:, None]
    fields = ops.right_shift(ops.expand_dims(lanes, axis=1), offsets)
    return ops.reshape(ops.bitwise_and(fields, np.int64(1023)), (n_blocks, N_CLASSES))


def _zeros(paddings):
    """Class counts `(n, 12)` of numbers of zeros `(n, 1)`."""
    one_hot = np.eye(N_CLASSES, dtype=np.int64)[ZERO]
    return ops.cast(paddings, "int64") * ops.convert_to_tensor(one_hot)


def _classes(tensor):
    """Classes of floats, whose last axis must be of known length for `view`."""
    if _is_wide(tensor):
        table = _FLOAT64
        positions = _float64_positions(ops.view(tensor, "int64"))
    else:
        table = _FLOAT32
        bits = ops.view(ops.cast(tensor, "float32"), "int32")
        positions = ops.bitwise_and(bits, 0x7FFF_FFFF)
    bins = ops.right_shift(positions, table.low_bits) - table.first_bin
    offsets = ops.take(table.offsets, bins, axis=0)
    return ops.right_shift(positions + offsets, table.low_bits)


def _float64_positions(bits):
    positions = ops.bitwise_and(bits, np.int64(0x7FFF_FFFF_FFFF_FFFF))
    subnormals = ops.view(ops.cast(positions, "float64"), "int64") - np.int64(1074 << 52)
    # Not `ops.maximum`, which makes 32 bits of integers under PyTorch.
    zero = np.int64(-52 << 52)
    subnormals = ops.where(subnormals > zero, subnormals, zero)
    return ops.where(positions < np.int64(1 << 52), subnormals, positions)


def _is_wide(tensor):
    return backend.standardize_dtype(tensor.dtype) == "float64"


def _static_size(tensor):
    shape = tensor.shape
    if getattr(shape, "rank", 0) is None or None in tuple(shape):
        return None
    return math.prod(shape)


def _as_tensor(values):
    """A tensor of real numbers, through which nothing is differentiated."""
    return ops.stop_gradient(_checked(values))


def _checked(values):
    kind = type(values).__name__
    if isinstance(values, KerasTensor):
        raise TypeError(
            "expected `values` to be a tensor that holds numbers; received a symbolic KerasTensor; "
            "count in a layer's `call` or a metric's `update_state`"
        )
    if kind in ("RaggedTensor", "SparseTensor", "IndexedSlices"):
        raise TypeError(
            f"expected `values` to be a dense tensor; received a {kind}; pass its values"
        )
    if not (isinstance(values, Variable) or ops.is_tensor(values)):
        raise TypeError(
            "expected `values` to be numbers, an array or a tensor; "
            f"received {kind}; pass its weights or values"
        )
    tensor = ops.convert_to_tensor(values)
    dtype = backend.standardize_dtype(tensor.dtype)
    if dtype not in (*_FLOATS, *_INTEGERS):
        raise TypeError(
            f"expected `values` of dtype {', '.join((*_FLOATS, *_INTEGERS))}; "
            f"received a tensor of dtype {dtype}; convert it first"
        )
    return tensor


def _as_floats(tensor):
    """A float tensor with the same leading digits."""
    dtype = backend.standardize_dtype(tensor.dtype)
    if dtype in _FLOATS:
        return tensor
    if dtype == "int64":
        tensor = _cut_to_53_bits(tensor)
    return ops.cast(tensor, "float64")


def _cut_to_53_bits(integers):
    # As `arrays` does: beyond 2^53 no digit edge has any of the eleven lowest bits. -2^63 has no
    # absolute value and keeps its sign, which is ignored later.
    magnitudes = ops.where(integers < 0, -integers, integers)
    cut = ops.bitwise_and(magnitudes, np.int64(~0x7FF))
    return ops.where(ops.right_shift(magnitudes, 53) == 0, magnitudes, cut)
