"""The groups of a Keras 3 weights file -> named arrays.

Such a file follows the model's attributes: `layers/dense_1/vars/0` is the first variable of the
second Dense in the list `layers`, `encoder/cell/vars/1` the second one of what the attribute
`encoder` keeps in its attribute `cell`. Which variable has which number is in `layouts`, by the
layer's class, and the class is told, the surest first, by

1. the model's configuration, read as plain JSON, where there is one (in `.keras`);
2. the group's own name: in a list it is the class, and Keras' own attributes have known names;
3. the name that the layer had, as long as Keras had made it of the class.

Where all three fail, the shape alone decides whether an array counts, and it is marked as guessed.
That is so of

- a custom layer's own weights, which the file only numbers. A variable that it shares with another
  layer is written once more there, and nothing tells that;
- a layer to which somebody gave a name and that a custom layer keeps in an attribute, unless its
  configuration holds it under that attribute's name. Of two variables a second of which the shape
  is the end of the first one's is taken for a bias, as EinsumDense has it;
- without a configuration, a layer of such a name inside one that wraps it: TimeDistributed,
  SpectralNormalization, RNN around a cell. Keras 3.3 and its forerunners wrote no names at all, so
  there it is so of whatever they wrap.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from keras_benford._messages import printable
from keras_benford.weights import layouts
from keras_benford.weights.arrays import StoredArray
from keras_benford.weights.hdf5 import Group

_RNN = ("SimpleRNN", "LSTM", "GRU", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D")
_LAYERS_IN_KERAS_2 = "_layer_checkpoint_dependencies"
_MOST_DEPTH = 200
_MOST_SPLIT = 100_000


def is_keras3(root: Group) -> bool:
    """Whether Keras 3 wrote this file: it puts every layer's variables into a group `vars`."""
    waiting = [root]
    while waiting:
        group = waiting.pop()
        if "vars" in group.groups:
            return True
        waiting.extend(group.groups.values())
    return False


def from_windows(root: Group) -> Group:
    r"""The groups with names such as `layers\gru\cell` as the trees that these stand for.

    Keras 2.12 to 2.15 joined names as the operating system joins paths.

    Raises:
        ValueError: if a group is given in both ways, or the trees are larger than any model's.
    """
    if not any("\\" in name for name in root.groups):
        return root
    whole = Group(root.attributes, {}, root.datasets, root.described)
    given, n_split = set(), 0
    waiting: list[Any] = [((), name, group) for name, group in reversed(root.groups.items())]
    while waiting:
        names, name, group = waiting.pop()
        parts = name.split("\\")
        names, n_split = (*names, *parts), n_split + len(parts) - 1
        if len(names) > _MOST_DEPTH or n_split > _MOST_SPLIT:
            raise ValueError("its groups are nested deeper than any model's")
        if names in given:
            raise ValueError(f"holds the group {printable('/'.join(names))} twice")
        given.add(names)
        place = whole.at(names)
        place.attributes.update(group.attributes)
        place.datasets.update(group.datasets)
        waiting.extend((names, inner, child) for inner, child in reversed(group.groups.items()))
    return whole


def arrays_of(root: Group, config: dict | None = None) -> list[StoredArray]:
    """Name the arrays of a Keras 3 weights file.

    Args:
        root: the file's root group.
        config: the model's configuration, the content of `config.json`.

    Returns:
        A `StoredArray` for each dataset, in the order in which the file was written.

    Raises:
        ValueError: if groups are nested deeper than any model's.
    """
    arrays = list(_layer(root, _Place("", None, False), _Node(config), (), "weight"))
    # Keras itself puts everything into groups.
    for name, each in root.datasets.items():
        about = name, each.shape, each.dtype_name, name, each.values
        arrays.append(StoredArray(*about, kind="other"))
    return arrays


class _Node:
    """A layer in the configuration, or nothing where it is not known."""

    def __init__(self, config):
        config = config if isinstance(config, dict) else {}
        inner = config.get("config")
        self.config = inner if isinstance(inner, dict) else {}
        self.of_class = _text(config.get("class_name"))
        self.name = _text(self.config.get("name"))
        self._parts = {}

    def part(self, attribute):
        """What the configuration says of a part that is a layer."""
        if self.of_class == "Bidirectional" and attribute == "forward_layer":
            attribute = "layer"
        part = _Node(self.config.get(attribute.lstrip("_")))
        if self.of_class == "Bidirectional" and attribute == "backward_layer":
            return part if part.of_class else _Node(self.config.get("layer"))
        return part

    def parts(self, attribute):
        """The same of a part that is a list of layers, by the names that Keras gives them."""
        # In Keras 2 each layer that has weights stands twice in its list, and is numbered twice.
        of_keras_2 = attribute == _LAYERS_IN_KERAS_2
        key = "layers" if of_keras_2 else attribute.lstrip("_")
        if key not in self._parts:
            self._parts[key] = _named_nodes(self.config.get(key), step=2 if of_keras_2 else 1)
        return self._parts[key]


def _named_nodes(value, step=1):
    values = value.values() if isinstance(value, dict) else value
    nodes: dict[str, _Node] = {}
    used: dict[str, int] = {}
    for each in values if isinstance(values, (list, tuple)) else ():
        node = _Node(each)
        if node.of_class:
            name = layouts.snake_case(node.of_class)
            used[name] = number = used.get(name, -step) + step
            nodes[f"{name}_{number}" if number else name] = node
    return nodes


@dataclass(frozen=True)
class _Place:
    """Where a layer stands: its name there, its parent's class, whether that is in a list."""

    component: str
    parent: str | None
    in_list: bool


def _layer(group, place, node, names, kind) -> Iterator[StoredArray]:
    """The arrays of a layer and of its parts. `names` are those of the layers around it."""
    if len(names) > _MOST_DEPTH:
        raise ValueError("its groups are nested deeper than any model's")
    variables = group.groups.get("vars", Group())
    name = _text(variables.attributes.get("name")) or node.name
    if kind == "weight":
        kind = layouts.kind_of(place.component, name, _shapes(variables))
    if place.component:
        names = (*names, name or place.component)
    classes = _classes(node, place, name)
    yield from _variables(variables, names, classes, node, kind)
    of_class = node.of_class or (classes[0][0] if classes else None)
    for component, child in group.groups.items():
        if component == "vars":
            continue
        if "vars" in child.groups:
            inner = _Place(component, of_class, False)
            yield from _layer(child, inner, node.part(component), names, kind)
        else:
            known = bool(name)
            yield from _list(child, component, node.parts(component), names, kind, known)


def _list(group, component, nodes, names, kind, known) -> Iterator[StoredArray]:
    """The arrays of the layers in a list or dict, and in the lists in it."""
    if len(names) > _MOST_DEPTH:
        raise ValueError("its groups are nested deeper than any model's")
    if kind == "weight":
        kind = layouts.kind_of(component, None, ([], []))
    if component not in ("layers", _LAYERS_IN_KERAS_2) and not known:
        # Without the layers' names this tells two lists apart.
        names = (*names, component)
    for inner, child in _in_order(group.groups, nodes):
        if "vars" in child.groups:
            node = nodes.get(inner) or _Node(None)
            yield from _layer(child, _Place(inner, None, True), node, names, kind)
        else:
            yield from _list(child, inner, {}, names, kind, known)
    if group.datasets:
        yield from _variables(group, names, [], _Node(None), kind)


def _in_order(groups, nodes):
    """The elements of a list in their order: that of the configuration, if there is one.

    Else in the order in which they were written. Where something lies in the file tells that nearly
    always, but what was written late may fill a gap: so those of one class, which have numbers, are
    put in the order of these.
    """
    places = {name: place for place, name in enumerate(nodes or groups)}
    numbered: dict[str, tuple[int, int]] = {}
    latest: dict[str, int] = {}
    for name in sorted(groups, key=layouts.numbered):
        of_class, number = layouts.numbered(name)
        latest[of_class] = max(latest.get(of_class, -1), places.get(name, len(places)))
        numbered[name] = latest[of_class], number
    return sorted(groups.items(), key=lambda item: numbered[item[0]])


def _classes(node, place, name):
    """The classes that a layer may have, the likeliest first, each with whether it is sure."""
    if node.of_class:
        return [(node.of_class, True)] if node.of_class in layouts.LAYOUTS else []
    by_place = layouts.class_of(place.component)
    by_name = layouts.class_of(name or "")
    if place.component == "cell" and not (by_name or "").endswith("Cell"):
        return [("LSTMCell", place.parent in _RNN or place.parent is None)]
    if place.component in ("forward_layer", "backward_layer"):
        return [(layouts.class_of((name or "").partition("_")[2]) or "GRU", True)]
    if place.in_list or place.component in layouts.HEADS:
        return [(by_place, True)] if by_place else []
    # An attribute may bear any name; that of the layer is Keras' own unless somebody chose it.
    found = [(by_name, True)] if by_name else []
    return [*found, (by_place, name is None)] if by_place else found


def _variables(group, names, classes, node, kind) -> Iterator[StoredArray]:
    """The arrays in the group `vars` of a layer."""
    numbered = [str(i) for i in range(len(group.datasets))]
    roles, keys, sure, of_class = None, None, False, node.of_class
    if sorted(group.datasets) == sorted(numbered):
        datasets = [group.datasets[number] for number in numbered]
        for candidate, is_sure in classes:
            roles = layouts.names_in(candidate, *_shapes(group))
            if roles is not None:
                sure, of_class = is_sure, candidate
                break
        if roles is None:
            keys, roles = numbered, [*numbered[:1], "bias"] if _has_bias(datasets) else numbered
    else:
        # A layer that saves its variables itself gives them names.
        roles, datasets, sure = [*group.datasets], [*group.datasets.values()], True
    for key, role, dataset in zip(keys or roles, roles, datasets, strict=True):
        yield StoredArray(
            path="/".join((*names, key)),
            shape=dataset.shape,
            dtype=dataset.dtype_name,
            role=role,
            values=dataset.values,
            classes=(of_class,) if of_class else (),
            kind="copy" if role == "copy" else kind,
            guessed=kind == "weight" and not sure,
        )


def _has_bias(datasets):
    """Whether of two variables the second may be the bias of the first, as EinsumDense has it."""
    if len(datasets) != 2 or any(dataset.is_integer for dataset in datasets):
        return False
    kernel, bias = (dataset.shape for dataset in datasets)
    return 1 < len(bias) < len(kernel) and kernel[-len(bias) :] == bias


def _shapes(group):
    datasets = [group.datasets[key] for key in sorted(group.datasets, key=_number)]
    return [d.shape for d in datasets], [d.is_integer for d in datasets]


def _number(key):
    return int(key) if key.isdecimal() and len(key) < 10 else -1


def _text(value):
    return value if isinstance(value, str) else None
