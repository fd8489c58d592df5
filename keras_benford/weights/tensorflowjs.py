"""A TensorFlow.js layers model -> named arrays: a `model.json` and the shards beside it.

The JSON holds the model's configuration and lists its weights in groups. The bytes of a group lie
one weight behind the other and are cut into shards at any byte, even within a value. The converter
takes names as it finds them: in an `.h5` those of weights (`dense/kernel`), in a `.keras` places in
its file of weights (`layers/dense/vars/0`), which `keras3` knows by the configuration. Names that
only the `.keras` held are lost, such as a GRU's `gru_cell`, which becomes `cell`.

Source: `tensorflowjs.write_weights` and `tensorflowjs.converters.keras_h5_conversion`, 4.22.
"""

from __future__ import annotations

import bisect
import dataclasses
import io
import itertools
import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_benford._messages import printable
from keras_benford.weights import keras3, legacy, lora
from keras_benford.weights.arrays import CHUNK, StoredArray, fill
from keras_benford.weights.hdf5 import Dataset, Group
from keras_benford.weights.other_formats import pointer_in
from keras_benford.weights.safetensors import MOST_ARRAYS

_DTYPES = {
    **{"float32": "<f4", "float16": "<f2", "int32": "<i4", "bool": "?", "complex64": "<c8"},
    **{"uint8": "u1", "uint16": "<u2"},
}
# Attributes in which models and layers of Keras keep lists.
_LISTS = ("layers", "cells", "metrics", "_layer_checkpoint_dependencies")
_BEGINS = rb'"(layers|graph)-model"|"modelTopology"|"weightsManifest"'
_HEAD = 4096
_MOST_AXES = 32
_MOST_STRINGS = 1 << 22
_MOST_PARTS = 250_000
_SHOWN = 300


def is_one(path: str) -> bool:
    """Whether a file begins as the JSON of a TensorFlow.js model does: a cheap test."""
    try:
        if not os.path.isfile(path):
            return False
        with open(path, "rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return False
    return head.lstrip()[:1] == b"{" and re.search(_BEGINS, head) is not None


def configuration(content: dict) -> dict:
    """The model's configuration in the JSON of such a model; empty where there is none."""
    topology = _topology(content)
    config = topology.get("model_config", topology)
    return config if isinstance(config, dict) else {}


def arrays_of(path: str, content: dict) -> list[StoredArray]:
    """Name the arrays of a TensorFlow.js layers model, in the order in which they lie.

    Args:
        path: its JSON file.
        content: what that holds.

    Raises:
        ValueError: if it is damaged, a graph model, or leads outside its folder.
        OSError: if a shard cannot be read.
    """
    topology = _topology(content)
    if content.get("format") == "graph-model" or "node" in topology:
        raise ValueError(
            f"{path}: a TensorFlow.js graph model: the constants of its graph are no longer the "
            "model's weights (batch normalisation is folded into kernels); pass the model that "
            "it was made from"
        )
    datasets: dict[str, Dataset] = {}
    states: dict[str, Dataset] = {}
    for entry, dataset in _listed(path, content.get("weightsManifest")):
        name = entry["name"]
        if name in datasets or name in states:
            raise ValueError(f"{path}: lists a weight {printable(name[:_SHOWN])!r} twice")
        (states if entry.get("group") == "optimizer" else datasets)[name] = dataset
    version = topology.get("keras_version")
    keras_1 = isinstance(version, str) and version.startswith("1.")
    config = configuration(content)
    return [*_named(path, datasets, config, keras_1), *_optimizer(states)]


def _topology(content):
    topology = content.get("modelTopology")
    return topology if isinstance(topology, dict) else {}


def _named(path, datasets, config, keras_1):
    if any(re.search(r"(^|/)vars/\d+$", name) for name in datasets):
        arrays = keras3.arrays_of(_tree(path, datasets), config)
        known = {id(array.values) for array in arrays}
        for name, dataset in datasets.items():
            if id(dataset.values) not in known:
                name = printable(name[:_SHOWN])
                raise ValueError(f"{path}: holds {name}, which belongs to none of its layers")
        return arrays
    class_of = legacy.classes_in(config)
    arrays = [
        legacy.array_of(name, dataset, name.partition("/")[0], class_of, keras_1)
        for name, dataset in datasets.items()
    ]
    return lora.merge(arrays, legacy.lora_alphas(config))


def _optimizer(states):
    """What TensorFlow.js itself saves of an optimizer beside the model."""
    for name, dataset in states.items():
        array = legacy.array_of(name, dataset, name.partition("/")[0], {}, False)
        yield dataclasses.replace(array, kind="optimizer")


def _tree(path, datasets):
    """The groups of the file of weights in a `.keras`, from the places of its datasets.

    Keras gives each layer a group `vars`, which the converter leaves out where it is empty. Keras
    2.12 to 2.15 joined names as the operating system joins paths.
    """
    if sum(name.count("/") for name in datasets) > _MOST_PARTS:
        raise ValueError(f"{path}: its weights' names have more parts than any model's")
    root = Group()
    for place, dataset in datasets.items():
        *names, last = place.replace("\\", "/").split("/")
        group, is_layer = root, True
        for name in names:
            if is_layer:
                group.groups.setdefault("vars", Group())
            is_layer = not (is_layer and name in _LISTS)
            group = group.groups.setdefault(name, Group())
        group.datasets[last] = dataset
    return root


def _listed(path, manifest):
    """Each weight of a manifest, as it is described there and as a `Dataset`."""
    groups = manifest if isinstance(manifest, list) else None
    if not groups or not all(
        isinstance(group, dict)
        and _is_list(group.get("paths"), str)
        and _is_list(group.get("weights"), dict)
        for group in groups
    ):
        raise ValueError(
            f"{path}: lists no weights; expected a `weightsManifest` of groups with `paths` and "
            "`weights`"
        )
    if sum(len(group["weights"]) for group in groups) > MOST_ARRAYS:
        raise ValueError(f"{path}: lists more arrays than any model's")
    names = [name for group in groups for name in group["paths"]]
    if len({os.path.normpath(name) for name in names}) < len(names):
        raise ValueError(f"{path}: names a shard twice")
    for group in groups:
        shards = _Shards.of([_shard(path, name) for name in group["paths"]])
        yield from _in_group(path, group["weights"], shards)


def _is_list(value, kind):
    return isinstance(value, list) and all(isinstance(each, kind) for each in value)


def _shard(path, name):
    """The path of a shard, which must lie in the folder of the JSON file or below it."""
    folder = os.path.dirname(path)
    shard = os.path.join(folder, name)
    shown = printable(name) if len(name) <= _SHOWN else f"{printable(name[:_SHOWN])}…"
    if re.search(r"^/|(^|/)\.\.(/|$)|[\\:\0]", name):
        raise ValueError(f"{path}: names a shard outside its folder: {shown}")
    if not os.path.isfile(shard):
        raise ValueError(f"{path}: its shard {shown} is missing; put it into the same folder")
    # In a cache of downloads the files of a model may be links, all of them to one folder.
    homes = (os.path.realpath(folder), os.path.dirname(os.path.realpath(path)))
    if not any(os.path.realpath(shard).startswith(os.path.join(home, "")) for home in homes):
        raise ValueError(f"{path}: its shard {shown} is a link to outside its folder")
    with open(shard, "rb") as file:
        pointer = pointer_in(file.read(_HEAD))
    if pointer is not None:
        raise ValueError(f"{path}: its shard {shown} is {pointer}")
    return shard


def _in_group(path, entries, shards):
    """The weights of a group, each with where in the shards its bytes lie."""
    at = 0
    for entry in entries:
        shape, was, dtype = _described(path, entry)
        size = math.prod(shape)
        if dtype is None:
            values, n_bytes = None, _bytes_of_strings(path, shards, at, size)
        else:
            values, n_bytes = _Values(shards, at, size, dtype), size * dtype.itemsize
        at += n_bytes
        if at > shards.size:
            break
        stored = "string" if dtype is None else dtype.name
        yield entry, Dataset(shape, stored, "int" in was, values)
    if at != shards.size:
        raise ValueError(
            f"{path}: declares {'more' if at > shards.size else 'fewer'} bytes than the "
            f"{shards.size:,} of its shards; fetch all files again"
        )


def _described(path, entry):
    """A weight's shape, the dtype it had, and the NumPy dtype it is stored in, None for strings."""
    name, shape, dtype = (entry.get(key) for key in ("name", "shape", "dtype"))
    quantization = entry.get("quantization")
    stored = quantization.get("dtype") if isinstance(quantization, dict) else dtype
    if not (isinstance(name, str) and isinstance(dtype, str) and isinstance(stored, str)):
        raise ValueError(f"{path}: lists a weight without a name or a dtype")
    name = printable(name[:_SHOWN])
    if not _is_shape(shape):
        raise ValueError(f"{path}: lists {name} without a shape that an array can have")
    if stored != "string" and stored not in _DTYPES:
        raise ValueError(
            f"{path}: lists {name} of dtype {printable(stored[:_SHOWN])}; "
            f"expected {', '.join(_DTYPES)} or string"
        )
    return tuple(shape), dtype, None if stored == "string" else np.dtype(_DTYPES[stored])


def _is_shape(shape):
    return (
        isinstance(shape, list)
        and len(shape) <= _MOST_AXES
        and all(type(n) is int and 0 <= n < 1 << 63 for n in shape)
    )


def _bytes_of_strings(path, shards, at, count):
    """How many bytes strings take: before each stands its length, in four of them."""
    if count > _MOST_STRINGS:
        raise ValueError(f"{path}: lists more strings than any model's")
    end = at
    with io.BufferedReader(_Joined(shards)) as file:
        for _ in range(count):
            file.seek(end)
            end += 4 + int.from_bytes(file.read(4), "little")
            if end > shards.size:
                break
    return end - at


@dataclass(frozen=True)
class _Shards:
    """Files, and where each of them ends in all of them one after the other."""

    files: tuple[str, ...]
    ends: tuple[int, ...]

    @classmethod
    def of(cls, files):
        return cls(tuple(files), tuple(itertools.accumulate(map(os.path.getsize, files))))

    @property
    def size(self):
        return self.ends[-1] if self.ends else 0


@dataclass(frozen=True)
class _Values:
    """Values that lie one after the other in shards, from a byte on."""

    shards: _Shards
    start: int
    size: int
    dtype: np.dtype

    def chunks(self) -> Iterator[np.ndarray]:
        file = _Joined(self.shards)
        file.seek(self.start)
        for first in range(0, self.size, CHUNK):
            chunk = np.empty(min(CHUNK, self.size - first), self.dtype)
            fill(file, chunk.view(np.uint8).data, self.shards.files[0])
            yield chunk


class _Joined(io.RawIOBase):
    """Shards as one file."""

    def __init__(self, shards):
        self._shards, self._at = shards, 0

    def readable(self):
        return True

    def seekable(self):
        return True

    def seek(self, offset, whence=0):
        self._at = offset + (0, self._at, self._shards.size)[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Read from the shard where this is, which is opened for that and closed again."""
        ends = self._shards.ends
        i = bisect.bisect_right(ends, self._at)
        if i == len(ends):
            return 0
        with open(self._shards.files[i], "rb", buffering=0) as file:
            file.seek(self._at - (ends[i - 1] if i else 0))
            count = file.readinto(memoryview(buffer)[: ends[i] - self._at])
        self._at += count
        return count
