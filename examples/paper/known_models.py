"""Known networks, random or trained, and files of weights, as what can be scored.

Nothing is built, read or downloaded before its `score` is called.
"""

import contextlib
import functools
import os
import pathlib
import sys
from collections.abc import Callable
from dataclasses import dataclass

import keras

from keras_benford import score

APPLICATIONS = tuple(name for name in dir(keras.applications) if name[0].isupper())
"""The models of `keras.applications`."""
QUICK = "MobileNetV2 (alpha 0.35)"
# A small one, to try the scripts with.
_SPECIAL = {QUICK: ("MobileNetV2", {"alpha": 0.35, "input_shape": (32, 32, 3), "classes": 10})}

_BERT = {"vocabulary_size": 30522, "max_sequence_length": 512}
_BERT_BASE = _BERT | {"num_heads": 12, "hidden_dim": 768, "intermediate_dim": 3072}
HUB_MODELS = {
    "bert_tiny_en_uncased": (
        "BertBackbone",
        _BERT | {"num_layers": 2, "num_heads": 2, "hidden_dim": 128, "intermediate_dim": 512},
    ),
    "bert_base_en_uncased": ("BertBackbone", _BERT_BASE | {"num_layers": 12}),
    "distil_bert_base_en_uncased": ("DistilBertBackbone", _BERT_BASE | {"num_layers": 6}),
}
"""Presets of KerasHub whose configuration stands here: they are built without a network."""


@dataclass(frozen=True)
class Source:
    """One model with one set of weights, before it is scored.

    Attributes:
        setting: what a record of it is found by: `model`, `weights` (`"random"`, `"imagenet"`,
            `"preset"`, a package, or a file's name), and the `seed` of random ones, and
            maybe their `start`.
        score: a function of no arguments that builds or reads it and gives its `Score`.
        modified: when a file was changed last; a file that was changed since is scored again.
    """

    setting: dict
    score: Callable
    modified: float | None = None


class DownloadError(OSError):
    """Trained weights, or a configuration, could not be fetched."""


def application(name, seed, *, download=False):
    """A model of `keras.applications`, as a `Source`: random, or to be downloaded."""
    function, arguments = _SPECIAL.get(name, (name, {}))
    build = functools.partial(getattr(keras.applications, function), **arguments)
    if download:
        return Source({"model": name, "weights": "imagenet"}, _downloaded(name, build, "imagenet"))
    return _random(name, seed, lambda: build(weights=None))


def hub_model(preset, seed, *, download=False):
    """A model of KerasHub, as a `Source`: random, or to be downloaded.

    Args:
        preset: the name of a preset, or a folder with its `config.json`. The configuration of one
            that is neither in `HUB_MODELS` nor a folder is downloaded.
        seed: of random weights.
        download: whether to take the trained weights of the preset.
    """
    name = pathlib.Path(preset).name

    def build(weights=None):
        hub = _keras_hub()
        if weights is None and preset in HUB_MODELS:
            cls, arguments = HUB_MODELS[preset]
            return getattr(hub.models, cls)(**arguments)
        return hub.models.Backbone.from_preset(preset, load_weights=weights is not None)

    if download:
        return Source({"model": name, "weights": "preset"}, _downloaded(name, build, "preset"))
    if preset not in HUB_MODELS:
        build = _fetching(name, build, "pass a folder with its config.json")
    return _random(name, seed, build)


def file(name, path):
    """A file of trained weights, as a `Source`."""
    modified = os.path.getmtime(path) if os.path.exists(path) else None
    setting = {"model": name, "weights": pathlib.Path(path).name}
    return Source(setting, lambda: score(path), modified)


def _random(name, seed, build):
    def scored():
        keras.utils.set_random_seed(seed)
        return score(build())

    return Source({"model": name, "weights": "random", "seed": seed}, scored)


def _downloaded(name, build, weights):
    fetch = _fetching(name, build, f"pass a file, --weights {name}=PATH")
    return lambda: score(fetch(weights=weights))


def _fetching(name, build, instead):
    """`build`, which needs a network: where that fails, one line says what to do instead."""

    def fetch(**arguments):
        try:
            # Keras' progress of the download does not belong to the results.
            with contextlib.redirect_stdout(sys.stderr):
                return build(**arguments)
        except ImportError:
            raise
        except Exception as error:  # which is what `keras.utils.get_file` itself raises
            said = " ".join(str(error).split())
            raise DownloadError(
                f"{name}: expected a download; received {type(error).__name__}: {said}; {instead}"
            ) from error

    return fetch


def _keras_hub():
    try:
        import keras_hub
    except ImportError as error:
        raise ImportError(
            f"--keras-hub: expected the package keras_hub; received {error}; "
            "`pip install keras-hub`"
        ) from error
    return keras_hub
