"""What a search over many models costs in memory: each of new shapes, all in one process.

    KERAS_BACKEND=jax python -m benchmarks.search --out benchmarks/results/search.jsonl

Each way runs in a process of its own: without this package, with a callback that checks each
epoch, and with `score` of each model in the end. Training is eager, so that as little as possible
of the memory is that of Keras' own programs, and Keras' session is cleared after each model. What
is told is how much the process grew from the tenth model to the last.
"""

import argparse
import gc
import json
import subprocess
import sys

WAYS = ("neither", "callback", "score")
_WARM_UP = 10


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=int, default=200)
    parser.add_argument("--label", default="", help="what to call this state of the package")
    parser.add_argument("--out", help="append a line of JSON for each way to this file")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.way is not None:
        print(json.dumps(search(options.way, options.models)))
        return
    for way in WAYS:
        command = [sys.executable, "-m", "benchmarks.search", "--way", way]
        command += ["--models", str(options.models)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        record = {"label": options.label, **json.loads(done.stdout.splitlines()[-1])}
        print(
            f"{record['backend']}, {options.models} models, {way}: {record['end_mb']:,.0f} MB at "
            f"the end, {record['mb_a_model']:+.2f} MB a model"
        )
        if options.out is not None:
            with open(options.out, "a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")


def search(way, n_models):
    """Train so many networks, and say what memory the process has at the end."""
    import keras

    import keras_benford as kb

    for number in range(n_models):
        if number == _WARM_UP:
            start = resident_mb()
        train(way, number)
        keras.backend.clear_session()
        gc.collect()
    end = resident_mb()
    return {
        "backend": keras.backend.backend(),
        "keras": keras.__version__,
        "version": kb.__version__,
        "models": n_models,
        "way": way,
        "end_mb": end,
        "mb_a_model": (end - start) / (n_models - _WARM_UP),
    }


def train(way, number):
    import keras
    import numpy as np

    import keras_benford as kb

    rng = np.random.default_rng(number)
    x, y = rng.random((32, 16), dtype=np.float32), rng.integers(3, size=32)
    widths = [17 + number, 90 + number, 31 + number]
    layers = [keras.layers.Dense(width, "relu") for width in widths]
    model = keras.Sequential([keras.Input((16,)), *layers, keras.layers.Dense(3)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, metrics=["accuracy"], run_eagerly=True)
    callbacks = [kb.MLHEarlyStopping("mlh", patience=9)] if way == "callback" else []
    model.fit(x, y, 32, 3, 0, callbacks=callbacks)
    if way == "score":
        kb.score(model)


def resident_mb():
    with open("/proc/self/status", encoding="ascii") as file:
        line = next(line for line in file if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
