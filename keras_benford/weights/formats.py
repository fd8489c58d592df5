"""A path -> the arrays of the model there, whatever wrote it: the content tells, not the suffix."""

from __future__ import annotations

import dataclasses
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras_benford.weights import keras3, legacy, lora
from keras_benford.weights.archive import parse_json, read_archive
from keras_benford.weights.arrays import StoredArray
from keras_benford.weights.hdf5 import Group, read_tree

_HDF5 = b"\x89HDF\r\n\x1a\n"
_TABLE_END = bytes.fromhex("57fb808b247547db")  # of a TensorFlow checkpoint's index
_MOST_HEADER = 100_000_000
_HEAD = 4096


@dataclass(frozen=True, eq=False)
class StoredModel:
    """A saved model.

    Attributes:
        path: where it is.
        name: the model's name, or the file's where that is not known.
        format: what it is: `"keras"`, `"keras-weights"`, `"keras-sharded"`, `"keras-legacy"`,
            `"safetensors"`, `"tf-savedmodel"` or `"tf-checkpoint"`.
        arrays: its arrays; those that are no weights too. Their paths are unique.
        keep: what must last as long as they are read.
    """

    path: str
    name: str
    format: str
    arrays: tuple[StoredArray, ...]
    keep: Any = None


def open_model(path: str | os.PathLike) -> StoredModel:
    """Find the arrays of a saved model. No values are read yet.

    Raises:
        ValueError, OSError, ImportError: as `iter_weights`.
    """
    path = os.fspath(path)
    path = os.fsdecode(path)
    if os.path.isdir(path):
        return _folder(path)
    if not os.path.exists(path) and os.path.exists(f"{path}.index"):
        return _checkpoint(path, f"{path}.index")
    with open(path, "rb") as file:
        head = file.read(_HEAD)
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - len(_TABLE_END), 0))
        tail = file.read()
    if head.startswith(b"PK"):
        return _archive(path)
    if _is_hdf5(path, head, size):
        return _hdf5(path, read_tree(path))
    if tail == _TABLE_END and path.endswith(".index"):
        return _checkpoint(path.removesuffix(".index"), path)
    if re.search(r"\.data-\d{5}-of-\d{5}$", path):
        prefix = path[: path.rindex(".data-")]
        return _checkpoint(prefix, f"{prefix}.index")
    if head.lstrip()[:1] == b"{":
        return _json(path)
    header = int.from_bytes(head[:8], "little")
    if head[8:9] == b"{" and 2 <= header <= _MOST_HEADER:
        return _safetensors(path)
    raise ValueError(f"{path}: {_what_it_is(head, size)}")


def _archive(path):
    archive = read_archive(path)
    try:
        root = read_tree(archive.file, start=archive.start, length=archive.length)
        arrays = keras3.arrays_of(root, archive.config)
    except ValueError as error:
        raise _about(path, error, archive.file) from None
    return _model(path, root, "keras", arrays, archive.config, archive)


def _hdf5(path, root, config=None, kind="keras-weights"):
    try:
        if legacy.is_legacy(root):
            arrays = lora.merge(legacy.arrays_of(root), legacy.lora_alphas(root))
            return _model(path, root, "keras-legacy", arrays)
        if not keras3.is_keras3(root):
            raise ValueError("an HDF5 file, but none that Keras wrote: it lists no layers")
        return _model(path, root, kind, keras3.arrays_of(root, config), config)
    except ValueError as error:
        raise _about(path, error) from None


def _model(path, root, kind, arrays, config=None, keep=None):
    variables = root.groups.get("vars", Group())
    name = variables.attributes.get("name") or _name_in(config) or legacy.model_name(root)
    return _finished(path, kind, arrays, name, keep)


def _name_in(config):
    inner = config.get("config") if isinstance(config, dict) else None
    name = inner.get("name") if isinstance(inner, dict) else None
    return name if isinstance(name, str) else None


def _finished(path, kind, arrays, name=None, keep=None):
    if not any(array.kind == "weight" for array in arrays):
        raise ValueError(f"{path}: holds no weights")
    name = name or Path(path).name
    return StoredModel(path, name, kind, tuple(_with_unique_paths(arrays)), keep)


def _with_unique_paths(arrays):
    """A path that occurs again gets `:2`, `:3`, …"""
    seen = {}
    for array in arrays:
        if array.kind == "copy":
            yield array
            continue
        seen[array.path] = number = seen.get(array.path, 0) + 1
        path = array.path if number == 1 else f"{array.path}:{number}"
        yield dataclasses.replace(array, path=path)


def _json(path):
    with open(path, "rb") as file:
        content = parse_json(path, file.read((1 << 26) + 1), "it")
    weight_map = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(weight_map, dict) or not weight_map:
        if isinstance(content, dict) and "class_name" in content:
            raise ValueError(f"{path}: describes a model's architecture and holds no weights")
        raise ValueError(f"{path}: JSON, but no index of weights; expected a `weight_map`")
    names = []
    for value in weight_map.values():
        names.extend(value if isinstance(value, list) else [value])
    shards = [_shard(path, name) for name in dict.fromkeys(map(str, names))]
    if all(shard.endswith(".safetensors") for shard in shards):
        arrays = _of_safetensors(shards)
        missing = sorted(set(weight_map) - {array.path for array in arrays})
        if missing:
            raise ValueError(f"{path}: lists {missing[0]!r}, which is in none of its shards")
        return _finished(path, "safetensors", arrays)
    root = Group()
    for shard in shards:
        read_tree(shard, into=root)
    for listed in weight_map:
        if not root.has(listed.strip("/").split("/")):
            raise ValueError(f"{path}: lists {listed!r}, which is in none of its shards")
    return _hdf5(path, root, kind="keras-sharded")


def _shard(path, name):
    """The path of a shard beside its index, which must not lead elsewhere."""
    if not name or name in (".", "..") or re.search(r"[/\\\0]", name):
        raise ValueError(f"{path}: names a shard outside its folder: {name!r}")
    shard = os.path.join(os.path.dirname(path), name)
    if not os.path.exists(shard):
        raise ValueError(f"{path}: its shard {name} is missing; do put it into the same folder")
    return shard


def _of_safetensors(paths):
    from keras_benford.weights import safetensors

    arrays = [array for path in paths for array in safetensors.arrays_of(path)]
    return lora.merge(arrays, {})


def _safetensors(path):
    return _finished(path, "safetensors", _of_safetensors([path]))


def _checkpoint(prefix, path, kind="tf-checkpoint"):
    if not os.path.exists(f"{prefix}.index"):
        raise ValueError(f"{path}: its index {os.path.basename(prefix)}.index is missing")
    from keras_benford.weights import checkpoints

    return _finished(path, kind, lora.merge(checkpoints.arrays_of(prefix), {}))


def _folder(path):
    def inside(name):
        return os.path.join(path, name)

    if os.path.exists(inside("saved_model.pb")):
        prefix = inside(os.path.join("variables", "variables"))
        if not os.path.exists(f"{prefix}.index"):
            raise ValueError(f"{path}: a SavedModel without variables/variables.index: no weights")
        return _checkpoint(prefix, path, "tf-savedmodel")
    if os.path.exists(inside("model.weights.h5")):
        return _unzipped(path, inside)
    names = sorted(os.listdir(path))
    whole = [
        name
        for name in names
        if name.endswith((".weights.json", ".safetensors.index.json", ".index"))
    ]
    if len(whole) == 1:
        return dataclasses.replace(open_model(inside(whole[0])), path=path)
    if whole:
        raise ValueError(f"{path}: holds several models; do pass one: {', '.join(whole)}")
    raise ValueError(f"{path}: a folder that is no saved model")


def _unzipped(path, inside):
    """A model that `save(..., zipped=False)` wrote."""
    config = None
    if os.path.exists(inside("config.json")):
        with open(inside("config.json"), "rb") as file:
            config = parse_json(path, file.read((1 << 26) + 1), "config.json")
    return _hdf5(inside("model.weights.h5"), read_tree(inside("model.weights.h5")), config, "keras")


def _is_hdf5(path, head, size):
    """An HDF5 file may have a block of somebody else's before it, of 512 bytes or twice as many…"""
    if head.startswith(_HDF5):
        return True
    at = 512
    with open(path, "rb") as file:
        while at < size:
            file.seek(at)
            if file.read(len(_HDF5)) == _HDF5:
                return True
            at *= 2
    return False


def _what_it_is(head, size):
    """Why a file that is no model's is none, and what to do."""
    start = head.lstrip().lower()
    if size == 0:
        return "an empty file"
    if head.startswith(b"version https://git-lfs"):
        return "a git-lfs pointer, not the file itself; do run `git lfs pull`"
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "a web page, perhaps of an error; do download the file again"
    if head.startswith(b"\x93NUMPY"):
        return "a bare NumPy array; expected a saved model"
    if head.startswith((b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")):
        return "a pickle, which could run code; do save the weights as .keras or .safetensors"
    if head.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")):
        return "compressed; do unpack it first"
    if head.startswith((b"\x08\x01\x12", b"\x08\x02\x12")):
        return "the graph of a SavedModel; do pass its folder"
    # A GraphDef begins with a node, and a node with its name and its operation.
    if re.match(rb"\n.{1,3}\n.[\w./-]+\x12.[A-Z]\w+", head, re.DOTALL):
        return "a frozen TensorFlow 1 graph; expected a SavedModel folder, a checkpoint or a .keras"
    return "no saved model of a known format; was it truncated or encrypted?"


def _about(path, error, inner=None):
    """The error with the path in front, that of a part of the file replaced."""
    text = str(error).removeprefix(f"{inner or path}: ").removeprefix(f"{path}: ")
    return ValueError(f"{path}: {text}")
