"""A safetensors file, or several and their index -> named arrays.

The library reads and checks the header, which says where each array lies: one behind the other,
without gaps, in the order that it gives. The values are read here, in chunks.

Names are PyTorch's in most such files, with dots. There a layer's kernel and the gain of a
normalisation are both called `weight`, and differ in rank.
"""

from __future__ import annotations

import math
import re

import numpy as np

from keras_benford.weights import layouts
from keras_benford.weights.arrays import Range, StoredArray

MOST_ARRAYS = 150_000
"""How many arrays are read at most, from all of a model's files together."""
_MOST_HEADER = 1 << 24
_TORCH = {"running_mean": "moving_mean", "running_var": "moving_variance"}
# PEFT, diffusers and others: factors of a change that is added to kernels in another file.
_LORA = r"(^|[._])lora[._](embedding_)?(A|B|down|up|magnitude_vector)([._]|$)"
_DTYPES = {
    **{"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "bfloat16"},
    **{"F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2"},
    **{"I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1", "BOOL": "?"},
    **{"U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1"},
}


def arrays_of(path: str) -> list[StoredArray]:
    """Name the arrays of a safetensors file, in the order in which they lie.

    Raises:
        ImportError: if the package safetensors is not installed.
        ValueError: if the file is damaged.
        OSError: if it cannot be read.
    """
    try:
        import safetensors
    except ImportError as error:
        raise ImportError(
            f"{path}: reading it takes the package safetensors; run `pip install safetensors`"
        ) from error
    with open(path, "rb") as file:
        at = 8 + int.from_bytes(file.read(8), "little")
    if at > _MOST_HEADER:
        raise ValueError(f"{path}: declares a header of {at - 8:,} bytes; refused")
    arrays = []
    try:
        with safetensors.safe_open(path, framework="numpy") as opened:
            for name in opened.offset_keys():
                described = opened.get_slice(name)
                shape, code = tuple(described.get_shape()), described.get_dtype()
                arrays.append(_array(path, name, shape, code, at))
                at += math.prod(shape) * _bits(code) // 8
    except safetensors.SafetensorError as error:
        raise ValueError(f"{path}: no whole safetensors file ({error})") from None
    return arrays


def _array(path, name, shape, code, at):
    if code in ("BF16", "F8_E4M3", "F8_E5M2"):
        import ml_dtypes

        dtype: np.dtype | None = np.dtype(getattr(ml_dtypes, _DTYPES[code]))
    else:
        dtype = np.dtype(_DTYPES[code]) if code in _DTYPES else None
    return StoredArray(
        path=name,
        shape=shape,
        dtype=code if dtype is None else dtype.name,
        role=_role(name, len(shape)),
        classes=layouts.classes_in(name),
        # Formats that NumPy does not have are not counted, so never read.
        values=None if dtype is None else Range(path, at, math.prod(shape), dtype),
        guessed=re.search(_LORA, name) is not None,
    )


def _role(name, rank):
    """A weight's own name in Keras' words."""
    role = layouts.role_in(name)
    if role == "weight" and "/" not in name:
        return "kernel" if rank > 1 else "gamma"
    return _TORCH.get(role, role)


def _bits(code):
    return 8 if code == "BOOL" else int(re.findall(r"\d+", code)[0])
