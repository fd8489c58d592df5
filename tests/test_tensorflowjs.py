"""TensorFlow.js layers models: what is read of a `model.json` and its shards, and what is refused.

Files of the real converter are in `tests/files`, see `tests/test_old_files.py`; here they are made
by hand, by the format that `tensorflowjs.write_weights` documents.
"""

import json
import os
import random
import re
import struct

import numpy as np
import pytest

import keras_benford as kb
from keras_benford.cli import main
from keras_benford.weights import open_model
from keras_benford.weights.folders import models_in
from tests import oracle
from tests.trials import damaged_files

W = np.random.default_rng(5).normal(size=(8, 6)).astype("float32")
B = np.arange(6, dtype="float32")
TOPOLOGY = {
    "keras_version": "2.15.0",
    "model_config": {"class_name": "Sequential", "config": {"name": "net", "layers": []}},
}


def weight(name, shape, dtype="float32", **more):
    return {"name": name, "shape": list(shape), "dtype": dtype} | more


KERNEL, BIAS = weight("dense/kernel", W.shape), weight("dense/bias", B.shape)
UP = "../"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:%064d\nsize 216\n" % 0


def write(folder, groups, name="model.json", **content):
    """Write a model; each group is its weights, its bytes, and where to cut these into shards."""
    manifest = []
    for i, (weights, data, cuts) in enumerate(groups, 1):
        paths = []
        for start, end in zip((0, *cuts), (*cuts, len(data)), strict=True):
            paths.append(f"group{i}-shard{len(paths) + 1}of{len(cuts) + 1}.bin")
            (folder / paths[-1]).write_bytes(data[start:end])
        manifest.append({"paths": paths, "weights": weights})
    content = {"format": "layers-model", "modelTopology": TOPOLOGY} | content
    path = folder / name
    path.write_text(json.dumps({**content, "weightsManifest": manifest}))
    return path


def dense(folder, **content):
    return write(folder, [([KERNEL, BIAS], W.tobytes() + B.tobytes(), [])], **content)


def changed(path, change):
    """Change the JSON of a model."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    return path


def refusal(path):
    """What is said of a model that is refused, without its path in front."""
    with pytest.raises(ValueError, match=rf"^{re.escape(str(path))}: ") as caught:
        kb.score(path)
    assert str(caught.value).isprintable()
    return str(caught.value).removeprefix(f"{path}: ")


@pytest.mark.parametrize("cuts", [[], [7], [192], [191, 193], [1, 2, 3, 215]], ids=str)
def test_shards_may_end_anywhere(cuts, tmp_path):
    path = write(tmp_path, [([KERNEL, BIAS], W.tobytes() + B.tobytes(), cuts)])
    kernel, bias = kb.iter_weights(path)
    np.testing.assert_array_equal(kernel.read(), W)
    np.testing.assert_array_equal(bias.read(), B)


def test_a_weight_of_more_than_a_chunk_is_read_whole(tmp_path):
    values = np.random.default_rng(1).normal(size=(1100, 1000)).astype("float32")
    listed = [weight("dense/kernel", values.shape)]
    path = write(tmp_path, [(listed, values.tobytes(), [1, 4_194_303])])
    (kernel,) = kb.iter_weights(path)
    np.testing.assert_array_equal(kernel.read(), values)


def test_each_group_has_its_own_shards(tmp_path):
    path = write(tmp_path, [([BIAS], B.tobytes(), [5]), ([KERNEL], W.tobytes(), [9])])
    bias, kernel = kb.iter_weights(path)
    np.testing.assert_array_equal(kernel.read(), W)
    np.testing.assert_array_equal(bias.read(), B)


@pytest.mark.parametrize("dtype", ["float32", "float16", "int32", "bool", "uint8", "uint16"])
def test_values_have_the_dtype_that_they_are_stored_in(dtype, tmp_path):
    values = np.arange(12).astype(dtype)
    quantised = {"quantization": {"dtype": dtype, "original_dtype": "float32"}}
    listed = [weight("a/kernel", [3, 4], **quantised), weight("b/kernel", [12], dtype)]
    path = write(tmp_path, [(listed, 2 * values.tobytes(), [])])
    first, second = open_model(path).arrays
    assert (first.dtype, second.dtype) == (dtype, dtype)
    np.testing.assert_array_equal(first.read(), values.reshape(3, 4))
    np.testing.assert_array_equal(second.read(), values)


def test_affine_integers_are_skipped_as_quantised(tmp_path):
    affine = {"dtype": "uint8", "scale": 0.01, "min": -1.0, "original_dtype": "float32"}
    listed = [KERNEL, weight("head/kernel", [2, 3], quantization=affine)]
    score = kb.score(write(tmp_path, [(listed, W.tobytes() + bytes(6), [])]))
    assert score.counts.tolist() == kb.digit_counts(W).tolist()
    assert [(s.path, s.reason) for s in score.skipped] == [
        ("head/kernel", "uint8 values: quantised or no weights")
    ]


def test_strings_are_skipped_whatever_their_length(tmp_path):
    words = [b"", b"Benford", b"n" * 300]
    data = b"".join(struct.pack("<I", len(word)) + word for word in words)
    listed = [weight("lookup/table", [3], "string"), KERNEL]
    score = kb.score(write(tmp_path, [(listed, data + W.tobytes(), [6, 70])]))
    assert score.counts.tolist() == kb.digit_counts(W).tolist()
    assert [(s.path, s.dtype, s.reason) for s in score.skipped] == [
        ("lookup/table", "string", "string values")
    ]


@pytest.mark.parametrize("separator", ["/", "\\"], ids=["Linux", "Windows"])
def test_places_of_a_keras_archive_are_told_by_the_configuration(separator, tmp_path):
    cell = {"class_name": "GRUCell", "config": {"name": "gru_cell_4"}}
    cells = {"class_name": "StackedRNNCells", "config": {"name": "cells_2", "cells": [cell]}}
    rnn = {"class_name": "RNN", "config": {"name": "rnn_3", "cell": cells}}
    topology = {"class_name": "Sequential", "config": {"name": "net", "layers": [rnn]}}
    shapes = {"kernel": (4, 9), "recurrent_kernel": (3, 9), "bias": (2, 9)}
    place = "layers/rnn/cell/cells/gru_cell".replace("/", separator)
    listed = [weight(f"{place}/vars/{i}", shape) for i, shape in enumerate(shapes.values())]
    values = np.random.default_rng(2).normal(size=81).astype("float32")
    model = open_model(
        write(tmp_path, [(listed, values.tobytes(), [])], modelTopology={"model_config": topology})
    )
    assert [(array.path, array.guessed) for array in model.arrays] == [
        (f"rnn_3/cells_2/gru_cell_4/{role}", False) for role in shapes
    ]


def test_files_of_tensorflow_js_itself_are_read(tmp_path):
    # What `model.save("downloads://net")` writes, its optimizer included.
    layer = {"class_name": "Dense", "config": {"name": "dense_Dense1"}}
    topology = {"class_name": "Sequential", "config": {"name": "sequential_1", "layers": [layer]}}
    listed = [weight("dense_Dense1/kernel", W.shape, group="model")]
    listed += [weight("dense_Dense1/kernel/momentum", W.shape, group="optimizer")]
    (tmp_path / "net.weights.bin").write_bytes(W.tobytes() + W.tobytes())
    path = tmp_path / "net.json"
    manifest = [{"paths": ["./net.weights.bin"], "weights": listed}]
    path.write_text(json.dumps({"modelTopology": topology, "weightsManifest": manifest}))
    model = open_model(path)
    assert (model.format, model.name) == ("tensorflowjs", "sequential_1")
    assert [(array.path, array.kind, array.classes) for array in model.arrays] == [
        ("dense_Dense1/kernel", "weight", ("Dense",)),
        ("dense_Dense1/kernel/momentum", "optimizer", ()),
    ]


def test_a_folder_means_the_model_in_it(tmp_path):
    path = dense(tmp_path)
    assert kb.score(tmp_path).counts.tolist() == kb.score(path).counts.tolist()


def test_folders_are_searched_by_content(tmp_path):
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
    dense(tmp_path / "a", name="net.json")
    dense(tmp_path / "b", format="graph-model")
    for name in ("a/labels.json", "b/package.json", "c/model.json", "c/config.json"):
        (tmp_path / name).write_text('{"labels": [1, 2]}')
    (tmp_path / "c" / "old.json").write_text("[]")
    found = [os.path.relpath(path, tmp_path) for path in models_in(str(tmp_path))]
    assert found == [os.path.join("a", "net.json"), os.path.join("b", "model.json")]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_a_pipe_in_a_folder_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "model.json")
    assert list(models_in(str(tmp_path))) == []


def test_commands_take_it(tmp_path, capsys):
    path = str(dense(tmp_path))
    picture = str(tmp_path / "picture.png")
    for command in (["score"], ["describe"], ["compare", path], ["plot", "-o", picture]):
        assert main([*command, path]) == 0
    assert "tensorflowjs" in capsys.readouterr().out
    assert os.path.getsize(picture) > 0


def test_a_shard_that_is_missing_is_named(tmp_path):
    path = write(tmp_path, [([KERNEL], W.tobytes(), [50])])
    (tmp_path / "group1-shard2of2.bin").unlink()
    assert refusal(path) == (
        "its shard group1-shard2of2.bin is missing; put it into the same folder"
    )


def test_a_shard_alone_is_told_from_a_model(tmp_path):
    dense(tmp_path)
    message = "a shard of a TensorFlow.js model; pass its model.json"
    assert refusal(tmp_path / "group1-shard1of1.bin") == message


@pytest.mark.parametrize("n_bytes", [0, 215, 217], ids=str)
def test_shards_of_another_size_are_refused(n_bytes, tmp_path):
    path = dense(tmp_path)
    (tmp_path / "group1-shard1of1.bin").write_bytes(bytes(n_bytes))
    what = "fewer" if n_bytes > 216 else "more"
    assert refusal(path) == (
        f"declares {what} bytes than the {n_bytes} of its shards; fetch all files again"
    )


def test_a_shard_in_git_lfs_is_told(tmp_path):
    path = dense(tmp_path)
    (tmp_path / "group1-shard1of1.bin").write_bytes(POINTER)
    assert refusal(path) == (
        "its shard group1-shard1of1.bin is a git-lfs pointer, not the file itself; "
        "run `git lfs pull`"
    )


@pytest.mark.parametrize(
    "name",
    [
        *(f"{UP}w.bin", f"a/{UP}{UP}w.bin", "..", "/etc/hostname", "..\\w.bin", "C:w.bin"),
        *("https://example.org/w.bin", "a\0b"),
    ],
    ids=ascii,
)
def test_shards_outside_the_folder_are_refused(name, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "w.bin").write_bytes(W.tobytes() + B.tobytes())
    path = dense(tmp_path / "in")
    changed(path, lambda content: content["weightsManifest"][0].update(paths=[name]))
    assert refusal(path).startswith("names a shard outside its folder: ")


def test_a_shard_below_the_folder_is_read(tmp_path):
    path = dense(tmp_path)
    (tmp_path / "shards").mkdir()
    (tmp_path / "group1-shard1of1.bin").rename(tmp_path / "shards" / "1")
    changed(path, lambda content: content["weightsManifest"][0].update(paths=["./shards/1"]))
    assert kb.score(path).size == W.size


@pytest.mark.skipif(os.name == "nt", reason="links take a privilege on Windows")
class TestLinks:
    def test_a_link_to_outside_is_refused(self, tmp_path):
        (tmp_path / "in").mkdir()
        path = dense(tmp_path / "in")
        shard = tmp_path / "in" / "group1-shard1of1.bin"
        shard.rename(tmp_path / "w.bin")
        shard.symlink_to(tmp_path / "w.bin")
        assert refusal(path) == "its shard group1-shard1of1.bin is a link to outside its folder"

    def test_a_cache_that_links_all_files_to_one_folder_is_read(self, tmp_path):
        # As that of huggingface_hub does.
        for name in ("blobs", "snapshot"):
            (tmp_path / name).mkdir()
        dense(tmp_path / "blobs")
        for blob in (tmp_path / "blobs").iterdir():
            (tmp_path / "snapshot" / blob.name).symlink_to(os.path.join("..", "blobs", blob.name))
        assert kb.score(tmp_path / "snapshot" / "model.json").size == W.size


@pytest.mark.parametrize(
    "content",
    [{"format": "graph-model"}, {"format": None, "modelTopology": {"node": [], "library": {}}}],
    ids=["by its format", "by its nodes"],
)
def test_graph_models_are_refused(content, tmp_path):
    assert refusal(dense(tmp_path, **content)) == (
        "a TensorFlow.js graph model: the constants of its graph are no longer the model's weights "
        "(batch normalisation is folded into kernels); pass the model that it was made from"
    )


HUGE = 1 << 62
WRONG = {
    "no manifest": (lambda c: c.pop("weightsManifest"), "lists no weights; .*"),
    "no list": (lambda c: c.update(weightsManifest={}), "lists no weights; .*"),
    "no groups": (lambda c: c.update(weightsManifest=[1]), "lists no weights; .*"),
    "no paths": (lambda c: c["weightsManifest"][0].pop("paths"), "lists no weights; .*"),
    "a weight twice": (
        lambda c: c["weightsManifest"][0].update(weights=[KERNEL, KERNEL | {"shape": [6]}]),
        "lists a weight 'dense/kernel' twice",
    ),
    "a shard twice": (
        lambda c: c["weightsManifest"].append(
            {"paths": ["./group1-shard1of1.bin"], "weights": [weight("b", [54])]}
        ),
        "names a shard twice",
    ),
    "a name of two lines": (
        lambda c: c["weightsManifest"][0]["weights"].append(weight("a\nb", ["x"])),
        r"lists a\\nb without a shape that an array can have",
    ),
}
WEIGHTS = {
    "huge": ({"shape": [HUGE]}, "declares more bytes than the 216 of its shards; .*"),
    "huge in many axes": ({"shape": [HUGE] * 33}, "lists .* without a shape .*"),
    "negative": ({"shape": [-1]}, "lists .* without a shape .*"),
    "truth": ({"shape": [True]}, "lists .* without a shape .*"),
    "of no dtype": ({"dtype": None}, "lists a weight without a name or a dtype"),
    "of another dtype": ({"dtype": "float64"}, "lists dense/kernel of dtype float64; .*"),
    "of too many strings": ({"shape": [HUGE], "dtype": "string"}, "lists more strings .*"),
    "strings without an end": ({"shape": [60], "dtype": "string"}, "declares more bytes .*"),
    "quantised to nothing": ({"quantization": {}}, "lists a weight without a name or a dtype"),
}


@pytest.mark.parametrize(("change", "message"), WRONG.values(), ids=WRONG)
def test_what_is_no_model_is_refused_by_one_line(change, message, tmp_path):
    assert re.fullmatch(message, refusal(changed(dense(tmp_path), change)))


@pytest.mark.parametrize(("wrong", "message"), WEIGHTS.values(), ids=WEIGHTS)
def test_weights_that_cannot_be_are_refused_by_one_line(wrong, message, tmp_path):
    def change(content):
        content["weightsManifest"][0]["weights"][0].update(wrong)

    assert re.fullmatch(message, refusal(changed(dense(tmp_path), change)))


def test_places_that_are_nested_deeper_than_any_are_refused(tmp_path):
    path = write(tmp_path, [([KERNEL | {"name": "x/" * 300 + "vars/0"}], W.tobytes(), [])])
    assert refusal(path) == "its groups are nested deeper than any model's"


def test_what_is_no_layers_is_skipped(tmp_path):
    listed = [KERNEL | {"name": "vars/0"}, BIAS | {"name": "bias"}]
    score = kb.score(write(tmp_path, [(listed, W.tobytes() + B.tobytes(), [])]))
    assert [part.path for part in score.skipped] == ["bias"]


def by_numpy(path):
    """Each weight of a model as its shape and the tally of its values, read all at once."""
    found = []
    for group in json.loads(path.read_bytes())["weightsManifest"]:
        data = b"".join((path.parent / name).read_bytes() for name in group["paths"])
        for listed in group["weights"]:
            values = np.frombuffer(data, listed["dtype"], int(np.prod(listed["shape"], dtype=int)))
            data = data[values.nbytes :]
            found.append((tuple(listed["shape"]), oracle.tally(values).tolist()))
    return found


@pytest.mark.slow
def test_damaged_files_are_refused_by_one_line_or_scored_right(tmp_path):
    values = W.tobytes() + B.tobytes()
    half = weight("head/kernel", [8, 6], "float16")
    path = write(
        tmp_path, [([KERNEL, BIAS], values, [101]), ([half], W.astype("float16").tobytes(), [])]
    )
    whole = {file: file.read_bytes() for file in tmp_path.iterdir()}
    outcomes = {"refused": 0, "right": 0}
    for seed in range(600):
        rng = random.Random(seed)
        file = rng.choice([path, *whole])
        change = rng.choice([damaged_files.json_values, damaged_files.bytes_changed])
        change = change if file == path else damaged_files.bytes_changed
        file.write_bytes(change(rng, whole[file], values))
        try:
            found = kb.score(path, threads=1).layers
        except ValueError as error:
            found = str(error)
        if isinstance(found, str):
            assert found.startswith(f"{path}: "), seed
            assert found.isprintable(), seed
            outcomes["refused"] += 1
        else:
            truth = by_numpy(path)
            for layer in found:
                tally = [int(n) for n in (*layer.counts, layer.zeros, layer.nonfinite)]
                assert (layer.shape, tally) in truth, seed
            outcomes["right"] += 1
        file.write_bytes(whole[file])
    assert min(outcomes.values()) > 100, outcomes
