"""What the callbacks share: checks during `fit`, and the counting of the weights at each.

A constructor holds no model and no tensor, so a callback can be copied before `fit` and used in
several.
"""

import math
import warnings

import keras
import numpy as np

from keras_benford import statistics
from keras_benford.callbacks.schedule import Schedule
from keras_benford.metrics import WeightsMLH
from keras_benford.scoring import count
from keras_benford.selection import select


class Checks:
    """Mixin for a Keras callback that looks at the model's weights now and then.

    A subclass calls `_set_up_checks` in its constructor and implements `_check`, which is called
    after each batch at which a check is due and at the end of each epoch, and returns what belongs
    into the logs.
    """

    def _set_up_checks(self, check_every, include, exclude):
        self.check_every = check_every
        self.include = include
        self.exclude = exclude
        self._schedule = Schedule(check_every)
        self._selection = None
        self._steps = None
        self._epoch = 0
        self._seen = 0
        self._checked_at = None
        self._latest = {}
        self._warned = False
        if self._schedule.inside_epoch:
            # Keras dispatches batch hooks asynchronously unless a callback has one of its own, so
            # there is none unless it is needed.
            self.on_train_batch_end = self._after_batch

    def set_model(self, model):
        super().set_model(model)
        for metric in flat_metrics(model):
            if isinstance(metric, WeightsMLH) and metric.model is None:
                metric.bind(model)

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self._warned = False
        self._steps = self.params.get("steps")
        # A model that is built by its first batch is looked at when the first check is due.
        self._selection = self._select() if self.model.weights else None

    def on_epoch_begin(self, epoch, logs=None):
        super().on_epoch_begin(epoch, logs)
        self._epoch = epoch
        self._seen = 0
        self._checked_at = None
        self._schedule.begin_epoch(self._steps)

    def _after_batch(self, batch, logs=None):
        # With several steps an execution, the numbers run past the end of the epoch.
        self._seen = batch + 1 if self._steps is None else min(batch + 1, self._steps)
        if self._schedule.is_due(self._seen):
            self._run_check(logs, inside_epoch=True)
        if self._seen == self._steps:
            self._after_last_batch()

    def _after_last_batch(self):
        """Called after an epoch's last batch, where its number is known and batches are watched."""

    def on_epoch_end(self, epoch, logs=None):
        if self._checked_at is None or self._checked_at < self._seen:
            self._run_check(logs, inside_epoch=False)
        elif logs is not None:
            logs.update(self._latest)
        if self._schedule.inside_epoch and self._steps is None:
            self._steps = self._seen

    def _run_check(self, logs, *, inside_epoch):
        # `logs or {}` would lose what is written into an empty dict.
        logs = {} if logs is None else logs
        self._checked_at = self._seen
        self._latest = self._check(logs, inside_epoch=inside_epoch)
        logs.update(self._latest)

    def _select(self):
        return select(self.model, include=self.include, exclude=self.exclude)

    def _measure(self):
        """MLH of the model and `(n,)` MLH of each counted weight; NaN where values are not finite.

        The counts of broken weights, and so their MLH, may well be finite: they must not look good.
        """
        if self._selection is None:
            self._selection = self._select()
        self._fetch_state()
        tallies = count(self._selection.counted)
        broken = tallies[:, 10] > 0
        if broken.any() and not self._warned:
            self._warned = True
            paths = [w.path for w, bad in zip(self._selection.counted, broken, strict=True) if bad]
            warnings.warn(
                f"Epoch {self._epoch + 1}: expected finite weights; received "
                f"{tallies[:, 10].sum():,} infinite or NaN values in {', '.join(paths)}. MLH and "
                "what follows from it are NaN in the logs while they last; do lower the learning "
                "rate or clip the gradients.",
                stacklevel=2,
            )
        of_layers = np.where(broken, np.nan, statistics.mlh(tallies[:, :9]))
        of_model = math.nan if broken.any() else statistics.mlh(tallies[:, :9].sum(axis=0))
        return of_model, of_layers

    def _fetch_state(self):
        """Have the variables of the model and its metrics hold their values, also within an epoch.

        Under JAX they are handed from step to step, and Keras puts them back for whoever asks a
        callback for its model.
        """
        _ = self.model

    def _step(self):
        """The optimizer's number of updates so far; None for a model without one."""
        optimizer = getattr(self.model, "optimizer", None)
        return None if optimizer is None else int(keras.ops.convert_to_numpy(optimizer.iterations))


def flat_metrics(model):
    """The model's metrics, those given to `compile` one by one.

    Before the first batch Keras has not made metric objects of them all: then these are metrics,
    functions and strings as they were given.
    """
    flat = []
    for metric in getattr(model, "metrics", []):
        names = ("_user_metrics", "_user_weighted_metrics")
        given = [getattr(metric, name, None) or [] for name in names]
        flat.extend(getattr(metric, "metrics", [metric]) or keras.tree.flatten(given))
    return flat
