"""What a stranger may send: each file is either read right or refused by one clear line.

A case below makes a file (or folder) and gives the message that `score` must refuse it with. The
message is one line and starts with the path. `tests/test_fuzz.py` does the same with files that no
human thought of.
"""

import io
import json
import os
import pickle
import re
import struct
import subprocess
import sys
import time
import zipfile

import h5py
import numpy as np
import pytest

import keras_benford as kb
from tests import oracle
from tests.backends import needs_tensorflow

# Some of the files are written by TensorFlow; reading has no backend, and is tried under one.
pytestmark = needs_tensorflow
W = np.random.default_rng(5).normal(size=(8, 8)).astype("float32")
COUNTS = oracle.tally(W)[:9].tolist()
KERNEL, BIAS = "layers/dense/vars/0", "layers/dense/vars/1"
CONFIG = {"class_name": "Sequential", "config": {"name": "model", "layers": []}}
NO_WEIGHTS = r"declares 64 values in layers/dense/vars/0 that are not in the file"
UP = "../"
REFUSED = []


def refused(message):
    """Register a maker of a file with the regex that what follows its path must match."""

    def register(make):
        REFUSED.append(pytest.param(make, message, id=make.__name__))
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


@pytest.mark.parametrize(("make", "message"), REFUSED)
def test_refuses_by_one_line(make, message, tmp_path):
    text = refusal(make(tmp_path))
    assert re.fullmatch(message, text), text


def flipped(content, at):
    return content[:at] + bytes([content[at] ^ 8]) + content[at + 1 :]


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


@refused(r"holds two entries of the same name")
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


def json_file(folder, content):
    (folder / "a.json").write_bytes(content)
    return folder / "a.json"


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


@refused(r"describes a model's architecture and holds no weights")
def json_of_an_architecture(folder):
    return json_file(folder, json.dumps(CONFIG).encode())


@refused(r"JSON, but no index of weights; expected a `weight_map`")
def json_of_something_else(folder):
    return json_file(folder, b'{"weight_map": {}}')


@refused(r"config.json describes no model")
def config_that_is_a_list(folder):
    return keras(folder / "a.keras", config=[CONFIG])


@refused(r"a git-lfs pointer, not the file itself; run `git lfs pull`")
def git_lfs_pointer(folder):
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    (folder / "a.keras").write_text(pointer)
    return folder / "a.keras"


@refused(r"an empty file")
def empty_file(folder):
    (folder / "a.h5").touch()
    return folder / "a.h5"


@refused(r"a web page, perhaps of an error; download the file again")
def web_page(folder):
    (folder / "a.h5").write_text("\n<!DOCTYPE html><title>404</title>")
    return folder / "a.h5"


@refused(r"a frozen TensorFlow 1 graph; expected a SavedModel folder, a checkpoint or a .keras")
def frozen_graph(folder):
    import tensorflow as tf

    with tf.Graph().as_default() as graph:
        x = tf.compat.v1.placeholder("float32", (None, 8), "x")
        tf.matmul(x, tf.constant(W, name="kernel"), name="y")
    (folder / "a.pb").write_bytes(graph.as_graph_def().SerializeToString())
    return folder / "a.pb"


@refused(r"the graph of a SavedModel; pass its folder")
def saved_model_pb_by_another_name(folder):
    import tensorflow as tf

    tf.saved_model.save(tf.Module(), str(folder / "saved"))
    return (folder / "saved" / "saved_model.pb").rename(folder / "graph.pb")


@refused(r"a SavedModel without variables/variables.index: no weights")
def saved_model_without_variables(folder):
    (folder / "saved_model.pb").touch()
    return folder


@refused(r"a folder that is no saved model")
def empty_folder(folder):
    return folder


@refused(r"holds several models; pass one: a.weights.json, b.index")
def folder_of_several_models(folder):
    (folder / "a.weights.json").touch()
    (folder / "b.index").touch()
    return folder


@refused(r"a.index: expected a file; received a folder, a pipe or a device")
def folder_in_the_place_of_a_file(folder):
    (folder / "a.index").mkdir()
    return folder


@refused(r"No such file or directory")
def nothing(folder):
    return folder / "nothing.keras"


@refused(r"File name too long")
def name_too_long(folder):
    return folder / ("a" * 5000)


@refused(r"Permission denied")
def file_without_permission(folder):
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    path = h5(folder / "a.h5")
    path.chmod(0)
    return path


@refused(r"expected a file; received a folder, a pipe or a device")
def endless_device(folder):
    return "/dev/zero"


def fifo(path):
    if not hasattr(os, "mkfifo"):
        pytest.skip("there are no named pipes")
    os.mkfifo(path)
    return path


@refused(r"expected a file; received a folder, a pipe or a device")
def named_pipe(folder):
    return fifo(folder / "a.keras")


@refused(r"model.weights.h5: expected a file; received a folder, a pipe or a device")
def folder_with_a_pipe_for_weights(folder):
    fifo(folder / "model.weights.h5")
    return folder


@refused(r"config.json: expected a file; received a folder, a pipe or a device")
def folder_with_a_pipe_for_config(folder):
    h5(folder / "model.weights.h5")
    fifo(folder / "config.json")
    return folder


@refused(r"expected weights that count; received .*, where none does: dense/kernel .*")
def folder_of_a_bias(folder):
    with h5py.File(folder / "model.weights.h5", "w") as file:
        file["layers/dense/vars/0"] = W.astype("int8")
        file["layers/dense/vars/1"] = W[0]
    return folder


@refused(r".*/a.safetensors: expected a file; received a folder, a pipe or a device")
def index_with_a_pipe_for_shard(folder):
    fifo(folder / "a.safetensors")
    return json_file(folder, b'{"weight_map": {"a": "a.safetensors"}}')


@refused(r".*/a.data-00000-of-00001: expected a file; received a folder, a pipe or a device")
def checkpoint_with_a_pipe_for_data(folder):
    (folder / "a.index").touch()
    fifo(folder / "a.data-00000-of-00001")
    return folder / "a"


def test_reads_through_a_symbolic_link(tmp_path):
    h5(tmp_path / "a.h5")
    (tmp_path / "b").symlink_to(tmp_path / "a.h5")
    assert kb.score(tmp_path / "b").counts.tolist() == COUNTS


def low_level(path, make):
    """An HDF5 file with a dataset that `make` makes by HDF5's own functions, in `layers/dense`."""
    with h5py.File(path, "w") as file:
        make(file.create_group("layers/dense/vars").id)
    return path


def created(group, shape, plist, dtype=h5py.h5t.IEEE_F32LE, name=b"0"):
    return h5py.h5d.create(group, name, dtype, h5py.h5s.create_simple(shape), plist)


def plist_of(layout, chunk=None):
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_layout(layout)
    if chunk:
        plist.set_chunk(chunk)
    return plist


@refused("holds a link that could leave the file: layers/other")
def hdf5_external_link(folder):
    h5(folder / "b.h5")
    with h5py.File(h5(folder / "a.h5"), "a") as file:
        file["layers/other"] = h5py.ExternalLink("b.h5", "/layers/dense")
    return folder / "a.h5"


@refused("holds a link that could leave the file: layers/other")
def hdf5_soft_link(folder):
    with h5py.File(h5(folder / "a.h5"), "a") as file:
        file["layers/other"] = h5py.SoftLink("/layers/dense")
    return folder / "a.h5"


@refused("holds an object under two names: layers/dense/vars/again")
def hdf5_cycle(folder):
    with h5py.File(h5(folder / "a.h5"), "a") as file:
        file["layers/dense/vars/again"] = file["layers"]
    return folder / "a.h5"


@refused("holds an object under two names: layers/dense/vars/2")
def hdf5_dataset_under_two_names(folder):
    with h5py.File(h5(folder / "a.h5"), "a") as file:
        file["layers/dense/vars/2"] = file[KERNEL]
    return folder / "a.h5"


@refused("keeps values in another file: layers/dense/vars/0")
def hdf5_external_storage(folder):
    (folder / "secret").write_bytes(W.tobytes())
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_external(str(folder / "secret").encode(), 0, W.nbytes)
    return low_level(folder / "a.h5", lambda group: created(group, (8, 8), plist))


@refused("takes values from other datasets or files: layers/dense/vars/0")
def hdf5_virtual_dataset(folder):
    layout = h5py.VirtualLayout((8, 8), "float32")
    layout[:] = h5py.VirtualSource(h5(folder / "b.h5"), KERNEL, (8, 8))
    with h5py.File(folder / "a.h5", "w") as file:
        file.create_virtual_dataset(KERNEL, layout)
    return folder / "a.h5"


@refused(r"declares 1,[\d,]+ values in layers/dense/vars/0 that are not in the file")
def hdf5_absurd_shape(folder):
    plist = plist_of(h5py.h5d.CONTIGUOUS)
    return low_level(folder / "a.h5", lambda group: created(group, (2**30, 2**20), plist))


@refused(NO_WEIGHTS)
def hdf5_dataset_never_written(folder):
    plist = plist_of(h5py.h5d.CONTIGUOUS)
    return low_level(folder / "a.h5", lambda group: created(group, (8, 8), plist))


IN_CHUNKS = (
    r"keeps values in chunks, .*: layers/dense/vars/0; load it by Keras and save it again, .*"
)


@refused(IN_CHUNKS)
def hdf5_in_chunks(folder):
    return h5(folder / "a.h5", chunks=(4, 4))


@refused(IN_CHUNKS)
def hdf5_compressed(folder):
    return h5(folder / "a.h5", chunks=(8, 8), compression="gzip", shuffle=True)


@refused(IN_CHUNKS)
def hdf5_of_absurd_shape_in_chunks(folder):
    plist = plist_of(h5py.h5d.CHUNKED, (1, 1))
    return low_level(folder / "a.h5", lambda group: created(group, (2**62, 3), plist))


@refused("declares more values than the file holds")
def hdf5_datasets_that_overlap(folder):
    path = folder / "a.h5"
    with h5py.File(path, "w") as file:
        kernel = file.create_dataset(KERNEL, data=np.ones((64, 64), "float32"))
        for i in range(1000):
            # Without values as yet: the layout has a size and no address.
            file.create_dataset(f"layers/dense_{i}/vars/0", (64, 64), "float32")
        at, size = struct.pack("<Q", kernel.id.get_offset()), struct.pack("<Q", 1 << 14)
    content = path.read_bytes()
    assert content.count(b"\xff" * 8 + size) == 1000
    path.write_bytes(content.replace(b"\xff" * 8 + size, at + size))
    return path


@refused("its groups are nested deeper than any model's")
def hdf5_groups_nested_deeply(folder):
    with h5py.File(folder / "a.h5", "w") as file:
        group = file
        for _ in range(5000):
            group = group.create_group("a")
    return folder / "a.h5"


def hdf5_of_100_000_groups(folder):
    with h5py.File(folder / "a.h5", "w", libver="latest") as file:
        for i in range(100_000):
            file.create_group(str(i))
    return folder / "a.h5"


@refused("its structure is larger than any model's: .* of more than 16,777,216 characters")
def hdf5_of_large_attributes(folder):
    with h5py.File(folder / "a.h5", "w", libver="latest") as file:
        for i in range(40):
            file.attrs[f"weight_names{i}"] = np.full(50, b"a" * 10_000)
    return folder / "a.h5"


@refused(r"has an attribute of absurd size: layer_names|.*\(memory allocation failed .*")
def hdf5_of_one_large_attribute(folder):
    with h5py.File(folder / "a.h5", "w", libver="latest") as file:
        file.attrs["layer_names"] = np.zeros(1 << 25, "S1")
    return folder / "a.h5"


@refused(r"an HDF5 file, but none that Keras wrote: it lists no layers")
def hdf5_of_something_else(folder):
    with h5py.File(folder / "a.h5", "w") as file:
        file["data"] = W
    return folder / "a.h5"


@refused(r"holds layers/dense/kernel, which belongs to none of the layers that it lists")
def hdf5_dataset_beside_the_layers(folder):
    with h5py.File(h5(folder / "a.h5"), "a") as file:
        file["layers/dense/kernel"] = W
    return folder / "a.h5"


@refused(r"expected weights that count; received 'a.*b', where none does: .*")
def hdf5_names_of_several_lines(folder):
    with h5py.File(folder / "a.h5", "w") as file:
        group = file.create_group("layers/x\ny\x1b[2J/vars")
        group["a\r\nb"] = W[0]
        file.create_group("vars").attrs["name"] = "a\nb"
    return folder / "a.h5"


OTHER_DTYPES = {
    "complex64 values": W.astype("complex64"),
    "bool values": W > 0,
    "string values": np.full((8, 8), b"ab"),
    "compound values": np.zeros((8, 8), [("a", "u1"), ("b", "u1")]),
    "array values": np.zeros(8, np.dtype([("a", "f4", (2, 2))])),
    "int8 values: quantised or no weights": W.astype("int8"),
    "|V4 values": W.view("V4"),
    "|V1 values": W.view("V1"),
}


@pytest.mark.parametrize("reason", OTHER_DTYPES)
def test_lists_what_is_no_float(reason, tmp_path):
    with h5py.File(h5(tmp_path / "a.h5"), "a") as file:
        file["layers/other/vars/0"] = OTHER_DTYPES[reason]
    score = kb.score(tmp_path / "a.h5")
    assert score.counts.tolist() == COUNTS
    reasons = {skipped.path: skipped.reason for skipped in score.skipped}
    expected = reason.replace("array", "compound")
    assert reasons["other/0"] == expected


@pytest.mark.parametrize("layout", [h5py.h5d.COMPACT, h5py.h5d.CONTIGUOUS])
@pytest.mark.parametrize("of", ["string", "variable-length"])
def test_lists_what_has_no_fixed_length(of, layout, tmp_path):
    dtype = h5py.string_dtype() if of == "string" else h5py.vlen_dtype("float32")
    with h5py.File(h5(tmp_path / "a.h5"), "a") as file:
        group = file.create_group("layers/other/vars")
        of_type = h5py.h5t.py_create(dtype, logical=True)
        created(group.id, (2, 2), plist_of(layout), of_type)
    reasons = {skipped.path: skipped.reason for skipped in kb.score(tmp_path / "a.h5").skipped}
    assert reasons["other/0"] == f"{of} values"


def test_floats_that_numpy_does_not_have_are_not_taken_for_others(tmp_path):
    dtype = h5py.h5t.IEEE_F32LE.copy()
    dtype.set_ebias(100)
    with h5py.File(h5(tmp_path / "a.h5"), "a") as file:
        group = file.create_group("layers/other/vars")
        dataset = created(group.id, (8, 8), None, dtype)
        dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, W)
        file["layers/long/vars/0"] = W.astype("longdouble")
    score = kb.score(tmp_path / "a.h5")
    assert score.counts.tolist() == COUNTS
    reasons = {skipped.path: skipped.reason for skipped in score.skipped}
    assert reasons["other/0"] == "32-bit non-IEEE values"
    assert "long/0" in reasons


@pytest.mark.parametrize("dtype", [">f4", "<f8", ">f2"])
def test_reads_any_byte_order_behind_a_user_block(dtype, tmp_path):
    with h5py.File(tmp_path / "a.h5", "w", userblock_size=1024) as file:
        file.create_dataset(KERNEL, data=W.astype(dtype))
    expected = oracle.tally(W.astype(dtype))[:9]
    assert kb.score(tmp_path / "a.h5").counts.tolist() == expected.tolist()


def test_hdf5_cut_anywhere_is_refused(tmp_path):
    content = h5_bytes()
    for length in [*range(0, 200, 7), *range(200, len(content), 131), len(content) - 1]:
        (tmp_path / "a.h5").write_bytes(content[:length])
        refusal(tmp_path / "a.h5")


def legacy(path, layers=(b"dense",), names=(b"dense/kernel:0",), config=None):
    with h5py.File(path, "w") as file:
        file["model_weights/dense/dense/kernel:0"] = W
        file["model_weights"].attrs["layer_names"] = list(layers)
        file["model_weights/dense"].attrs["weight_names"] = list(names)
        if config is not None:
            file.attrs["model_config"] = config
    return path


@refused("lists a layer 'other' that it does not hold")
def legacy_layer_missing(folder):
    return legacy(folder / "a.h5", layers=[b"dense", b"other"])


@refused("lists a weight 'dense/bias:0' that it does not hold")
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


def safetensors(path, header, values=W):
    """A file whose header is given as text, bytes, or what becomes JSON."""
    text = header if isinstance(header, (bytes, str)) else json.dumps(header)
    text = text.encode() if isinstance(text, str) else text
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(values))
    return path


def entry(shape=(8, 8), dtype="F32", offsets=(0, 256)):
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


BROKEN_SAFETENSORS = {
    "header longer than the file": b'{"a": ',
    "ends early": {"k": entry((8, 9), offsets=(0, 288))},
    "more than is listed": {"k": entry((8, 7), offsets=(0, 224))},
    "overlap": {"k": entry(), "l": entry(offsets=(0, 256))},
    "gap": {"k": entry((4, 8), offsets=(0, 128)), "l": entry((2, 8), offsets=(192, 256))},
    "absurd shape": {"k": entry((2**40, 2**40))},
    "negative shape": {"k": entry((-8, -8))},
    "offsets reversed": {"k": entry(offsets=(256, 0))},
    "unknown dtype": {"k": entry(dtype="F31")},
    "shape is text": {"k": entry("88")},
    "numbers": {"k": 3},
    "no text": b'{"\xff": 3}',
    "not closed": b'{"k": {"dtype": "F32", "shape": [8, 8], "data_offsets": [0, 256]}',
    "deep": b'{"a":' * 10_000,
    "twice": '{"k": {"dtype": "F32", "shape": [4, 8], "data_offsets": [0, 128]}, '
    '"k": {"dtype": "F32", "shape": [4, 8], "data_offsets": [128, 256]}}',
}


@pytest.mark.parametrize("header", BROKEN_SAFETENSORS.values(), ids=BROKEN_SAFETENSORS)
def test_refuses_broken_safetensors(header, tmp_path):
    text = refusal(safetensors(tmp_path / "a.safetensors", header))
    assert text.startswith("no whole safetensors file (")


@refused(r"declares a header of 99,000,000 bytes; refused")
def safetensors_header_too_long(folder):
    path = folder / "a.safetensors"
    path.write_bytes(struct.pack("<Q", 99_000_000) + b'{"k": 1}' * 20)
    return path


@refused(r"lists more arrays than any model's")
def safetensors_of_too_many_arrays(folder):
    header = {f"{i}": entry((0,), offsets=(0, 0)) for i in range(200_000)}
    return safetensors(folder / "a.safetensors", header | {"k": entry()})


def test_safetensors_cut_anywhere_is_refused(tmp_path):
    content = safetensors(tmp_path / "a.safetensors", {"k": entry()}).read_bytes()
    for length in range(len(content)):
        (tmp_path / "a.safetensors").write_bytes(content[:length])
        refusal(tmp_path / "a.safetensors")


@pytest.mark.parametrize(
    ("dtype", "shape"),
    [("F8_E8M0", (256,)), ("F4", (512,)), ("C64", (32,)), ("F8_E4M3", (256,)), ("BOOL", (256,))],
)
def test_lists_safetensors_of_other_dtypes(dtype, shape, tmp_path):
    header = {"a": entry(shape, dtype), "layer.kernel": entry(offsets=(256, 512))}
    path = safetensors(tmp_path / "a.safetensors", header, bytes(256) + W.tobytes())
    score = kb.score(path)
    assert score.counts.tolist() == COUNTS
    assert [skipped.path for skipped in score.skipped] == ["a"]


def index(folder, weight_map):
    return json_file(folder, json.dumps({"weight_map": weight_map}).encode())


@refused(r"its shard b.safetensors is missing; put it into the same folder")
def index_without_a_shard(folder):
    safetensors(folder / "a.safetensors", {"k": entry()})
    return index(folder, {"k": "a.safetensors", "l": "b.safetensors"})


@refused(r"lists 'l', which is in none of its shards")
def index_with_an_array_that_no_shard_has(folder):
    safetensors(folder / "a.safetensors", {"k": entry()})
    return index(folder, {"k": "a.safetensors", "l": "a.safetensors"})


@refused(r"its shard b.weights.h5 is missing; put it into the same folder")
def keras_index_without_a_shard(folder):
    h5(folder / "a.weights.h5")
    return index(folder, {"/layers/dense/vars": ["a.weights.h5", "b.weights.h5"]})


@refused(r"lists '/layers/other', which is in none of its shards")
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


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    import tensorflow as tf

    prefix = tmp_path_factory.mktemp("checkpoint") / "a"
    layer = tf.Module()
    layer.kernel = tf.Variable(W, name="dense/kernel")
    tf.train.Checkpoint(layer=layer).write(str(prefix))
    assert kb.score(prefix).counts.tolist() == COUNTS
    return prefix


INDEX, DATA = "a.index", "a.data-00000-of-00001"
BROKEN_CHECKPOINTS = {
    "data missing": {DATA: None},
    "index missing": {INDEX: None},
    "data cut": {DATA: lambda content: content[:200]},
    "data cut in the tree": {DATA: lambda content: content[:-50]},
    "data empty": {DATA: lambda content: b""},
    "index cut": {INDEX: lambda content: content[: len(content) // 2]},
    "index empty": {INDEX: lambda content: b""},
    "value flipped": {DATA: lambda content: flipped(content, content.index(W.tobytes()) + 9)},
    "index flipped": {INDEX: lambda content: flipped(content, 20)},
}


@pytest.mark.parametrize("how", BROKEN_CHECKPOINTS)
def test_refuses_broken_checkpoints(how, checkpoint, tmp_path):
    changes = BROKEN_CHECKPOINTS[how]
    for name in (INDEX, DATA):
        change = changes.get(name, lambda content: content)
        if change is not None:
            (tmp_path / name).write_bytes(change((checkpoint.parent / name).read_bytes()))
    for path in (tmp_path / "a", tmp_path / INDEX, tmp_path / DATA):
        refusal(path)


@pytest.mark.parametrize("name", ["a", INDEX])
def test_names_a_broken_checkpoint_once(name, checkpoint, tmp_path):
    (tmp_path / INDEX).write_bytes((checkpoint.parent / INDEX).read_bytes())
    (tmp_path / DATA).write_bytes(b"")
    assert str(tmp_path) not in refusal(tmp_path / name)


@pytest.mark.parametrize("name", ["a", INDEX])
def test_a_checkpoint_without_tensorflow_is_one_clear_line(name, checkpoint, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    path = checkpoint.parent / name
    with pytest.raises(ImportError) as caught:
        kb.score(path)
    assert str(caught.value) == (
        f"{path}: reading a TensorFlow checkpoint takes TensorFlow; "
        "run `pip install tensorflow`, or save the model as .keras"
    )


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


DAMAGE_INDEX = """
import os, pathlib, random, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras_benford
from tests.trials.damaged_files import table_with_checksum
prefix = pathlib.Path(sys.argv[1])
index = prefix.with_name("a.index")
content = index.read_bytes()
for seed in range(12):
    index.write_bytes(table_with_checksum(random.Random(seed), content, b""))
    try:
        keras_benford.score(prefix)
    except (ValueError, OSError):
        pass
"""


def test_an_index_of_right_checksum_does_not_end_the_process(checkpoint, tmp_path):
    for name in (INDEX, DATA):
        (tmp_path / name).write_bytes((checkpoint.parent / name).read_bytes())
    command = [sys.executable, "-c", DAMAGE_INDEX, str(tmp_path / "a")]
    subprocess.run(command, capture_output=True, timeout=120, check=True)
