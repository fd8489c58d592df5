"""A `.keras` archive -> its configuration, and where in it the weights lie.

Keras stores the weights uncompressed, so they are read where they lie. Nothing is extracted to a
name that the archive chooses, and nothing but JSON is made of the configuration.
"""

from __future__ import annotations

import io
import json
import os
import struct
import tempfile
import weakref
import zipfile
import zlib
from dataclasses import dataclass
from typing import Any

WEIGHTS = "model.weights.h5"
CONFIG = "config.json"
_EXPECTED = {CONFIG, WEIGHTS, "metadata.json", "model.weights.npz"}
MOST_JSON = 1 << 25
"""Bytes of JSON that are parsed at most."""
# About what a list, a dict, an item and a string take in memory, beside their own characters.
_BYTES = {b"[": 72, b"{": 240, b",": 40, b'"': 40}
_MOST_MEMORY = 1 << 27
_MOST_EXPANSION = 100
_PIECE = 1 << 20
_LOCAL_HEADER = 30
_MOST_ENTRIES = 1 << 22


_DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError),
    # Names that are no UTF-8, and positions that no file has.
    *(UnicodeDecodeError, OverflowError, struct.error),
)


class _File(io.FileIO):
    """A file of which zipfile reads at most so many bytes at once: its list of entries is short."""

    def read(self, size=-1):
        if size > _MOST_ENTRIES:
            raise zipfile.BadZipFile("its list of entries is longer than any model's")
        return super().read(size)


@dataclass(frozen=True, eq=False)
class Archive:
    """Where the weights are: `length` bytes at `start` of `file`, and the model's configuration."""

    file: str
    start: int
    length: int
    config: dict


class _TemporaryPath(str):
    """The path of a temporary file, which goes away with the last array that is read from it."""


def read_archive(path: str) -> Archive:
    """Find the weights in a `.keras` archive and check that it is whole.

    Raises:
        ValueError: if it is damaged or no Keras model, or holds what could do harm.
        OSError: if it cannot be read.
    """
    try:
        with _File(path) as file, zipfile.ZipFile(file) as archive:
            _check_names(path, archive)
            config = _json(path, archive)
            return _weights(path, archive, config)
    except _DAMAGED as error:
        # Among them what zipfile says of encryption and of compression that it does not know.
        raise ValueError(f"{path}: no whole zip archive ({error}); fetch it again") from None


def parse_json(path: str, text: bytes, what: str) -> Any:
    """JSON as plain dicts, lists, strings and numbers that take a bounded amount of memory."""
    if len(text) > MOST_JSON:
        raise ValueError(f"{path}: {what} has {len(text):,} bytes; expected at most {MOST_JSON:,}")
    if len(text) + sum(text.count(mark) * n for mark, n in _BYTES.items()) > _MOST_MEMORY:
        raise ValueError(f"{path}: {what} is JSON of more parts than any model's")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: {what} is no readable JSON ({error})") from None


def _check_names(path, archive):
    names = [info.filename for info in archive.infolist()]
    if "data.pkl" in {name.rpartition("/")[2] for name in names}:
        raise ValueError(
            f"{path}: a PyTorch file, which holds a pickle that could run code; "
            "save the weights as .safetensors"
        )
    parts = [name.split("/") for name in names]
    strange = [
        name
        for name, split in zip(names, parts, strict=True)
        if ".." in split or "\\" in name or not (name in _EXPECTED or split[0] == "assets")
    ]
    if strange:
        raise ValueError(
            f"{path}: expected a Keras archive with {CONFIG}, {WEIGHTS} and assets/; "
            f"received one that holds {strange[0]!r}"
        )
    if len(set(names)) < len(names):
        raise ValueError(f"{path}: holds two entries of the same name; fetch it again")
    if "model.weights.npz" in names:
        raise ValueError(
            f"{path}: its weights are pickled NumPy objects, which could run code; "
            "load it where you trust it and save it anew"
        )
    missing = {CONFIG, WEIGHTS} - set(names)
    if missing:
        raise ValueError(
            f"{path}: expected a Keras archive with {CONFIG} and {WEIGHTS}; "
            f"received one without {' and '.join(sorted(missing))}"
        )


def _entry(archive, name):
    info = archive.getinfo(name)
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # Others can ask for any amount of memory.
        raise NotImplementedError(f"{name} is compressed otherwise than by deflate")
    return info


def _json(path, archive):
    info = _entry(archive, CONFIG)
    if info.file_size > MOST_JSON:
        raise ValueError(f"{path}: {CONFIG} declares {info.file_size:,} bytes; refused")
    with archive.open(info) as file:
        text = b"".join(iter(lambda: file.read(_PIECE), b""))
    config = parse_json(path, text, CONFIG)
    if not isinstance(config, dict):
        raise ValueError(f"{path}: {CONFIG} describes no model; fetch it again")
    return config


def _weights(path, archive, config):
    info = _entry(archive, WEIGHTS)
    if info.file_size > _PIECE and info.file_size > _MOST_EXPANSION * info.compress_size:
        raise ValueError(
            f"{path}: {WEIGHTS} declares {info.file_size:,} bytes in {info.compress_size:,}; "
            "refused as a zip bomb"
        )
    with archive.open(info) as file:
        if info.compress_type != zipfile.ZIP_STORED:
            return _unpacked(file, config)
        if info.file_size != info.compress_size:
            raise zipfile.BadZipFile(f"{WEIGHTS} has two lengths")
        # Read to its end it compares the checksum.
        while file.read(_PIECE):
            pass
    return Archive(path, _data_start(path, info), info.file_size, config)


def _unpacked(file, config):
    """Weights that somebody compressed, in a temporary file."""
    unpacked = tempfile.NamedTemporaryFile(suffix=".weights.h5")  # noqa: SIM115
    path = _TemporaryPath(unpacked.name)
    weakref.finalize(path, unpacked.close)
    while piece := file.read(_PIECE):
        unpacked.write(piece)
    unpacked.flush()
    return Archive(path, 0, os.path.getsize(path), config)


def _data_start(path, info):
    with open(path, "rb") as file:
        file.seek(info.header_offset)
        header = file.read(_LOCAL_HEADER)
    lengths = int.from_bytes(header[26:28], "little"), int.from_bytes(header[28:30], "little")
    return info.header_offset + _LOCAL_HEADER + sum(lengths)
