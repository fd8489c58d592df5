"""What a file holds by h5py or safetensors, counted digit by digit, in a process of its own."""

import contextlib
import faulthandler
import io
import json
import multiprocessing
import pathlib
import zipfile

import h5py
import ml_dtypes
import numpy as np

from tests import oracle

FORK = multiprocessing.get_context("fork")


class OtherRoad:
    """A process that says what is in a file: the shape of each array, and the tally of its digits.

    The tally is None of what is no float, and False where the library cannot read it. Where the
    library crashes or hangs the whole answer is None.
    """

    def __init__(self):
        self._process = None

    def arrays(self, kind, path):
        if self._process is None:
            self._pipe, theirs = FORK.Pipe()
            self._process = FORK.Process(target=_answer, args=(theirs, self._pipe), daemon=True)
            self._process.start()
            theirs.close()
        with contextlib.suppress(EOFError, OSError):
            self._pipe.send((kind, path))
            if self._pipe.poll(5):
                return self._pipe.recv()
        self.stop()
        return None

    def stop(self):
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = None


def _answer(pipe, theirs):
    import resource

    faulthandler.disable()  # pytest's would tell of a crash that is expected.
    theirs.close()
    resource.setrlimit(resource.RLIMIT_DATA, (1 << 30, 1 << 30))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while True:
        try:
            kind, path = pipe.recv()
        except EOFError:  # Who asked has ended.
            return
        try:
            pipe.send(_arrays_of(kind, pathlib.Path(path)))
        except Exception:
            pipe.send(None)  # It cannot read what we could.


def _arrays_of(kind, path):
    if kind.startswith("safetensors"):
        from safetensors.numpy import load_file

        shards = [path]
        if path.suffix == ".json":
            names = json.loads(path.read_bytes())["weight_map"].values()
            shards = [path.parent / name for name in dict.fromkeys(names)]
        return [_described(a) for shard in shards for a in load_file(shard).values()]
    files = [path]
    if kind == "sharded":
        values = json.loads(path.read_bytes())["weight_map"].values()
        names = [name for v in values for name in (v if isinstance(v, list) else [v])]
        files = [path.parent / name for name in dict.fromkeys(names)]
    elif kind == "unzipped":
        files = [path / "model.weights.h5"]
    elif path.read_bytes()[:2] == b"PK":
        with zipfile.ZipFile(path) as archive:
            files = [io.BytesIO(archive.read("model.weights.h5"))]
    found = []
    for file in files:
        with h5py.File(file) as opened:
            opened.visititems(
                lambda _, item: (
                    found.append(_described(item)) if isinstance(item, h5py.Dataset) else None
                )
            )
    return found


def _described(array):
    dtype = array.dtype
    try:
        if dtype == np.dtype("V2"):
            return array.shape or (), _tally(array[()].view(ml_dtypes.bfloat16))
        is_float = dtype.kind == "f" or dtype == ml_dtypes.bfloat16
        return array.shape or (), _tally(array[()]) if is_float else None
    except (OSError, MemoryError):
        return array.shape or (), False


def _tally(values):
    return tuple(map(int, oracle.tally(values.astype(values.dtype.newbyteorder("=")))))
