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
import sys

import h5py
from h5py import h5d, h5g, h5l, h5o, h5t

ATTRIBUTES = ("name", "dtype", "layer_names", "weight_names", "model_config", "keras_version")
_MOST_MEMORY = 1 << 30
_MOST_COMPACT = 1 << 16
_MOST_ATTRIBUTE = 1 << 26


class _RefusedError(Exception):
    """Something that no writer of weights makes, and that could do harm."""


def serve():
    """Answer requests from standard input until it ends."""
    _limit_memory()
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = index(request["path"], request["start"], request["length"])
        except _RefusedError as refusal:
            answer = {"error": str(refusal)}
        except MemoryError:
            answer = {"error": "its structure asks for too much memory"}
        except Exception as error:
            # Whatever h5py makes of a damaged file; the first line says it.
            first = (str(error).splitlines() or [""])[0]
            answer = {"error": f"no readable HDF5 file ({type(error).__name__}: {first})"}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def index(path, start, length):
    """The groups and datasets of the HDF5 file at `start` in the file `path`.

    Returns:
        A dict: `groups`, a list of `{"path": [names], "attributes": {...}}`, the root first, and
        `datasets`, in the order in which they were created, a list of
        `{"path", "shape", "dtype", "attributes", "layout"}`.
    """
    with open(path, "rb", buffering=0) as raw, h5py.File(_Part(raw, start, length), "r") as file:
        groups, datasets = [], []
        seen = {h5o.get_info(file.id).addr}
        waiting = [((), h5g.open(file.id, b"/"))]
        while waiting:
            names, group = waiting.pop()
            groups.append({"path": names, "attributes": _attributes(h5py.Group(group).attrs)})
            for name in group:
                inner = (*names, name.decode("utf-8", "replace"))
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
                    datasets.append((address, _dataset(item, inner)))
    datasets.sort(key=lambda pair: pair[0])
    return {"groups": groups, "datasets": [dataset for _, dataset in datasets]}


def _dataset(item, names):
    dataset = h5py.Dataset(item)
    return {
        "path": names,
        "shape": None if dataset.shape is None else list(map(int, dataset.shape)),
        "dtype": dataset.dtype.str,
        "attributes": _attributes(dataset.attrs),
        "layout": _layout(item, "/".join(names)),
    }


def _layout(item, name):
    """Where the values lie: `{"at"}`, `{"bytes"}` or `{"chunks", "chunk_shape", "filters"}`."""
    plist = item.get_create_plist()
    if plist.get_external_count():
        raise _RefusedError(f"keeps values in another file: {name}")
    kind = plist.get_layout()
    if kind == h5d.VIRTUAL:
        raise _RefusedError(f"takes values from other datasets or files: {name}")
    if kind == h5d.CONTIGUOUS:
        return {"at": item.get_offset()}
    if kind == h5d.COMPACT:
        if item.get_storage_size() > _MOST_COMPACT:
            raise _RefusedError(f"declares more values in its header than fit there: {name}")
        if item.get_type().get_class() == h5t.VLEN:
            return {"bytes": None}
        values = h5py.Dataset(item)[()]
        return {"bytes": base64.b64encode(values.tobytes()).decode()}
    chunks = []
    item.chunk_iter(
        lambda c: chunks.append([*map(int, c.chunk_offset), c.filter_mask, c.byte_offset, c.size])
    )
    filters = [plist.get_filter(i)[:3:2] for i in range(plist.get_nfilters())]
    return {"chunks": chunks, "chunk_shape": plist.get_chunk(), "filters": filters}


def _attributes(attributes):
    found = {}
    for name in attributes:
        # Long lists of names stand in layer_names0, layer_names1, …
        if name.rstrip("0123456789") in ATTRIBUTES:
            found[name] = _plain(attributes, name)
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
