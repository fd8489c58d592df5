"""The README's first steps, and what would have come without them: the picture above them.

A thousand handwritten digits train, a fifth of their labels redrawn. Twice from the same start:
once as the README does it, once to the end, to see what the stop spared.

    python -m examples.first_steps
"""

import argparse
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from keras_benford import ChurnEarlyStopping, plots

PICTURE = Path(__file__).parent / "results" / "first_steps.png"


def digits():
    """Inputs and labels to train on, a fifth of them redrawn, and those of the test."""
    x, y = load_digits(return_X_y=True)
    x, random = x / 16, np.random.default_rng(0)
    redrawn = np.where(random.random(1000) < 0.2, random.integers(0, 10, 1000), y[:1000])
    return x[:1000], redrawn, x[1000:], y[1000:]


def network():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Dense(128, "relu"), keras.layers.Dense(10, "softmax")])
    optimizer = keras.optimizers.Adam(0.003)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--picture", type=Path, default=PICTURE)
    args = parser.parse_args(arguments)
    x, y, x_test, y_test = digits()
    fit = {"epochs": args.epochs, "verbose": 0}

    stopping = ChurnEarlyStopping(x, verbose=1)
    model = network()
    ran = len(model.fit(x, y, callbacks=[stopping], **fit).epoch)
    restored = model.evaluate(x_test, y_test, verbose=0, return_dict=True)["accuracy"]

    watching = ChurnEarlyStopping(x, patience=args.epochs, restore="last")
    history = (
        network().fit(x, y, callbacks=[watching], validation_data=(x_test, y_test), **fit).history
    )
    history["test_accuracy"] = history.pop("val_accuracy")
    for key in ("churn", "unseen_churn"):
        history[key] = [np.mean(history[key][max(0, i - 4) : i + 1]) for i in range(args.epochs)]
    print(
        f"restored {restored:.1%} after {ran} epochs, at the end {history['test_accuracy'][-1]:.1%}"
    )
    draw(history, stopping.best_epoch, ran, restored).savefig(args.picture, dpi=150)
    plt.close("all")


def draw(history, best_epoch, ran, restored):
    """Both curves over all epochs, the check that came back and the stop."""
    above, below = plots.history(history, restored_epoch=best_epoch)
    for ax in (above, below):
        ax.axvspan(ran, len(history["loss"]), color="0.92", zorder=0)
    above.plot(best_epoch + 1, restored, "*", color="black", markersize=12, zorder=3)
    above.annotate(
        f"these weights come back: {restored:.1%}",
        (best_epoch + 1, restored),
        xytext=(8, 8),
        textcoords="offset points",
    )
    above.text(ran + 1, above.get_ylim()[0], "after the stop:\nnot trained", va="bottom")
    below.set_ylabel("churn, mean of 5 epochs")
    return above.figure


if __name__ == "__main__":
    main()
