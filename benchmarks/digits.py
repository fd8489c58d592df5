"""How fast digits are counted: the tensor kernel, NumPy and numba beside a sum and the paper's way.

Every contender is timed in turn with `tf.reduce_sum` of the same tensor, and the ratio is the
median over these pairs, so that a machine that is busy for a while does not favour either.

    python -m benchmarks.digits --size 25000000
"""

import argparse
import importlib.util
import statistics
import time

import numpy as np
import tensorflow as tf
from rich.console import Console
from rich.table import Table

from keras_benford.digits import arrays, digit_counts
from keras_benford.digits.tensors import tally_each


def recipe(weights):
    """The paper's recipe, (|w| * 1e10, log10, truncate, divide), and a count of its digits."""
    return tf.math.bincount(_recipe_digits(weights), minlength=10, maxlength=10)[1:]


def recipe_without_bincount(weights):
    """The same with one comparison a digit, which XLA fuses where it has no fast bincount."""
    digits = _recipe_digits(weights)
    return tf.stack([tf.math.count_nonzero(tf.equal(digits, d)) for d in range(1, 10)])


def _recipe_digits(weights):
    scaled = tf.abs(weights) * 1e10
    magnitude = tf.floor(tf.math.log(scaled) / tf.math.log(tf.constant(10.0, scaled.dtype)))
    return tf.cast(scaled / tf.pow(tf.constant(10.0, scaled.dtype), magnitude), tf.int32)


def numpy_counts(array):
    """Counts in slices too short for numba to take over."""
    step = arrays.PAYS_FOR_THREADS // 2
    return sum(digit_counts(array[i : i + step]) for i in range(0, array.size, step))


def contenders(tensor, array):
    """Name -> function of no arguments that counts the digits of the same values."""
    graph = {
        "bincount": tf.function(recipe),
        "nine comparisons": tf.function(recipe_without_bincount),
        "nine comparisons, XLA": tf.function(recipe_without_bincount, jit_compile=True),
    }
    named = {
        "tensor kernel": lambda: tally_each([tensor])[0, :9].numpy(),
        "recipe, eager": lambda: recipe(tensor).numpy(),
    }
    for how, function in graph.items():
        named[f"recipe, {how}"] = lambda function=function: function(tensor).numpy()
    named["NumPy"] = lambda: numpy_counts(array)
    if importlib.util.find_spec("numba") and array.size >= arrays.PAYS_FOR_NUMBA:
        named["NumPy with numba"] = lambda: digit_counts(array)
    return named


def paired_times(first, second, repeats):
    """Seconds of both, called in turn: two lists."""
    for function in (first, second):
        function()
    times = ([], [])
    for _ in range(repeats):
        for function, taken in zip((first, second), times, strict=True):
            start = time.perf_counter()
            function()
            taken.append(time.perf_counter() - start)
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=25_000_000, help="float32 values to count")
    parser.add_argument("--repeats", type=int, default=15, help="timed pairs for each contender")
    arguments = parser.parse_args()

    array = np.random.default_rng(0).normal(0, 0.05, arguments.size).astype(np.float32)
    tensor = tf.constant(array)
    table = Table(title=f"{arguments.size:,} float32 values, medians of {arguments.repeats} pairs")
    for column in ("", "ms", "10^9 values/s", "x reduce_sum"):
        table.add_column(column, justify="right" if column else "left")

    medians, sums = {}, []
    for name, function in contenders(tensor, array).items():
        reference, taken = paired_times(
            lambda: tf.reduce_sum(tensor).numpy(), function, arguments.repeats
        )
        sums += reference
        medians[name] = statistics.median(taken)
        ratio = statistics.median(t / r for t, r in zip(taken, reference, strict=True))
        rate = arguments.size / medians[name] / 1e9
        table.add_row(name, f"{medians[name] * 1e3:.1f}", f"{rate:.3f}", f"{ratio:.2f}")
    total = statistics.median(sums)
    table.add_row("tf.reduce_sum", f"{total * 1e3:.1f}", f"{arguments.size / total / 1e9:.3f}", "1")

    console = Console()
    console.print(table)
    for name, median in medians.items():
        if name.startswith("recipe"):
            console.print(f"{name}: {median / medians['tensor kernel']:.1f} x the tensor kernel")


if __name__ == "__main__":
    main()
