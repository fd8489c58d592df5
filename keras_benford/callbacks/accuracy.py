"""The training accuracy since the last check, which the information criteria take.

The logs hold running means over an epoch; between two checks inside it, the metric's own totals
give the mean of just the batches between them.
"""

import math
from typing import Any

import keras
import numpy as np

from keras_benford import _keras
from keras_benford._backends import to_numpy
from keras_benford._messages import listed


def flat_metrics(model):
    """The model's metrics, those given to `compile` one by one.

    Before the first batch Keras has not made metric objects of them all: then these are metrics,
    functions and strings as they were given.
    """
    flat: list[Any] = []
    for metric in getattr(model, "metrics", []):
        flat.extend(getattr(metric, "metrics", [metric]) or _keras.given_metrics(metric))
    return flat


def accuracy_key(names, wanted=None):
    """The name of the training accuracy among the names in the logs.

    Args:
        names: the log keys there are.
        wanted: the key that the user asked for, or None to find one.

    Returns:
        `"accuracy"` or `"acc"` if there, else the only name that ends in "accuracy".

    Raises:
        ValueError: if there is none, or there are several and none is called `accuracy`.
    """
    names = [name for name in names if not name.startswith("val_")]
    if wanted is not None:
        candidates = [name for name in names if name == wanted]
    else:
        candidates = [name for name in ("accuracy", "acc") if name in names][:1] or [
            name for name in names if name.endswith("accuracy") and "top_k" not in name
        ]
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        raise ValueError(
            "`accuracy`: expected one training accuracy, which the criteria take; received "
            f"{listed(candidates)}; say which of these, as in accuracy={candidates[0]!r}, or "
            'pass monitor="mlh", which needs none.'
        )
    what = "`monitor`: expected a training accuracy"
    if wanted is not None:
        what = f"`accuracy`: expected the metric {wanted!r}"
    raise ValueError(
        f"{what} in the logs, which the criteria take; received "
        f"{listed(names) or 'none at all'}; compile with metrics=['accuracy'], name one of "
        'these as `accuracy=`, or pass monitor="mlh", which needs none.'
    )


def check_for_accuracy(model, wanted=None):
    """Raise `accuracy_key`'s error as early as the model's metrics show it.

    Before the first batch Keras has not named them all: then only their absence is an error. A
    model with methods of its own, or in a training loop of somebody's own, may log anything, and is
    looked at when there are logs.

    Returns:
        Whether that is settled.
    """
    kind = type(model)
    if (
        not model.compiled
        or kind.train_step is not keras.Model.train_step
        or kind.compute_metrics is not keras.Model.compute_metrics
    ):
        return True
    if all(getattr(metric, "built", True) for metric in model.metrics):
        found = model.get_metrics_result()
        key = accuracy_key(found, wanted)
        _one_number(found[key], key)
        return True
    names = [_name(metric) for metric in flat_metrics(model) if metric is not None]
    if wanted is None and not any(name == "acc" or name.endswith("accuracy") for name in names):
        accuracy_key(names)
    return False


def _name(metric):
    if isinstance(metric, str):
        return metric
    return getattr(metric, "name", None) or getattr(metric, "__name__", type(metric).__name__)


class AccuracyWindow:
    """Mean training accuracy of the batches since it was last read.

    Args:
        model: the model in training.
        key: the accuracy's key in the logs.
    """

    def __init__(self, model, key):
        self.key = key
        self._metric = _metric_of(model, key)
        self.begin_epoch()

    def begin_epoch(self):
        """Start anew, as Keras' metrics do at the start of each epoch."""
        self._before = 0.0, 0.0
        self._at_end = None

    def end_training(self):
        """Keep the epoch's totals: an evaluation may reset the metric before the epoch's end."""
        if self._at_end is None:
            self._at_end = self._totals()

    def read(self, logs, *, inside_epoch):
        """The mean since the last reading; NaN if there were no samples.

        A metric that is no mean, or is not the model's, has no totals: then it is the value in the
        logs, the metric's running value of the epoch.
        """
        running = _one_number(logs[self.key], self.key)
        if self._metric is None or (self._before == (0.0, 0.0) and not inside_epoch):
            return _without_rounding(running, running)
        total, count = self._at_end or self._totals()
        total_before, count_before = self._before
        if count < count_before:
            # Somebody reset the metric inside the epoch.
            total_before = count_before = 0.0
        self._before = total, count
        if count <= count_before:
            return math.nan
        return _without_rounding((total - total_before) / (count - count_before), running)

    def _totals(self):
        if self._metric is None:
            return None
        variables = (self._metric.total, self._metric.count)
        return tuple(float(to_numpy(variable)) for variable in variables)


def _one_number(value, key):
    """A metric's value as a float; an error for one that has several, as for each class one."""
    n_numbers = math.prod(np.shape(value))  # what PyTorch calls `size` is no number
    if n_numbers != 1:
        raise ValueError(
            f"`accuracy`: expected a metric of one number; received {key!r}, which has "
            f"{n_numbers}, as one for each class; take their mean, as by average='macro'."
        )
    return float(value)


def _without_rounding(mean, running):
    """A mean of a share, kept in [0, 1]: Keras' float32 totals may round it out of there.

    What is no share, as the running mean tells, stays as it is, for the criterion to refuse.
    """
    return min(max(mean, 0.0), 1.0) if -0.01 < running < 1.01 else mean


def _metric_of(model, key):
    """The mean metric behind a log key, or None."""
    for metric in model.metrics:
        if hasattr(metric, "metrics"):
            # Metrics of several outputs are renamed on their way into the logs, in this order.
            named = dict(zip(metric.result(), metric.metrics, strict=True))
        else:
            named = {metric.name: metric}
        if isinstance(named.get(key), keras.metrics.Mean):
            return named[key]
    return None
