"""The weights to put back when training ends: those of the best check, or a mean up to it.

They are kept in memory, or in a training's folder (`resume.Backup`). Weights are kept as they would
be if training ended at the check: under an optimizer with `use_ema`, averaged.
"""

import collections
from typing import Any

import numpy as np

from keras_benford.callbacks import processes
from keras_benford.callbacks.optimizers import averages_in

CHECKS = 5
"""Of how many checks the mean is taken, the best one and those before it."""
WAYS = ("best", "average", "last")


class BestWeights:
    """What is kept of a training's weights.

    Args:
        way: `"best"` keeps the weights of the best check; `"average"` the mean of those of the last
            `CHECKS` checks up to it, for which it holds each check's as well, so that in all there
            are up to `CHECKS + 1` copies; `"last"` keeps nothing.
        folder: a `resume.Backup`; None to keep them in memory.
    """

    def __init__(self, way, folder=None):
        self.way = way
        self._folder = folder
        # Arrays, or the files that hold them.
        self._best = None
        self._recent: collections.deque[Any] = collections.deque(maxlen=CHECKS)

    def check(self, model, number, *, best):
        """Keep what the check asks for.

        Args:
            model: the model as it is at the check.
            number: of the check, from 1.
            best: whether it is the best so far.
        """
        if self.way == "average":
            with averages_in(model):
                self._recent.append(self._kept(f"check-{number}", processes.whole_weights(model)))
            if best:
                self._best = self._kept(f"best-{number}", lambda: self._mean(model))
        elif self.way == "best" and best:
            with averages_in(model):
                if self._folder is None:
                    self._best = processes.whole_weights(model)
                else:
                    self._best = self._folder.save_weights(f"best-{number}", model)

    def _kept(self, name, weights):
        """The arrays themselves, or the file that they are saved in."""
        if self._folder is not None:
            return self._folder.save_arrays(name, weights)
        return weights() if callable(weights) else weights

    def _arrays(self, model, kept):
        if self._folder is None:
            return kept
        return self._folder.arrays(kept, [str(weight.dtype) for weight in model.weights])

    def _mean(self, model):
        """The mean of the weights of the last checks; of what is no floating-point number the last.

        Summed one by one in float64, whatever their precision.
        """
        sums = [np.zeros(weight.shape, "float64") for weight in model.weights]
        for kept in self._recent:
            last = self._arrays(model, kept)
            for total, array in zip(sums, last, strict=True):
                total += np.asarray(array, "float64")
        return [
            (total / len(self._recent)).astype(array.dtype) if _is_float(array) else array
            for total, array in zip(sums, last, strict=True)
        ]

    def restore(self, model):
        """Put back what is kept."""
        if self._folder is not None and self.way == "best":
            self._folder.load_weights(self._best, model)
        else:
            processes.wait_for_all("keras_benford: the mean of the weights is saved")
            model.set_weights(self._arrays(model, self._best))

    @property
    def is_there(self):
        """Whether there is something to put back."""
        return self._best is not None

    @property
    def weights(self):
        """What is to be put back, as `model.set_weights` takes it; None without or in a folder."""
        return self._best if self._folder is None else None

    def state(self):
        """What it must know to go on with its folder, as JSON holds it: files."""
        return {"best": self._best, "recent": list(self._recent)}

    def take_up(self, state):
        """Go on from what `state` gave."""
        self._best = state["best"]
        self._recent.extend(state["recent"])


def _is_float(array):
    return array.dtype.kind == "f" or "float" in array.dtype.name
