"""HDF5 files of Keras 1 and 2 from strangers: lists of layers and weights, configurations."""

import json
import re

import h5py
import numpy as np
import pytest

import keras_benford as kb
from tests.backends import needs_tensorflow
from tests.strange_files import COUNTS, KERNEL, Refused, W, h5, legacy, refusal

# Reading has no backend, and is tried under one.
pytestmark = needs_tensorflow
refused = Refused()


@pytest.mark.parametrize(("make", "message"), refused)
def test_refuses_by_one_line(make, message, tmp_path):
    assert re.fullmatch(message, refusal(make(tmp_path)))


@refused("lists a layer 'other' that it does not hold; fetch it again")
def legacy_layer_missing(folder):
    return legacy(folder / "a.h5", layers=[b"dense", b"other"])


@refused("lists a weight 'dense/bias:0' that it does not hold; fetch it again")
def legacy_weight_missing(folder):
    return legacy(folder / "a.h5", names=[b"dense/kernel:0", b"dense/bias:0"])


@refused("lists a weight 'dense/kernel:0' twice")
def legacy_weight_repeated(folder):
    return legacy(folder / "a.h5", names=[b"dense/kernel:0"] * 2)


@refused("lists a weight 'dense/kernel:0' twice")
def legacy_layer_repeated(folder):
    return legacy(folder / "a.h5", layers=[b"dense"] * 2)


@refused(
    "holds model_weights/dense/dense/kernel:0, which belongs to none of the layers that it lists"
)
def legacy_weight_not_listed(folder):
    return legacy(folder / "a.h5", names=[])


@refused("integer division result too large for a float")
def legacy_lora_alpha_without_bounds(folder):
    dense = {"class_name": "Dense", "config": {"name": "dense", "lora_alpha": 10**400}}
    config = {"class_name": "Sequential", "config": {"name": "model", "layers": [dense]}}
    path = legacy(folder / "a.h5", config=json.dumps(config))
    with h5py.File(path, "a") as file:
        layer = file["model_weights/dense"]
        layer["dense/lora_kernel_a:0"], layer["dense/lora_kernel_b:0"] = W[:, :2], W[:2]
        names = [f"dense/{name}:0" for name in ("kernel", "lora_kernel_a", "lora_kernel_b")]
        layer.attrs["weight_names"] = names
    return path


@pytest.mark.parametrize("value", [3, [b"a", b"b"], b"\xff", 2.5, [[1]]], ids=repr)
def test_attributes_of_wrong_types_do_no_harm(value, tmp_path):
    for make, places in (
        (legacy, ["/", "model_weights"]),
        (h5, ["/", "layers/dense/vars", KERNEL, "layers/dense"]),
    ):
        path = make(tmp_path / "a.h5")
        with h5py.File(path, "a") as file:
            for place in places:
                for name in ("name", "dtype", "keras_version", "backend"):
                    file[place].attrs[name] = value
        assert kb.score(path).counts.tolist() == COUNTS


@pytest.mark.parametrize("value", [3, [1, 2], b"dense", b"\xff", 2.5, np.zeros(0)], ids=repr)
@pytest.mark.parametrize("place", ["model_weights", "model_weights/dense"])
def test_lists_of_wrong_types_are_refused(place, value, tmp_path):
    path = legacy(tmp_path / "a.h5")
    with h5py.File(path, "a") as file:
        attributes = file[place].attrs
        attributes[next(iter(attributes))] = value
    refusal(path)


@refused("its configuration is JSON of more parts than any model's")
def legacy_configuration_of_many_parts(folder):
    return legacy(folder / "a.h5", config="[" + "[]," * 1_200_000 + "[]]")
