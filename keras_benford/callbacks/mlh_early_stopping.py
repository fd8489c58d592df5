"""Early stopping by Benford's law in the weights, with no validation set."""

import contextlib
import copy
import math
import numbers
import os
import warnings
from typing import Any

import keras

from keras_benford import criteria
from keras_benford.callbacks import processes
from keras_benford.callbacks.accuracy import AccuracyWindow, accuracy_key, check_for_accuracy
from keras_benford.callbacks.backup import Backup
from keras_benford.callbacks.checks import Checks
from keras_benford.selection import Patterns

# What the decisions depend on and lead to, which a training that goes on must know.
_KEPT = (
    "best",
    "best_epoch",
    "best_step",
    "wait",
    "stopped_epoch",
    "stop_reason",
    "history",
)
_BETTER = {"mlh": "max", "eic": "min", "scaled_eic": "min", "symbolic_eic": "min"}


class MLHEarlyStopping(Checks, keras.callbacks.EarlyStopping):
    """Stop when the weights' Benford criterion no longer improves; keep the best weights.

    All labelled data can train: the criterion needs the weights and, for the EICs, the training
    accuracy. It adds `mlh` and the monitored criterion to the logs.

        model.compile("adam", loss, metrics=["accuracy"])
        model.fit(x, y, epochs=100, callbacks=[MLHEarlyStopping()])

    The arguments up to `start_from_epoch` are those of `keras.callbacks.EarlyStopping` and mean the
    same; where that counts epochs without improvement, this counts checks.

    Args:
        monitor: `"scaled_eic"` (default), `"eic"`, `"symbolic_eic"` or `"mlh"`. All but `"mlh"`
            need an accuracy among the metrics. On CIFAR-10 `"symbolic_eic"` stopped no later than
            the default and did as well or better (README, "Which criterion").
        min_delta: smallest change that counts as an improvement.
        patience: number of checks without improvement after which training stops.
        verbose: 1 prints when it stops and what it restores.
        mode: `"auto"` (default), `"min"` or `"max"`; auto is right for all four criteria.
        baseline: only a value better than this starts the patience anew.
        restore_best_weights: put the best check's weights back when training ends, whether or not
            this callback ended it. Under an optimizer with `use_ema=True` these are the averaged
            weights as they stood at the best check.
        start_from_epoch: epochs before the first decision; the logs are written all the same.
        check_every: `"epoch"` (default); a number of batches as an integer, counted anew in each
            epoch, or `"batch"`; or a fraction f of an epoch as a float, for `round(1 / f)` evenly
            spaced checks (the paper's 0.33; data of unknown length is checked at the end of the
            first epoch only). The end of an epoch is always checked.
        mlh_range: `(low, high)` of `keras_benford.scaled_eic`.
        accuracy: the accuracy's key in the logs, by default `accuracy`, `acc` or the only one that
            ends in "accuracy". Criteria take its mean over the batches since the last check.
        include: glob pattern(s) on weight paths, as for `keras_benford.score`.
        exclude: likewise.
        backup_dir: a local folder in which to keep, from epoch to epoch, what a killed
            training needs to go on: the state of this callback, the model and its optimizer. The
            same `fit` started again in a new process goes on after the last epoch that was
            finished, with the same decisions. The best weights are kept there too, and not in
            memory. When `fit` ends, they stay as `best.weights.h5`, and the rest is removed.

    Attributes:
        best: the best value so far, or None.
        best_epoch, best_step: its epoch (from 0), and the optimizer's count of updates by then
            (for data of unknown length Keras' optimizers count one too many an epoch).
        best_weights: its weights, as `model.set_weights` takes them. Where `fit` is interrupted
            (Ctrl-C), Keras calls no callback any more: they are kept here, not restored. None with
            `backup_dir`.
        stopped_epoch: the epoch (from 0) in which it stopped the training; 0 as well if it did
            not, which `stop_reason` tells.
        stop_reason: a sentence on why training ended; None before its end.
        initial_epoch: the epoch (from 0) that a training which goes on begins with, else 0: for
            loops of one's own, as `fit` begins there by itself.
        history: dict of lists, an entry a check: `epoch`, `step`, `mlh`, `accuracy` and the
            criterion.

    A value that is not finite is never the best. As soon as a counted weight is infinite or NaN,
    `mlh` and the criterion are NaN in the logs, with one warning.

    Raises:
        ValueError: for arguments that make no sense, and, as training begins, for a model without
            weights that count or without the accuracy that the criterion needs.

    Source: arXiv 2102.03313, "Early Stopping with MLH"; its recorded runs check once an epoch with
    a patience of 8.
    """

    def __init__(
        self,
        monitor: str = "scaled_eic",
        min_delta: float = 0,
        patience: int = 8,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = True,
        start_from_epoch: int = 0,
        *,
        check_every: str | int | float = "epoch",
        mlh_range: tuple[float, float] = criteria.MLH_RANGE,
        accuracy: str | None = None,
        include: Patterns = None,
        exclude: Patterns = None,
        backup_dir: str | os.PathLike | None = None,
    ) -> None:
        if monitor not in _BETTER:
            raise ValueError(
                f"`monitor`: expected one of {', '.join(map(repr, _BETTER))}; received "
                f"{monitor!r}; for other quantities do use keras.callbacks.EarlyStopping."
            )
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"`mode`: expected 'auto', 'min' or 'max'; received {mode!r}.")
        if not isinstance(patience, numbers.Integral) or patience < 0:
            raise ValueError(
                f"`patience`: expected a number of checks, 0 or more; received {patience!r}."
            )
        super().__init__(
            monitor=monitor,
            min_delta=min_delta,
            patience=patience,
            verbose=verbose,
            mode=_BETTER[monitor] if mode == "auto" else mode,
            baseline=baseline,
            restore_best_weights=restore_best_weights,
            start_from_epoch=start_from_epoch,
        )
        self._set_up_checks(check_every, include, exclude)
        self.mlh_range = criteria.check_mlh_range(mlh_range)
        self.accuracy = accuracy
        self.backup_dir = backup_dir
        self._backup = None if backup_dir is None else Backup(backup_dir)
        self._forget()

    def _forget(self) -> None:
        self.best: float | None = None
        self.best_epoch = 0
        self.best_step: int | None = None
        self.stop_reason: str | None = None
        self.history: dict[str, list[Any]] = {}
        self._window = None
        self._settled = True
        self.initial_epoch = 0
        self._best_file: str | None = None
        self._records: list[dict[str, Any]] = []
        self._resumed = False

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self._forget()
        self._settled = self.monitor == "mlh" or check_for_accuracy(self.model, self.accuracy)
        if self._backup is not None:
            self._resume()

    def on_train_batch_begin(self, batch, logs=None):
        # From the second batch on all metrics have names: nobody waits an epoch for an error.
        if not self._settled:
            self._settled = check_for_accuracy(self.model, self.accuracy)

    def _resume(self):
        """Go on with the training that was interrupted, if there is one."""
        self._records = self._backup.read(self.model, self.monitor)
        self._resumed = bool(self._records)
        if not self._resumed:
            return
        record = self._records[0]
        self._take_up(record)
        self._backup.restore(self.model, record)
        # Beyond the last epoch `fit` trains no more.
        going_on = self.stop_reason is None
        self.initial_epoch = record["epoch"] if going_on else self.params["epochs"]
        # This is how `keras.callbacks.BackupAndRestore` tells `fit`.
        self.model._initial_epoch = self.initial_epoch
        if self.verbose > 0:
            print(f"{type(self).__name__}: goes on after epoch {record['epoch']}.")

    def _take_up(self, record):
        for name in _KEPT:
            setattr(self, name, copy.deepcopy(record[name]))
        self._best_file = record["best_file"]

    def _follow(self, epoch):
        """Go on where `fit` really begins.

        A `BackupAndRestore` further down the list may have taken the model to its own last save: of
        the same epoch, or of the one before.
        """
        self._resumed = False
        self.model._initial_epoch = None
        record, *earlier = self._records
        if epoch == record["epoch"]:
            self.model.stop_training = self.stop_reason is not None
            if self._step() != record["step"]:
                self._backup.restore(self.model, record)
        elif earlier and epoch == earlier[0]["epoch"]:
            self._records = earlier
            self._take_up(earlier[0])
            self._backup.restore_randomness(self.model, earlier[0])
        else:
            raise ValueError(
                f"`backup_dir`: expected to go on with epoch {record['epoch'] + 1}; received epoch "
                f"{epoch + 1}, from another callback or as `initial_epoch`; do agree with it, or "
                f"remove {self.backup_dir}."
            )

    def on_epoch_begin(self, epoch, logs=None):
        super().on_epoch_begin(epoch, logs)
        if self._resumed:
            self._follow(epoch)
        elif self._backup is not None and not self._records and self.model.built:
            self._save(epoch)
        if self._window is not None:
            self._window.begin_epoch()

    def _after_last_batch(self):
        if self._window is not None:
            self._fetch_state()
            self._window.end_training()

    def on_test_begin(self, logs=None):
        self._after_last_batch()

    def _run_check(self, logs, *, inside_epoch):
        # Nothing is left to decide in what another callback trains on after the end.
        if self.stop_reason is None:
            super()._run_check(logs, inside_epoch=inside_epoch)

    def _check(self, logs, *, inside_epoch):
        values = {"mlh": self._measure()[0]}
        record = {"epoch": self._epoch, "step": self._step(), "mlh": values["mlh"]}
        if self.monitor != "mlh":
            if self._window is None:
                self._window = AccuracyWindow(self.model, accuracy_key(logs, self.accuracy))
            record["accuracy"] = self._window.read(logs, inside_epoch=inside_epoch)
            values[self.monitor] = self._criterion(record["accuracy"], values["mlh"])
        record |= values
        for key, value in record.items():
            self.history.setdefault(key, []).append(value)
        if self._epoch >= self.start_from_epoch:
            self._decide(values[self.monitor], record["step"])
        return values

    def _criterion(self, accuracy, mlh):
        if self.monitor == "scaled_eic":
            return criteria.scaled_eic(accuracy, mlh, mlh_range=self.mlh_range)
        return getattr(criteria, self.monitor)(accuracy, mlh)

    def _decide(self, value, step):
        """Keras' rule, on a check instead of an epoch."""
        self.wait += 1
        if math.isfinite(value) and self._improves(value, self.best):
            self.best = value
            self.best_epoch = self._epoch
            self.best_step = step
            if self.restore_best_weights:
                self._keep_weights()
            if self.baseline is None or self._improves(value, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and len(self.history["mlh"]) > 1:
            self.stopped_epoch = self._epoch
            self.stop_reason = f"{self.monitor} did not improve for {self.wait} checks"
            self.model.stop_training = True

    def _improves(self, value, reference):
        if reference is None:
            return True
        gain = value - reference if self.mode == "max" else reference - value
        return gain > self.min_delta

    def _keep_weights(self):
        """Keep the model's weights as they would be if training ended now."""
        with self._averaged():
            if self._backup is None:
                self.best_weights = processes.whole_weights(self.model)
            else:
                n_checks = len(self.history["mlh"])
                self._best_file = self._backup.save_best(self.model, n_checks)

    @contextlib.contextmanager
    def _averaged(self):
        """Have the model hold the averages of its weights for a moment, if its optimizer does.

        At the end of `fit` Keras overwrites the weights with their averages, and restoring raw ones
        would undo that.
        """
        optimizer = getattr(self.model, "optimizer", None)
        optimizer = getattr(optimizer, "inner_optimizer", optimizer)
        if not getattr(optimizer, "use_ema", False):
            yield
            return
        variables = self.model.trainable_variables
        raw = [keras.ops.convert_to_numpy(variable).copy() for variable in variables]
        optimizer.finalize_variable_values(variables)
        yield
        for variable, values in zip(variables, raw, strict=True):
            variable.assign(values)

    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, logs)
        if self._backup is not None:
            self._save(epoch + 1)

    def _save(self, epoch):
        """Save what it takes to go on with this epoch."""
        record = {name: copy.deepcopy(getattr(self, name)) for name in _KEPT}
        record |= {"epoch": epoch, "step": self._step(), "best_file": self._best_file}
        previous = self._records[0] if self._records else None
        self._records = [self._backup.save(self.model, self.monitor, record, previous)]

    def on_train_end(self, logs=None):
        if self.stop_reason is None:
            self.stop_reason = f"training ended while {self.monitor} was within its patience"
        if self.best is None and self.wait > 0:
            warnings.warn(
                f"`monitor`: expected finite values of {self.monitor}; received none in "
                f"{self.wait} checks, so no weights were the best and none are restored; do look "
                "at `history`, or choose another `monitor`.",
                stacklevel=2,
            )
        restores = self.restore_best_weights and self.best is not None
        if restores and self._backup is None:
            self.model.set_weights(self.best_weights)
        elif restores:
            self._backup.restore_best(self.model, self._best_file)
        if self.verbose > 0:
            epoch = f"the weights of epoch {self.best_epoch + 1}" if restores else "no weights"
            print(f"{type(self).__name__}: {self.stop_reason}; restored {epoch}.")
        if self._backup is not None:
            self._backup.finish(self._best_file)
            self.model._initial_epoch = None
        self._window = None
        self._selection = None
        self._records = []
