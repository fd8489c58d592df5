"""Early stopping without a validation set, beside the ways of stopping that people use.

From the same initial weights it trains a network six times: with `ChurnEarlyStopping`, which
watches the predictions, and with `MLHEarlyStopping`, which watches the weights, both on all the
training data; with Keras' EarlyStopping on the loss of 10 % and of 20 % that are held out; and for
all epochs. Churn is watched on inputs that are not trained on, and on training inputs with noise
in their place. Test labels are looked at only to say what each was worth.

    python -m examples.early_stopping                       # handwritten digits, 300 labels
    python -m examples.early_stopping --label-noise 0.2     # a fifth of the labels redrawn
    python -m examples.early_stopping --dataset cifar10     # full CIFAR-10 through tfds.load

Inputs that are not trained on are, of the digits, those that are left over; of a data set that is
trained on whole, the first half of its test part, and the second half is scored.
"""

import argparse
import csv
import math
import pathlib
import time

import keras
from rich.console import Console
from rich.table import Table

from examples.experiments import datasets, models, pictures, records
from examples.experiments.command import positive, seed
from examples.experiments.runner import progress
from examples.experiments.shuffled import Shuffled
from keras_benford import ChurnEarlyStopping, MLHEarlyStopping, plots
from keras_benford.measures import CRITERIA

# The settings of each data set: network, learning rate of Adam, batch size, most epochs.
SETTINGS = {
    "digits": (models.digits_cnn, 3e-3, 32, 150),
    "mnist": (models.lenet, 3e-3, 512, 30),
    "cifar10": (models.small_alexnet, 3e-3, 512, 40),
}


def main(argv=None):
    """Run the trainings, print the table and write everything to `--out`."""
    parser = argument_parser()
    args = parser.parse_args(argv)
    if args.train_size is not None and args.train_size < 10:
        parser.error(
            f"--train-size: expected 10 or more, to hold some out; received {args.train_size}"
        )
    try:
        data = datasets.load(
            args.dataset,
            seed=args.seed,
            train_size=args.train_size,
            label_noise=args.label_noise,
            data_dir=args.data_dir,
        )
        data = datasets.with_unseen(data)
        args.out.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    mlh = MLHEarlyStopping(args.monitor, patience=args.patience, verbose=1)
    churn = [
        ChurnEarlyStopping(data.x_train, each, args.patience, verbose=1)
        for each in (data.x_unseen, "noisy")
    ]
    ways = {
        "ChurnEarlyStopping, unseen inputs": (0.0, churn[0]),
        "ChurnEarlyStopping, noisy inputs": (0.0, churn[1]),
        f"MLHEarlyStopping ({args.monitor})": (0.0, mlh),
        "val_loss, 10 % held out": (0.1, validation_stopping(args.patience)),
        "val_loss, 20 % held out": (0.2, validation_stopping(args.patience)),
        "no early stopping": (0.0, None),
    }
    if args.only:
        ways = {way: ways[way] for way in ways if any(each in way for each in args.only)}
    if not ways:
        parser.error(f"--only: expected part of the name of a way; received {args.only}")
    console = Console()
    print(
        f"{args.dataset}: {len(data.x_train):,} training and {len(data.x_test):,} test pictures, "
        f"{len(data.x_unseen):,} without labels, label noise {args.label_noise:g}, "
        f"seed {args.seed}"
    )
    results = []
    for way, (held_out, callback) in ways.items():
        console.rule(way, align="left")
        result, history, model = train(args, data, way, held_out, callback)
        results.append(result)
        print(f"test accuracy {100 * result['test_accuracy']:.1f} %")
        if way == next(iter(ways)):
            save(args.out, model, history, callback)
        if args.record:
            rounded = {key: [_rounded(v) for v in values] for key, values in history.items()}
            records.append(args.record, result | {"history": rounded})
    console.rule("what it was worth, from the same initial weights", align="left")
    console.print(table_of(results))
    print(verdict(results))
    print(f"history, curves, TensorBoard logs and the stopped model: {args.out}/")


def argument_parser():
    parser = argparse.ArgumentParser(
        prog="python -m examples.early_stopping",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--dataset", choices=SETTINGS, default="digits")
    parser.add_argument(
        "--train-size", type=positive, help="training pictures (digits: 300; else all)"
    )
    parser.add_argument(
        "--label-noise",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="of labels to redraw",
    )
    parser.add_argument(
        "--monitor", choices=(*CRITERIA, "mlh"), default="symbolic_eic", help="of the weights"
    )
    parser.add_argument("--patience", type=positive, default=8, help="in epochs (default: 8)")
    parser.add_argument("--epochs", type=positive, help="most epochs (default: by data set)")
    parser.add_argument("--batch-size", type=positive, help="default: by data set")
    parser.add_argument("--seed", type=seed, default=0, help="0 to 2^32 - 1 (default: 0)")
    parser.add_argument("--only", nargs="+", metavar="WAY", help="ways by a part of their name")
    parser.add_argument("--data-dir", help="folder of TensorFlow Datasets")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("runs/early_stopping"))
    parser.add_argument("--record", type=pathlib.Path, help="append each result to this JSONL file")
    return parser


def _rounded(value):
    """As JSON has it: None in place of a NaN."""
    return round(value, 5) if math.isfinite(value) else None


def validation_stopping(patience):
    return keras.callbacks.EarlyStopping("val_loss", patience=patience, restore_best_weights=True)


def train(args, data, way, held_out, callback):
    """One training. Returns its result as a dict, its history and the model."""
    build, learning_rate, batch_size, epochs = SETTINGS[args.dataset]
    epochs = args.epochs or epochs
    # The same seed gives the same initial weights.
    keras.utils.set_random_seed(args.seed)
    model = build(data.input_shape, data.n_classes)
    model.compile(
        keras.optimizers.Adam(learning_rate),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    judge = TestAccuracy(data)
    callbacks = [callback] if callback else []
    shows_logs = hasattr(callback, "measures")
    # A folder a training: TensorBoard would draw two in one as one curve.
    folder = f"{time.strftime('%Y%m%d-%H%M%S')} {way.replace('%', 'percent')}"
    tensorboard = keras.callbacks.TensorBoard(args.out / "tensorboard" / folder)
    training, validation = datasets.split(data, held_out, args.seed)
    began = time.perf_counter()
    with Shuffled(*training, args.batch_size or batch_size, args.seed) as batches:
        history = model.fit(
            batches,
            shuffle=False,
            epochs=epochs,
            validation_data=validation if held_out else None,
            callbacks=[*callbacks, judge, tensorboard, *([] if shows_logs else [EpochBar()])],
            verbose=2 if shows_logs else 0,
        ).history
    seconds = time.perf_counter() - began - judge.seconds
    epochs_run = len(history["loss"])
    result = {
        "way": way,
        "dataset": args.dataset,
        "seed": args.seed,
        "train_size": len(data.x_train),
        "label_noise": args.label_noise,
        "batch_size": args.batch_size or batch_size,
        "patience": args.patience,
        "most_epochs": epochs,
        "epochs": epochs_run,
        "restored_epoch": callback.best_epoch + 1 if callback else epochs_run,
        "restored": getattr(callback, "restore", "best") if callback else "last",
        "seconds": round(seconds, 2),
        "test_accuracy": judge.accuracy(),
        "best_test_accuracy": max(history["test_accuracy"]),
    }
    return result, history, model


class TestAccuracy(keras.callbacks.Callback):
    """Adds `test_accuracy` to the history, for the picture; it decides nothing.

    Stands after what stops the training, which does not see what it writes.
    """

    def __init__(self, data):
        super().__init__()
        self.data = data
        self.seconds = 0.0

    def accuracy(self):
        right = 0
        for start in range(0, len(self.data.x_test), 1000):
            logits = self.model.predict_on_batch(self.data.x_test[start : start + 1000])
            right += (logits.argmax(axis=1) == self.data.y_test[start : start + 1000]).sum()
        return float(right / len(self.data.x_test))

    def on_epoch_end(self, epoch, logs=None):
        began = time.perf_counter()
        logs["test_accuracy"] = self.accuracy()
        self.seconds += time.perf_counter() - began


class EpochBar(keras.callbacks.Callback):
    """A progress bar over the epochs."""

    def on_train_begin(self, logs=None):
        self._progress = progress("epoch")
        self._task = self._progress.add_task("", total=self.params["epochs"])
        self._progress.start()

    def on_epoch_end(self, epoch, logs=None):
        self._progress.advance(self._task)

    def on_train_end(self, logs=None):
        self._progress.stop()


def save(out, model, history, stopping):
    """Write the history (CSV), the curves (PNG) and the model to the folder."""
    with (out / "history.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["epoch", *history])
        writer.writerows([e, *row] for e, row in enumerate(zip(*history.values(), strict=True), 1))
    restored = stopping.best_epoch if stopping else None
    figure, axes = pictures.new(6, 2, sharex=True)
    plots.history(history, restored_epoch=restored, axes=axes)
    pictures.save(figure, out / "curves.png")
    model.save(out / "model.keras")


def table_of(results):
    table = Table()
    table.add_column("way of stopping", no_wrap=True)
    for column in ("epochs run", "epoch restored", "seconds", "test accuracy"):
        table.add_column(column, justify="right")
    for result in results:
        table.add_row(
            result["way"],
            str(result["epochs"]),
            str(result["restored_epoch"]),
            f"{result['seconds']:.1f}",
            f"{100 * result['test_accuracy']:.1f} %",
        )
    return table


def verdict(results):
    """A sentence on which way was the best, and one on each of ours that was not."""
    best = max(results, key=lambda result: result["test_accuracy"])
    said = [f"Best: {best['way']}."]
    for result in results:
        points = 100 * (best["test_accuracy"] - result["test_accuracy"])
        if result is not best and result["way"].startswith(("Churn", "MLH")):
            below = f"{points:.1f} points below it" if points >= 0.05 else "as good"
            said.append(f"{result['way']}: {below}.")
    return " ".join(said)


if __name__ == "__main__":
    main()
