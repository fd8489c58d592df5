"""What a stranger may send: each file is either read right or refused by one clear line.

The makers of small files that `tests/test_safety_*.py` share, and what `score` says of a file that
it refuses. `tests/test_fuzz.py` does the same with files that no human thought of.
"""

import io
import json
import os
import struct
import zipfile

import h5py
import numpy as np
import pytest

import keras_benford as kb
from tests import oracle

W = np.random.default_rng(5).normal(size=(8, 8)).astype("float32")
COUNTS = oracle.tally(W)[:9].tolist()
KERNEL, BIAS = "layers/dense/vars/0", "layers/dense/vars/1"
CONFIG = {"class_name": "Sequential", "config": {"name": "model", "layers": []}}
UP = "../"


class Refused(list):
    """Makers of a file or folder, each with the regex that what follows its path must match."""

    def __call__(self, message, marks=()):
        def register(make):
            self.append(pytest.param(make, message, id=make.__name__, marks=marks))
            return make

        return register


def refusal(path):
    """What `score` says of a file that it refuses, without the path in front."""
    with pytest.raises((ValueError, OSError, ImportError)) as caught:
        kb.score(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert text.isprintable()
    return text.removeprefix(f"{path}: ")


def h5(path, kernel=W, **kwargs):
    """A Keras 3 weights file of one Dense."""
    with h5py.File(path, "w") as file:
        file.create_dataset(KERNEL, data=kernel, **kwargs)
        file.create_dataset(BIAS, data=W[0])
    return path


def h5_bytes(**kwargs):
    return h5(io.BytesIO(), **kwargs).getvalue()


def keras(path, entries=(), config=CONFIG, **kwargs):
    """A `.keras` archive, with entries added or replaced."""
    parts = {"config.json": json.dumps(config), "model.weights.h5": h5_bytes(), **dict(entries)}
    with zipfile.ZipFile(path, "w", **kwargs) as archive:
        for name, content in parts.items():
            if content is not None:
                archive.writestr(name, content)
    return path


def json_file(folder, content):
    (folder / "a.json").write_bytes(content)
    return folder / "a.json"


def fifo(path):
    if not hasattr(os, "mkfifo"):
        pytest.skip("there are no named pipes")
    os.mkfifo(path)
    return path


def legacy(path, layers=(b"dense",), names=(b"dense/kernel:0",), config=None):
    with h5py.File(path, "w") as file:
        file["model_weights/dense/dense/kernel:0"] = W
        file["model_weights"].attrs["layer_names"] = list(layers)
        file["model_weights/dense"].attrs["weight_names"] = list(names)
        if config is not None:
            file.attrs["model_config"] = config
    return path


def safetensors(path, header, values=W):
    """A file whose header is given as text, bytes, or what becomes JSON."""
    text = header if isinstance(header, (bytes, str)) else json.dumps(header)
    text = text.encode() if isinstance(text, str) else text
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(values))
    return path


def entry(shape=(8, 8), dtype="F32", offsets=(0, 256)):
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}
