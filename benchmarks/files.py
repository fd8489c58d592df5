"""How fast files are scored: beside reading the same data sets with h5py and doing nothing.

Every contender is timed in turn with the plain reading of the same file, from a warm cache, and the
ratio is the median over these pairs. Peak memory is that of a fresh process and of the one that it
starts to list HDF5 files, above what Python takes for itself.

    python -m benchmarks.files --gigabytes 1
"""

import argparse
import functools
import importlib.util
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import h5py
import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.digits import paired_times
from keras_benford.scoring import score_file

_CHUNK = 1 << 20
# The peak as Linux tells it: that of `getrusage` begins with what the parent had.
_PEAK = """
import sys
from keras_benford.scoring import score_file
from keras_benford import _isolation

def peak(process):
    lines = open(f"/proc/{process}/status").read().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))

score_file(sys.argv[1], compiled=sys.argv[2] == "True")
servers = [server.pid for server in _isolation.SERVERS.values()]
print(sum(map(peak, ["self", *servers])))
"""
_PEAK_ALONE = """
lines = open("/proc/self/status").read().splitlines()
print(next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")))
"""


def keras_weights(folder, n_bytes):
    """A `.weights.h5` of float32 kernels, as Keras lays it out: 16 of them."""
    path = folder / "float32.weights.h5"
    random = np.random.default_rng(0)
    rows = n_bytes // 4 // 16 // 4096
    with h5py.File(path, "w") as file:
        for i in range(16):
            group = file.create_group(f"layers/dense{f'_{i}' if i else ''}/vars")
            group.attrs["name"] = f"dense_{i}"
            group["0"] = random.standard_normal((rows, 4096), np.float32) * np.float32(0.05)
            group["1"] = np.zeros(4096, np.float32)
        file.create_group("vars").attrs["name"] = "model"
    return path


def safetensors_weights(folder, n_bytes):
    """A safetensors file of bfloat16 matrices: 16 of them."""
    import ml_dtypes
    import safetensors.numpy

    path = folder / "bfloat16.safetensors"
    random = np.random.default_rng(0)
    shape = (n_bytes // 2 // 16 // 4096, 4096)
    tensors = {
        f"layers.{i}.weight": (random.standard_normal(shape, np.float32) * 0.05).astype(
            ml_dtypes.bfloat16
        )
        for i in range(16)
    }
    safetensors.numpy.save_file(tensors, path)
    return path


def read_with_h5py(path):
    """All data sets in chunks, by h5py."""
    buffer = np.empty(_CHUNK, np.float32)

    def read(_, item):
        if isinstance(item, h5py.Dataset) and item.ndim == 2:
            rows = _CHUNK // item.shape[1]
            for first in range(0, len(item), rows):
                count = min(rows, len(item) - first)
                target = buffer[: count * item.shape[1]].reshape(count, -1)
                item.read_direct(target, np.s_[first : first + count])

    with h5py.File(path, "r") as file:
        file.visititems(read)


def read_plainly(path):
    """All bytes in chunks."""
    buffer = bytearray(4 * _CHUNK)
    with open(path, "rb", buffering=0) as file:
        while file.readinto(buffer):
            pass


def peak_megabytes(path, compiled):
    """Peak memory of scoring in a fresh process, above that of Python alone."""

    def run(code, *arguments):
        command = [sys.executable, "-c", code, *map(str, arguments)]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    return run(_PEAK, path, compiled) - run(_PEAK_ALONE)


def seconds_of_many(paths, jobs):
    """Wall seconds of the command line on several files, without numba."""
    command = [sys.executable, "-m", "keras_benford", "score", *map(str, paths)]
    with tempfile.TemporaryDirectory() as folder:
        # What stands first on the path hides the numba that is installed.
        pathlib.Path(folder, "numba.py").write_text("raise ImportError(name='numba')")
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([folder, os.getcwd()])}
        start = time.perf_counter()
        subprocess.run(
            [*command, "--jobs", str(jobs)], check=True, capture_output=True, env=environment
        )
        return time.perf_counter() - start


def small_model(folder):
    """A `.keras` file of a small network, by Keras itself."""
    import keras

    path = folder / "small.keras"
    layers = [keras.Input((64,)), keras.layers.Dense(128, "relu"), keras.layers.Dense(10)]
    keras.Sequential(layers).save(path)
    return path


def seconds_of_starts(path, repeats):
    """Wall seconds of the command line on a small file, once Python has compiled all modules."""
    command = [sys.executable, "-m", "keras_benford", "score", str(path)]
    with tempfile.TemporaryDirectory() as compiled:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": compiled}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        seconds = []
        for _ in range(repeats + 1):
            start = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True, env=environment)
            seconds.append(time.perf_counter() - start)
    return seconds[1:]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=1.0, help="size of each file")
    parser.add_argument("--repeats", type=int, default=7, help="timed pairs for each contender")
    parser.add_argument("--folder", help="where to write the files (default: a temporary folder)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        run(pathlib.Path(name), int(arguments.gigabytes * 1e9), arguments.repeats)


def run(folder, n_bytes, repeats):
    """Write the files, time every contender and print the tables."""
    console = Console(width=110)
    small = small_model(folder)
    seconds = statistics.median(seconds_of_starts(small, 2 * repeats + 1))
    console.print(f"keras-benford score small.keras: {seconds:.2f} s, median of {2 * repeats + 1}")
    table = Table(title=f"{n_bytes / 1e9:g} GB from a warm cache, medians of {repeats} pairs")
    for column in ("file", "counted by", "GB/s", "reading alone, GB/s", "ratio", "peak, MB"):
        table.add_column(column, justify="left" if column in ("file", "counted by") else "right")
    ways = {"NumPy": False}
    if importlib.util.find_spec("numba"):
        ways["numba"] = True
    for make, read in (
        (keras_weights, read_with_h5py),
        (safetensors_weights, read_plainly),
    ):
        path = make(folder, n_bytes)
        os.sync()  # Or the writing of the file goes on beside.
        size = path.stat().st_size
        for way, compiled in ways.items():
            reading, scoring = paired_times(
                functools.partial(read, path),
                functools.partial(score_file, path, compiled=compiled),
                repeats,
            )
            ratio = statistics.median(s / r for s, r in zip(scoring, reading, strict=True))
            rates = (size / statistics.median(times) / 1e9 for times in (scoring, reading))
            peak = peak_megabytes(path, compiled)
            scored, read_alone = (f"{rate:.2f}" for rate in rates)
            table.add_row(path.name, way, scored, read_alone, f"{ratio:.1f}", f"{peak:.0f}")
        path.unlink()
    console.print(table)

    paths = []
    for i in range(8):
        path = keras_weights(folder, n_bytes)
        paths.append(path.rename(folder / f"{i}.weights.h5"))
    os.sync()
    pairs = [[seconds_of_many(paths, jobs) for jobs in (1, 2)] for _ in range(max(repeats // 2, 1))]
    ratio = statistics.median(one / two for one, two in pairs)
    console.print(f"eight such files by NumPy, --jobs 2 instead of 1: {ratio:.2f} times as fast")


if __name__ == "__main__":
    main()
