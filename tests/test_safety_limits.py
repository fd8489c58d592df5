"""Files made to take memory or time: each is scored or refused within bounds."""

import io
import os
import subprocess
import sys
import time

import h5py
import pytest

from tests.backends import needs_tensorflow
from tests.strange_files import W, json_file, keras, legacy
from tests.test_safety_archives import (
    deflated_config_bomb,
    deflated_weights_bomb,
    zip_with_a_long_list_of_entries,
)
from tests.test_safety_hdf5 import (
    hdf5_groups_nested_deeply,
    hdf5_of_large_attributes,
    hdf5_of_one_large_attribute,
)
from tests.test_safety_indexes import json_of_many_lists
from tests.test_safety_legacy import legacy_configuration_of_many_parts
from tests.test_safety_safetensors import (
    safetensors_header_too_long,
    safetensors_of_too_many_arrays,
)

# Reading has no backend, and is tried under one.
pytestmark = [needs_tensorflow, pytest.mark.slow]


def hdf5_of_100_000_groups(folder):
    with h5py.File(folder / "a.h5", "w", libver="latest") as file:
        for i in range(100_000):
            file.create_group(str(i))
    return folder / "a.h5"


MEASURE = r"""
import re, resource, sys
import keras_benford
from keras_benford import _isolation
keras_benford.score
def highest():
    # A process inherits `ru_maxrss` from the one that started it.
    with open("/proc/self/status") as status:
        return int(re.search(r"VmHWM:\s+(\d+)", status.read())[1])
before = highest()
try:
    print(keras_benford.score(sys.argv[1]).size)
except (ValueError, OSError) as error:
    print(str(error)[:200].replace(" ", "_"))
for server in _isolation.SERVERS.values():
    server.stop()
own = highest() - before
helper = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(own // 1024, helper // 1024)
"""
HELPER = 50  # MB that it takes with the HDF5 library loaded and nothing read


def json_of_the_most_parts(folder):
    return json_file(folder, b'{"weight_map": [' + b'{"":0},' * 300_000 + b"0]}")


HEAVY = [
    *(deflated_config_bomb, deflated_weights_bomb, json_of_many_lists, json_of_the_most_parts),
    *(hdf5_of_100_000_groups, hdf5_of_large_attributes, hdf5_of_one_large_attribute),
    hdf5_groups_nested_deeply,
    *(zip_with_a_long_list_of_entries, safetensors_of_too_many_arrays),
    *(safetensors_header_too_long, legacy_configuration_of_many_parts),
]


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="tells no highest memory")
@pytest.mark.parametrize("make", HEAVY)
def test_memory_and_time_are_bounded(make, tmp_path):
    path, start = make(tmp_path), time.monotonic()
    command = [sys.executable, "-c", MEASURE, str(path)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    own, helper = map(int, result.stdout.split()[-2:])
    assert own + max(helper - HELPER, 0) < 300, result.stdout
    assert time.monotonic() - start < 30


def legacy_configuration_of_300_000_lists(folder):
    return legacy(folder / "a.h5", config="[" + "[]," * 300_000 + "[]]")


def legacy_layers_of_one_name(folder):
    with h5py.File(folder / "a.h5", "w", libver="latest") as file:
        weights = file.create_group("model_weights")
        weights.attrs["layer_names"] = [f"l{i}".encode() for i in range(1500)]
        for i in range(1500):
            weights[f"l{i}/dense/kernel:0"] = W + i
            weights[f"l{i}"].attrs["weight_names"] = [b"dense/kernel:0"]
    return folder / "a.h5"


def parts_of_one_name(folder):
    weights = io.BytesIO()
    with h5py.File(weights, "w", libver="latest") as file:
        file.create_group("vars")
        file["l/dense/vars/0"] = W
        for i in range(1, 200):
            file.create_group("_" * i + "l/dense/vars")
    config = {"class_name": "Model", "config": {"l": [{"class_name": "Dense"}] * 50_000}}
    parts = {"model.weights.h5": weights.getvalue()}
    return keras(folder / "a.keras", parts, config)


SLOW = [legacy_configuration_of_300_000_lists, legacy_layers_of_one_name, parts_of_one_name]


@pytest.mark.parametrize("make", SLOW, ids=lambda make: make.__name__)
def test_time_does_not_grow_with_the_square_of_the_size(make, tmp_path):
    command = [sys.executable, "-c", MEASURE, str(make(tmp_path))]
    subprocess.run(command, capture_output=True, timeout=20, check=True)
