"""A path -> the arrays of the model there, whatever wrote it: the content tells, not the suffix."""

from __future__ import annotations

import dataclasses
import glob
import os
import re
from dataclasses import dataclass

from keras_benford._messages import listed, printable
from keras_benford.weights import folders, keras3, legacy, lora, tensorflowjs
from keras_benford.weights.archive import MOST_JSON, parse_json, read_archive
from keras_benford.weights.hdf5 import Group, read_tree
from keras_benford.weights.models import (
    StoredModel,
    about,
    check_parts,
    check_regular,
    finished,
    name_in,
    of_system,
)
from keras_benford.weights.other_formats import CORE_ML, what_it_is

_HDF5 = b"\x89HDF\r\n\x1a\n"
_TABLE_END = bytes.fromhex("57fb808b247547db")  # of a TensorFlow checkpoint's index
_MOST_HEADER = 100_000_000
_HEAD = 4096


def open_model(path: str | os.PathLike[str]) -> StoredModel:
    """Find the arrays of a saved model. No values are read yet.

    Raises:
        ValueError, OSError, ImportError: as `iter_weights`.
    """
    path = os.fsdecode(os.fspath(path))
    try:
        if os.path.isdir(path):
            return _folder(path)
        if not os.path.exists(path) and os.path.exists(f"{path}.index"):
            return _checkpoint(path, path)
        return _file(path)
    except ValueError as error:
        raise about(path, error) from None
    except ImportError as error:
        raise ImportError(str(about(path, error))) from error
    except OSError as error:
        raise of_system(path, error) from None


def _file(path):
    check_regular(path)
    with open(path, "rb") as file:
        head = file.read(_HEAD)
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - len(_TABLE_END), 0))
        found = _Found(path, head, file.read(), size)
    for fits, opened in _FORMATS:
        if fits(found):
            return opened(path)
    raise ValueError(f"{path}: {what_it_is(path, head, size)}")


@dataclass(frozen=True)
class _Found:
    """What tells of what format a file is: its path, its first and last bytes, and its size."""

    path: str
    head: bytes
    tail: bytes
    size: int


def _archive(path):
    archive = read_archive(path)
    try:
        root = read_tree(archive.file, start=archive.start, length=archive.length)
        root = keras3.from_windows(root)
        arrays = _all_of(root, keras3.arrays_of(root, archive.config))
    except ValueError as error:
        raise about(path, error, archive.file) from None
    return _model(path, root, "keras", arrays, archive.config)


def _hdf5_file(path):
    return _hdf5(path, read_tree(path))


def _hdf5(path, root, config=None, kind="keras-weights"):
    try:
        if legacy.is_legacy(root):
            text = root.attributes.get("model_config")
            if isinstance(text, str):
                config = parse_json(path, text.encode(), "its configuration")
            arrays = _all_of(root, legacy.arrays_of(root, config))
            arrays = lora.merge(arrays, legacy.lora_alphas(config))
            return _model(path, root, "keras-legacy", arrays, config)
        if not keras3.is_keras3(root):
            raise ValueError("an HDF5 file, but none that Keras wrote: it lists no layers")
        root = keras3.from_windows(root)
        arrays = _all_of(root, keras3.arrays_of(root, config))
        return _model(path, root, kind, arrays, config)
    except (ValueError, OverflowError) as error:  # JSON has numbers of any size.
        raise about(path, error) from None


def _all_of(root, arrays):
    """The arrays, once it is sure that none of the file is left out."""
    named = {id(array.values) for array in arrays}
    waiting: list[tuple[tuple[str, ...], Group]] = [((), root)]
    while waiting:
        names, group = waiting.pop()
        for name, dataset in group.datasets.items():
            if id(dataset.values) not in named:
                name = printable("/".join((*names, name)))
                raise ValueError(f"holds {name}, which belongs to none of the layers that it lists")
        waiting.extend(((*names, name), inner) for name, inner in group.groups.items())
    return arrays


def _model(path, root, kind, arrays, config=None):
    variables = root.groups.get("vars", Group())
    return finished(path, kind, arrays, variables.attributes.get("name") or name_in(config))


def _json(path):
    with open(path, "rb") as file:
        content = parse_json(path, file.read(MOST_JSON + 1), "it")
    content = content if isinstance(content, dict) else {}
    for fits, opened in _JSON_FORMATS:
        if fits(content):
            return opened(path, content)
    if "class_name" in content:
        raise ValueError(
            f"{path}: describes a model's architecture, holds no weights; pass the file with them"
        )
    raise ValueError(f"{path}: JSON, but no index of weights; expected a `weight_map`")


def _tensorflowjs(path, content):
    arrays = tensorflowjs.arrays_of(path, content)
    return finished(path, "tensorflowjs", arrays, name_in(tensorflowjs.configuration(content)))


def _in_shards(path, content):
    weight_map, names = content["weight_map"], []
    for value in weight_map.values():
        names.extend(value if isinstance(value, list) else [value])
    shards = [_shard(path, name) for name in dict.fromkeys(map(str, names))]
    if all(shard.endswith(".safetensors") for shard in shards):
        arrays = _of_safetensors(shards)
        missing = sorted(set(weight_map) - {array.path for array in arrays})
        if missing:
            raise ValueError(
                f"{path}: lists {missing[0]!r}, which is in none of its shards; fetch it again"
            )
        return finished(path, "safetensors", arrays)
    root = Group()
    for shard in shards:
        read_tree(shard, into=root)
    root = keras3.from_windows(root)
    for place in weight_map:
        if not root.has(re.split(r"[/\\]", place.strip("/\\"))):
            raise ValueError(
                f"{path}: lists {place!r}, which is in none of its shards; fetch it again"
            )
    return _hdf5(path, root, kind="keras-sharded")


def _shard(path, name):
    """The path of a shard beside its index, which must not lead elsewhere."""
    if not name or name in (".", "..") or re.search(r"[/\\\0]", name):
        raise ValueError(f"{path}: names a shard outside its folder: {name!r}")
    shard = os.path.join(os.path.dirname(path), name)
    if not os.path.exists(shard):
        name = printable(name) if len(name) < 300 else f"{printable(name[:300])}…"
        raise ValueError(f"{path}: its shard {name} is missing; put it into the same folder")
    check_parts(shard)
    return shard


def _of_safetensors(paths):
    from keras_benford.weights import safetensors

    arrays = []
    for path in paths:
        arrays += safetensors.arrays_of(path)
        if len(arrays) > safetensors.MOST_ARRAYS:
            raise ValueError(f"{path}: lists more arrays than any model's")
    return lora.merge(arrays, {})


def _safetensors(path):
    return finished(path, "safetensors", _of_safetensors([path]))


def _checkpoint(prefix, path, kind="tf-checkpoint"):
    if not os.path.exists(f"{prefix}.index"):
        raise ValueError(
            f"{path}: its index {os.path.basename(prefix)}.index is missing; put it into the same "
            "folder"
        )
    check_parts(f"{prefix}.index", *glob.glob(f"{glob.escape(prefix)}.data-*"))
    from keras_benford.weights import checkpoints

    try:
        arrays = checkpoints.arrays_of(prefix)
    except ValueError as error:
        raise about(path, error, prefix) from None
    return finished(path, kind, lora.merge(arrays, {}))


def _folder(path):
    def inside(name):
        return os.path.join(path, name)

    names = sorted(os.listdir(path))
    if folders.SAVED_MODEL in names:
        return _saved_model(path, path)
    files = [name for name in names if not os.path.isdir(inside(name))]
    models = list(folders.models_among(path, files))
    if set(names) >= folders.UNZIPPED or models == [folders.WEIGHTS]:
        return _unzipped(path, inside)
    whole = [
        name
        for name in names
        if name.endswith((".weights.json", ".safetensors.index.json", ".index"))
        or (name.endswith(".json") and tensorflowjs.is_one(inside(name)))
    ]
    if folders.WEIGHTS in models:
        whole = models
    if len(whole) == 1:
        return dataclasses.replace(_file(inside(whole[0])), path=path)
    if whole:
        raise ValueError(f"{path}: holds several models; pass one: {listed(whole)}")
    if os.path.exists(f"{path}.index"):
        return _checkpoint(path, path)
    core_ml = {"Manifest.json", "Data"} <= set(names)
    raise ValueError(
        f"{path}: {CORE_ML if core_ml else 'a folder that is no saved model; pass a file in it'}"
    )


def _saved_model(folder, path):
    prefix = os.path.join(folder, "variables", "variables")
    if not os.path.exists(f"{prefix}.index"):
        raise ValueError(f"{path}: a SavedModel without variables/variables.index: no weights")
    return _checkpoint(prefix, path, "tf-savedmodel")


def _unzipped(path, inside):
    """A model that `save(..., zipped=False)` wrote."""
    weights, config, described = inside(folders.WEIGHTS), inside("config.json"), None
    check_parts(weights)
    if os.path.exists(config):
        check_parts(config)
        with open(config, "rb") as file:
            described = parse_json(path, file.read(MOST_JSON + 1), "config.json")
    model = _hdf5(weights, read_tree(weights), described, "keras")
    return dataclasses.replace(model, path=path)


def _is_hdf5(found):
    """An HDF5 file may have a block of somebody else's before it, of 512 bytes or twice as many…"""
    if found.head.startswith(_HDF5):
        return True
    at = 512
    with open(found.path, "rb") as file:
        while at < found.size:
            file.seek(at)
            if file.read(len(_HDF5)) == _HDF5:
                return True
            at *= 2
    return False


def _is_safetensors(found):
    header = int.from_bytes(found.head[:8], "little")
    return found.head[8:9] == b"{" and 2 <= header <= _MOST_HEADER


# How a file is recognised, and how it is opened, the first that fits.
_FORMATS = (
    (
        lambda found: os.path.basename(found.path) == folders.SAVED_MODEL,
        lambda path: _saved_model(os.path.dirname(path), path),
    ),
    (lambda found: found.head.startswith(b"PK"), _archive),
    (_is_hdf5, _hdf5_file),
    (
        lambda found: found.tail == _TABLE_END and found.path.endswith(".index"),
        lambda path: _checkpoint(path.removesuffix(".index"), path),
    ),
    (
        lambda found: re.search(r"\.data-\d{5}-of-\d{5}$", found.path),
        lambda path: _checkpoint(path[: path.rindex(".data-")], path),
    ),
    (lambda found: found.head.lstrip()[:1] == b"{", _json),
    (_is_safetensors, _safetensors),
    # A checkpoint may be called as a file beside it: `checkpoint`, where TensorFlow lists them.
    (lambda found: os.path.exists(f"{found.path}.index"), lambda path: _checkpoint(path, path)),
)
# The same of the content of a JSON file.
_JSON_FORMATS = (
    (lambda content: content.keys() & {"modelTopology", "weightsManifest"}, _tensorflowjs),
    (
        lambda content: isinstance(content.get("weight_map"), dict) and content["weight_map"],
        _in_shards,
    ),
)
