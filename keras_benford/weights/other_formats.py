"""What a file is that no reader here knows, told by how it begins: one phrase, and what to do."""

from __future__ import annotations

import re

_NOT_READ = "which is not read; pass the Keras model that it was made from"
# Behind the version: the name of the program that wrote it, or what may follow on that.
_ONNX = rb"..(\x12.[ -~]{2}|[\x1a\x22\x3a\x42])"
# The same of a description, which begins with an input, which begins with its name.
_CORE_ML = rb"..\x12[\x80-\xff]*.\n[\x80-\xff]*.\n"
CORE_ML = f"a Core ML model, {_NOT_READ}"
_BY_START = (
    ([b"\x93NUMPY"], "a bare NumPy array; expected a saved model"),
    (
        [b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"],
        "a pickle, which could run code; save the weights as .keras or .safetensors",
    ),
    ([b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd"], "compressed; unpack it first"),
    (
        [b"model_checkpoint_path:"],
        "a list of TensorFlow checkpoints; pass one of them, or their folder",
    ),
    ([b"GGUF"], f"a GGUF model, {_NOT_READ}"),
)


def pointer_in(head: bytes) -> str | None:
    """What to say of a file that git-lfs has not fetched; None for any other."""
    if head.startswith(b"version https://git-lfs"):
        return "a git-lfs pointer, not the file itself; run `git lfs pull`"
    return None


def what_it_is(path: str, head: bytes, size: int) -> str:
    """Why a file that is no saved model is none, and what to do.

    Args:
        path: the file; its suffix only tells between formats that begin alike.
        head: its first bytes.
        size: how many it has.
    """
    if size == 0:
        return "an empty file; fetch it again"
    if (pointer := pointer_in(head)) is not None:
        return pointer
    if head.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        return "a web page, perhaps of an error; download the file again"
    if re.search(r"group\d+-shard\d+of\d+(\.bin)?$", path):
        return "a shard of a TensorFlow.js model; pass its model.json"
    for starts, what in _BY_START:
        if head.startswith(tuple(starts)):
            return what
    if head[4:8] == b"TFL3":
        return f"a TensorFlow Lite model, {_NOT_READ}"
    return _protocol_buffer(path, head) or (
        "no saved model of a known format, or damaged; pass a .keras, .h5 or .safetensors file"
    )


def _protocol_buffer(path, head):
    """The same of a message of protocol buffers, most of which begin with a version."""
    suffix = path.lower().rpartition(".")[2]
    if re.match(rb"\x08[\x01-\x20]", head):
        if suffix == "onnx" or re.match(_ONNX, head, re.DOTALL):
            return f"an ONNX model, {_NOT_READ}"
        if suffix == "mlmodel" or (suffix != "pb" and re.match(_CORE_ML, head, re.DOTALL)):
            return CORE_ML
        if head[2:3] == b"\x12":
            return "the graph of a SavedModel; pass its folder"
    # A GraphDef begins with a node, and a node with its name and its operation.
    if re.match(rb"\n.{1,3}\n.[\w./-]+\x12.[A-Z]\w+", head, re.DOTALL):
        return "a frozen TensorFlow 1 graph; expected a SavedModel folder, a checkpoint or a .keras"
    return None
