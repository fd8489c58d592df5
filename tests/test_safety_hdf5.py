"""HDF5 files from strangers: links, shapes, names and types of values."""

import re
import struct

import h5py
import numpy as np
import pytest

import keras_benford as kb
from tests import oracle
from tests.backends import needs_tensorflow
from tests.strange_files import COUNTS, KERNEL, Refused, W, h5, h5_bytes, refusal

# Reading has no backend, and is tried under one.
pytestmark = needs_tensorflow
refused = Refused()


@pytest.mark.parametrize(("make", "message"), refused)
def test_refuses_by_one_line(make, message, tmp_path):
    assert re.fullmatch(message, refusal(make(tmp_path)))


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


@refused(r"declares 64 values in layers/dense/vars/0 that are not in the file")
def hdf5_dataset_never_written(folder):
    plist = plist_of(h5py.h5d.CONTIGUOUS)
    return low_level(folder / "a.h5", lambda group: created(group, (8, 8), plist))


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
