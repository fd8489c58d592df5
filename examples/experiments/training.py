"""A setting -> one training by `model.fit`, judged at every check: the runs of the experiments.

A setting is a dict with

- `network`: one of `models.NETWORKS`, and `initializer` of its kernels, one of
  `models.INITIALIZERS`;
- `dataset`: one of `datasets.NAMES`, and `held_out`, the share of its training part that is held
  out for validation;
- `batch_size`, `learning_rate` (of Adam), `epochs` at most, and `seed`;
- `check_every`: when to check, as `MLHEarlyStopping` takes it;
- `judge`: what to judge it on at each check: of `"val"` and `"test"`;
- `until`: patience in checks by monitor. Training ends when each of these has stopped it (see
  `stopping`); all epochs are trained where there is none;
- `updates`: a number of updates after which, at the next check, training ends in any case.
"""

import functools

import keras
import numpy as np
from scipy.special import logsumexp

from examples.experiments import datasets, models, stopping
from examples.experiments.shuffled import Shuffled
from keras_benford import score
from keras_benford.callbacks import Monitor

_MISSING = {}


def train(setting):
    """The results of one training.

    Returns:
        A dict: `initial_mlh` of the fresh weights, `steps` in an epoch, and `checks`, a dict of
        lists with an entry a check: `step` (updates so far), `accuracy` (mean over the batches
        since the check before), `mlh`, and for each judged part (`val`, `test`) its `…_loss` and
        `…_accuracy`. Where there is a number to predict, the loss is the mean squared error, and
        there are no accuracies.
    """
    keras.utils.clear_session()
    keras.utils.set_random_seed(setting["seed"])
    data = dataset(setting["dataset"])
    training, held_out = datasets.split(data, setting["held_out"], setting["seed"])
    parts = {"val": held_out, "test": (data.x_test, data.y_test)}
    model = models.NETWORKS[setting["network"]](
        data.input_shape, data.n_classes, models.INITIALIZERS[setting["initializer"]]()
    )
    classes = data.n_classes > 0
    model.compile(
        keras.optimizers.Adam(setting["learning_rate"]),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True) if classes else "mse",
        metrics=["accuracy"] if classes else [],
    )
    judge = {part: parts[part] for part in setting["judge"]}
    watch = Watch(
        judge, setting["check_every"], setting.get("until", {}), setting.get("updates"), classes
    )
    initial_mlh = score(model).mlh
    with Shuffled(*training, setting["batch_size"], setting["seed"]) as batches:
        model.fit(
            batches,
            shuffle=False,
            epochs=setting["epochs"],
            callbacks=[watch.monitor, watch],
            verbose=0,
        )
    return {
        "initial_mlh": round(initial_mlh, 6),
        "steps": -(-len(training[0]) // setting["batch_size"]),
        "checks": watch.checks,
    }


class Watch(keras.callbacks.Callback):
    """Judges the model at each check, and ends training when all rules would have.

    To be put behind `monitor`, the callback that does the checks.

    Args:
        parts: `(x, y)` by the name of the part.
        check_every: as `MLHEarlyStopping` takes it.
        until: patience in checks by monitor, or none.
        updates: number of updates after which training ends in any case, or None.
        classes: whether labels are classes, or numbers.

    Attributes:
        monitor: a `keras_benford.callbacks.Monitor`.
        checks: dict of lists, an entry a check.
    """

    def __init__(self, parts, check_every, until, updates=None, classes=True):
        super().__init__()
        self.parts = parts
        self.until = until
        self.updates = updates
        self.classes = classes
        # A criterion has the accuracy recorded, of which every criterion is made.
        measures = ["mlh", "eic"] if classes else ["mlh"]
        self.monitor = Monitor(measures, check_every)
        self.checks = {}
        if check_every != "epoch":
            # Without a hook for batches Keras need not wait for each.
            self.on_train_batch_end = self._after_batch

    def _after_batch(self, batch, logs=None):
        self._look()

    def on_epoch_end(self, epoch, logs=None):
        self._look()

    def _look(self):
        history = self.monitor.history
        if len(history.get("mlh", ())) == len(self.checks.get("mlh", ())):
            return
        names = ("step", "accuracy", "mlh") if self.classes else ("step", "mlh")
        values = {name: history[name][-1] for name in names}
        for part, (x, y) in self.parts.items():
            outputs = self.model.predict(x, batch_size=1000, verbose=0)
            if self.classes:
                values |= {f"{part}_loss": cross_entropy(outputs, y)}
                values |= {f"{part}_accuracy": float(np.mean(outputs.argmax(axis=1) == y))}
            else:
                values |= {f"{part}_loss": float(np.mean((outputs[:, 0] - y) ** 2))}
        for name, value in values.items():
            # As recorded: rules applied to the record later must see the same.
            rounded = round(value, 8) if isinstance(value, float) else value
            self.checks.setdefault(name, []).append(rounded)
        stops = [
            stopping.stop_by(*rule, self.checks).stopped is not None for rule in self.until.items()
        ]
        enough = self.updates is not None and values["step"] >= self.updates
        if enough or (stops and all(stops)):
            self.model.stop_training = True


@functools.lru_cache(maxsize=2)
def dataset(name):
    """A data set, kept from one run of a process to the next."""
    if name in _MISSING:
        raise OSError(_MISSING[name])
    try:
        return datasets.load(name, cache=datasets.CACHE)
    except OSError as error:
        # Not tried again for each of many runs: to find out takes minutes.
        _MISSING[name] = str(error)
        raise


def cross_entropy(logits, labels):
    """Mean cross-entropy in nats of logits `(n, n_classes)`, worked out in float64."""
    logits = logits.astype(np.float64)
    return float(np.mean(logsumexp(logits, axis=1) - logits[np.arange(len(labels)), labels]))
