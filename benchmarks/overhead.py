"""What counting costs while a network trains: in the callbacks' hooks, and inside a training step.

    python -m benchmarks.overhead

Three questions: how long all kernels of DenseNet-121 take to count, which share of `fit` passes in
the hooks of `MLHEarlyStopping`, and how much slower a training step is with `WeightsMLH` compiled
into it. The last is the median over pairs of steps, one with and one without, taken in turn.
"""

import argparse
import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
from rich.console import Console
from rich.table import Table

import keras_benford as kb
from examples.experiments.models import small_alexnet
from keras_benford.scoring import count
from keras_benford.selection import select

HOOKS = (
    "on_train_begin",
    "on_epoch_begin",
    "on_train_batch_begin",
    "on_train_batch_end",
    "on_epoch_end",
    "on_train_end",
)
BATCH = 512


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=20, help="epochs of each timed fit")
    parser.add_argument("--pictures", type=int, default=50_000, help="pictures of an epoch")
    parser.add_argument(
        "--repeats", type=int, default=100, help="counts of DenseNet, pairs of steps"
    )
    arguments = parser.parse_args()
    table = Table(title="cost of counting", show_header=False)
    table.add_column("what")
    table.add_column("how much", justify="right")
    for row in (
        *densenet_rows(arguments.repeats),
        *hook_rows(arguments.pictures, arguments.epochs),
        *step_rows(arguments.repeats),
    ):
        table.add_row(*row)
    Console().print(table)


def densenet_rows(repeats):
    model = keras.applications.DenseNet121(weights=None)
    counted = select(model).counted
    seconds = [timed(lambda: count(counted)) for _ in range(repeats + 1)]
    millions = sum(np.prod(weight.shape) for weight in counted) / 1e6
    what = f"DenseNet-121, {len(counted)} kernels, {millions:.1f} million weights"
    yield f"{what}: first count", f"{seconds[0]:.2f} s"
    yield f"{what}: later counts, median", f"{1e3 * statistics.median(seconds[1:]):.1f} ms"


def hook_rows(pictures, epochs):
    x, y = data(pictures)
    for name, check_every in (("epoch", "epoch"), ("third of an epoch", 1 / 3)):
        callback = timed_callback(kb.MLHEarlyStopping(check_every=check_every, patience=10**6))
        fit = timed(
            lambda callback=callback: network().fit(
                x, y, batch_size=BATCH, epochs=epochs, callbacks=[callback], verbose=0
            )
        )
        checks = len(callback.history["mlh"])
        what = f"fit, {epochs} epochs of {pictures:,}, a check each {name}: in its hooks"
        yield what, f"{100 * sum(callback.seconds) / fit:.2f} % ({checks} checks)"
        # The first check compiles the counting.
        later = sum(callback.seconds) - max(callback.seconds)
        yield f"{what}, less the slowest call", f"{100 * later / fit:.2f} %"


def timed_callback(callback):
    """The callback, with the seconds of each call of its hooks in `callback.seconds`."""
    callback.seconds = []
    for name in HOOKS:
        hook = getattr(callback, name)
        if hook == getattr(keras.callbacks.Callback, name).__get__(callback):
            # A hook of its own would switch Keras' asynchronous dispatch off.
            continue

        def wrapped(*args, hook=hook, **kwargs):
            callback.seconds.append(timed(lambda: hook(*args, **kwargs)))

        setattr(callback, name, wrapped)
    return callback


def step_rows(pairs):
    x, y = data(BATCH)
    without, with_metric = network(), network(with_metric=True)
    ratios = []
    for pair in range(pairs + 1):
        models = [without, with_metric] if pair % 2 else [with_metric, without]
        seconds = {model: timed(lambda model=model: model.train_on_batch(x, y)) for model in models}
        ratios.append(seconds[with_metric] / seconds[without])
    # The first pair compiles the steps.
    slower = 100 * (statistics.median(ratios[1:]) - 1)
    yield f"training step with WeightsMLH, median of {pairs} pairs", f"{slower:+.1f} %"


def network(with_metric=False):
    model = small_alexnet((32, 32, 3), 10)
    metrics = ["accuracy", kb.WeightsMLH(model)] if with_metric else ["accuracy"]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(3e-3), loss, metrics=metrics)
    return model


def data(pictures):
    """Noise of CIFAR-10's shape."""
    rng = np.random.default_rng(0)
    x = rng.random((pictures, 32, 32, 3), dtype=np.float32)
    return x, rng.integers(10, size=pictures)


def timed(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
