"""What is said of files that no reader knows, and of parts that are not there: one clear line."""

import json
import os
import re

import h5py
import numpy as np
import pytest

import keras_benford as kb
from keras_benford.cli import main
from tests import oracle

W = np.random.default_rng(5).normal(size=(8, 8)).astype("float32")
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12345678\n"
NOT_FETCHED = "a git-lfs pointer, not the file itself; run `git lfs pull`"
MADE_FROM = "which is not read; pass the Keras model that it was made from"


def weights(path):
    with h5py.File(path, "w") as file:
        file["layers/dense/vars/0"] = W
    return path


def refusal(path):
    """What `score` says of a file that it refuses, without the path in front."""
    with pytest.raises((ValueError, OSError)) as caught:
        kb.score(path)
    assert str(caught.value).isprintable()
    return str(caught.value).removeprefix(f"{path}: ")


FILES = {
    "m.tflite": (b"\x1c\0\0\0TFL3" + bytes(50), f"a TensorFlow Lite model, {MADE_FROM}"),
    "m.onnx": (b"\x08\x08\x12\x07tf2onnx" + bytes(50), f"an ONNX model, {MADE_FROM}"),
    "torch.bin": (b"\x08\x0a\x12\x07pytorch\x1a\x032.1", f"an ONNX model, {MADE_FROM}"),
    "nameless.bin": (b"\x08\x07\x3a\xb2\x9c\x04\n", f"an ONNX model, {MADE_FROM}"),
    "m.mlmodel": (b"\x08\x01\x12\x05\n\x03abc", f"a Core ML model, {MADE_FROM}"),
    # An input called `image`, of a type.
    "coreml.bin": (
        b"\x08\x04\x12\x90\x01\n\x0f\n\x05image\x1a\x06\x2a\x04" + bytes(50),
        f"a Core ML model, {MADE_FROM}",
    ),
    "graph.pb": (
        b"\x08\x01\x12\xde\xe4;\n\xae \x12\xfe\x1f\nD\n\x05AddV2",
        "the graph of a SavedModel; pass its folder",
    ),
    "graph.bin": (
        b"\x08\x01\x12\xde\xe4;\n\xae \x12\xfe\x1f\nD\n\x05AddV2",
        "the graph of a SavedModel; pass its folder",
    ),
    "m.gguf": (b"GGUF\x03\0\0\0" + bytes(50), f"a GGUF model, {MADE_FROM}"),
    "checkpoint": (
        b'model_checkpoint_path: "ckpt-5"\n',
        "a list of TensorFlow checkpoints; pass one of them, or their folder",
    ),
    "noise": (
        b"\x08\x00noise",
        "no saved model of a known format, or damaged; pass a .keras, .h5 or .safetensors file",
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_files_of_other_formats_are_named(name, tmp_path):
    content, expected = FILES[name]
    (tmp_path / name).write_bytes(content)
    assert refusal(tmp_path / name) == expected


def test_a_core_ml_package_is_named(tmp_path):
    (tmp_path / "Data").mkdir()
    (tmp_path / "Manifest.json").write_text("{}")
    assert refusal(tmp_path) == f"a Core ML model, {MADE_FROM}"


def weight_map(folder, name, key, shard):
    (folder / name).write_text(json.dumps({"weight_map": {key: shard}}))
    return folder / name


class TestPartsThatGitLfsHasNotFetched:
    def test_of_a_saved_model(self, tmp_path):
        (tmp_path / "variables").mkdir()
        (tmp_path / "saved_model.pb").write_bytes(POINTER)
        for part in ("variables.index", "variables.data-00000-of-00001"):
            (tmp_path / "variables" / part).write_bytes(POINTER)
        assert refusal(tmp_path) == f"variables{os.sep}variables.index: {NOT_FETCHED}"
        path = tmp_path / "saved_model.pb"
        assert refusal(path).endswith(f"variables.index: {NOT_FETCHED}")

    @pytest.mark.parametrize("part", ["model.weights.h5", "config.json"])
    def test_of_an_unzipped_model(self, part, tmp_path):
        (tmp_path / "config.json").write_text("{}")
        (tmp_path / "metadata.json").write_text("{}")
        weights(tmp_path / "model.weights.h5")
        (tmp_path / part).write_bytes(POINTER)
        assert refusal(tmp_path) == f"{part}: {NOT_FETCHED}"

    @pytest.mark.parametrize("ending", ["index", "data-00000-of-00001"])
    def test_of_a_checkpoint(self, ending, tmp_path):
        (tmp_path / "a.index").write_bytes(b"x")
        (tmp_path / f"a.{ending}").write_bytes(POINTER)
        assert refusal(tmp_path / "a").endswith(f"a.{ending}: {NOT_FETCHED}")

    @pytest.mark.parametrize("shard", ["m-1.safetensors", "m_0.weights.h5"])
    def test_of_an_index(self, shard, tmp_path):
        (tmp_path / shard).write_bytes(POINTER)
        path = weight_map(tmp_path, "index.json", "/layers/dense/vars", shard)
        assert refusal(path) == f"{tmp_path / shard}: {NOT_FETCHED}"


class TestNamesOfSeveralLines:
    NAME = "a\nb  c.weights.h5"

    def test_a_model_of_such_a_name_is_scored(self, tmp_path, capsys):
        path = weights(tmp_path / self.NAME)
        score = kb.score(path)
        assert score.counts.tolist() == oracle.tally(W)[:9].tolist()
        assert score.name == r"a\nb  c.weights.h5"
        assert main(["score", str(path)]) == 0
        assert r"a\nb  c.weights.h5 (keras-weights)" in capsys.readouterr().out

    @pytest.mark.parametrize("command", ["score", "describe"])
    def test_its_errors_are_one_line(self, command, tmp_path, capsys):
        path = tmp_path / self.NAME
        shown = str(path).replace("\n", r"\n")
        for content in (b"", b"\x89HDF\r\n\x1a\n", None):
            path.unlink(missing_ok=True)
            if content is not None:
                path.write_bytes(content)
            assert refusal(path).startswith(shown)
            assert main([command, str(path)]) == 2
            assert re.fullmatch(
                rf"keras-benford: {re.escape(shown)}: [^\n]+\n", capsys.readouterr().err
            )
