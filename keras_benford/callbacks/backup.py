"""A training's state on disk, from which a killed `fit` goes on.

A folder holds, each replaced as a whole and so never half written:

- `state.json`, which names the other files: what the callback knows at the end of the last epoch,
  and, for a `keras.callbacks.BackupAndRestore` that saved an epoch less, at that of the one before;
- `training-EPOCHS.weights.h5`: the model and its optimizer as they were then, in Keras' format;
- `best-CHECKS.weights.h5`: the weights of the best check, likewise, without the optimizer;
- `best.weights.h5`: those of a training that has ended.

A file that `state.json` does not name is a leftover of a kill, and is removed at the next save.
"""

import contextlib
import functools
import json
import os
from pathlib import Path

import keras
from keras.src.saving import saving_lib

from keras_benford.callbacks import processes
from keras_benford.callbacks.randomness import random_state, set_random_state

_STATE = "state.json"
_BEST = "best.weights.h5"
_KINDS = ("training", "best")


class Backup:
    """The folder of one training.

    Several processes that train together share it.

    Args:
        folder: its path; it need not exist yet.
    """

    def __init__(self, folder):
        self.folder = Path(folder)

    def read(self, model, monitor):
        """The saved records, newest first: none where no training was interrupted.

        Raises:
            ValueError: if they are those of another model or monitor, or not readable.
        """
        split = [weight.path for weight in model.weights if not processes.is_at_hand(weight)]
        if split:
            raise ValueError(
                "`backup_dir`: expected weights of which each process holds a copy; received some "
                f"that are split between processes: {', '.join(split)}; do leave it out."
            )
        path = self.folder / _STATE
        try:
            saved = json.loads(path.read_text(encoding="utf-8"))
            identity, records = saved["identity"], saved["records"]
        except FileNotFoundError:
            return []
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"`backup_dir`: expected the state of a training in {path}; received something "
                f"else ({error}); do remove that file, or pass another folder."
            ) from error
        if not model.built:
            raise ValueError(
                f"`backup_dir`: expected a built model to go on with the training in {path}; "
                f"received {model.name!r}, which has no weights yet; do call it on data, or "
                "`model.build(input_shape)`, before `fit`."
            )
        for name, ours in _identity(model, monitor).items():
            if identity[name] != ours:
                raise ValueError(
                    f"`backup_dir`: expected the state of a training with {name} {ours}; received "
                    f"one with {identity[name]} in {path}; do pass another folder, or remove this "
                    "one if that training is not to go on."
                )
        return records

    def save_best(self, model, check):
        """Save a model's weights as the best so far, at a check; give the file's name."""
        return self._save(
            f"best-{check}.weights.h5",
            lambda path: saving_lib.save_weights_only(model, path, objects_to_skip=_skipped(model)),
        )

    def save(self, model, monitor, record, previous):
        """Save the training as it is at its beginning or the end of an epoch.

        Args:
            model: the model in training.
            monitor: the name of what the callback monitors.
            record: what the callback knows, as JSON holds it, with the file's name as `best_file`.
            previous: what this gave an epoch before, or None.

        Returns:
            The record as saved.
        """
        _build_optimizer(model)
        training = self._save(f"training-{record['epoch']}.weights.h5", model.save_weights)
        record = {**record, "training_file": training, "random": random_state(model)}
        records = [record] if previous is None else [record, previous]
        text = json.dumps({"identity": _identity(model, monitor), "records": records})
        self._save(_STATE, lambda path: path.write_text(text, encoding="utf-8"))
        if processes.is_first_process():
            self._remove_all_but({training, *(each["best_file"] for each in records)})
        return record

    def restore(self, model, record):
        """Bring a model and its optimizer to where they were when the record was saved."""
        _build_optimizer(model)
        model.load_weights(self.folder / record["training_file"])
        self.restore_randomness(model, record)

    def restore_randomness(self, model, record):
        """Bring only the random generators to where they were when the record was saved."""
        set_random_state(model, record["random"])

    def restore_best(self, model, file):
        """Give a model the weights that `save_best` saved."""
        processes.wait_for_all("keras_benford: the best weights are saved")
        with _old_arrays_freed(model.weights):
            model.load_weights(self.folder / file, objects_to_skip=_skipped(model))

    def finish(self, best_file):
        """Forget the training, which has ended, and keep its best weights."""
        processes.wait_for_all("keras_benford: the best weights are restored")
        if not processes.is_first_process():
            return
        if best_file is not None:
            os.replace(self.folder / best_file, self.folder / _BEST)
        (self.folder / _STATE).unlink(missing_ok=True)
        self._remove_all_but(())

    def _save(self, name, save):
        if processes.is_first_process():
            with self._replacing(name) as path, processes.alone():
                save(path)
        return name

    @contextlib.contextmanager
    def _replacing(self, name):
        """A path to write to; what is there in the end replaces the file of this name at once."""
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.folder / f"partial-{name}"
        yield partial
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(partial, self.folder / name)

    def _remove_all_but(self, names):
        for kind in (*_KINDS, "partial"):
            for path in self.folder.glob(f"{kind}-*"):
                if path.name not in names:
                    path.unlink(missing_ok=True)


def _identity(model, monitor):
    shapes = [[*weight.shape, str(weight.dtype)] for weight in model.weights]
    return {"monitor": monitor, "weights": shapes}


def _build_optimizer(model):
    """Have the optimizer's variables made, as `fit` does no sooner than in its first step."""
    strategy = getattr(model, "distribute_strategy", None)
    for optimizer in _skipped(model):
        if not optimizer.built:
            with strategy.scope() if strategy is not None else contextlib.nullcontext():
                optimizer.build(model.trainable_variables)


def _skipped(model):
    """The model's optimizer, which is no part of its best weights."""
    optimizer = getattr(model, "optimizer", None)
    return [] if optimizer is None else [optimizer]


@contextlib.contextmanager
def _old_arrays_freed(weights):
    """A context in which a weight's array is freed as soon as it is replaced.

    Under JAX `fit` itself holds the arrays of its last step until it returns, and the weights would
    be in memory twice.
    """
    if keras.backend.backend() != "jax":
        yield
        return

    def assign(weight, assign_as_keras_does, value):
        old = weight.value
        assign_as_keras_does(value)
        old.delete()

    for weight in weights:
        weight._direct_assign = functools.partial(assign, weight, weight._direct_assign)
    try:
        yield
    finally:
        for weight in weights:
            del weight._direct_assign
