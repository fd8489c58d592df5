"""safetensors files from strangers: headers that lie, and types that do not count."""

import re
import struct

import pytest

import keras_benford as kb
from tests.backends import needs_tensorflow
from tests.strange_files import COUNTS, Refused, W, entry, refusal, safetensors

# Reading has no backend, and is tried under one.
pytestmark = needs_tensorflow
refused = Refused()


@pytest.mark.parametrize(("make", "message"), refused)
def test_refuses_by_one_line(make, message, tmp_path):
    assert re.fullmatch(message, refusal(make(tmp_path)))


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


@refused(r"lists more arrays than any model's", pytest.mark.slow)
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
