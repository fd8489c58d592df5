"""What counting costs while a network trains: in the callbacks' hooks, and in `fit` as a whole.

    KERAS_BACKEND=jax python -m benchmarks.overhead

Five questions, of which `--only` picks some. `densenet`: how long do all kernels of DenseNet-121
take to count? `hooks`: which share of `fit` passes in the hooks of `MLHEarlyStopping`? `churn`:
which in those of `ChurnEarlyStopping`, with its default probes of unseen and of noisy inputs?
`fit`: how much longer does `fit` take with a check each epoch than without? `metric`: how much
slower is a training step with `WeightsMLH` compiled into it, and under JAX, where that counts once
an epoch, a `fit`?

What is slower is told by pairs, one with and one without, taken in turn and the other way round
each time: the median of their ratios, and the quartiles. A first pair, which compiles, is left out;
the share of the hooks is that of a new network's `fit`, compiling included.
"""

import argparse
import functools
import importlib
import statistics
import time

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


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=20, help="epochs of a fit, for the hooks")
    parser.add_argument("--pair-epochs", type=int, default=3, help="epochs of each fit of a pair")
    parser.add_argument("--pictures", type=int, default=50_000, help="pictures of an epoch")
    parser.add_argument("--pairs", type=int, default=15, help="pairs of fits")
    parser.add_argument(
        "--repeats", type=int, default=100, help="counts of DenseNet, pairs of steps"
    )
    measures = {
        "densenet": lambda a: densenet_rows(a.repeats),
        "hooks": lambda a: hook_rows(a.pictures, a.epochs),
        "churn": lambda a: churn_rows(a.pictures, a.epochs),
        "fit": lambda a: fit_rows(a.pictures, a.pair_epochs, a.pairs),
        "metric": metric_rows,
    }
    parser.add_argument("--only", nargs="+", choices=measures, default=list(measures))
    arguments = parser.parse_args(argv)
    table = Table(title=f"cost of counting: {setting()}", show_header=False)
    table.add_column("what")
    table.add_column("how much", justify="right")
    for measure in arguments.only:
        for row in measures[measure](arguments):
            table.add_row(*row)
    Console(width=120).print(table)


def setting():
    """What was measured on: Keras, its backend and the device."""
    backend = keras.config.backend()
    return f"Keras {keras.__version__} on {backend} {backend_version()}, {device_kind()}"


def backend_version():
    return importlib.import_module(keras.config.backend()).__version__


def device_kind():
    """The name of the device that the backend computes on, such as `cpu` or that of a GPU."""
    backend = keras.config.backend()
    if backend == "jax":
        import jax

        return jax.devices()[0].device_kind
    if backend == "torch":
        import torch

        device = keras.ops.zeros(()).device
        return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    details = tf.config.experimental.get_device_details(gpus[0]) if gpus else {}
    return details.get("device_name", "gpu" if gpus else "cpu")


def densenet_rows(repeats):
    counted, seconds = densenet_seconds(repeats)
    millions = sum(np.prod(weight.shape) for weight in counted) / 1e6
    what = f"DenseNet-121, {len(counted)} kernels, {millions:.1f} million weights"
    yield f"{what}: first count", f"{seconds[0]:.2f} s"
    yield f"{what}: later counts, median", f"{1e3 * statistics.median(seconds[1:]):.1f} ms"


def densenet_seconds(repeats):
    """The kernels of DenseNet-121, and the seconds of a first count and of `repeats` others."""
    model = keras.applications.DenseNet121(weights=None)
    # JAX and GPUs make the weights while Python goes on: wait for them.
    model.get_weights()
    counted = select(model).counted
    return counted, [timed(lambda: count(counted)) for _ in range(repeats + 1)]


def hook_rows(pictures, epochs):
    x, y = data(pictures)
    for name, check_every in (("epoch", "epoch"), ("third of an epoch", 1 / 3)):
        callback = kb.MLHEarlyStopping(check_every=check_every, patience=10**6)
        yield from hooks_of(callback, f"a check each {name}", x, y, epochs)


def churn_rows(pictures, epochs):
    x, y = data(pictures)
    for name, unseen in (("unseen", data(2000)[0]), ("noisy", "noisy")):
        callback = kb.ChurnEarlyStopping(x, unseen, patience=10**6)
        yield from hooks_of(callback, f"ChurnEarlyStopping, {name} inputs", x, y, epochs)


def hooks_of(callback, name, x, y, epochs):
    """Rows that say which share of a `fit` passes in a callback's hooks."""
    callback = timed_callback(callback)
    fit = timed(
        lambda: network().fit(
            x, y, batch_size=BATCH, epochs=epochs, callbacks=[callback], verbose=0
        )
    )
    checks = len(callback.history["epoch"])
    what = f"fit, {epochs} epochs of {len(x):,}, {name}: in its hooks"
    yield what, f"{100 * sum(callback.seconds) / fit:.2f} % ({checks} checks)"
    # The first check compiles.
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


def fit_rows(pictures, epochs, pairs):
    what = f"fit, {epochs} epochs of {pictures:,}: slower with a check each epoch"
    yield what, slower(*fit_seconds(pictures, epochs, pairs))


def fit_seconds(pictures, epochs, pairs):
    """Seconds of the same network's `fit` without and with `MLHEarlyStopping`: two lists."""
    x, y = data(pictures)
    fit = functools.partial(network().fit, x, y, batch_size=BATCH, epochs=epochs, verbose=0)
    return paired_seconds(fit, lambda: fit(callbacks=[kb.MLHEarlyStopping(patience=10**6)]), pairs)


def metric_rows(arguments):
    without, with_metric = network(), network(with_metric=True)
    if keras.config.backend() == "jax":
        # Here the metric counts as an epoch begins, not in the step.
        x, y = data(arguments.pictures)
        settings = {"batch_size": BATCH, "epochs": arguments.pair_epochs, "verbose": 0}
        runs = [functools.partial(model.fit, x, y, **settings) for model in (without, with_metric)]
        what = f"fit, {arguments.pair_epochs} epochs of {arguments.pictures:,}"
        pairs = arguments.pairs
    else:
        batch = data(BATCH)
        runs = [functools.partial(m.train_on_batch, *batch) for m in (without, with_metric)]
        what, pairs = "training step", arguments.repeats
    yield f"{what}: slower with WeightsMLH", slower(*paired_seconds(*runs, pairs))


def paired_seconds(without, with_it, pairs):
    """Seconds of two functions called in turn, less the first pair, which compiles: two lists."""
    seconds = {without: [], with_it: []}
    for pair in range(pairs + 1):
        for function in (without, with_it) if pair % 2 else (with_it, without):
            seconds[function].append(timed(function))
    return seconds[without][1:], seconds[with_it][1:]


def quartiles_of_ratios(seconds, others):
    """Quartiles of the ratios pair by pair: an array of the lower one, the median, the upper."""
    return np.percentile(np.divide(seconds, others), (25, 50, 75))


def slower(without, with_it):
    """How much slower it is with something than without, from the seconds of pairs."""
    low, median, high = 100 * (quartiles_of_ratios(with_it, without) - 1)
    return f"{median:+.2f} % (quartiles {low:+.2f} to {high:+.2f}, {len(without)} pairs)"


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
