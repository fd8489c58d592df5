"""What counting costs on a GPU: beside the plain sum of the same array, and in `fit`.

    KERAS_BACKEND=jax python -m benchmarks.gpu --out gpu.jsonl
    KERAS_BACKEND=torch python -m benchmarks.gpu --out gpu.jsonl --compile

It needs Keras and its backend only, and runs on the CPU where that finds no GPU: try it there with
`--values 1_000_000`. Three measurements, of which `--only` picks some:

- `counting`: normal random numbers, made on the device in bfloat16 and float32, are counted by
  `tally_each` and summed in turn. Goal: half of the sum's bandwidth. With `--compile` PyTorch's
  `torch.compile` has its turn on the same kernel.
- `densenet`: all 121 kernels of DenseNet-121 are counted, a first time and again.
- `fit`: the small AlexNet on noise of CIFAR-10's shape, with a check each epoch and without, in
  turn. Goal: less than 0.5 % slower.

Everything is timed until the device is done. No figure is given for a wrong result: counts must be
those that NumPy gives of all the values, and no value may leave the device while it is counted. JAX
forbids that itself, but not on a CPU; PyTorch's operations are looked at one by one, but not inside
a compiled kernel; TensorFlow's are not watched.
"""

import argparse
import contextlib
import datetime
import json
import pathlib
import platform
import statistics
from unittest import mock

import keras
import numpy as np
from keras import ops

from benchmarks import overhead
from keras_benford import _backends, digits
from keras_benford.digits import tensors

BACKEND = keras.config.backend()
# Values that are fetched at a time, to be counted by NumPy.
_PART = 1 << 24
BYTES = {"bfloat16": 2, "float32": 4}


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--values", type=int, default=1_000_000_000, help="how many to count")
    parser.add_argument("--repeats", type=int, default=30, help="pairs of a count and a sum")
    parser.add_argument("--epochs", type=int, default=5, help="epochs of each fit of a pair")
    parser.add_argument("--pictures", type=int, default=50_000, help="pictures of an epoch")
    parser.add_argument("--pairs", type=int, default=15, help="pairs of fits")
    parser.add_argument("--compile", action="store_true", help="try torch.compile as well")
    measures = {"counting": counting, "densenet": densenet, "fit": fit}
    parser.add_argument("--only", nargs="+", choices=measures, default=list(measures))
    parser.add_argument("--out", type=pathlib.Path, help="a JSON Lines file to append to")
    arguments = parser.parse_args(argv)
    if arguments.compile and BACKEND != "torch":
        parser.error(f"--compile: expected KERAS_BACKEND=torch; received {BACKEND}")
    print(overhead.setting())
    for name in arguments.only:
        for figures in measures[name](arguments):
            record = {"what": name} | figures
            print(", ".join(f"{key} {readable(value)}" for key, value in record.items()))
            if arguments.out is not None:
                append(arguments.out, record | environment())


def readable(value):
    if isinstance(value, list):
        return " to ".join(map(readable, value))
    return f"{value:.4g}" if isinstance(value, float) else f"{value}"


def append(path, record):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(record) + "\n")


def environment():
    return {
        "device": overhead.device_kind(),
        "backend": BACKEND,
        "backend_version": overhead.backend_version(),
        "keras": keras.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    }


def counting(arguments):
    # JAX tells the highest peak of memory so far, so the larger array comes last.
    for dtype in ("bfloat16", "float32"):
        values = normal(arguments.values, dtype)
        expected = counts_by_numpy(values)
        for way, counted in ways_of_counting(values, arguments.compile).items():
            first = overhead.timed(lambda counted=counted: wait(counted()))
            # PyTorch compiles nothing while its operations are looked at.
            watch = contextlib.nullcontext() if "compiled" in way else no_fetching()
            check(way, counted, [expected], watch)
            yield {
                "dtype": dtype,
                "values": arguments.values,
                "way": way,
                **bandwidths(values, dtype, counted, arguments.repeats),
                "first_s": first,
                **memory(values, counted),
            }


def ways_of_counting(values, with_compile):
    """Name -> function of no arguments that counts the digits of the values on the device."""
    ways = {"tally_each": lambda: tensors.tally_each([values])}
    if with_compile:
        kernel = compiled_kernel(values)
        ways["tally_ops"] = lambda: tensors.tally_ops([values])
        ways["tally_ops, compiled"] = lambda: kernel([values])
    return ways


def compiled_kernel(values):
    """The kernel for these values, by `torch.compile`.

    That makes many graphs of it, as it does not see through NumPy's constants. It is given one,
    which has the constants on the device.
    """
    import torch
    from torch.fx.experimental.proxy_tensor import make_fx

    trace = make_fx(tensors.tally_ops, tracing_mode="fake", _allow_non_fake_inputs=True)
    # A kernel that is compiled need not go part by part.
    with mock.patch.object(_backends, "COMPILES", True):
        graph = trace([values])
    for node in graph.graph.find_nodes(op="get_attr"):
        setattr(graph, node.target, getattr(graph, node.target).to(values.device))
    return torch.compile(graph, dynamic=False)


def bandwidths(values, dtype, counted, repeats):
    """Bandwidth of a way to count, and of the sum of the same values, taken in turn."""
    counting_s, summing_s = overhead.paired_seconds(
        lambda: wait(counted()), lambda: wait(ops.sum(values)), repeats
    )
    gigabytes = values.shape[0] * BYTES[dtype] / 1e9
    return {
        "gb_per_s": gigabytes / statistics.median(counting_s),
        "sum_gb_per_s": gigabytes / statistics.median(summing_s),
        "share_of_sum_quartiles": overhead.quartiles_of_ratios(summing_s, counting_s).tolist(),
        "pairs": repeats,
    }


def densenet(arguments):
    counted, seconds = overhead.densenet_seconds(arguments.repeats)
    values = [weight.value() for weight in counted]
    expected = [counts_by_numpy(ops.reshape(each, (-1,))) for each in values]
    check("DenseNet-121", lambda: tensors.tally_each(values), expected, no_fetching())
    yield {
        "kernels": len(counted),
        "first_s": seconds[0],
        "later_ms_quartiles": (1e3 * np.percentile(seconds[1:], (25, 50, 75))).tolist(),
        "repeats": arguments.repeats,
    }


def fit(arguments):
    sizes = {key: getattr(arguments, key) for key in ("pictures", "epochs", "pairs")}
    without, with_checks = overhead.fit_seconds(**sizes)
    ratios = overhead.quartiles_of_ratios(with_checks, without)
    yield {
        **sizes,
        "without_s": statistics.median(without),
        "slower_percent_quartiles": (100 * (ratios - 1)).tolist(),
    }


def check(what, counted, expected, watch):
    """Raise unless the counts are those expected, and nothing was fetched under the watch."""
    with watch:
        counts = counted()
        wait(counts)
    counts = ops.convert_to_numpy(counts)
    if not np.array_equal(counts, expected):
        raise RuntimeError(f"{what}: expected the counts {expected}; received {counts.tolist()}")


def counts_by_numpy(values):
    """Tally of a flat tensor's values, fetched a part at a time."""
    parts = (values[at : at + _PART] for at in range(0, values.shape[0], _PART))
    return sum(digits.tally(ops.convert_to_numpy(part)) for part in parts).tolist()


def normal(size, dtype):
    """Numbers like a network's weights, drawn on the device."""
    if BACKEND != "jax":
        return keras.random.normal((size,), stddev=0.05, dtype=dtype, seed=0)
    import jax

    # One program, or each of its steps writes its result down.
    draw = jax.jit(lambda key: 0.05 * jax.random.normal(key, (size,), dtype))
    return draw(jax.random.key(0))


def wait(result):
    """Return when the device has done all it was told."""
    if BACKEND == "jax":
        import jax

        jax.block_until_ready(result)
    elif BACKEND == "torch":
        import torch

        if torch.cuda.is_available():
            torch.cuda.synchronize()
    else:
        import tensorflow as tf

        tf.test.experimental.sync_devices()


def no_fetching():
    """A context in which it is an error to copy from the device, where the backend tells."""
    if BACKEND == "jax":
        import jax

        return jax.transfer_guard_device_to_host("disallow_explicit")
    return no_fetching_by_torch() if BACKEND == "torch" else contextlib.nullcontext()


def no_fetching_by_torch():
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves

    def lies_there(value):
        return isinstance(value, torch.Tensor) and value.device.type != "cpu"

    def came_here(value):
        is_tensor = isinstance(value, torch.Tensor)
        return not lies_there(value) if is_tensor else isinstance(value, (bool, int, float))

    class NoFetching(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            result = function(*args, **(kwargs or {}))
            if any(map(lies_there, tree_leaves(args))) and any(map(came_here, tree_leaves(result))):
                raise RuntimeError(f"expected all values to stay on the device; {function} fetched")
            return result

    return NoFetching()


def memory(values, counted):
    """What counting takes beyond the values, and the peak of all, in bytes; what is not told, not.

    The peak is that since the process began, which may be the making of the values.
    """
    if BACKEND == "jax":
        import jax

        program = jax.jit(tensors.tally_ops).lower([values]).compile()
        told = jax.devices()[0].memory_stats() or {}
        peak = {"peak_bytes": told["peak_bytes_in_use"]} if "peak_bytes_in_use" in told else {}
        return {"extra_bytes": program.memory_analysis().temp_size_in_bytes} | peak
    if BACKEND == "torch":
        import torch

        if torch.cuda.is_available():
            peak, before = torch.cuda.max_memory_allocated(), torch.cuda.memory_allocated()
            torch.cuda.reset_peak_memory_stats()
            wait(counted())
            extra = torch.cuda.max_memory_allocated() - before
            return {"extra_bytes": extra, "peak_bytes": max(peak, before + extra)}
    return {}


if __name__ == "__main__":
    main()
