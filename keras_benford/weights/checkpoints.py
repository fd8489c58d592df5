"""A TensorFlow checkpoint, or the one in a SavedModel folder -> named arrays.

TensorFlow's own reader of checkpoints reads them; no graph is loaded and no operation run. Keras
writes a variable's name beside where it stands in the tree of objects. One variable can stand in
two places and is then stored twice: the second is marked as a copy.
"""

from __future__ import annotations

import glob
import math
import os
import re

from keras_benford.weights import layouts
from keras_benford.weights.arrays import InMemory, StoredArray, mark_copies

_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
_VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
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
    try:
        import tensorflow as tf
    except ImportError as error:
        raise ImportError(
            f"{prefix}: reading a TensorFlow checkpoint takes TensorFlow; "
            "do `pip install keras-benford[tensorflow]`, or save the model as .keras"
        ) from error
    try:
        reader = tf.train.load_checkpoint(prefix)
        shapes = reader.get_variable_to_shape_map()
        dtypes = reader.get_variable_to_dtype_map()
        names = _names(reader, shapes)
    except (tf.errors.OpError, RuntimeError, ValueError, IndexError) as error:
        raise _damaged(prefix, error) from None
    _check_size(prefix, shapes, dtypes)

    def reader_of(key):
        def read():
            try:
                return reader.get_tensor(key)
            except (tf.errors.OpError, RuntimeError, ValueError, IndexError) as error:
                raise _damaged(prefix, error) from None

        return read

    return mark_copies(
        StoredArray(
            path=name,
            shape=tuple(shapes[key]),
            dtype=dtypes[key].name,
            role=layouts.role_in(name),
            values=InMemory(reader_of(key)),
            classes=layouts.classes_in(name),
            kind=_kind(key, name, is_state),
        )
        for key, (name, is_state) in names.items()
        if key in shapes
    )


def _names(reader, shapes):
    """Key -> name of each variable, and whether it is state of an optimizer.

    A layer's are followed by those of the layers in it.
    """
    if _GRAPH not in shapes:
        return {key: (key, False) for key in sorted(shapes)}
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import trackable_object_graph_pb2

    graph = trackable_object_graph_pb2.TrackableObjectGraph()
    try:
        graph.ParseFromString(reader.get_tensor(_GRAPH))
    except DecodeError as error:
        raise ValueError(f"its tree of objects is damaged: {error}") from None
    names = {}
    for node, is_state in _outermost_first(graph.nodes):
        for attribute in node.attributes:
            if attribute.checkpoint_key.endswith(_VALUE):
                key = attribute.checkpoint_key
                name = layouts.without_number(attribute.full_name)
                names[key] = name or key.removesuffix(_VALUE), is_state
    # What no object of the tree claims is listed all the same.
    rest = sorted(set(shapes) - set(names) - {_GRAPH})
    return names | {key: (key.removesuffix(_VALUE), False) for key in rest}


def _outermost_first(nodes):
    """The nodes of the tree, each followed by all below it, which is the order of `model.weights`.

    With each stands whether it is state of an optimizer, as Keras 3 keeps it. An optimizer also
    refers to the weights that it trains; these are none. The slots of older ones hang on no node
    and come last.
    """
    waiting, reached = [(0, False)] if nodes else [], {}
    while waiting:
        number, is_state = waiting.pop()
        if number in reached:
            continue
        if not 0 <= number < len(nodes):
            raise ValueError("its tree of objects is damaged: it leads to a node that is not there")
        reached[number] = nodes[number], is_state
        children = nodes[number].children
        is_state = is_state or any(child.local_name == "_iterations" for child in children)
        waiting.extend(
            (child.node_id, is_state and child.local_name != "_trainable_variables")
            for child in reversed(children)
        )
    return [*reached.values(), *((n, False) for i, n in enumerate(nodes) if i not in reached)]


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


def _check_size(prefix, shapes, dtypes):
    stored = sum(map(os.path.getsize, glob.glob(f"{glob.escape(prefix)}.data-*")))
    declared = sum(
        math.prod(shape) * dtypes[key].size
        for key, shape in shapes.items()
        if dtypes[key].name != "string"
    )
    if declared > stored:
        raise ValueError(
            f"{prefix}: declares {declared:,} bytes of values; its data files have {stored:,}; "
            "do fetch all of them again"
        )


def _damaged(prefix, error):
    first = (str(error).splitlines() or [""])[0]
    return ValueError(f"{prefix}: no whole TensorFlow checkpoint ({first})")
