"""A path -> the arrays of the model there, whatever wrote it: the content tells, not the suffix."""

from __future__ import annotations

import dataclasses
import glob
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from keras_benford._messages import listed, printable
from keras_benford._names import unique_paths
from keras_benford.weights import folders, keras3, legacy, lora, tensorflowjs
from keras_benford.weights.archive import MOST_JSON, parse_json, read_archive
from keras_benford.weights.arrays import StoredArray
from keras_benford.weights.hdf5 import Group, read_tree
from keras_benford.weights.other_formats import CORE_ML, pointer_in, what_it_is

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
            `"safetensors"`, `"tensorflowjs"`, `"tf-savedmodel"` or `"tf-checkpoint"`.
        arrays: its arrays; those that are no weights too. Their paths are unique.
    """

    path: str
    name: str
    format: str
    arrays: tuple[StoredArray, ...]


def open_model(path: str | os.PathLike) -> StoredModel:
    """Find the arrays of a saved model. No values are read yet.

    Raises:
        ValueError, OSError, ImportError: as `iter_weights`.
    """
    path = os.fsdecode(os.fspath(path))
    try:
        if os.path.isdir(path):
            return _folder(path)
        if os.path.basename(path) == folders.SAVED_MODEL and os.path.isfile(path):
            return _saved_model(os.path.dirname(path), path)
        if not os.path.exists(path) and os.path.exists(f"{path}.index"):
            return _checkpoint(path, path)
        return _file(path)
    except ValueError as error:
        raise _about(path, error) from None
    except ImportError as error:
        raise ImportError(str(_about(path, error))) from error
    except OSError as error:
        raise _of_system(path, error) from None


def _file(path):
    _check_regular(path)
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
        return _checkpoint(prefix, path)
    if head.lstrip()[:1] == b"{":
        return _json(path)
    header = int.from_bytes(head[:8], "little")
    if head[8:9] == b"{" and 2 <= header <= _MOST_HEADER:
        return _safetensors(path)
    # A checkpoint may be called as a file beside it: `checkpoint`, where TensorFlow lists them.
    if os.path.exists(f"{path}.index"):
        return _checkpoint(path, path)
    if re.search(r"group\d+-shard\d+of\d+(\.bin)?$", path):
        raise ValueError(f"{path}: a shard of a TensorFlow.js model; do pass its model.json")
    raise ValueError(f"{path}: {what_it_is(path, head, size)}")


def _check_regular(*paths):
    """Refuse what can be read without end, or is never ready: devices, pipes, sockets."""
    for path in paths:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise ValueError(f"{path}: expected a file; received a folder, a pipe or a device")


def _check_parts(*paths):
    """The same for parts of a model, and refuse those that git-lfs has not fetched."""
    _check_regular(*paths)
    for path in paths:
        with open(path, "rb") as file:
            pointer = pointer_in(file.read(_HEAD))
        if pointer is not None:
            raise ValueError(f"{path}: {pointer}")


def _archive(path):
    archive = read_archive(path)
    try:
        root = read_tree(archive.file, start=archive.start, length=archive.length)
        root = keras3.from_windows(root)
        arrays = _all_of(root, keras3.arrays_of(root, archive.config))
    except ValueError as error:
        raise _about(path, error, archive.file) from None
    return _model(path, root, "keras", arrays, archive.config)


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
        raise _about(path, error) from None


def _all_of(root, arrays):
    """The arrays, once it is sure that none of the file is left out."""
    named = {id(array.values) for array in arrays}
    waiting = [((), root)]
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
    return _finished(path, kind, arrays, variables.attributes.get("name") or _name_in(config))


def _name_in(config):
    inner = config.get("config") if isinstance(config, dict) else None
    name = inner.get("name") if isinstance(inner, dict) else None
    return name if isinstance(name, str) else None


def _finished(path, kind, arrays, name=None):
    if not any(array.kind == "weight" for array in arrays):
        raise ValueError(f"{path}: holds no weights")
    name = printable(name or Path(path).name)
    return StoredModel(path, name, kind, _with_unique_paths(arrays))


def _with_unique_paths(arrays):
    """The arrays with what is printable of their paths, which are unique but for copies."""
    arrays = [dataclasses.replace(array, path=printable(array.path)) for array in arrays]
    unique = iter(unique_paths(array.path for array in arrays if array.kind != "copy"))
    return tuple(
        array if array.kind == "copy" else dataclasses.replace(array, path=next(unique))
        for array in arrays
    )


def _json(path):
    with open(path, "rb") as file:
        content = parse_json(path, file.read(MOST_JSON + 1), "it")
    if isinstance(content, dict) and {"modelTopology", "weightsManifest"} & set(content):
        arrays = tensorflowjs.arrays_of(path, content)
        return _finished(
            path, "tensorflowjs", arrays, _name_in(tensorflowjs.configuration(content))
        )
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
    root = keras3.from_windows(root)
    for place in weight_map:
        if not root.has(re.split(r"[/\\]", place.strip("/\\"))):
            raise ValueError(f"{path}: lists {place!r}, which is in none of its shards")
    return _hdf5(path, root, kind="keras-sharded")


def _shard(path, name):
    """The path of a shard beside its index, which must not lead elsewhere."""
    if not name or name in (".", "..") or re.search(r"[/\\\0]", name):
        raise ValueError(f"{path}: names a shard outside its folder: {name!r}")
    shard = os.path.join(os.path.dirname(path), name)
    if not os.path.exists(shard):
        name = printable(name) if len(name) < 300 else f"{printable(name[:300])}…"
        raise ValueError(f"{path}: its shard {name} is missing; do put it into the same folder")
    _check_parts(shard)
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
    return _finished(path, "safetensors", _of_safetensors([path]))


def _checkpoint(prefix, path, kind="tf-checkpoint"):
    if not os.path.exists(f"{prefix}.index"):
        raise ValueError(f"{path}: its index {os.path.basename(prefix)}.index is missing")
    _check_parts(f"{prefix}.index", *glob.glob(f"{glob.escape(prefix)}.data-*"))
    from keras_benford.weights import checkpoints

    try:
        arrays = checkpoints.arrays_of(prefix)
    except ValueError as error:
        raise _about(path, error, prefix) from None
    return _finished(path, kind, lora.merge(arrays, {}))


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
        raise ValueError(f"{path}: holds several models; do pass one: {listed(whole)}")
    if os.path.exists(f"{path}.index"):
        return _checkpoint(path, path)
    core_ml = {"Manifest.json", "Data"} <= set(names)
    raise ValueError(f"{path}: {CORE_ML if core_ml else 'a folder that is no saved model'}")


def _saved_model(folder, path):
    prefix = os.path.join(folder, "variables", "variables")
    if not os.path.exists(f"{prefix}.index"):
        raise ValueError(f"{path}: a SavedModel without variables/variables.index: no weights")
    return _checkpoint(prefix, path, "tf-savedmodel")


def _unzipped(path, inside):
    """A model that `save(..., zipped=False)` wrote."""
    weights, config, described = inside(folders.WEIGHTS), inside("config.json"), None
    _check_parts(weights)
    if os.path.exists(config):
        _check_parts(config)
        with open(config, "rb") as file:
            described = parse_json(path, file.read(MOST_JSON + 1), "config.json")
    model = _hdf5(weights, read_tree(weights), described, "keras")
    return dataclasses.replace(model, path=path)


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


def _about(path, error, inner=None):
    """The error as one line with the path in front, that of a part of the file replaced."""
    text = str(error).removeprefix(f"{inner or path}: ").removeprefix(f"{path}: ")
    # What a file is named in its folder is told after the folder's own name.
    text = text.removeprefix(os.path.join(path, ""))
    return ValueError(f"{printable(path)}: {printable(text)}")


def _of_system(path, error):
    """The operating system's error as one line with the path in front."""
    about = error.filename
    of_part = isinstance(about, str) and about != path
    reason = error.strerror or str(error)
    reason = f"{printable(about)}: {reason}" if of_part else reason
    told = type(error)(f"{printable(path)}: {reason}")
    told.errno = error.errno
    return told
