"""How many inputs churn takes to choose as well as from 10,000, and what averaging checks is worth.

    python -m benchmarks.probe_size --seeds 3 --out benchmarks/results/probe_size.jsonl

Networks train on 10,000 pictures of MNIST, with the right labels or with 40 % of them redrawn, a
perceptron and a convolutional network with batch normalisation. After each epoch their classes on
all training inputs and on 10,000 unseen ones are kept, and the test accuracy of their weights, of
the mean of the last five epochs' weights, and of that mean with the statistics of batch
normalisation estimated anew on 2,000 training inputs. Afterwards the rule of `ChurnEarlyStopping`
is replayed on probes of several sizes, ten drawn of each.

Regret is the test accuracy at the best epoch, less that at the epoch which the rule restores.
"""

import argparse
import collections
from pathlib import Path

import keras
import numpy as np
from keras import layers
from rich.console import Console
from rich.progress import track
from rich.table import Table

from examples.experiments import datasets, records
from examples.experiments.shuffled import Shuffled
from keras_benford.callbacks import batch_norm
from keras_benford.callbacks.best_weights import CHECKS
from keras_benford.predictions import churn
from keras_benford.rules import Memorising, replay

SIZES = (250, 500, 1000, 2000, 4000, 10_000)
DRAWS = 10
EPOCHS = 40
WAYS = ("weights", "mean", "mean, batch norm anew")


def perceptron():
    return [layers.Flatten(), layers.Dense(256, "relu"), layers.Dense(10)]


def convolutional():
    return [
        layers.Conv2D(16, 3, strides=2),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.Conv2D(32, 3, strides=2),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.Flatten(),
        layers.Dense(10),
    ]


NETWORKS = {"perceptron": perceptron, "convolutions with batch norm": convolutional}
NOISE = (0.0, 0.4)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--pictures", type=int, default=10_000, help="to train on")
    parser.add_argument("--data-dir", help="folder of TensorFlow Datasets")
    parser.add_argument("--out", type=Path, help="a .jsonl file to append the records to")
    options = parser.parse_args(argv)
    runs = [
        (name, noise, seed) for name in NETWORKS for noise in NOISE for seed in range(options.seeds)
    ]
    found = []
    for name, noise, seed in track(runs, "training", console=Console(stderr=True)):
        run = {"network": name, "label_noise": noise, "seed": seed}
        run |= judged(*train(options, name, noise, seed), seed)
        found.append(run)
        if options.out:
            records.append(options.out, run)
    for table in tables(found):
        Console(width=100).print(table)


def train(options, name, noise, seed):
    """Classes on both probes, `(epochs, n)` each, and test accuracies by `WAYS`, `(epochs, 3)`."""
    data = datasets.load(
        "mnist",
        seed=seed,
        train_size=options.pictures,
        label_noise=noise,
        data_dir=options.data_dir,
    )
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input(data.input_shape), *NETWORKS[name]()])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    watch = Watch(data, options.pictures)
    with Shuffled(data.x_train, data.y_train, 128, seed) as batches:
        model.fit(batches, shuffle=False, epochs=options.epochs, verbose=0, callbacks=[watch])
    return watch.training, watch.unseen, np.array(watch.accuracies)


class Watch(keras.callbacks.Callback):
    """Keeps what the benchmark needs of each epoch."""

    def __init__(self, data, n):
        super().__init__()
        self.data = data
        self.unseen_inputs = data.x_unseen[:n]
        self.training, self.unseen, self.accuracies = [], [], []
        self._recent = collections.deque(maxlen=CHECKS)

    def classes(self, x):
        return self.model.predict(x, batch_size=1000, verbose=0).argmax(axis=1).astype("uint8")

    def accuracy(self):
        return float(np.mean(self.classes(self.data.x_test) == self.data.y_test))

    def on_epoch_end(self, epoch, logs=None):
        self.training.append(self.classes(self.data.x_train))
        self.unseen.append(self.classes(self.unseen_inputs))
        own = self.model.get_weights()
        self._recent.append(own)
        accuracies = [self.accuracy()]
        self.model.set_weights([np.mean(each, axis=0) for each in zip(*self._recent, strict=True)])
        accuracies.append(self.accuracy())
        batch_norm.estimate_anew(self.model, self.data.x_train[:2000])
        accuracies.append(self.accuracy())
        self.model.set_weights(own)
        self.accuracies.append(accuracies)


def judged(training, unseen, accuracies, seed):
    """Regrets in points by the probe's size, of the means over the draws, and by `WAYS`."""
    best = accuracies[:, 0].max()
    rng = np.random.default_rng(seed)
    regrets = {}
    for size in (size for size in SIZES if size <= len(training[0])):
        draws = []
        for _ in range(DRAWS if size < len(training[0]) else 1):
            chosen = [rng.choice(len(each[0]), size, replace=False) for each in (training, unseen)]
            checks = [{"churn": None, "unseen_churn": None}]
            for at in range(1, len(training)):
                pair = zip((training, unseen), chosen, strict=True)
                values = [churn(each[at - 1][part], each[at][part]) for each, part in pair]
                checks.append(dict(zip(("churn", "unseen_churn"), values, strict=True)))
            end = replay(Memorising(size, size), checks)
            at = len(training) - 1 if end.best is None else end.best
            draws.append([*(100 * (best - accuracies[at])), end.stopped or len(training) - 1])
        regrets[str(size)] = np.round(np.mean(draws, axis=0), 4).tolist()
    return {"best": best, "last": accuracies[-1].tolist(), "regrets": regrets}


def tables(found):
    """Regrets by the probe's size, and by what is restored, mean over the runs of each task."""
    tasks = sorted({(run["network"], run["label_noise"]) for run in found})
    by_size = Table(title="regret in points, mean weights with batch norm anew, by probe size")
    by_way = Table(title="regret in points, the largest probe, by what is restored")
    for table, columns in ((by_size, found[0]["regrets"]), (by_way, WAYS)):
        table.add_column("task")
        for column in columns:
            table.add_column(column, justify="right")
    for network, noise in tasks:
        runs = [run for run in found if (run["network"], run["label_noise"]) == (network, noise)]
        values = np.array([list(run["regrets"].values()) for run in runs])
        name = f"{network}, noise {noise:g}"
        by_size.add_row(name, *(records.mean_and_spread(each, 2) for each in values[:, :, 2].T))
        by_way.add_row(name, *(records.mean_and_spread(each, 2) for each in values[:, -1, :3].T))
    return by_size, by_way


if __name__ == "__main__":
    main()
