"""Early stopping by how much the predictions still change, with no validation set."""

import numbers
import os
import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from keras_benford.callbacks import batch_norm, probes
from keras_benford.callbacks.early_stopping import EarlyStopping
from keras_benford.callbacks.heads import Heads, check_task
from keras_benford.callbacks.probes import Probe
from keras_benford.callbacks.randomness import random_state, set_random_state
from keras_benford.inputs import Given
from keras_benford.measures.predictions import Churn, ChurnRatio, UnseenChurn
from keras_benford.predictions import churn_of
from keras_benford.rules import Memorising, Settling

_PATIENCE, _PATIENCE_ALONE = 8, 16
_STAND_INS = {"noisy": probes.noisy, "swapped": probes.swapped}
# A warning after so many checks in a row at which predictions had collapsed.
_COLLAPSED = 8
# Fewer examples than this tell little.
_FEW = 100


class ChurnEarlyStopping(EarlyStopping):
    """Stop when a network goes on changing its mind only about inputs that it does not train on.

    While a network learns what generalises, its predictions on training inputs and on others
    change alike. Once it learns single examples by heart, those on its training inputs freeze, and
    the others go on changing. No label is looked at: all labelled data can train. It adds `churn`,
    `unseen_churn` and `churn_ratio` to the logs.

        stopping = ChurnEarlyStopping(x_train)  # inputs only; or with unseen=x_unlabelled
        model.fit(x_train, y_train, epochs=100, callbacks=[stopping])

    Args:
        x: training inputs without labels: an array, a list or dict of arrays for several inputs, or
            a `tf.data.Dataset`, `keras.utils.PyDataset` or PyTorch `DataLoader` of batches, whose
            labels are dropped. `(x, y)` is refused. A few are drawn as training begins and kept.
        unseen: inputs of the same kind that are not trained on, likewise; they need no labels.
            `"noisy"` makes them of training inputs, by Gaussian noise of half the standard
            deviation of each feature; `"swapped"` by three in ten of their values (letters,
            columns, steps) from another training input. `None` watches the training inputs alone,
            which tells less. The default, `"auto"`, is `"noisy"` where inputs are floats or
            pictures of bytes and no layer takes symbols, as `Embedding` does, or masks values;
            elsewhere `"swapped"`, and None, with a warning, where each input is one value.
        patience: how many checks must have shown memorising in all, and how many must have passed
            since the best one; by default 8. Without unseen inputs: how many checks after the best
            one, by default 16.
        verbose: 1 prints when it stops and what it restores.
        restore_best_weights: False is `restore="last"`.
        start_from_epoch: epochs before the first decision; the logs are written all the same.
        restore: `"average"` (default) puts the mean of the weights of the last five checks up to
            the best one back, with the statistics of batch normalisation estimated anew on the
            probe of training inputs. For that up to six copies of the weights are kept. `"best"`
            puts those of the best check back, `"last"` none.
        check_every: as for `MLHEarlyStopping`.
        probe_size: how many of the training inputs, and how many of the unseen ones, are looked at
            in each check.
        output: of a model with several outputs, the name of the one to watch, or `"mean"` for the
            mean churn of all.
        task: `"classes"`, `"labels"` (yes or no, each by itself) or `"numbers"`; by default what
            the loss tells.
        class_shares: `(n_classes,)` shares of the classes among the right labels, or of labels
            `(2,)` or `(n_labels, 2)`, which tell predictions that have collapsed into one class
            from classes of very different size. By default those of
            `keras_benford.predictions.churn_of`.
        batch_size: examples in a batch of the probes.
        seed: draws the probes and the noise.
        backup_dir: as for `MLHEarlyStopping`; what is kept of the last checks' weights is there,
            too, and the probes.

    Attributes:
        monitor: `"unseen_churn"`, or `"churn"` without unseen inputs.
        best: the lowest smoothed churn so far, or None: it is averaged over five checks.
        history: dict of lists, an entry a check: `epoch`, `step`, `churn`, `unseen_churn`,
            `churn_ratio`. None stands where there was nothing to tell: at the first check, and
            where predictions had collapsed into one class.

    `best_epoch`, `best_step`, `best_weights`, `stopped_epoch`, `stop_reason`, `initial_epoch` and
    `wait` are those of `MLHEarlyStopping`.

    Of predicted numbers it is warned: their churn did not show overfitting in any of our trials.

    Predictions that are not finite make churn NaN, with one warning; they stop a training that has
    no others left.

    Raises:
        ValueError, TypeError: for arguments that make no sense, and, as training begins, for inputs
            that do not fit the model and outputs that are neither classes, labels nor numbers.

    Source: see `keras_benford.rules.Memorising` and `keras_benford.predictions`.
    """

    class_shares: np.ndarray | None
    unseen: str | None
    _restores_by_default = "average"

    def __init__(
        self,
        x: Any,
        unseen: Any = "auto",
        patience: int | None = None,
        verbose: int = 0,
        restore_best_weights: bool = True,
        start_from_epoch: int = 0,
        *,
        restore: str | None = None,
        check_every: str | int | float = "epoch",
        probe_size: int = 2000,
        output: str | None = None,
        task: str | None = None,
        class_shares: ArrayLike | None = None,
        batch_size: int = 256,
        seed: int = 0,
        backup_dir: str | os.PathLike[str] | None = None,
    ) -> None:
        for name, value, lowest in (("probe_size", probe_size, 2), ("batch_size", batch_size, 1)):
            if not isinstance(value, numbers.Integral) or value < lowest:
                raise ValueError(f"`{name}`: expected {lowest} or more; received {value!r}")
        if x is None:
            raise TypeError("`x`: expected training inputs; received None; pass x_train")
        if isinstance(unseen, str) and unseen not in ("auto", *_STAND_INS):
            raise ValueError(
                "`unseen`: expected inputs, 'auto', 'noisy', 'swapped' or None; received "
                f"{unseen!r}"
            )
        check_task(task)
        self.unseen = unseen if unseen is None or isinstance(unseen, str) else "given"
        self._x, self._unseen = Given(x), Given(unseen)
        self.probe_size = probe_size
        self.output = output
        self.task = task
        self.class_shares = _shares(class_shares)
        self.batch_size = batch_size
        self.seed = seed
        self._patience = patience
        super().__init__(
            Churn.name if unseen is None else UnseenChurn.name,
            [],
            Churn.direction,
            patience=_PATIENCE if patience is None else patience,
            verbose=verbose,
            restore=restore,
            restore_best_weights=restore_best_weights,
            start_from_epoch=start_from_epoch,
            check_every=check_every,
            backup_dir=backup_dir,
        )

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "measures": [], "_probes": []}

    def _identity(self):
        return "churn"

    def _prepare(self, **evidence):
        if self._record is None:
            # A `DataLoader`, say, draws numbers when it is gone through: not those of the training.
            state = random_state(self.model)
            training, unseen = self._draw()
            set_random_state(self.model, state)
        else:
            training, unseen = self._drawn_before()
        self._probes = [training] if unseen is None else [training, unseen]
        churn = Churn(training, self.class_shares)
        self.measures = [churn]
        if unseen is not None:
            unseen_churn = UnseenChurn(unseen, self.class_shares)
            self.measures += [unseen_churn, ChurnRatio(churn, unseen_churn)]
        self.monitor = Churn.name if unseen is None else UnseenChurn.name
        if self._patience is None:
            self.patience = _PATIENCE_ALONE if unseen is None else _PATIENCE
        self._collapsed = 0
        heads = Heads(self.model, self.output, self.task)
        super()._prepare(heads=heads, batch_size=self.batch_size, **evidence)
        if self.model.built:
            found = self._evidence.try_out(training, "x")
            for each in found or []:
                # Raises an error where the shares do not fit the classes.
                churn_of(each, each, self.class_shares)
            if self.unseen == "given":
                self._evidence.try_out(unseen, "unseen")

    def _draw(self):
        """The probes of training inputs and of unseen ones; None for those that cannot be had."""
        training = probes.draw(self._x, self.probe_size, self.seed, "x")
        unseen = None
        if self.unseen == "given":
            unseen = probes.draw(self._unseen, self.probe_size, self.seed + 1, "unseen")
        elif kind := self._stand_in(training):
            unseen = _STAND_INS[kind](training, self.probe_size, self.seed + 1)
        for name, probe in (("x", training), ("unseen", unseen)):
            if probe is not None and len(probe) < _FEW:
                warnings.warn(
                    f"`{name}`: expected hundreds of examples; received {len(probe)}, too "
                    "few for churn; pass more.",
                    stacklevel=2,
                )
        return training, unseen

    def _stand_in(self, training):
        """What the unseen inputs are made by, or None."""
        if self.unseen != "auto":
            return self.unseen
        reason = probes.why_not_noisy(training, self.model)
        if reason is None:
            return "noisy"
        if probes.can_be_swapped(training):
            return "swapped"
        warnings.warn(
            f"`unseen`: nothing can stand in for unseen inputs, as {reason} and each input is one "
            "value. Only the training inputs are watched, which tells less of memorising; pass "
            "inputs that are not trained on, or unseen=None to have no warning.",
            stacklevel=2,
        )
        return None

    def _drawn_before(self):
        """The probes of a training that goes on."""
        found = []
        for kept in self._record["probes"]:
            arrays = self._backup.arrays(kept["file"])
            ordered = [arrays[str(i)] for i in range(len(arrays))]
            found.append(Probe.of(kept["structure"], ordered))
        training, unseen = [*found, None][:2]
        return training, unseen

    def _also_kept(self):
        if self._record is not None:
            return {key: self._record[key] for key in ("probes", "files")}
        names = ("probe-training", "probe-unseen")
        kept = [
            {"file": self._backup.save_arrays(name, probe.arrays()), "structure": probe.structure()}
            for name, probe in zip(names, self._probes, strict=False)
        ]
        return {"probes": kept, "files": [each["file"] for each in kept]}

    def _make_rule(self):
        if len(self._probes) == 1:
            return Settling(self.patience)
        n_training, n_unseen = map(len, self._probes)
        return Memorising(n_training, n_unseen, self.patience)

    def _decide(self, values):
        super()._decide(values)
        if self._n_checks == 1 and "numbers" in self._evidence.kinds:
            self._evidence.warn(
                "numbers",
                "the model predicts numbers, and their churn did not show overfitting where it was "
                "tried; hold examples out, and use keras.callbacks.EarlyStopping, where you can.",
            )
        if self._n_checks == 1 or values[self.monitor] is not None:
            self._collapsed = 0
            return
        self._collapsed += 1
        if self._collapsed == _COLLAPSED:
            self._evidence.warn(
                "collapsed",
                f"nearly all predictions have been of one class for {_COLLAPSED} checks, so that "
                "their churn tells nothing yet. Where the classes are of very different size, "
                "pass their shares as `class_shares`.",
            )

    def _warn_of_no_best(self):
        smoothing = self._rule.smoothing
        if self._n_checks > smoothing:
            warnings.warn(
                f"Expected {smoothing} checks at which churn can be told; received fewer in "
                f"{self._n_checks} checks, so no weights were the best and none are restored; "
                "look at `history`.",
                stacklevel=3,
            )

    def _after_restoring(self):
        if self.restore == "average":
            batch_norm.estimate_anew(self.model, self._probes[0].inputs, self.batch_size)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        super().on_train_end(logs)
        # What holds tensors, and copies of what the user has.
        self.measures = []
        self._probes = []


def _shares(given):
    """Shares of classes as an array; each set must add up to 1."""
    if given is None:
        return None
    shares = np.asarray(given, float)
    fits = shares.ndim in (1, 2) and shares.size and (shares >= 0).all()
    if not fits or not np.allclose(shares.sum(axis=-1), 1, atol=1e-3):
        raise ValueError(
            "`class_shares`: expected shares of all classes, which add up to 1; received "
            f"{given!r}; pass np.bincount(y) / len(y)."
        )
    return shares
