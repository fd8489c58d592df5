"""Damaged files by the thousand: each must be refused by one clear line, or scored right.

    python -m benchmarks.fuzz_files --count 100000 --seed 0 --record benchmarks/results/fuzz.jsonl

Real writers make small files once. Case `number` of a seed changes one of them, always in the same
way (`--seed 0 --case 1234` does that one alone), and a process that may crash without harm scores
it. What is scored is held against another road: h5py or safetensors read the same file in yet
another process, and `tests.oracle` counts the digits. The record gets a line for every 1,000 cases,
and those that it has are not done again. A case that is BAD stays in `runs/fuzz/`.
"""

import argparse
import collections
import contextlib
import importlib.metadata
import io
import json
import multiprocessing
import os
import pathlib
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import warnings
import zipfile
from multiprocessing import connection

import h5py
import ml_dtypes
import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

import keras_benford as kb
from keras_benford import weights
from keras_benford.weights import hdf5, isolation
from tests import oracle

BLOCK = 1000
SECONDS = 1.0
"""The limit on listing an HDF5 file: short, so that what hangs costs little."""
MARGIN = 15.0
MOST_MEMORY = 300  # MB above what the process had before the case
HELPER = 50  # MB that the process with the HDF5 library takes when it has read nothing
TENSORFLOW_EVERY = 25
"""In every tenth block, as TensorFlow takes seconds to load."""
CONTAINED = {
    "HDF5 library failed": "refused, library crashed",
    "found nothing within": "refused, library hung",
}
OUTCOMES = ("refused", *CONTAINED.values(), "right", "unchecked", "BAD")
KEPT = pathlib.Path("runs/fuzz")
FORK = multiprocessing.get_context("fork")


def make_samples(folder):
    """Write the files that are damaged later: in each folder one model, its entry named first."""
    import keras
    import tensorflow as tf
    from keras import layers
    from safetensors.numpy import save_file

    def model(dtype):
        keras.utils.set_random_seed(1)
        inputs = keras.Input((4, 4, 2), dtype=dtype)
        x = layers.Conv2D(3, 2, dtype=dtype)(inputs)
        x = layers.BatchNormalization(dtype=dtype)(x)
        x = layers.Dense(5, name="head", dtype=dtype)(layers.Flatten(dtype=dtype)(x))
        built = keras.Model(inputs, x)
        built.compile("adam", "mse")
        built.optimizer.build(built.trainable_variables)
        return built

    def place(name, entry):
        (folder / name).mkdir()
        entries[name] = entry
        return str(folder / name / entry)

    entries = {}
    small = model("float32")
    archive = pathlib.Path(place("keras", "m.keras"))
    small.save(archive)
    archive.write_bytes(undated(archive.read_bytes()))
    small.save_weights(place("weights", "m.weights.h5"))
    small.save(place("legacy", "m.h5"))
    small.save(place("unzipped", "."), zipped=False)
    small.save_weights(place("sharded", "m.weights.json"), max_shard_size=1e-6)
    for dtype in ("float16", "bfloat16"):
        model(dtype).save_weights(place(dtype, "m.weights.h5"))
    compressed = place("compressed", "m.weights.h5")
    for libver, to in (("earliest", compressed), ("latest", place("latest", "m.weights.h5"))):
        with (
            h5py.File(folder / "weights" / "m.weights.h5") as source,
            h5py.File(to, "w", libver=libver) as target,
        ):
            copy_compressed(source, target)
    arrays = {w.path.replace("/", "."): np.asarray(w.value) for w in small.weights}
    arrays |= {"extra.weight": arrays["head.kernel"].astype(ml_dtypes.bfloat16)}
    save_file(arrays, place("safetensors", "m.safetensors"))
    index = pathlib.Path(place("safetensors-index", "m.safetensors.index.json"))
    halves = list(arrays)[::2], list(arrays)[1::2]
    shards = {name: f"m-{i}.safetensors" for i, names in enumerate(halves) for name in names}
    for i, names in enumerate(halves):
        save_file({name: arrays[name] for name in names}, index.parent / f"m-{i}.safetensors")
    index.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": shards}))
    tf.train.Checkpoint(model=small).write(place("checkpoint", "m"))
    (folder / "entries.json").write_text(json.dumps(entries))


def undated(content):
    """A `.keras` archive without the time at which it was made."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            part = b"{}" if name == "metadata.json" else old.read(name)
            new.writestr(zipfile.ZipInfo(name), part)
    return file.getvalue()


def copy_compressed(source, target):
    """Write a group's content again, its larger arrays in chunks."""
    for name, item in source.items():
        if isinstance(item, h5py.Group):
            copy_compressed(item, target.create_group(name))
            for key, value in item.attrs.items():
                target[name].attrs[key] = value
        elif item.ndim == 2:
            chunks = tuple(-(-n // 2) for n in item.shape)
            target.create_dataset(
                name, data=item, chunks=chunks, compression=4, shuffle=True, fletcher32=True
            )
        else:
            target[name] = item[()]


def load_samples():
    """Format -> entry, and the files' names and contents; the writers run in another process."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.fuzz_files", "--make", folder]
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        subprocess.run(command, check=True, env=environment, stderr=subprocess.DEVNULL)
        folder = pathlib.Path(folder)
        entries = json.loads((folder / "entries.json").read_text())
        return {
            kind: (
                entry,
                {p.name: p.read_bytes() for p in sorted((folder / kind).iterdir()) if p.is_file()},
            )
            for kind, entry in entries.items()
        }


def damaged(samples, seed, number):
    """The format, the entry and the files of a case."""
    rng = random.Random(f"{seed}/{number}")
    kinds = [kind for kind in samples if kind != "checkpoint"]
    is_turn = number // BLOCK % 10 == 9 and number % TENSORFLOW_EVERY == TENSORFLOW_EVERY - 1
    kind = "checkpoint" if "checkpoint" in samples and is_turn else rng.choice(kinds)
    entry, files = samples[kind]
    files = dict(files)
    name = rng.choice([name for name in files if name != "metadata.json"])
    donor = rng.choice(list(samples[rng.choice(list(samples))][1].values()))
    files[name] = changed(rng, name, files[name], donor)
    return kind, entry, files


def changed(rng, name, content, donor):
    """A file's content, changed with knowledge of its format in half of the cases."""
    knowing = {
        ".h5": [numbers, numbers, hdf5_attributes],
        ".keras": [packed_anew],
        ".json": [json_values],
        ".safetensors": [safetensors_header],
        ".index": [table_with_checksum],
    }.get(pathlib.Path(name).suffix)
    if knowing and rng.random() < 0.6:
        return rng.choice(knowing)(rng, content, donor)
    return bytes_changed(rng, content, donor)


def bytes_changed(rng, content, donor):
    """Changes that know nothing: bits, bytes, runs, cuts, insertions, swaps, splices."""
    data = bytearray(content) or bytearray(1)
    at = rng.randrange(len(data))
    n = min(rng.choice((1, 2, 4, 8, 64, 512)), len(data) - at)
    kind = rng.randrange(9)
    if kind in (0, 1):
        for _ in range(rng.choice((1, 1, 1, 2, 8))):
            where = rng.randrange(len(data))
            # What is written changes more than padding does.
            tries = (rng.randrange(len(data)) for _ in range(20))
            where = next((t for t in tries if data[t]), where)
            data[where] ^= 1 << rng.randrange(8)
    elif kind == 2:
        data[at : at + n] = rng.randbytes(n)
    elif kind == 3:
        data[at : at + n] = rng.choice((b"\0", b"\xff")) * n
    elif kind == 4:
        del data[at:]
    elif kind == 5:
        data[at:at] = rng.choice((rng.randbytes(n), donor[:n], bytes(data[at : at + n])))
    elif kind == 6:
        del data[at : at + n]
    elif kind == 7:
        to = rng.randrange(len(data) - n + 1)
        data[at : at + n], data[to : to + n] = data[to : to + n], data[at : at + n]
    else:
        data[at:] = donor[rng.randrange(len(donor) or 1) :]
    return bytes(data)


def numbers(rng, content, donor):
    """Numbers that say something of the file, such as addresses and sizes, become extreme."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4))):
        size = rng.choice((1, 2, 4, 8, 8, 8))
        at = 0
        for _ in range(200):
            at = rng.randrange((len(data) - size) // 2) * 2
            value = int.from_bytes(data[at : at + size], "little")
            if 0 < value < len(data) or value == (1 << 8 * size) - 1:
                break
        other = int.from_bytes(data[(to := rng.randrange(len(data) - 8)) : to + 8], "little")
        near = [0, 1, 2, 255, len(data), len(data) - 1, value - 1, value + 1, 2 * value]
        far = [(1 << 8 * size) - 1, 1 << (8 * size - 1), (1 << (8 * size - 1)) - 1, 1 << 31, other]
        value = rng.choice(near + far) % (1 << 8 * size)
        data[at : at + size] = value.to_bytes(size, "little")
    return bytes(data)


def hdf5_attributes(rng, content, donor):
    """An attribute or a name, by the HDF5 library, so that all checks of the format hold."""
    file = io.BytesIO(content)
    with h5py.File(file, "r+") as opened:
        items = [opened]
        opened.visititems(lambda _, item: items.append(item))
        item = rng.choice(items)
        places = [(item, name) for item in items for name in item.attrs]
        if places and rng.random() < 0.8:
            item, name = rng.choice(places)
            value = item.attrs[name]
            if name == "model_config":
                item.attrs[name] = json_values(rng, value.encode(), donor)
            elif isinstance(value, np.ndarray) and value.size:
                names = [v.encode() if isinstance(v, str) else bytes(v) for v in value]
                names += [rng.choice(names), b"\xff", b"a\nb", b""]
                item.attrs[name] = rng.sample(names, rng.randrange(1, len(names)))
            else:
                with contextlib.suppress(TypeError, ValueError):
                    item.attrs[name] = rng.choice(("", "adam", "a\nb", 3, [1.0, 2.0], b"\xff"))
        elif len(items) > 1:
            item = rng.choice(items[1:])
            name = rng.choice(("0", "vars", "optimizer", "a\nb\x1b", "b" * 500, "layers"))
            with contextlib.suppress(ValueError, RuntimeError):
                item.parent.move(item.name, name)
    return file.getvalue()


def json_values(rng, content, donor):
    """A value of JSON becomes another one, or goes."""
    root = [json.loads(content)]
    places = []
    waiting = [root]
    while waiting:
        value = waiting.pop()
        for key in value if isinstance(value, dict) else range(len(value)):
            places.append((value, key))
            if isinstance(value[key], (dict, list)):
                waiting.append(value[key])
    value, key = rng.choice(places)
    other, other_key = rng.choice(places)
    extremes = [None, True, 0, -1, 1 << 63, 10**400, 1e308, float("nan"), "", "a\nb", "\ud800"]
    extremes += [
        "x" * 5000,
        [],
        {},
        [[]] * 50,
        {"": {}},
        os.pardir + "/x",
        "/dev/zero",
        other[other_key],
    ]
    if rng.random() < 0.15 and value is not root:
        del value[key]
    else:
        value[key] = rng.choice(extremes)
    try:
        return json.dumps(root[0]).encode()
    except ValueError:  # It now holds itself.
        return content[: rng.randrange(len(content))]


def packed_anew(rng, content, donor):
    """A member of the archive is changed, and its checksum is right."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = rng.choice(("config.json", "model.weights.h5", "model.weights.h5"))
    parts[name] = changed(rng, name, parts[name], donor)
    file = io.BytesIO()
    method = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return file.getvalue()


def safetensors_header(rng, content, donor):
    """A value of the header is changed, and its length is right."""
    n = int.from_bytes(content[:8], "little")
    header = json_values(rng, content[8 : 8 + n], donor)
    return struct.pack("<Q", len(header)) + header + content[8 + n :]


def table_with_checksum(rng, content, donor):
    """The first block of a checkpoint's index is changed, and its checksum is right."""
    data, crc = bytearray(content), 0xFFFFFFFF
    # The block ends where the checksum of all before follows.
    for n, byte in enumerate(data):
        crc = _CRC[(crc ^ byte) & 255] ^ (crc >> 8)
        if data[n + 1 : n + 5] == masked(crc):
            break
    for _ in range(rng.choice((1, 1, 2, 4))):
        data[rng.randrange(n)] = rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))
    crc = 0xFFFFFFFF
    for byte in data[: n + 1]:
        crc = _CRC[(crc ^ byte) & 255] ^ (crc >> 8)
    data[n + 1 : n + 5] = masked(crc)
    return bytes(data)


def masked(crc):
    """A CRC-32C as LevelDB stores it."""
    crc ^= 0xFFFFFFFF
    return ((((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF).to_bytes(4, "little")


def _crc_of(byte):
    for _ in range(8):
        byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
    return byte


_CRC = [_crc_of(byte) for byte in range(256)]


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


def outcome_of(kind, path, other_road, expected):
    """What came of scoring a file: one of `OUTCOMES`, after `BAD` what is."""
    try:
        score = kb.score(path, threads=1)
        arrays = weights.open_model(path).arrays
    except (ValueError, OSError, ImportError) as error:
        text = str(error)
        if not text.startswith(f"{path}: "):
            return f"BAD: the message does not start with the path: {text[:300]!r}"
        if not text.isprintable():
            return f"BAD: not one line: {text[:300]!r}"
        contained = re.search("HDF5 library failed|found nothing within", text)
        return CONTAINED[contained[0]] if contained else "refused"
    except Exception as error:
        return f"BAD: {type(error).__name__}: {str(error)[:300]!r}"
    layers = [
        (layer.shape, [*layer.counts, layer.zeros, layer.nonfinite]) for layer in score.layers
    ]
    if [*score.counts, score.zeros, score.nonfinite] != np.sum([t for _, t in layers], 0).tolist():
        return "BAD: the model's counts are not the sum of its layers'"
    if len(layers) + len(score.skipped) != sum(a.kind == "weight" for a in arrays):
        return "BAD: a weight is neither counted nor listed"
    if kind == "checkpoint":
        same = score.counts.tolist() == expected
        return "right" if same else "BAD: other counts although TensorFlow has checksums"
    truth = other_road.arrays(kind, path)
    if truth is None:
        return "right" if score.counts.tolist() == expected else "unchecked"
    if sorted(shape for shape, _ in truth) != sorted(array.shape for array in arrays):
        return "BAD: other arrays than the file has"
    left = collections.Counter(truth)
    for shape, tally in layers:
        if left[shape, tuple(map(int, tally))]:
            left[shape, tuple(map(int, tally))] -= 1
        elif left[shape, False]:
            return "unchecked"
        else:
            return "BAD: wrong counts"
    return "right"


def highest_memory(pid):
    """The most memory that a process had since this was last asked, in MB."""
    try:
        with open(f"/proc/{pid}/status") as status:
            highest = int(re.search(r"VmHWM:\s+(\d+)", status.read())[1]) // 1024
        with open(f"/proc/{pid}/clear_refs", "w") as clear:
            clear.write("5")
        return highest
    except (OSError, TypeError):  # No such system, or it has ended.
        return 0


def work(samples, seed, pipe):
    """Do the cases whose numbers come through the pipe."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    KEPT.mkdir(parents=True, exist_ok=True)
    with open(KEPT / "stderr.log", "a") as log:
        os.dup2(log.fileno(), 2)
    hdf5.SECONDS = SECONDS
    other_road, expected = OtherRoad(), {}
    other_road.arrays("weights", "nothing")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="fuzz", dir=_fast_folder()))
    pipe.send(str(folder))
    parent = os.getppid()
    while os.getppid() == parent:
        if not pipe.poll(5):
            continue
        if (number := pipe.recv()) is None:
            break
        kind, entry, files = damaged(samples, seed, number)
        if kind not in expected:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of what TensorFlow imports
                path = placed(folder, entry, samples[kind][1])
                expected[kind] = kb.score(path, threads=1).counts.tolist()
        path = placed(folder, entry, files)
        highest_memory(os.getpid())
        before, start = highest_memory(os.getpid()), time.monotonic()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            outcome = outcome_of(kind, path, other_road, expected[kind])
        seconds = time.monotonic() - start
        helper = isolation.server("hdf5_index").pid
        memory = highest_memory(os.getpid()) - before
        memory += max(highest_memory(helper) - HELPER, 0) if helper else 0
        if seconds > MARGIN:
            outcome = f"BAD: took {seconds:.0f} s"
        if memory > MOST_MEMORY:
            outcome = f"BAD: took {memory} MB"
        pipe.send((kind, outcome, seconds, memory))
    other_road.stop()
    shutil.rmtree(folder)


def _fast_folder():
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def placed(folder, entry, files):
    """Write the files of a case; the path to score."""
    folder = folder / "case"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return str(folder if entry == "." else folder / entry)


class Worker:
    """A process that does cases, a new one where the last has crashed or hung."""

    def __init__(self, samples, seed):
        self._samples, self._seed, self._process, self.number = samples, seed, None, None

    def begin(self, number):
        if self._process is None:
            self.pipe, theirs = FORK.Pipe()
            self._process = FORK.Process(target=work, args=(self._samples, self._seed, theirs))
            self._process.start()
            theirs.close()
            self._folder = self.pipe.recv()
        self.number, self.deadline = number, time.monotonic() + 4 * MARGIN
        self.pipe.send(number)

    def result(self):
        """`(kind, outcome, seconds, memory)`; waits no longer than until the deadline."""
        try:
            if self.pipe.poll(max(self.deadline - time.monotonic(), 0)):
                return self.pipe.recv()
            why = "BAD: hung"
        except (EOFError, OSError):
            self._process.join(5)
            why = f"BAD: crashed with {self._process.exitcode}"
        self.stop(kill=True)
        return damaged(self._samples, self._seed, self.number)[0], why, 0.0, 0

    def stop(self, kill=False):
        if self._process is not None:
            if kill:
                self._process.kill()
            else:
                self.pipe.send(None)
            self._process.join()
            self.pipe.close()
            shutil.rmtree(self._folder, ignore_errors=True)
            self._process = None


def run(samples, seed, numbers, processes=1, advance=lambda: None):
    """Do cases; yields `(number, kind, outcome, seconds, memory)` of each as it is done."""
    numbers = iter(numbers)
    workers = [Worker(samples, seed) for _ in range(processes)]
    try:
        busy = [w for w, number in zip(workers, numbers, strict=False) if not w.begin(number)]
        while busy:
            soonest = min(worker.deadline for worker in busy) - time.monotonic()
            ready = connection.wait([worker.pipe for worker in busy], max(soonest, 0))
            now = time.monotonic()
            for worker in [w for w in busy if w.pipe in ready or w.deadline <= now]:
                number, result = worker.number, worker.result()
                following = next(numbers, None)
                if following is None:
                    busy.remove(worker)
                else:
                    worker.begin(following)
                yield number, *result
    finally:
        for worker in workers:
            worker.stop(kill=sys.exc_info()[0] is not None)


def keep(samples, seed, number, outcome):
    """Keep the files of a case that is BAD; how to do it again."""
    _, entry, files = damaged(samples, seed, number)
    folder = KEPT / f"{seed}-{number}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    again = f"python -m benchmarks.fuzz_files --seed {seed} --case {number}"
    return f"{outcome}\n  {folder / entry}; do it again with `{again}`"


def versions():
    """The versions of what reads the files."""
    names = ("h5py", "keras", "numpy", "safetensors", "tensorflow")
    found = {name: importlib.metadata.version(name) for name in names}
    return found | {"hdf5": h5py.version.hdf5_version, "python": sys.version.split()[0]}


def campaign(samples, args, console):
    """Do all blocks that the record lacks, a line for each."""
    done = {line["block"] for line in _lines(args.record) if line["seed"] == args.seed}
    blocks = [block for block in range(args.count // BLOCK) if block not in done]
    with Progress(console=console, disable=not console.is_terminal, auto_refresh=False) as progress:
        task = progress.add_task("cases", total=len(blocks) * BLOCK)
        for block in blocks:
            outcomes, seconds, highest, start = collections.Counter(), 0.0, 0, time.monotonic()
            cases = range(block * BLOCK, (block + 1) * BLOCK)
            for number, kind, outcome, took, memory in run(
                samples, args.seed, cases, args.processes
            ):
                if outcome.startswith("BAD"):
                    console.print(keep(samples, args.seed, number, f"{kind}: {outcome}"))
                outcomes[kind, outcome.partition(":")[0]] += 1
                seconds, highest = max(seconds, took), max(highest, memory)
                progress.update(task, advance=1, refresh=number % 50 == 0)
            by_kind = collections.defaultdict(dict)
            for (kind, outcome), n in sorted(outcomes.items()):
                by_kind[kind][outcome] = n
            line = {
                "seed": args.seed,
                "block": block,
                "cases": BLOCK,
                "formats": by_kind,
                "seconds": round(time.monotonic() - start, 1),
                "longest_seconds": round(seconds, 2),
                "highest_mb": highest,
                "versions": versions(),
            }
            args.record.parent.mkdir(parents=True, exist_ok=True)
            with args.record.open("a") as file:
                file.write(json.dumps(line) + "\n")


def _lines(record):
    return list(map(json.loads, record.read_text().splitlines())) if record.exists() else []


def table_of(lines):
    """Outcomes by format of all recorded cases."""
    total = collections.Counter()
    for line in lines:
        for kind, outcomes in line["formats"].items():
            for outcome, n in outcomes.items():
                total[kind, outcome] += n
    highest = max((line["highest_mb"] for line in lines), default=0)
    longest = max((line["longest_seconds"] for line in lines), default=0)
    title = f"{sum(total.values()):,} damaged files; at most {highest} MB and {longest} s each"
    table = Table("format", *OUTCOMES, title=title)
    for kind in sorted({kind for kind, _ in total}):
        table.add_row(kind, *(f"{total[kind, name]:,}" for name in OUTCOMES))
    table.add_row(
        "all", *(f"{sum(n for (_, o), n in total.items() if o == x):,}" for x in OUTCOMES)
    )
    return table


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument(
        "--record", type=pathlib.Path, default=pathlib.Path("benchmarks/results/fuzz.jsonl")
    )
    parser.add_argument("--case", type=int, help="do this one alone, and say what came of it")
    parser.add_argument("--make", type=pathlib.Path, help="only write the undamaged files there")
    args = parser.parse_args()
    if args.make:
        return make_samples(args.make)
    samples = load_samples()
    if args.case is not None:
        ((_, kind, outcome, seconds, memory),) = run(samples, args.seed, [args.case])
        print(f"{keep(samples, args.seed, args.case, f'{kind}: {outcome}')}")
        return print(f"{seconds:.2f} s, {memory} MB")
    campaign(samples, args, Console(stderr=True))
    lines = [line for line in _lines(args.record) if line["seed"] == args.seed]
    Console().print(table_of(lines))


if __name__ == "__main__":
    main()
