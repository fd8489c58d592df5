"""TensorFlow's reader of checkpoints: run in a process of its own, see `checkpoints`.

It ends the process on some damaged indexes. A request is a line `{"prefix"}` or
`{"prefix", "key"}`, the answer a line `{"variables"}`, or `{"bytes", "dtype"}` followed by the
values, or `{"error"}`.
"""

import json
import os
import sys

_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
_VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
_TEXTS = ("/.ATTRIBUTES/OBJECT_CONFIG_JSON", "/.ATTRIBUTES/py_state")


def serve():
    """Answer requests from standard input until it ends."""
    # Whatever TensorFlow prints must not stand between the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    import tensorflow as tf

    # Unlike `load_checkpoint` it does not take a prefix for the folder that may have its name.
    opened = tf.compat.v1.train.NewCheckpointReader
    readers = {}
    for line in sys.stdin:
        request = json.loads(line)
        prefix: str = request["prefix"]
        values: bytes | memoryview = b""
        try:
            if "key" not in request:
                readers = {prefix: opened(prefix)}
                answer = {"variables": variables(readers[prefix])}
            else:
                if prefix not in readers:
                    readers = {prefix: opened(prefix)}
                array = readers[prefix].get_tensor(request["key"])
                values = memoryview(array.reshape(-1).view("u1"))
                answer = {"bytes": len(values), "dtype": array.dtype.name}
        except (tf.errors.OpError, RuntimeError, ValueError, IndexError, TypeError) as error:
            values = b""
            answer = {"error": (str(error).splitlines() or [""])[0]}
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.write(values)
        answers.flush()


def variables(reader):
    """What a checkpoint holds: for each variable a dict of its key, shape, dtype, name and such.

    In the order of the model's tree of objects, where there is one.
    """
    shapes = reader.get_variable_to_shape_map()
    dtypes = reader.get_variable_to_dtype_map()
    return [
        {
            "key": key,
            "shape": shapes[key],
            "dtype": dtypes[key].name,
            "itemsize": 0 if dtypes[key].name == "string" else dtypes[key].size,
            "name": name,
            "is_state": is_state,
        }
        for key, (name, is_state) in _names(reader, shapes).items()
        if key in shapes
    ]


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
                names[key] = attribute.full_name or key.removesuffix(_VALUE), is_state
    # What no object of the tree claims is listed all the same, but for the objects' own texts.
    texts = {key for key in shapes if key == _GRAPH or key.endswith(_TEXTS)}
    rest = sorted(set(shapes) - set(names) - texts)
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
