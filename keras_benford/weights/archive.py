"""A `.keras` archive -> its configuration, and where in it the weights lie.

Keras stores the weights uncompressed, so they are read where they lie. Nothing is extracted to a
name that the archive chooses, and nothing but JSON is made of the configuration.
"""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from typing import Any

WEIGHTS = "model.weights.h5"
CONFIG = "config.json"
_EXPECTED = {CONFIG, WEIGHTS, "metadata.json", "model.weights.npz"}
_MOST_JSON = 1 << 26
_MOST_EXPANSION = 100
_PIECE = 1 << 20
_LOCAL_HEADER = 30


@dataclass(frozen=True, eq=False)
class Archive:
    """Where the weights are: `length` bytes at `start` of `file`, and the model's configuration.

    `keep` holds the temporary file of compressed weights, which goes away with it.
    """

    file: str
    start: int
    length: int
    config: dict
    keep: Any = None


def read_archive(path: str) -> Archive:
    """Find the weights in a `.keras` archive and check that it is whole.

    Raises:
        ValueError: if it is damaged or no Keras model, or holds what could do harm.
        OSError: if it cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _check_names(path, archive)
            config = _json(path, archive)
            return _weights(path, archive, config)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        # Among them what zipfile says of encryption and of compression that it does not know.
        raise ValueError(f"{path}: no whole zip archive ({error}); do fetch it again") from None


def parse_json(path: str, text: bytes, what: str) -> Any:
    """JSON of bounded size as plain dicts, lists, strings and numbers."""
    if len(text) > _MOST_JSON:
        raise ValueError(f"{path}: {what} has {len(text):,} bytes; expected at most {_MOST_JSON:,}")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: {what} is no readable JSON ({error})") from None


def _check_names(path, archive):
    names = [info.filename for info in archive.infolist()]
    if "data.pkl" in {name.rpartition("/")[2] for name in names}:
        raise ValueError(
            f"{path}: a PyTorch file, which holds a pickle that could run code; "
            "do save the weights as .safetensors"
        )
    parts = [name.split("/") for name in names]
    strange = [
        name
        for name, split in zip(names, parts, strict=True)
        if ".." in split or not (name in _EXPECTED or split[0] == "assets")
    ]
    if strange:
        raise ValueError(
            f"{path}: expected a Keras archive with {CONFIG}, {WEIGHTS} and assets/; "
            f"received one that holds {strange[0]!r}"
        )
    if len(set(names)) < len(names):
        raise ValueError(f"{path}: holds two entries of the same name")
    if "model.weights.npz" in names:
        raise ValueError(
            f"{path}: its weights are pickled NumPy objects, which could run code; "
            "do load it where you trust it and save it anew"
        )
    missing = {CONFIG, WEIGHTS} - set(names)
    if missing:
        raise ValueError(
            f"{path}: expected a Keras archive with {CONFIG} and {WEIGHTS}; "
            f"received one without {' and '.join(sorted(missing))}"
        )


def _json(path, archive):
    info = archive.getinfo(CONFIG)
    if info.file_size > _MOST_JSON:
        raise ValueError(f"{path}: {CONFIG} declares {info.file_size:,} bytes; refused")
    with archive.open(info) as file:
        config = parse_json(path, file.read(_MOST_JSON), CONFIG)
    if not isinstance(config, dict):
        raise ValueError(f"{path}: {CONFIG} describes no model")
    return config


def _weights(path, archive, config):
    info = archive.getinfo(WEIGHTS)
    if info.file_size > _PIECE and info.file_size > _MOST_EXPANSION * info.compress_size:
        raise ValueError(
            f"{path}: {WEIGHTS} declares {info.file_size:,} bytes in {info.compress_size:,}; "
            "refused as a zip bomb"
        )
    with archive.open(info) as file:
        if info.compress_type != zipfile.ZIP_STORED:
            return _unpacked(path, info, file, config)
        # Read to its end it compares the checksum.
        while file.read(_PIECE):
            pass
    return Archive(path, _data_start(path, info), info.file_size, config)


def _unpacked(path, info, file, config):
    """Weights that somebody compressed, in a temporary file."""
    # It lasts as long as what was read from it.
    keep = tempfile.NamedTemporaryFile(suffix=".weights.h5")  # noqa: SIM115
    while piece := file.read(_PIECE):
        keep.write(piece)
    keep.flush()
    return Archive(keep.name, 0, os.path.getsize(keep.name), config, keep)


def _data_start(path, info):
    with open(path, "rb") as file:
        file.seek(info.header_offset)
        header = file.read(_LOCAL_HEADER)
    lengths = int.from_bytes(header[26:28], "little"), int.from_bytes(header[28:30], "little")
    return info.header_offset + _LOCAL_HEADER + sum(lengths)
