"""Early stopping by Benford's law in the weights, with no validation set."""

import os
import warnings
from typing import Any

from keras_benford import criteria
from keras_benford.callbacks.early_stopping import EarlyStopping
from keras_benford.measures import CRITERIA, Measure
from keras_benford.measures.benford import MLH, ScaledEIC
from keras_benford.rules import Patience
from keras_benford.selection import Patterns

_MONITORS = (*CRITERIA, MLH.name)
# Of training accuracy, from the check that is restored to the last one.
_FAR = 0.25


class MLHEarlyStopping(EarlyStopping):
    """Stop when the weights' Benford criterion no longer improves; keep the best weights.

    All labelled data can train: the criterion needs the weights and, for the EICs, the training
    accuracy. It adds `mlh` and the monitored criterion to the logs.

        model.compile("adam", loss, metrics=["accuracy"])
        model.fit(x, y, epochs=100, callbacks=[MLHEarlyStopping()])

    The arguments up to `start_from_epoch` are those of `keras.callbacks.EarlyStopping` and mean the
    same; where that counts epochs without improvement, this counts checks.

    Where labels are wrong, or too few weights train, `keras_benford.ChurnEarlyStopping` is the
    better choice. Frozen weights (`trainable=False`) do not count, as training never changes them,
    unless `include` names them.

    Args:
        monitor: `"symbolic_eic"` (default), `"scaled_eic"`, `"eic"` or `"mlh"`. All but `"mlh"`
            need an accuracy among the metrics. `symbolic_eic` is undefined where MLH is not
            positive, as on weights that start far from Benford's law: a warning says so.
        min_delta: smallest change that counts as an improvement.
        patience: number of checks without improvement after which training stops.
        verbose: 1 prints when it stops and what it restores.
        mode: `"auto"` (default), `"min"` or `"max"`; auto is right for all four criteria.
        baseline: only a value better than this starts the patience anew.
        restore_best_weights: put weights back when training ends, whether or not this callback
            ended it. Under an optimizer with `use_ema=True` these are the averaged weights as they
            stood at the check, wherever `SwapEMAWeights` stands among the callbacks; what is
            measured are the raw ones. False is `restore="last"`.
        start_from_epoch: epochs before the first decision; the logs are written all the same.
        restore: which weights: `"best"` (default), those of the best check; `"average"`, the mean
            of those of the last five checks up to it, statistics of batch normalisation included,
            for which up to six copies of the weights are kept; `"last"`, none.
        check_every: `"epoch"` (default); a number of batches as an integer, counted anew in each
            epoch, or `"batch"`; or a fraction f of an epoch as a float, for `round(1 / f)` evenly
            spaced checks (the paper's 0.33; data of unknown length is checked at the end of the
            first epoch only). The end of an epoch is always checked.
        mlh_range: `(low, high)` of `keras_benford.scaled_eic`.
        accuracy: the accuracy's key in the logs, by default `accuracy`, `acc` or the only one that
            ends in "accuracy". Criteria take its mean over the batches since the last check.
        include: glob pattern(s) on weight paths, as for `keras_benford.score`.
        exclude: likewise.
        backup_dir: a local folder, for this callback alone, in which to keep, from epoch to epoch,
            what a killed training needs to go on: the state of this callback, the model and the
            optimizers in its attributes, of which a `train_step` of its own may have several. The
            same `fit` started again in a new process goes on after the last epoch that was
            finished, with the same decisions. The best weights are kept there too, and not in
            memory. When `fit` ends, they stay as `best.weights.h5`, and the rest is removed.

    Attributes:
        best: the best value so far, or None.
        best_epoch, best_step: its epoch (from 0), and the optimizer's count of updates by then
            (for data of unknown length Keras' optimizers count one too many an epoch).
        best_weights: what is to be put back, as `model.set_weights` takes it. Where `fit` is
            interrupted (Ctrl-C), Keras calls no callback any more: they are kept here, not
            restored. None with `backup_dir`.
        stopped_epoch: the epoch (from 0) in which it stopped the training; 0 as well if it did
            not, which `stop_reason` tells.
        stop_reason: a sentence on why training ended, and, where its end came first, whether it was
            still improving; None before its end.
        initial_epoch: the epoch (from 0) that a training which goes on begins with, else 0: for
            loops of one's own, as `fit` begins there by itself.
        history: dict of lists, an entry a check: `epoch`, `step`, `mlh`, `accuracy` and the
            criterion.

    A value that is not finite is never the best. As soon as a counted weight is infinite or NaN,
    `mlh` and the criterion are NaN in the logs, with one warning. A warning before training says
    where MLH of so few weights scatters too much by chance, and one at its end where the weights
    that come back have a training accuracy far below the last one.

    Raises:
        ValueError: for arguments that make no sense, and, as training begins, for a model without
            weights that count or without the accuracy that the criterion needs.

    Source: arXiv 2102.03313, "Early Stopping with MLH"; its recorded runs check once an epoch with
    a patience of 8.
    """

    def __init__(
        self,
        monitor: str = "symbolic_eic",
        min_delta: float = 0,
        patience: int = 8,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = True,
        start_from_epoch: int = 0,
        *,
        restore: str | None = None,
        check_every: str | int | float = "epoch",
        mlh_range: tuple[float, float] = criteria.MLH_RANGE,
        accuracy: str | None = None,
        include: Patterns = None,
        exclude: Patterns = None,
        backup_dir: str | os.PathLike[str] | None = None,
    ) -> None:
        if monitor not in _MONITORS:
            raise ValueError(
                f"`monitor`: expected one of {', '.join(map(repr, _MONITORS))}; received "
                f"{monitor!r}; for other quantities do use keras.callbacks.EarlyStopping."
            )
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"`mode`: expected 'auto', 'min' or 'max'; received {mode!r}.")
        self.mlh_range = criteria.check_mlh_range(mlh_range)
        measures: list[Measure] = [MLH()]
        if monitor == ScaledEIC.name:
            measures.append(ScaledEIC(self.mlh_range))
        elif monitor != MLH.name:
            measures.append(CRITERIA[monitor]())
        super().__init__(
            monitor,
            measures,
            measures[-1].direction if mode == "auto" else mode,
            patience=patience,
            min_delta=min_delta,
            verbose=verbose,
            baseline=baseline,
            restore=restore,
            restore_best_weights=restore_best_weights,
            start_from_epoch=start_from_epoch,
            check_every=check_every,
            backup_dir=backup_dir,
            accuracy=accuracy,
            include=include,
            exclude=exclude,
        )
        self.accuracy = accuracy
        self.include = include
        self.exclude = exclude

    def _make_rule(self):
        return Patience(
            self.monitor,
            self.mode,
            self.patience,
            self.min_delta,
            self.baseline,
        )

    def _recorded(self, evidence):
        # For a word in the end; only the criteria must have it.
        return {"accuracy": evidence.accuracy_if_there}

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        accuracies = self.history.get("accuracy", [])
        if self._weights.is_there:
            restored, last = accuracies[self._best_check], accuracies[-1]
            if restored is not None and restored < last - _FAR:
                warnings.warn(
                    f"The weights of epoch {self.best_epoch + 1} come back, with a training "
                    f"accuracy of {100 * restored:.0f} %; the last ones had {100 * last:.0f} %. "
                    f"The best {self.monitor} seems to have come too early; look at `history`, "
                    "or use ChurnEarlyStopping.",
                    stacklevel=2,
                )
        super().on_train_end(logs)
