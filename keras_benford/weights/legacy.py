"""The groups of an HDF5 file from Keras 1, Keras 2, tf.keras or Keras 3's `.h5` -> named arrays.

Such a file lists its layers and their weights by name: `dense/kernel:0`, `dense/kernel` or, in
Keras 1, `dense_1_W`. So names tell what each array is, and the configuration, where there is one,
only what no name tells.
"""

from __future__ import annotations

import collections
import itertools
import re
from typing import Any

from keras_benford.weights import layouts
from keras_benford.weights.arrays import StoredArray, mark_copies
from keras_benford.weights.hdf5 import Dataset, Group

# What Keras 1 called them.
_KERAS_1 = {
    "W": "kernel",
    "U": "recurrent_kernel",
    "b": "bias",
    "running_mean": "moving_mean",
    "running_std": "moving_variance",
    "alphas": "alpha",
}
_KERAS_1_NAME = re.compile(
    r"_(?P<role>W|U|b|gamma|beta|running_mean|running_std|alphas|depthwise_kernel|pointwise_kernel)"
    r"(_(?P<gate>[a-z]+|\d+))?$"
)


def is_legacy(root: Group) -> bool:
    """Whether this is a file of this kind."""
    return "model_weights" in root.groups or bool(_listed(root, "layer_names"))


def lora_alphas(config: Any) -> dict[str, float]:
    """`lora_alpha` of the layers in a configuration that have one, by name."""
    found = {}
    for node in _nodes(config):
        alpha = node["config"].get("lora_alpha")
        if isinstance(alpha, (int, float)) and not isinstance(alpha, bool):
            found[node["config"]["name"]] = alpha
    return found


def arrays_of(root: Group, config: Any = None) -> list[StoredArray]:
    """Name the arrays of such a file, in the model's own order.

    What two sub-models share is written twice; the second is marked as a copy. Datasets that
    somebody put beside the layers come last.

    Args:
        root: the file's root group.
        config: the model's configuration, read as JSON, where the file has one.

    Raises:
        ValueError: if the file lists what it does not hold.
    """
    weights = root.groups.get("model_weights", root)
    class_of = classes_in(config)
    version = root.attributes.get("keras_version") or weights.attributes.get("keras_version")
    # Keras 1 wrote it beside a configuration, later ones do always.
    keras_1 = version is None or version.startswith("1.")
    arrays, listed, layers = [], set(), [root.groups.get("optimizer_weights", Group())]
    for layer in [*_listed(weights, "layer_names"), "top_level_model_weights"]:
        group = _below(weights, layer.split("/"))
        if group is None:
            if layer == "top_level_model_weights":
                continue
            raise ValueError(f"lists a layer {layer!r} that it does not hold; fetch it again")
        layers.append(group)
        for name in _listed(group, "weight_names"):
            *inner, last = name.split("/")
            place = _below(group, inner)
            dataset = None if place is None else place.datasets.get(last)
            if dataset is None:
                raise ValueError(f"lists a weight {name!r} that it does not hold; fetch it again")
            if id(dataset) in listed:
                raise ValueError(f"lists a weight {name!r} twice")
            listed.add(id(dataset))
            arrays.append(array_of(name, dataset, layer, class_of, keras_1))
    slots = _all_in(layers[0], ("optimizer_weights",))
    beside = _all_in(root, (), without={id(layer) for layer in layers})
    return [
        *mark_copies(arrays),
        *(_no_weight(path, dataset, "optimizer") for path, dataset in slots),
        *(_no_weight(path, dataset, "other") for path, dataset in beside),
    ]


def classes_in(config: Any) -> dict[str, Any]:
    """What a configuration gives as the class of each layer that it names."""
    return {node["config"]["name"]: node.get("class_name") for node in _nodes(config)}


def array_of(
    name: str, dataset: Dataset, layer: str, class_of: dict[str, Any], keras_1: bool
) -> StoredArray:
    """The array of a weight whose name says what it is.

    Args:
        name: the weight's name in the file, such as `dense/kernel:0`.
        dataset: its shape, its dtype and its values.
        layer: the layer that the file lists it with.
        class_of: the classes of layers by their names, as far as known.
        keras_1: whether Keras 1 may have named it.
    """
    path, role = layouts.without_number(name), layouts.role_in(name)
    guessed = False
    if keras_1 and (named := _KERAS_1_NAME.search(path)):
        role = _KERAS_1.get(named["role"], named["role"])
    elif re.fullmatch(r"param_\d+", role):
        guessed = True
    owner = path.split("/")[-2] if "/" in path else layer
    of_class = class_of.get(owner) or layouts.class_of(owner)
    return StoredArray(
        path=path if path.partition("/")[0] == layer or "/" in path else f"{layer}/{path}",
        shape=dataset.shape,
        dtype=dataset.dtype_name,
        role=role,
        values=dataset.values,
        classes=(of_class,) if isinstance(of_class, str) else (),
        guessed=guessed,
    )


def _no_weight(path, dataset, kind):
    shape, dtype = dataset.shape, dataset.dtype_name
    return StoredArray(path, shape, dtype, path.rpartition("/")[2], dataset.values, kind=kind)


def _all_in(group, names, without=()):
    """The datasets in a group by their paths, without those of the layers' groups."""
    for name, dataset in group.datasets.items():
        yield "/".join((*names, name)), dataset
    for name, inner in group.groups.items():
        # A layer lists its weights. Where no list names it, the file is not whole.
        is_layer = any(key.startswith("weight_names") for key in inner.attributes)
        if not without or (id(inner) not in without and not is_layer):
            yield from _all_in(inner, (*names, name), without)


def _listed(group, attribute):
    """The names in an attribute, which a long list spreads over `layer_names0`, `…1` and so on."""
    parts = [group.attributes.get(attribute)]
    if parts == [None]:
        numbered = (f"{attribute}{i}" for i in itertools.count())
        parts = list(itertools.takewhile(bool, map(group.attributes.get, numbered)))
    return [name for part in parts if part for name in part if isinstance(name, str)]


def _below(group, names):
    for name in names:
        group = group.groups.get(name)
        if group is None:
            return None
    return group


def _nodes(config):
    """What the configuration says of the model and of each layer that it names, outermost first."""
    waiting = collections.deque([config])
    while waiting:
        value = waiting.popleft()
        if isinstance(value, dict):
            inner = value.get("config")
            if isinstance(inner, dict) and isinstance(inner.get("name"), str):
                yield value
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
