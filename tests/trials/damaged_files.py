"""Small real files of every format, and how case so-and-so of a seed damages one of them."""

import contextlib
import io
import json
import os
import pathlib
import random
import struct
import subprocess
import sys
import tempfile
import zipfile

import h5py
import ml_dtypes
import numpy as np

BLOCK = 1000
"""Cases in a line of the record."""
TENSORFLOW_EVERY = 25
"""In every tenth block, as TensorFlow takes seconds to load."""


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
    with (
        h5py.File(folder / "weights" / "m.weights.h5") as source,
        h5py.File(place("latest", "m.weights.h5"), "w", libver="latest") as target,
    ):
        copy_anew(source, target)
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


def copy_anew(source, target):
    """Write a group's content again, as the target's version of HDF5 does."""
    for name, item in source.items():
        if isinstance(item, h5py.Group):
            copy_anew(item, target.create_group(name))
            for key, value in item.attrs.items():
                target[name].attrs[key] = value
        else:
            target[name] = item[()]


def load_samples():
    """Format -> entry, and the files' names and contents; the writers run in another process."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tests.trials.damaged_files", folder]
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


if __name__ == "__main__":
    make_samples(pathlib.Path(sys.argv[1]))
