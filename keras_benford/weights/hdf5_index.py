"""What an HDF5 file holds and where: run in a process of its own, see `hdf5`.

The HDF5 library crashes, hangs or asks for all memory on some damaged files, and a crafted one may
do worse. So it only ever runs here, in a process that can be lost, under limits of memory and time,
and says what it found as JSON. No value is read here but those that lie inside an object's header.

A request is a line `{"path", "start", "length"}` (the HDF5 file as a part of another), the answer a
line `{"groups", "datasets"}` or `{"error"}`.
"""

import base64
import io
import json
import math
import signal
import sys
from typing import Any

import h5py
from h5py import h5d, h5g, h5l, h5o, h5t

TEXTS = ("name", "dtype", "model_config", "keras_version")
LISTS = ("layer_names", "weight_names")
# Who asks waits no longer, and may be gone.
_MOST_SECONDS = 130
_MOST_MEMORY = 1 << 28
_MOST_ANSWER = 1 << 24
_MOST_DEPTH = 256
_MOST_COMPACT = 1 << 16
_MOST_ATTRIBUTE = 1 << 24
# What is stored otherwise than as plain numbers, by HDF5's class of it.
_NO_NUMBERS = {
    h5t.ARRAY: "array",
    h5t.COMPOUND: "compound",
    h5t.REFERENCE: "reference",
    h5t.STRING: "string",
    h5t.VLEN: "variable-length",
}


class _RefusedError(Exception):
    """Something that no writer of weights makes, and that could do harm."""


def serve():
    """Answer requests from standard input until it ends."""
    _limit_memory()
    for line in sys.stdin:
        request = json.loads(line)
        if hasattr(signal, "alarm"):  # Windows has none.
            signal.alarm(_MOST_SECONDS)
        try:
            answer = index(request["path"], request["start"], request["length"])
        except _RefusedError as refusal:
            answer = json.dumps({"error": str(refusal)})
        except MemoryError:
            answer = json.dumps({"error": "its structure asks for too much memory"})
        except Exception as error:
            # Whatever h5py makes of a damaged file; the first line says it.
            first = (str(error).splitlines() or [""])[0]
            what = f"no readable HDF5 file ({type(error).__name__}: {first})"
            answer = json.dumps({"error": what})
        if hasattr(signal, "alarm"):
            signal.alarm(0)
        sys.stdout.write(answer + "\n")
        sys.stdout.flush()


def index(path, start, length):
    """The groups and datasets of the HDF5 file at `start` in the file `path`.

    Returns:
        A dict as JSON: `groups`, a list of `{"path": [names], "attributes": {...}}`, the root
        first, and `datasets`, in the order in which they were created, a list of
        `{"path", "shape", "dtype", "attributes", "layout"}`.
    """
    with open(path, "rb", buffering=0) as raw, h5py.File(_Part(raw, start, length), "r") as file:
        answer = _Answer()
        seen = {h5o.get_info(file.id).addr}
        waiting: list[tuple[tuple[str, ...], Any]] = [((), h5g.open(file.id, b"/"))]
        while waiting:
            names, group = waiting.pop()
            attributes = _attributes(h5py.Group(group).attrs)
            answer.groups.append(answer.text({"path": names, "attributes": attributes}))
            for name in group:
                inner = (*names, name.decode("utf-8", "replace"))
                if len(inner) > _MOST_DEPTH:
                    raise _RefusedError("its groups are nested deeper than any model's")
                kind = group.links.get_info(name).type
                if kind != h5l.TYPE_HARD:
                    raise _RefusedError(
                        f"holds a link that could leave the file: {'/'.join(inner)}"
                    )
                item = h5o.open(group, name)
                address = h5o.get_info(item).addr
                if address in seen:
                    raise _RefusedError(f"holds an object under two names: {'/'.join(inner)}")
                seen.add(address)
                if isinstance(item, h5g.GroupID):
                    waiting.append((inner, item))
                elif isinstance(item, h5d.DatasetID):
                    described = _dataset(item, inner)
                    answer.datasets.append((address, answer.text(described)))
    answer.datasets.sort()
    datasets = ", ".join(dataset for _, dataset in answer.datasets)
    return f'{{"groups": [{", ".join(answer.groups)}], "datasets": [{datasets}]}}'


class _Answer:
    """What was found, as JSON of a size that both processes can hold."""

    def __init__(self):
        self.groups, self.datasets = [], []
        self._characters = 0

    def text(self, described):
        text = json.dumps(described)
        self._characters += len(text)
        if self._characters > _MOST_ANSWER:
            raise _RefusedError(
                "its structure is larger than any model's: names, shapes and texts of more than "
                f"{_MOST_ANSWER:,} characters"
            )
        return text


def _dataset(item, names):
    dataset = h5py.Dataset(item)
    dtype = _dtype(item)
    layout = _layout(item, "/".join(names), dtype)
    return {
        "path": names,
        "shape": None if dataset.shape is None else list(map(int, dataset.shape)),
        "dtype": dtype,
        "attributes": _attributes(dataset.attrs),
        "layout": layout,
    }


def _dtype(item):
    """The dtype as NumPy writes it (`<f4`), a word for what is no plain number."""
    of_item, dtype = item.get_type(), item.dtype
    if of_item.get_class() in _NO_NUMBERS:
        return dtype.name if dtype.kind == "c" else _NO_NUMBERS[of_item.get_class()]
    if dtype.kind == "f" and not h5t.py_create(dtype).equal(of_item):
        # HDF5 describes where sign, exponent and mantissa lie, and could convert what NumPy lacks.
        return f"{of_item.get_size() * 8}-bit non-IEEE"
    return dtype.str


def _layout(item, name, dtype):
    """Where the values lie: `{"at"}`; or themselves: `{"bytes"}`."""
    plist = item.get_create_plist()
    if plist.get_external_count():
        raise _RefusedError(f"keeps values in another file: {name}")
    kind = plist.get_layout()
    if kind == h5d.VIRTUAL:
        raise _RefusedError(f"takes values from other datasets or files: {name}")
    if kind == h5d.CONTIGUOUS:
        return {"at": item.get_offset()}
    if kind == h5d.COMPACT:
        size = math.prod(item.shape or ()) * item.dtype.itemsize
        if max(size, item.get_storage_size()) > _MOST_COMPACT:
            raise _RefusedError(f"declares more values in its header than fit there: {name}")
        if dtype[1] not in "fiubV":
            return {"bytes": None}
        values = h5py.Dataset(item)[()]
        return {"bytes": base64.b64encode(values.tobytes()).decode()}
    raise _RefusedError(
        f"keeps values in chunks, perhaps compressed, as Keras writes none: {name}; load it by "
        "Keras and save it again, or run `h5repack -f NONE -l CONTI`"
    )


def _attributes(attributes):
    found = {}
    for name in attributes:
        # Long lists of names stand in layer_names0, layer_names1, …
        if name in TEXTS or name.rstrip("0123456789") in LISTS:
            value = _plain(attributes, name)
            found[name] = value if name not in TEXTS or isinstance(value, str) else None
    return found


def _plain(attributes, name):
    """An attribute's string or strings as JSON can hold them; None for anything else."""
    stored = attributes.get_id(name)
    if math.prod(stored.shape) * stored.dtype.itemsize > _MOST_ATTRIBUTE:
        raise _RefusedError(f"has an attribute of absurd size: {name}")
    value = attributes[name]
    value = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(value, list):
        return [_text(each) for each in value]
    return _text(value)


def _text(value):
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else None


class _Part(io.RawIOBase):
    """A part of a file as a file of its own."""

    def __init__(self, file, start, length):
        self._file, self._start, self._length, self._at = file, start, length, 0

    def readable(self):
        return True

    def seekable(self):
        return True

    def seek(self, offset, whence=0):
        self._at = offset + (0, self._at, self._length)[whence]
        return self._at

    def tell(self):
        return self._at

    def readinto(self, buffer):
        self._file.seek(self._start + self._at)
        wanted = min(len(buffer), max(self._length - self._at, 0))
        count = self._file.readinto(memoryview(buffer)[:wanted])
        self._at += count
        return count


def _limit_memory():
    try:
        import resource
    except ImportError:  # Windows has none; the time limit is all there.
        return
    resource.setrlimit(resource.RLIMIT_DATA, (_MOST_MEMORY, _MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
