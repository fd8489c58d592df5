"""Indexes of shards from strangers, and other JSON: read right, or refused by one clear line."""

import json
import re

import pytest

from tests.backends import needs_tensorflow
from tests.strange_files import (
    CONFIG,
    UP,
    Refused,
    entry,
    fifo,
    h5,
    json_file,
    refusal,
    safetensors,
)

# Reading has no backend, and is tried under one.
pytestmark = needs_tensorflow
refused = Refused()


@pytest.mark.parametrize(("make", "message"), refused)
def test_refuses_by_one_line(make, message, tmp_path):
    assert re.fullmatch(message, refusal(make(tmp_path)))


@refused(r"it is no readable JSON \(maximum recursion depth exceeded.*\)")
def json_nested_deeply(folder):
    return json_file(folder, b'{"a":' * 100_000)


@refused(r"it has [\d,]+ bytes; expected at most 33,554,432")
def json_of_many_bytes(folder):
    return json_file(folder, b'{"weight_map": "' + bytes(40_000_000))


@refused(r"it is JSON of more parts than any model's")
def json_of_many_lists(folder):
    return json_file(folder, b'{"weight_map": [' + b"[]," * 8_000_000 + b"[]]}")


@refused(r"it is no readable JSON \('utf-8' codec can't decode .*\)")
def json_that_is_no_text(folder):
    return json_file(folder, b'{"a": "\xff\xfe"}')


@refused(r"it is no readable JSON \(Exceeds the limit .*\)")
def json_with_an_endless_number(folder):
    return json_file(folder, b'{"a": ' + b"1" * 5000 + b"}")


@refused(r"describes a model's architecture, holds no weights; pass the file with them")
def json_of_an_architecture(folder):
    return json_file(folder, json.dumps(CONFIG).encode())


@refused(r"JSON, but no index of weights; expected a `weight_map`")
def json_of_something_else(folder):
    return json_file(folder, b'{"weight_map": {}}')


@refused(r".*/a.safetensors: expected a file; received a folder, a pipe or a device")
def index_with_a_pipe_for_shard(folder):
    fifo(folder / "a.safetensors")
    return json_file(folder, b'{"weight_map": {"a": "a.safetensors"}}')


def index(folder, weight_map):
    return json_file(folder, json.dumps({"weight_map": weight_map}).encode())


@refused(r"its shard b.safetensors is missing; put it into the same folder")
def index_without_a_shard(folder):
    safetensors(folder / "a.safetensors", {"k": entry()})
    return index(folder, {"k": "a.safetensors", "l": "b.safetensors"})


@refused(r"lists 'l', which is in none of its shards; fetch it again")
def index_with_an_array_that_no_shard_has(folder):
    safetensors(folder / "a.safetensors", {"k": entry()})
    return index(folder, {"k": "a.safetensors", "l": "a.safetensors"})


@refused(r"its shard b.weights.h5 is missing; put it into the same folder")
def keras_index_without_a_shard(folder):
    h5(folder / "a.weights.h5")
    return index(folder, {"/layers/dense/vars": ["a.weights.h5", "b.weights.h5"]})


@refused(r"lists '/layers/other', which is in none of its shards; fetch it again")
def keras_index_with_a_group_that_no_shard_has(folder):
    h5(folder / "a.weights.h5")
    return index(folder, {"/layers/other": "a.weights.h5"})


@refused(r".*/b.weights.h5: holds layers/dense/vars/0, as does another part")
def keras_shards_with_the_same_array(folder):
    h5(folder / "a.weights.h5")
    h5(folder / "b.weights.h5")
    return index(folder, {"/layers/dense": ["a.weights.h5", "b.weights.h5"]})


@pytest.mark.parametrize(
    "shard", [f"{UP}a.h5", "/etc/passwd", "..", ".", "", r"..\a.h5", "a\0.h5", "b/a.h5"], ids=repr
)
def test_refuses_shards_outside_the_folder(shard, tmp_path):
    path = index(tmp_path, {"k": shard})
    assert refusal(path) == f"names a shard outside its folder: {shard!r}"


@pytest.mark.parametrize("shard", [3, None, {"a": 3}, [[]], "\ud800", "a\nb", "a" * 10_000])
def test_refuses_shards_that_are_no_names(shard, tmp_path):
    assert "shard" in refusal(index(tmp_path, {"k": shard}))
