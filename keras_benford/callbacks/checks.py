"""Checks during `fit`: when one is due, evidence is gathered, measures read it, logs are written.

A constructor holds no model and no tensor, so a callback can be copied before `fit` and used in
several.
"""

import copy
import math
from typing import Any

import keras

from keras_benford import _keras
from keras_benford._backends import to_numpy
from keras_benford.callbacks.accuracy import flat_metrics
from keras_benford.callbacks.evidence import Evidence
from keras_benford.callbacks.schedule import Schedule
from keras_benford.measures import Measure
from keras_benford.metrics import WeightsMLH


class Checks(keras.callbacks.Callback):
    """A Keras callback that looks at the model now and then.

    A subclass calls `_set_up_checks` in its constructor. It may prepare measures that depend on the
    model in `_prepare`, and act on what a check gave in `_decide`.

    Attributes:
        measures: list of `keras_benford.measures.Measure`, read at each check in this order.
        history: dict of lists, an entry a check: `epoch`, `step` (the optimizer's updates), the
            measures' values by name, None where there was none yet, and `accuracy` where a measure
            takes it.
    """

    measures: list[Measure]
    history: dict[str, list[Any]]

    def _set_up_checks(self, measures, check_every, *, every=1, **evidence):
        self.measures = list(measures)
        self.check_every = check_every
        self._schedule = Schedule(check_every, every)
        self._settings = evidence
        # An `Evidence` while a training runs.
        self._evidence: Any = None
        self._steps = None
        self._epoch = 0
        self._seen = 0
        self._checked_at = None
        self._latest = {}
        self.history = {}
        self._listen_to_batches()

    def _listen_to_batches(self):
        # Keras dispatches batch hooks asynchronously unless a callback has one of its own, so there
        # is none unless it is needed.
        if self._schedule.inside_epoch:
            self.on_train_batch_end = self._after_batch

    def __getstate__(self) -> dict[str, Any]:
        """What copies and pickles get: no model, and nothing else of a training that is running."""
        state = {**vars(self), "_model": None, "_evidence": None}
        state.pop("on_train_batch_end", None)
        state["_schedule"] = copy.copy(self._schedule)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._listen_to_batches()

    def set_model(self, model: Any) -> None:
        _keras.check_is_no_tf_keras(model)
        super().set_model(model)
        for metric in flat_metrics(model):
            if isinstance(metric, WeightsMLH) and metric.model is None:
                metric.bind(model)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        super().on_train_begin(logs)
        self._steps = self.params.get("steps")
        self._schedule.begin()
        self.history = {}
        self._latest = {}
        self._prepare()

    def _prepare(self, **evidence):
        """Called as training begins, before any check."""
        for measure in self.measures:
            measure.begin()
        needs = frozenset().union(*(measure.needs for measure in self.measures))
        self._evidence = Evidence(self.model, needs, **self._settings, **evidence)
        for measure in self.measures:
            measure.try_out(self._evidence)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        super().on_epoch_begin(epoch, logs)
        self._epoch = epoch
        self._seen = 0
        self._checked_at = None
        self._schedule.begin_epoch(self._steps)
        self._evidence.epoch_begins()

    def _after_batch(self, batch, logs=None):
        # With several steps an execution, the numbers run past the end of the epoch.
        self._seen = batch + 1 if self._steps is None else min(batch + 1, self._steps)
        if self._schedule.is_due(self._seen):
            self._run_check(logs, inside_epoch=True)
        if self._seen == self._steps:
            self._evidence.batches_end(self.model)

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        # Within `fit`; an evaluation may reset the metrics before the epoch's end.
        if self._evidence is not None:
            self._evidence.batches_end(self.model)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        is_new = self._checked_at is None or self._checked_at < self._seen
        if self._schedule.ends_epoch() and is_new:
            self._run_check(logs, inside_epoch=False)
        elif logs is not None:
            logs.update(self._latest)
        if self._schedule.inside_epoch and self._steps is None:
            self._steps = self._seen

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._evidence = None

    def _run_check(self, logs, *, inside_epoch):
        # `logs or {}` would lose what is written into an empty dict.
        logs = {} if logs is None else logs
        self._checked_at = self._seen
        evidence = self._evidence
        evidence.check_begins(
            self.model, self._epoch, self._step(), logs, inside_epoch=inside_epoch
        )
        values: dict[str, float | None] = {}
        for measure in self.measures:
            values |= measure.values(evidence)
        record = {"epoch": self._epoch, "step": evidence.step, **values}
        record |= self._recorded(evidence)
        for key, value in record.items():
            self.history.setdefault(key, []).append(value)
        if self._epoch >= getattr(self, "start_from_epoch", 0):
            self._decide(values)
        # A column of numbers for each key from the first epoch on.
        self._latest = {key: math.nan if v is None else v for key, v in values.items()}
        logs.update(self._latest)

    def _recorded(self, evidence):
        """What the history has beside the measures."""
        return {"accuracy": evidence.accuracy} if "accuracy" in evidence.needs else {}

    def _decide(self, values):
        """Called with the values of each check that is to be decided on."""

    def _step(self):
        """The optimizer's number of updates so far; None for a model without one."""
        optimizer = getattr(self.model, "optimizer", None)
        return None if optimizer is None else int(to_numpy(optimizer.iterations))
