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
from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_benford import _isolation
from keras_benford._messages import printable
from keras_benford.weights import layouts
from keras_benford.weights.arrays import InMemory, StoredArray, mark_copies

SECONDS = 120.0
"""How long TensorFlow may take to start and list what is there, or to read one variable."""
_MOST_SCOPES = 4
_AVERAGE = "ExponentialMovingAverage"
# Scalars that optimizers keep beside their slots: whole names, and last parts of names.
_STEPS = ("save_counter", "iter", "learning_rate", "decay", "beta_1", "beta_2")
_LAST_STEPS = r"(global_step|beta[12]_power|good_steps|(current_)?loss_scale)(_\d+)?"


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
            "run `pip install tensorflow`, or save the model as .keras"
        )
    variables = _ask(prefix)[0]["variables"]
    _check_size(prefix, variables)
    shapes = {layouts.without_number(v["name"]): tuple(v["shape"]) for v in variables}
    slots = slots_among(shapes)
    return mark_copies(_array(prefix, variable, slots) for variable in variables)


def slots_among(shapes: Mapping[str, tuple[int, ...]]) -> set[str]:
    """The variables in which an optimizer of TensorFlow 1 keeps the state of another.

    It appends a name of its own to that of the variable: X/Adam, where X is a variable of the same
    shape. What was once found to be such a name is one of whatever shape, as Adafactor's rows and
    columns are.

    Args:
        shapes: the shapes of a checkpoint's variables by their names.
    """
    owners = {}
    for name in shapes:
        owner, slot = _owner_and_slot(name, shapes)
        if owner is not None and slot not in layouts.ROLES:
            owners[name] = owner, slot
    alike = {name for name, (owner, _) in owners.items() if shapes[name] == shapes[owner]}
    # What has a slot itself is trained, so that it is none.
    trained = {owners[name][0] for name in alike}
    names = {owners[name][1] for name in alike - trained}
    return {name for name, (_, slot) in owners.items() if slot in names and name not in trained}


def _owner_and_slot(name, shapes):
    """The variable whose state another may be, and that state's own name without its number.

    An optimizer in a scope, such as `OptimizeLoss`, puts this before the variable's name.
    """
    # Mesh TensorFlow has no scope of slots: `kernel_slot_vr`.
    found: Any = re.fullmatch(r"(?s)(?:(.*)(?:/|_slot_))?([^/]*)", name)  # Any name matches.
    owner, slot = found.groups(default="")
    for _ in range(_MOST_SCOPES):
        if owner in shapes:
            return owner, re.sub(r"_\d+$", "", slot)
        owner = owner.partition("/")[2]
        if "/" not in owner:
            break
    return None, None


def _array(prefix, variable, slots):
    name = layouts.without_number(variable["name"])
    role = layouts.role_in(name)
    is_average = role.startswith(_AVERAGE)
    if is_average and name not in slots:
        # The average alone was kept, in the variable's place.
        role = layouts.role_in(name.rpartition("/")[0])
    is_state = variable["is_state"] or (name in slots and not is_average)
    return StoredArray(
        path=name,
        shape=tuple(variable["shape"]),
        dtype=variable["dtype"],
        role=role,
        values=InMemory(functools.partial(_read, prefix, variable["key"])),
        classes=layouts.classes_in(name),
        kind=_kind(variable["key"], name, is_state),
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
        server = _isolation.server("checkpoint_reader", TF_CPP_MIN_LOG_LEVEL="3")
        answer, values, _ = server.ask(request, SECONDS)
    except _isolation.LostError as error:
        raise _damaged(prefix, f"TensorFlow's reader {error}") from None
    if "error" in answer:
        raise _damaged(prefix, answer["error"])
    return answer, values


def _kind(key, name, is_state):
    first, last = name.partition("/")[0].lower(), name.rpartition("/")[2]
    if is_state or ".OPTIMIZER_SLOT" in key or re.fullmatch(_LAST_STEPS, last):
        return "optimizer"
    if layouts.is_optimizer(first) or name in _STEPS or first == "training":
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
            "fetch all of them again"
        )


def _damaged(prefix, error):
    return ValueError(f"{prefix}: no whole TensorFlow checkpoint ({printable(str(error))})")
