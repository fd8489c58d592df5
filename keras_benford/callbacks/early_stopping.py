"""Early stopping: when to check, which check is the best, when to stop, what to put back.

What a check measures and how a rule decides is handed in; see `mlh_early_stopping` and
`churn_early_stopping`.
"""

import copy
import numbers
import warnings
from typing import Any

import keras
import numpy as np

from keras_benford import _keras
from keras_benford.callbacks.best_weights import WAYS, BestWeights
from keras_benford.callbacks.checks import Checks
from keras_benford.callbacks.optimizers import averages_out
from keras_benford.callbacks.resume import Backup

# What the decisions depend on and lead to, which a training that goes on must know.
_KEPT = (
    "best",
    "best_epoch",
    "best_step",
    "wait",
    "stopped_epoch",
    "stop_reason",
    "history",
    "_rule_state",
    "_n_checks",
    "_best_check",
)


class EarlyStopping(Checks, keras.callbacks.EarlyStopping):
    """What the callbacks that stop have in common.

    A subclass hands in its measures and makes its rule in `_make_rule`.

    Args:
        monitor: the name of what is to be best.
        measures: list of measures to read at each check.
        mode: `"min"` or `"max"`, which way of the monitor is better.
        patience, verbose, restore, restore_best_weights, start_from_epoch, check_every,
        backup_dir: see the subclasses.
        evidence: see `keras_benford.callbacks.evidence.Evidence`.
    """

    best: float | None
    best_epoch: int
    best_step: int | None
    best_weights: list[np.ndarray] | None
    initial_epoch: int
    restore: str
    stop_reason: str | None
    stopped_epoch: int
    wait: int
    _restores_by_default = "best"

    def __init__(
        self,
        monitor,
        measures,
        mode,
        *,
        patience,
        min_delta=0,
        verbose,
        baseline=None,
        restore,
        restore_best_weights,
        start_from_epoch,
        check_every,
        backup_dir,
        **evidence,
    ):
        if not isinstance(patience, numbers.Integral) or patience < 0:
            raise ValueError(
                f"`patience`: expected a number of checks, 0 or more; received {patience!r}."
            )
        self.restore = _restore(restore, self._restores_by_default, restore_best_weights)
        super().__init__(
            monitor=monitor,
            min_delta=min_delta,
            patience=patience,
            verbose=verbose,
            mode=mode,
            baseline=baseline,
            restore_best_weights=self.restore != "last",
            start_from_epoch=start_from_epoch,
        )
        self._set_up_checks(measures, check_every, **evidence)
        self.backup_dir = backup_dir
        self._backup: Any = None if backup_dir is None else Backup(backup_dir)
        self._rule: Any = None
        self._forget()

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_beside": []}

    def _make_rule(self):
        """The `keras_benford.rules.Rule` to decide by, made as a training begins."""
        raise NotImplementedError

    def _forget(self):
        self.best = None
        self.best_epoch = 0
        self.best_step = None
        self.best_weights = None
        self.wait = 0
        self.stopped_epoch = 0
        self.stop_reason = None
        self.initial_epoch = 0
        self.history = {}
        self._rule_state: Any = None
        self._n_checks = 0
        self._best_check: Any = None
        self._weights = BestWeights(self.restore, self._backup)
        self._record: Any = None
        self._resumed = False
        self._beside: list[Any] = []

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._forget()
        self._beside = _keras.callbacks_beside(self)
        if self._backup is not None:
            self._backup.check_that_no_other_writes(self, self._beside)
            self._record = self._backup.read(self.model, self._identity())
        super().on_train_begin(logs)
        self._rule = self._make_rule()
        self._rule_state = self._rule.start()
        if self._record is not None:
            self._go_on()

    def _identity(self):
        """What a saved training must have been for this one to go on with it."""
        return self.monitor

    def _go_on(self):
        """Go on with the training that was interrupted."""
        self._resumed = True
        record = self._record
        if record["restore"] != self.restore:
            raise ValueError(
                f"`restore`: expected {record['restore']!r}, as the training in {self.backup_dir} "
                f"began; received {self.restore!r}; pass the same, or another `backup_dir`."
            )
        for name in _KEPT:
            setattr(self, name, copy.deepcopy(record[name]))
        self._weights.take_up(record["weights"])
        arrays = self._backup.arrays(record["arrays_file"])
        for measure in self.measures:
            prefix = f"{measure.name}/"
            mine = {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
            measure.take_up(mine)
        self._backup.restore(self.model, record)
        # Beyond the last epoch `fit` trains no more.
        going_on = self.stop_reason is None
        self.initial_epoch = record["epoch"] if going_on else self.params["epochs"]
        _keras.begin_with(self.model, self.initial_epoch)
        if self.verbose > 0:
            print(f"{type(self).__name__}: goes on after epoch {record['epoch']}.")

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._evidence.batch_begins()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        super().on_epoch_begin(epoch, logs)
        if self._resumed:
            self._check_that_nothing_came_between(epoch)
        elif self._backup is not None and self._record is None and self.model.built:
            self._save(epoch)

    def _check_that_nothing_came_between(self, epoch):
        """A callback further down the list may have gone on with a state of its own."""
        self._resumed = False
        _keras.begin_with(self.model, None)
        record = self._record
        if (epoch, self._step()) != (record["epoch"], record["step"]):
            raise ValueError(
                f"`backup_dir`: expected to go on with epoch {record['epoch'] + 1}, update "
                f"{record['step']}; received epoch {epoch + 1}, update {self._step()}, from "
                "another callback or as `initial_epoch`; put `BackupAndRestore` first, or "
                f"remove {self.backup_dir}."
            )

    def _run_check(self, logs, *, inside_epoch):
        # Nothing is left to decide in what another callback trains on after the end.
        if self.stop_reason is None:
            super()._run_check(logs, inside_epoch=inside_epoch)

    def _decide(self, values):
        self._n_checks += 1
        self._rule_state, decision = self._rule.decide(self._rule_state, values)
        self.wait = self._rule_state["wait"]
        if decision.best:
            self.best = self._rule_state["best"]
            self.best_epoch = self._epoch
            self.best_step = self._evidence.step
            self._best_check = len(self.history["epoch"]) - 1
        self._weights.check(self.model, self._n_checks, best=decision.best)
        self.best_weights = self._weights.weights
        if decision.reason is not None:
            self.stopped_epoch = self._epoch
            self.stop_reason = decision.reason
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        # So that the order of the callbacks makes no difference.
        with averages_out(self.model, self._beside):
            super().on_epoch_end(epoch, logs)
            if self._backup is not None:
                self._save(epoch + 1)

    def _save(self, epoch):
        """Save what it takes to go on with this epoch."""
        record = {name: copy.deepcopy(getattr(self, name)) for name in _KEPT}
        state = self._weights.state()
        record |= {"epoch": epoch, "step": self._step(), "restore": self.restore}
        record |= {"weights": state, **self._also_kept()}
        arrays = {
            f"{measure.name}/{key}": array
            for measure in self.measures
            for key, array in measure.state().items()
        }
        files = [state["best"], *state["recent"], *record.get("files", ())]
        self._backup.save(self.model, self._identity(), record, arrays, files)
        self._record = record

    def _also_kept(self):
        """What a subclass must know to go on, as JSON holds it; `files` are names of files."""
        return {}

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        if self.stop_reason is None:
            self.stop_reason = self._reason_at_the_end()
        if self.best is None and self._n_checks > 0:
            self._warn_of_no_best()
        restores = self._weights.is_there
        if restores:
            self._weights.restore(self.model)
            self._after_restoring()
        if self.verbose > 0:
            what = "the weights" if self.restore == "best" else "the mean weights up to those"
            what = f"{what} of epoch {self.best_epoch + 1}" if restores else "no weights"
            print(f"{type(self).__name__}: {self.stop_reason}; restored {what}.")
        if self._backup is not None:
            self._backup.finish(self.model, restored=restores)
            _keras.begin_with(self.model, None)
        super().on_train_end(logs)
        self._record = None
        self._beside = []

    def _reason_at_the_end(self):
        if self.best is None:
            return f"training ended before {self.monitor} had a best value"
        if self.wait == 0:
            return f"training ended while {self.monitor} was still improving"
        checks = "check" if self.wait == 1 else "checks"
        return (
            f"training ended {self.wait} {checks} after the best {self.monitor}, within its "
            "patience"
        )

    def _warn_of_no_best(self):
        warnings.warn(
            f"`monitor`: expected finite values of {self.monitor}; received none in "
            f"{self._n_checks} checks, so no weights were the best and none are restored; look "
            "at `history`.",
            stacklevel=3,
        )

    def _after_restoring(self):
        """Called when the best weights are back."""


def _restore(restore, by_default, restore_best_weights):
    """What to restore: of `best_weights.WAYS`."""
    if restore is None:
        return by_default if restore_best_weights else "last"
    if restore not in WAYS:
        ways = ", ".join(map(repr, WAYS))
        raise ValueError(f"`restore`: expected one of {ways}; received {restore!r}.")
    if restore != "last" and not restore_best_weights:
        raise ValueError(
            "`restore`: expected 'last', as `restore_best_weights` is False; received "
            f"{restore!r}; leave one of them out."
        )
    return restore
