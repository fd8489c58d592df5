"""What a state on disk costs: peak memory and time of `fit` on a model of half a gigabyte.

    KERAS_BACKEND=jax python -m benchmarks.memory

Each way of training runs in a process of its own, whose peak memory the system tells: without the
callback, with the best weights in memory and with `backup_dir=`, and with the mean of five checks'
weights in both places.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time

WAYS = {
    "no callback": None,
    "MLHEarlyStopping(restore_best_weights=False)": {"restore_best_weights": False},
    "MLHEarlyStopping()": {},
    "MLHEarlyStopping(backup_dir=…)": {"backup_dir": "a folder"},
    "MLHEarlyStopping(restore='average')": {"restore": "average"},
    "MLHEarlyStopping(restore='average', backup_dir=…)": {
        "restore": "average",
        "backup_dir": "a folder",
    },
}
WIDTH, DEPTH = 2048, 30


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--optimizer", default="adam")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--way", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way is not None:
        print(json.dumps(train(WAYS[options.way], options.optimizer, options.epochs)))
        return
    print(f"{WIDTH * WIDTH * DEPTH * 4 / 1e6:.0f} MB of kernels, {options.optimizer}")
    base = None
    for way in WAYS:
        command = [sys.executable, "-m", "benchmarks.memory", "--way", way]
        command += ["--optimizer", options.optimizer, "--epochs", str(options.epochs)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        result = json.loads(done.stdout.splitlines()[-1])
        base = base or result["peak_mb"]
        print(
            f"{way}: peak {result['peak_mb']:,.0f} MB "
            f"({100 * (result['peak_mb'] / base - 1):+.1f} %), "
            f"{result['seconds_later']:.1f} s an epoch after the first"
        )


def train(arguments, optimizer, epochs):
    import keras
    import numpy as np

    import keras_benford as kb

    model = keras.Sequential(
        [keras.Input((WIDTH,)), *(keras.layers.Dense(WIDTH, "relu") for _ in range(DEPTH))]
    )
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    rng = np.random.default_rng(0)
    x, y = rng.random((64, WIDTH), dtype=np.float32), rng.integers(WIDTH, size=64)
    ends = []
    callbacks = [keras.callbacks.LambdaCallback(on_epoch_begin=lambda *_: ends.append(now()))]
    with tempfile.TemporaryDirectory() as folder:
        if arguments is not None:
            if "backup_dir" in arguments:
                arguments = {**arguments, "backup_dir": folder}
            callbacks.append(kb.MLHEarlyStopping("mlh", patience=99, **arguments))
        model.fit(x, y, 16, epochs, 0, callbacks=callbacks)
    ends.append(now())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"peak_mb": peak, "seconds_later": (ends[-1] - ends[1]) / (len(ends) - 2)}


def now():
    return time.perf_counter()


if __name__ == "__main__":
    main()
