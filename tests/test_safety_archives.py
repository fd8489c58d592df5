"""`.keras` archives from strangers: what is read right, and what is refused by one clear line."""

import io
import os
import pickle
import re
import zipfile

import numpy as np
import pytest

import keras_benford as kb
from tests.backends import needs_tensorflow
from tests.strange_files import CONFIG, COUNTS, UP, Refused, W, h5, h5_bytes, keras, refusal

# Reading has no backend, and is tried under one.
pytestmark = needs_tensorflow
refused = Refused()


@pytest.mark.parametrize(("make", "message"), refused)
def test_refuses_by_one_line(make, message, tmp_path):
    assert re.fullmatch(message, refusal(make(tmp_path)))


@refused(r"config.json declares 40,000,000 bytes; refused")
def deflated_config_bomb(folder):
    bomb = b'{"a": "' + b" " * (40_000_000 - 9) + b'"}'
    return keras(folder / "a.keras", {"config.json": bomb}, compression=zipfile.ZIP_DEFLATED)


@refused(r"model.weights.h5 declares 64,000,000 bytes in [\d,]+; refused as a zip bomb")
def deflated_weights_bomb(folder):
    bomb = {"model.weights.h5": bytes(64_000_000)}
    return keras(folder / "a.keras", bomb, compression=zipfile.ZIP_DEFLATED)


def with_lying_size(folder, size):
    """A deflated member of which the archive's list gives another size."""
    path = keras(folder / "a.keras", compression=zipfile.ZIP_DEFLATED)
    content = bytearray(path.read_bytes())
    at = content.rindex(b"model.weights.h5") - 22
    assert int.from_bytes(content[at : at + 4], "little") == len(h5_bytes())
    content[at : at + 4] = size.to_bytes(4, "little")
    path.write_bytes(content)
    return path


@refused(r"no whole zip archive \(Bad CRC-32 for file 'model.weights.h5'\); fetch it again")
def zip_with_size_too_small(folder):
    return with_lying_size(folder, 1000)


@refused(r"model.weights.h5 declares 4,294,967,294 bytes in [\d,]+; refused as a zip bomb")
def zip_with_size_too_large(folder):
    return with_lying_size(folder, 2**32 - 2)


@refused(r"no whole zip archive \(config.json is compressed otherwise than by deflate\).*")
def zip_compressed_by_lzma(folder):
    return keras(folder / "a.keras", compression=zipfile.ZIP_LZMA)


@pytest.mark.parametrize(
    "name",
    [
        "assets/..",
        "/etc/x",
        r"assets\..\x",
        r"..\x",
        "model.py",
        f"{UP}x",
        f"assets/{UP}x",
        "C:x",
        "a\nb",
    ],
    ids=repr,
)
def test_refuses_zip_entries_of_strange_names(name, tmp_path):
    expected = "expected a Keras archive with config.json, model.weights.h5 and assets/; "
    expected += f"received one that holds {name!r}"
    assert refusal(keras(tmp_path / "a.keras", {name: b"print(1)"})) == expected


@refused(r"holds two entries of the same name; fetch it again")
def zip_with_a_name_twice(folder):
    path = keras(folder / "a.keras", {"config.jsoM": b"{}"})
    path.write_bytes(path.read_bytes().replace(b"config.jsoM", b"config.json"))
    return path


@refused(r"no whole zip archive \(File .*'config.json'.* is encrypted, .*\); fetch it again")
def zip_encrypted(folder):
    path = keras(folder / "a.keras")
    content = bytearray(path.read_bytes())
    for mark, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = content.find(mark)
        while at >= 0:
            content[at + flags] |= 1
            at = content.find(mark, at + 1)
    path.write_bytes(content)
    return path


@refused(r"no whole zip archive \(File is not a zip file\); fetch it again")
def zip_truncated(folder):
    path = keras(folder / "a.keras")
    path.write_bytes(path.read_bytes()[:-30])
    return path


@refused(r"no whole zip archive \(Bad CRC-32 for file 'model.weights.h5'\); fetch it again")
def zip_with_a_flipped_bit_in_the_weights(folder):
    path = keras(folder / "a.keras")
    content = bytearray(path.read_bytes())
    content[content.index(W.tobytes()) + 5] ^= 4
    path.write_bytes(content)
    return path


@refused(r"no whole zip archive \('utf-8' codec can't decode .*\); fetch it again")
def zip_with_a_name_that_is_no_text(folder):
    path = keras(folder / "a.keras", {"assets/\u00e4": b""})
    path.write_bytes(path.read_bytes().replace("\u00e4".encode(), b"\xff\xfe"))
    return path


@refused(r"no whole zip archive \(its list of entries is longer .*\); fetch it again")
def zip_with_a_long_list_of_entries(folder):
    return keras(folder / "a.keras", {f"assets/{i:05000}": b"" for i in range(1100)})


@refused(r"expected a Keras archive with .*; received one without config.json")
def zip_without_config(folder):
    return keras(folder / "a.keras", {"config.json": None})


@refused(r"expected a Keras archive with .*; received one without model.weights.h5")
def zip_without_weights(folder):
    return keras(folder / "a.keras", {"model.weights.h5": None})


@refused(r"its weights are pickled NumPy objects, which could run code; load it where .*")
def zip_with_pickled_arrays(folder):
    file = io.BytesIO()
    np.savez(file, np.array([Marker(folder)], dtype=object))
    return keras(folder / "a.keras", {"model.weights.npz": file.getvalue()})


@refused(r"a PyTorch file, which holds a pickle that could run code; save .* as .safetensors")
def pytorch_file(folder):
    with zipfile.ZipFile(folder / "a.keras", "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Marker(folder)))
    return folder / "a.keras"


@refused(r"a pickle, which could run code; save the weights as .keras or .safetensors")
def bare_pickle(folder):
    (folder / "a.h5").write_bytes(pickle.dumps(Marker(folder)))
    return folder / "a.h5"


class Marker:
    """Pickled, it makes a file when it is unpickled."""

    def __init__(self, folder):
        self.path = str(folder / "ran")

    def __reduce__(self):
        return open, (self.path, "w")


@pytest.mark.parametrize("make", [zip_with_pickled_arrays, pytorch_file, bare_pickle])
def test_nothing_is_unpickled(make, tmp_path):
    refusal(make(tmp_path))
    assert not (tmp_path / "ran").exists()


def test_no_layer_of_the_configuration_is_made(tmp_path):
    code = f"open({str(tmp_path / 'ran')!r}, 'w')"
    layers = [
        {"class_name": "Lambda", "config": {"function": code, "name": "f"}},
        {"module": "builtins", "class_name": "exec", "config": {"args": [code]}},
        {"module": "os", "class_name": "system", "config": f"touch {tmp_path / 'ran'}"},
        {"class_name": "__lambda__", "config": {"value": code}},
        {"class_name": "Dense", "config": {"name": "d"}, "build_config": {"run": code}},
    ]
    path = keras(tmp_path / "a.keras", config={"class_name": "Model", "config": {"layers": layers}})
    assert kb.score(path).counts.tolist() == COUNTS
    assert os.listdir(tmp_path) == ["a.keras"]


WRONG = [None, 3, 1e999, "x", [], [[]], {}, [3], {"a": 3}, {"config": 3}, True]


@pytest.mark.parametrize("wrong", WRONG, ids=repr)
def test_configuration_of_wrong_types_does_no_harm(wrong, tmp_path):
    path = tmp_path / "a.keras"
    for config in (
        {"class_name": wrong, "config": wrong},
        {"class_name": "Model", "config": {"name": wrong, "layers": wrong, "dense": wrong}},
        {"class_name": "Model", "config": {"layers": [{"class_name": wrong, "config": wrong}]}},
        {"class_name": "Model", "config": {"layers": [{"class_name": "Dense", "config": wrong}]}},
        {"class_name": "Dense", "config": {"layers": {"dense": {"class_name": wrong}}}},
    ):
        assert kb.score(keras(path, config=config)).counts.tolist() == COUNTS


def test_reads_hdf5_that_is_called_keras(tmp_path):
    assert kb.score(h5(tmp_path / "a.keras")).counts.tolist() == COUNTS


def test_reads_deflated_weights(tmp_path):
    path = keras(tmp_path / "a.keras", compression=zipfile.ZIP_DEFLATED)
    assert kb.score(path).counts.tolist() == COUNTS
    kernel, _ = kb.iter_weights(path)
    assert kernel.read().tolist() == W.tolist()


def test_reads_a_long_configuration(tmp_path):
    layers = [{"class_name": "Dense", "config": {"name": "x" * 1000}}] * 6000
    path = keras(tmp_path / "a.keras", config={"class_name": "Model", "config": {"layers": layers}})
    assert kb.score(path).counts.tolist() == COUNTS


@refused(r"config.json describes no model; fetch it again")
def config_that_is_a_list(folder):
    return keras(folder / "a.keras", config=[CONFIG])
