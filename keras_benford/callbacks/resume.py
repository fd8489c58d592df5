"""A training's state on disk, from which a killed `fit` goes on.

A folder holds, each replaced as a whole and so never half written:

- `state.json`, which names the other files: what the callback knows at the end of the last epoch;
- `training-EPOCHS.weights.h5`: the model and its optimizers as they were then, in Keras' format;
- `training-EPOCHS.npz`: what the measures remember, where they do;
- `probe-NAME.npz`: inputs that are looked at again and again;
- `best-CHECKS.weights.h5`: the weights of the best check, without optimizers, in Keras' format;
  or `best-CHECKS.npz`, their mean over several, and `check-CHECKS.npz`, those of the last checks;
- `best.weights.h5`: those of a training that has ended.

A file that `state.json` does not name is a leftover of a kill, and is removed at the next save.
"""

import contextlib
import json
import os
from pathlib import Path

import keras
import numpy as np

from keras_benford import _keras
from keras_benford._messages import listed
from keras_benford.callbacks import optimizers, processes
from keras_benford.callbacks.randomness import random_state, set_random_state

_STATE = "state.json"
_KINDS = ("training", "probe", "best", "check", "partial")


class Backup:
    """The folder of one training.

    Several processes that train together share it.

    Args:
        folder: its path; it need not exist yet.
    """

    def __init__(self, folder):
        self.folder = Path(folder)

    def check_that_no_other_writes(self, own, callbacks):
        """Raise a ValueError where another callback of the training would write to this folder.

        Keras' `BackupAndRestore` removes its own folder in the end, with all that is in it.
        """
        mine = self.folder.resolve()
        for callback in callbacks:
            other = getattr(callback, "backup_dir", None)
            if callback is own or other is None:
                continue
            other = Path(other).resolve()
            removes = isinstance(callback, keras.callbacks.BackupAndRestore)
            if other == mine or (removes and other in mine.parents):
                raise ValueError(
                    "`backup_dir`: expected a folder for this callback alone; received "
                    f"{self.folder}, which {type(callback).__name__} uses, too; pass each a "
                    "folder of its own."
                )

    def read(self, model, monitor):
        """The saved record; None where no training was interrupted.

        Raises:
            ValueError: if it is that of another model or monitor, or not readable.
        """
        split = [weight.path for weight in model.weights if not processes.is_at_hand(weight)]
        if split:
            raise ValueError(
                "`backup_dir`: expected weights of which each process holds a copy; received some "
                f"that are split between processes: {listed(split)}; leave it out."
            )
        path = self.folder / _STATE
        try:
            saved = json.loads(path.read_text(encoding="utf-8"))
            identity, record = saved["identity"], saved["record"]
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"`backup_dir`: expected the state of a training in {path}; received something "
                f"else ({error}); remove that file, or pass another folder."
            ) from error
        if not model.built:
            raise ValueError(
                f"`backup_dir`: expected a built model to go on with the training in {path}; "
                f"received {model.name!r}, which has no weights yet; call it on data, or "
                "`model.build(input_shape)`, before `fit`."
            )
        for name, ours in _identity(model, monitor).items():
            if identity[name] != ours:
                raise ValueError(
                    f"`backup_dir`: expected the state of a training with {name} {ours}; received "
                    f"one with {identity[name]} in {path}; pass another folder, or remove this "
                    "one if that training is not to go on."
                )
        return record

    def save(self, model, monitor, record, arrays=None, files=()):
        """Save the training as it is at its beginning or the end of an epoch.

        Args:
            model: the model in training.
            monitor: the name of what the callback monitors.
            record: what the callback knows, as JSON holds it, with the `epoch`.
            arrays: what its measures remember, by name.
            files: names of other files to keep.
        """
        optimizers.build_own(model)
        name = f"training-{record['epoch']}"
        training = self._save(f"{name}.weights.h5", model.save_weights)
        remembered = self.save_arrays(name, arrays) if arrays else None
        record = {
            **record,
            "training_file": training,
            "arrays_file": remembered,
            "optimizers": optimizers.built_for(model),
            "random": random_state(model),
        }
        text = json.dumps({"identity": _identity(model, monitor), "record": record})
        self._save(_STATE, lambda path: path.write_text(text, encoding="utf-8"))
        if processes.is_first_process():
            self._remove_all_but({training, remembered, *files})

    def save_arrays(self, name, arrays):
        """Save arrays, a list or by name, or what a function gives; give the file's name."""

        def save(path):
            found = arrays() if callable(arrays) else arrays
            named = found if isinstance(found, dict) else {str(i): a for i, a in enumerate(found)}
            with path.open("wb") as file:
                np.savez(file, **{key: _as_numpy_has_it(array) for key, array in named.items()})

        return self._save(f"{name}.npz", save)

    def arrays(self, file, dtypes=None):
        """The arrays of a file by name; with dtypes a list of so many arrays of these."""
        if file is None:
            return {}
        with np.load(self.folder / file) as saved:
            if dtypes is None:
                return dict(saved)
            return [_of_dtype(saved[str(i)], dtype) for i, dtype in enumerate(dtypes)]

    def save_weights(self, name, model):
        """Save a model's weights in Keras' format, without its optimizers; give the file's name."""
        return self._save(
            f"{name}.weights.h5",
            lambda path: _keras.save_weights(model, path, without=optimizers.all_of(model)),
        )

    def load_weights(self, file, model):
        """Give a model the weights that `save_weights` saved."""
        processes.wait_for_all("keras_benford: the best weights are saved")
        with _keras.old_arrays_freed(model.weights):
            model.load_weights(self.folder / file, objects_to_skip=optimizers.all_of(model))

    def restore(self, model, record):
        """Bring a model and its optimizers to where they were when the record was saved."""
        optimizers.build(model, record["optimizers"])
        model.load_weights(self.folder / record["training_file"])
        set_random_state(model, record["random"])

    def finish(self, model, *, restored):
        """Forget the training, which has ended; keep the best weights, if the model has them."""
        processes.wait_for_all("keras_benford: the best weights are restored")
        if restored:
            self.save_weights("best", model)
        if processes.is_first_process():
            (self.folder / _STATE).unlink(missing_ok=True)
            self._remove_all_but(())

    def _save(self, name, save):
        if processes.is_first_process():
            silence = _keras.arrays_made_in_silence()
            with self._replacing(name) as path, processes.alone(), silence:
                save(path)
        return name

    @contextlib.contextmanager
    def _replacing(self, name):
        """A path to write to; what is there in the end replaces the file of this name at once."""
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.folder / f"partial-{name}"
        yield partial
        with partial.open("r+b") as file:
            os.fsync(file.fileno())
        os.replace(partial, self.folder / name)

    def _remove_all_but(self, names):
        for kind in _KINDS:
            for path in self.folder.glob(f"{kind}-*"):
                if path.name not in names:
                    path.unlink(missing_ok=True)


def _identity(model, monitor):
    shapes = [[*weight.shape, str(weight.dtype)] for weight in model.weights]
    return {"monitor": monitor, "weights": shapes}


def _as_numpy_has_it(array):
    """An array of a dtype that NumPy itself has: of others, such as bfloat16, the bits."""
    array = np.asarray(array)
    return array.view(f"u{array.dtype.itemsize}") if array.dtype.kind == "V" else array


def _of_dtype(array, dtype):
    return array.view(dtype) if array.dtype.kind == "u" and "float" in dtype else array
