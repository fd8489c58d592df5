"""A TensorFlow checkpoint, or the one in a SavedModel folder -> named arrays.

TensorFlow's own reader of checkpoints reads them, in a process of its own; no graph is loaded and
no operation run. Keras writes a variable's name beside where it stands in the tree of objects. One
variable can stand in two places and is then stored twice: the second is marked as a copy.
"""

from __future__ import annotations

import functools
import glob
import importlib.util
import math
import os
import re

import numpy as np

from keras_benford.weights import isolation, layouts
from keras_benford.weights.arrays import InMemory, StoredArray, mark_copies
from keras_benford.weights.hdf5 import printable

SECONDS = 120.0
"""How long TensorFlow may take to start and list what is there, or to read one variable."""
# What TensorFlow 1 appended to a variable's name for the state of its optimizers.
_SLOTS = r"(Adam|Momentum|RMSProp|Adagrad|Adadelta|Ftrl|ExponentialMovingAverage)(_\d+)?"


def arrays_of(prefix: str) -> list[StoredArray]:
    """Name the arrays of a checkpoint.

    Args:
        prefix: its path without `.index` and `.data-00000-of-00001`.

    Raises:
        ImportError: if TensorFlow is not installed.
        ValueError: if the checkpoint is damaged.
    """
    if importlib.util.find_spec("tensorflow") is None:
        raise ImportError(
            "reading a TensorFlow checkpoint takes TensorFlow; "
            "do `pip install keras-benford[tensorflow]`, or save the model as .keras"
        )
    variables = _ask(prefix)[0]["variables"]
    _check_size(prefix, variables)
    return mark_copies(_array(prefix, variable) for variable in variables)


def _array(prefix, variable):
    name = layouts.without_number(variable["name"])
    return StoredArray(
        path=name,
        shape=tuple(variable["shape"]),
        dtype=variable["dtype"],
        role=layouts.role_in(name),
        values=InMemory(functools.partial(_read, prefix, variable["key"])),
        classes=layouts.classes_in(name),
        kind=_kind(variable["key"], name, variable["is_state"]),
    )


def _read(prefix, key):
    answer, values = _ask(prefix, key=key)
    dtype = answer["dtype"]
    if dtype == "bfloat16" or dtype.startswith("float8"):
        import ml_dtypes

        dtype = getattr(ml_dtypes, dtype)
    return np.frombuffer(values, dtype)


def _ask(prefix, **key):
    request = {"prefix": os.path.abspath(prefix)} | key
    try:
        server = isolation.server("checkpoint_reader", TF_CPP_MIN_LOG_LEVEL="3")
        answer, values, _ = server.ask(request, SECONDS)
    except isolation.LostError as error:
        raise _damaged(prefix, f"TensorFlow's reader {error}") from None
    if "error" in answer:
        raise _damaged(prefix, answer["error"])
    return answer, values


def _kind(key, name, is_state):
    if is_state or ".OPTIMIZER_SLOT" in key or re.fullmatch(_SLOTS, name.split("/")[-1]):
        return "optimizer"
    first = name.partition("/")[0].lower()
    steps = ("save_counter", "global_step", "iter", "learning_rate", "decay", "beta_1", "beta_2")
    if layouts.is_optimizer(first) or name in steps or first == "training":
        return "optimizer"
    if "keras_api/metrics" in key or "metrics/" in key or "_tracker/" in key:
        return "metric"
    return "random seed" if "seed_generator" in name else "weight"


def _check_size(prefix, variables):
    stored = sum(map(os.path.getsize, glob.glob(f"{glob.escape(prefix)}.data-*")))
    declared = sum(math.prod(v["shape"]) * v["itemsize"] for v in variables)
    if declared > stored:
        raise ValueError(
            f"{prefix}: declares {declared:,} bytes of values; its data files have {stored:,}; "
            "do fetch all of them again"
        )


def _damaged(prefix, error):
    return ValueError(f"{prefix}: no whole TensorFlow checkpoint ({printable(str(error))})")
