"""A task, a seed and a share held out -> one training, with all that a rule could want to know.

At every check, the end of an epoch, it records what costs no labels (churn on several probes,
weights, gradients, training figures) or what held-out labels tell, and what the weights of the
check are worth: alone, as the mean of five checks, and as a moving average. A rule is then a
function of the record, and no training is made twice.

All of it runs under TensorFlow.
"""

import collections

import keras
import numpy as np
from scipy.special import logsumexp, softmax, xlogy

from examples.experiments.shuffled import Shuffled
from examples.stopping import networks, signals, stand_ins, tasks
from keras_benford import _keras, inference
from keras_benford.callbacks import batch_norm
from keras_benford.callbacks.evidence import Evidence
from keras_benford.predictions import Predictions, churn_of

PROBE = 2000
"""At most so many inputs in a probe of training inputs."""
AVERAGED = 5
"""So many checks' weights in a mean; others in `mean3_` and `mean10_`."""
_BATCH = 500
_SMALLER = (250, 500, 1000)
_LAGS = (2, 4)
_GRADIENTS = 5
_FEW_PARAMETERS = 1_000_000
# What is kept of a try of other amounts of noise.
_OF_STAND_INS = ("loss", "accuracy", "churn_", "test_", "mean_test_", "oracle_")
_OTHERS = (3, 10)


def train(setting):
    """The record of one training.

    Args:
        setting: a dict of `task`, `seed` and `held_out`, the share of the labels that are held out;
            at wish `epochs` and `n`, for a quick try on less, `noise`, other amounts of noise for
            stand-ins, and `canaries`: whether the share is not held out but trained on with wrong
            labels, while everything else stays as it is.

    Returns:
        A dict: `sizes` of the parts, `layers`, the paths of the weights that count, and `checks`, a
        dict of lists with an entry a check. `…_score` is the accuracy, or 1 minus the share of the
        variance that is left where there is a number to predict.
    """
    keras.utils.clear_session()
    task, seed = tasks.TASKS[setting["task"]], setting["seed"]
    data = tasks.load(setting["task"], seed)
    n = min(setting.get("n", len(data.x)), len(data.x))
    order = np.random.default_rng([seed, 11]).permutation(n)
    n_held_out = round(setting["held_out"] * n)
    held_out, training = order[:n_held_out], order[n_held_out:]
    if setting.get("canaries"):
        # They are judged as if they were held out: is the wrong label answered?
        data.y[held_out] = _wrong(data.y[held_out], data.shape.outputs, seed)
        training = order
    x, y = data.x[training], data.y[training]
    epochs, steps = setting.get("epochs", task.epochs), -(-len(x) // task.batch_size)
    # The same start for all shares.
    keras.utils.set_random_seed(seed)
    network = getattr(networks, task.network)(data.shape, **task.options)
    loss, metrics = _loss_and_metrics(data.shape.outputs, len(x))
    network.compile(_optimizer(task, epochs * steps, steps), loss, metrics=metrics)
    numbered = np.stack([y, np.arange(len(y))], axis=1) if data.shape.outputs else y
    noise = setting.get("noise", ())
    batch_size = task.batch_size if task.optimizer == "plain sgd" else 0
    given_up = data.x[held_out], data.y[held_out]
    record = Record(network, data, (x, y), given_up, seed, noise, batch_size)
    with Shuffled(x, numbered, task.batch_size, seed) as batches:
        network.fit(batches, shuffle=False, epochs=epochs, callbacks=[record], verbose=0)
    sizes = {"training": len(x), "held_out": n_held_out, "unseen": len(data.x_unseen)}
    sizes |= {"scored": len(data.x_scored), "probe": len(record.probes["training"])}
    layers = [] if n_held_out else [weight.path for weight in record.evidence.selection.counted]
    checks = record.checks
    if "noise" in setting:
        checks = {name: checks[name] for name in checks if name.startswith(_OF_STAND_INS)}
    return {"sizes": sizes, "layers": layers, "checks": checks}


def _wrong(y, n_classes, seed):
    """Another class for each, all of them as likely."""
    others = np.random.default_rng([seed, 13]).integers(1, n_classes, size=len(y))
    return (y + others) % n_classes


def _optimizer(task, n_steps, steps):
    rate = networks.learning_rate(task.rate, n_steps, task.cosine)
    # A moving average over about two epochs, beside the weights and without effect on them.
    average = {"use_ema": True, "ema_momentum": 1 - 1 / (2 * steps)}
    if task.optimizer.endswith("sgd"):
        momentum = 0.9 if task.optimizer == "sgd" else 0.0
        return keras.optimizers.SGD(rate, momentum=momentum, **average)
    if task.optimizer == "adamw":
        return keras.optimizers.AdamW(rate, weight_decay=0.01, **average)
    return keras.optimizers.Adam(rate, **average)


def _loss_and_metrics(n_classes, n):
    """What to compile with, for labels that come with their examples' numbers."""
    if not n_classes:
        return "mse", []

    def loss(pair, logits):
        return keras.losses.sparse_categorical_crossentropy(pair[:, 0], logits, from_logits=True)

    def accuracy(pair, logits):
        return keras.metrics.sparse_categorical_accuracy(pair[:, :1], logits)

    return loss, [accuracy, signals.Changes(n)]


class Record(keras.callbacks.Callback):
    """Looks at a network at the end of each epoch.

    Args:
        network: the network, compiled.
        data: the task's `tasks.Examples`.
        training: `(x, y)` that it is trained on.
        held_out: `(x, y)` that it is not; empty for a training on all labels, of which alone the
            rules without held-out labels are told.
        seed: draws the probes.
        noise: other amounts of noise for stand-ins.
        of_rivals: the size of a batch where the training is of the kind that rivals were published
            with, gradient descent without momentum, else 0. It records the evidence-based
            criterion of a batch, and neither stand-ins nor means of other numbers of checks.

    Attributes:
        checks: dict of lists, an entry a check.
        probes: inputs by name.
    """

    def __init__(self, network, data, training, held_out, seed, noise=(), of_rivals=0):
        super().__init__()
        self.checks = {}
        self._data, self._held_out = data, held_out
        self._classes = data.shape.outputs > 0
        x, self._y = (each[:PROBE] for each in training)
        self.probes = {"training": x, "unseen": data.x_unseen}
        self._last, inner = networks.last_layer(network)
        self._run = inference.program(inner, list)
        self._recent = collections.deque(maxlen=max(AVERAGED, *_OTHERS))
        self._before, self._shares = {}, {}
        self._other_means = () if of_rivals else _OTHERS
        self._evidence_of = of_rivals if network.count_params() < _FEW_PARAMETERS else 0
        self.evidence = None
        if not len(held_out[0]):
            if not of_rivals:
                self.probes |= stand_ins.of(x, data.shape, seed, noise)
            self.evidence = Evidence(network, frozenset({"weights"}))
            self._start = _flat(network)
            batches = np.array_split(np.arange(min(len(x), 32 * _GRADIENTS)), _GRADIENTS)
            self._batches = [(x[part], self._y[part]) for part in batches]

    def on_epoch_end(self, epoch, logs=None):
        data, (x, y) = self._data, self._held_out
        found = {"loss": logs["loss"]}
        found |= {key: logs[key] for key in ("accuracy", "changes") if key in logs}
        found |= self._judge("test", data.x_scored, data.y_scored)
        found |= self._judge("val", x, y) if len(x) else self._without_labels(epoch)
        raw = self.model.get_weights()
        self._recent.append(raw)
        self._take(self._mean(AVERAGED))
        found |= self._judge("mean_test", data.x_scored, data.y_scored)
        if not len(x):
            found |= self._churn_of_mean()
            averages = {id(v): a.numpy() for v, a in _keras.averaged_by(self.model.optimizer)}
            pairs = zip(self.model.weights, raw, strict=True)
            others = {f"mean{n}": self._mean(n) for n in self._other_means}
            others["ema"] = [averages.get(id(variable), value) for variable, value in pairs]
            for name, weights in others.items():
                self._take(weights)
                found |= self._judge(f"{name}_test", data.x_scored, data.y_scored)
        self.model.set_weights(raw)
        for key, value in found.items():
            self.checks.setdefault(key, []).append(_rounded(value))

    def _mean(self, n):
        recent = list(self._recent)[-n:]
        return [np.mean(column, axis=0) for column in zip(*recent, strict=True)]

    def _take(self, weights):
        self.model.set_weights(weights)
        batch_norm.estimate_anew(self.model, self.probes["training"])

    def _churn_of_mean(self):
        """Churn of the mean of five checks, and how far the last of them is from it."""
        found = {}
        for name in _PLAIN:
            outputs = self._outputs(self.probes[name])[1]
            found |= self._churn(f"mean_{name}", outputs, [])
            found[f"apart_{name}"] = self._between(self._before[name][-1], self._answers(outputs))
        return found

    def _without_labels(self, epoch):
        network, found = self.model, {}
        for name, inputs in self.probes.items():
            hidden, outputs = self._outputs(inputs)
            sizes = [n for n in _SMALLER if n < len(inputs)] if name in _PLAIN else []
            found |= self._churn(name, outputs, sizes)
            if self._classes:
                found |= self._softly(name, outputs)
            if name == "unseen":
                found |= self._judged("oracle", outputs, self._data.y_unseen)
            if name == "training":
                found |= self._judged("probe", outputs, self._y)
                if self._classes:
                    kernel = keras.ops.convert_to_numpy(self._last.kernel)
                    gamma = signals.alignment(hidden, outputs, self._y, kernel)
                    found["gwa_mean"], found["gwa_kurtosis"] = signals.moments(gamma)
        self.evidence.check_begins(network, epoch, None, {}, inside_epoch=False)
        weights = _flat(network)
        found |= {
            "mlh": self.evidence.mlh,
            "counts": self.evidence.tallies[:, :9].tolist(),
            "norm": float(np.linalg.norm(weights)),
            "distance": float(np.linalg.norm(weights - self._start)),
        }
        loss = _loss_of_each if self._classes else _squared_error_of_each
        gradients = signals.gradients(network, loss, self._batches)
        found["disparity"] = signals.disparity(gradients)
        if n := self._evidence_of:
            found["evidence"] = signals.evidence(network, loss, self._data.x[:n], self._data.y[:n])
        found["gradient"] = float(np.linalg.norm(np.mean(gradients, axis=0)))
        return found

    def _churn(self, name, outputs, sizes):
        """Churn since the check before, on the first inputs of a probe only, and over more checks.

        None where predictions have collapsed.
        """
        now = self._answers(outputs)
        before = self._before.setdefault(name, collections.deque(maxlen=max(_LAGS)))
        found = {f"churn_{name}": self._of(before, 1, now)}
        if name in _PLAIN:
            found |= {f"churn_{name}_lag{lag}": self._of(before, lag, now) for lag in _LAGS}
        found |= {f"churn_{name}_{n}": self._of(before, 1, now, n) for n in sizes}
        before.append(now)
        return found

    def _softly(self, name, outputs):
        """How much probabilities moved since the check before, and how sure the network is."""
        now = softmax(outputs.astype(np.float64), axis=1)
        before = self._shares.get(name)
        self._shares[name] = now
        moved = None if before is None else float(np.abs(now - before).sum(axis=1).mean() / 2)
        found = {f"moved_{name}": moved}
        if name in _PLAIN:
            found[f"confidence_{name}"] = float(now.max(axis=1).mean())
            found[f"entropy_{name}"] = float(-xlogy(now, now).sum(axis=1).mean())
        return found

    def _of(self, before, lag, now, n=None):
        return self._between(before[-lag][:n], now[:n]) if len(before) >= lag else None

    def _between(self, before, after):
        kind = "classes" if self._classes else "numbers"
        n_classes = self._data.shape.outputs
        churn = churn_of(*(Predictions(kind, each, n_classes) for each in (before, after)))
        return None if np.isnan(churn) else churn

    def _answers(self, outputs):
        return outputs.argmax(axis=1) if self._classes else outputs

    def _judge(self, name, x, y):
        return self._judged(name, self._outputs(x)[1], y)

    def _judged(self, name, outputs, y):
        if self._classes:
            right = outputs.argmax(axis=1) == y
            logits = outputs.astype(np.float64)
            loss = np.mean(logsumexp(logits, axis=1) - logits[np.arange(len(y)), y])
            return {f"{name}_loss": float(loss), f"{name}_score": float(right.mean())}
        loss = float(np.mean((outputs[:, 0] - y) ** 2))
        return {f"{name}_loss": loss, f"{name}_score": 1 - loss / float(np.var(y))}

    def _outputs(self, x):
        """What goes into the last layer, and what comes out."""
        return inference.in_batches(self._run, x, _BATCH, np.asarray)


_PLAIN = ("training", "unseen")


def _loss_of_each(labels, logits):
    return keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)


def _squared_error_of_each(numbers, outputs):
    return (outputs[:, 0] - numbers) ** 2


def _flat(network):
    return np.concatenate([weight.numpy().ravel() for weight in network.trainable_variables])


def _rounded(value):
    if isinstance(value, float):
        return float(f"{value:.5g}")
    return value
