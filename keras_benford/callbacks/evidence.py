"""What a check can know of a model in training: each thing worked out once, and only if asked for.

Measures ask; nothing is counted, read or run that none of them needs.
"""

import math
import warnings

import keras
import numpy as np

from keras_benford import context, inference, inputs, statistics
from keras_benford._messages import listed
from keras_benford.callbacks import processes, randomness
from keras_benford.callbacks.accuracy import AccuracyWindow, accuracy_key, check_for_accuracy
from keras_benford.scoring import count
from keras_benford.selection import select

# Of a trained network MLH changes by less than this from check to check; so many weights have a
# spread below it.
_LARGE_SPREAD, _MANY = 0.015, 20_000


class Evidence:
    """The evidence of one training, check after check.

    Args:
        model: the model.
        needs: what the measures need, see `keras_benford.measures.Measure`. What can be told to be
            missing is told at once.
        include, exclude: which weights to count, as for `keras_benford.score`; frozen weights,
            which never change, count only if they are included.
        accuracy: the accuracy's key in the logs, or None to find it.
        heads: a `heads.Heads`, where predictions are asked for.
        batch_size: examples in a batch of inputs.

    Attributes:
        model: the model.
        epoch: epoch of the check, from 0.
        step: the optimizer's updates so far; None for a model without an optimizer.
    """

    def __init__(
        self,
        model,
        needs,
        *,
        include=None,
        exclude=None,
        accuracy=None,
        heads=None,
        batch_size=256,
    ):
        self.model = model
        self.needs = needs
        self._which = {"include": include, "exclude": exclude}
        self._wanted_accuracy = accuracy
        self._heads = heads
        self._batch_size = batch_size
        self._selection = None
        self._window = None
        self._kept = {}
        self._warned = set()
        if "weights" in needs and model.weights:
            # A model that is built by its first batch is looked at when the first check is due.
            self._select()
        self._settled = "accuracy" not in needs or check_for_accuracy(model, accuracy)

    # What happens in a training.

    def batch_begins(self):
        """From the second batch on all metrics have names: nobody waits an epoch for an error."""
        if not self._settled:
            self._settled = check_for_accuracy(self.model, self._wanted_accuracy)

    def epoch_begins(self):
        """The metrics begin anew."""
        if self._window is not None:
            self._window.begin_epoch()

    def batches_end(self, model):
        """The epoch's last batch is done; what comes next may reset the metrics."""
        if self._window is not None:
            self.model = model
            self._window.end_training()

    def check_begins(self, model, epoch, step, logs, *, inside_epoch):
        """What was found at the check before holds no longer.

        The model is handed in again: under JAX it is by asking the callback for it that its
        variables hold their values, also within an epoch.
        """
        self.model, self.epoch, self.step = model, epoch, step
        self._logs, self._inside_epoch = logs, inside_epoch
        self._found = {}

    # What a measure may ask for.

    def once(self, key, work):
        """What some work gives, done once a check."""
        if key not in self._found:
            self._found[key] = work()
        return self._found[key]

    def kept(self, key, work):
        """What some work gives, done once a training."""
        if key not in self._kept:
            self._kept[key] = work()
        return self._kept[key]

    def warn(self, what, text):
        """Warn of something, once a training."""
        if what not in self._warned:
            self._warned.add(what)
            warnings.warn(f"Epoch {self.epoch + 1}: {text}", stacklevel=2)

    @property
    def selection(self):
        """The weights that count, and the others."""
        return self._selection or self._select()

    @property
    def tallies(self):
        """`(n_weights, 11)` int64 of the weights that count, see `keras_benford.digits.tally`."""
        return self.once("tallies", self._tallies)

    @property
    def mlh(self):
        """MLH of the model; NaN where a weight that counts is not finite."""
        tallies = self.tallies
        return math.nan if self._broken().any() else statistics.mlh(tallies[:, :9].sum(axis=0))

    @property
    def mlh_of_layers(self):
        """MLH of each weight that counts, by its path; NaN where the weight is not finite."""
        of_layers = np.where(self._broken(), np.nan, statistics.mlh(self.tallies[:, :9]))
        paths = (weight.path for weight in self.selection.counted)
        return dict(zip(paths, of_layers.tolist(), strict=True))

    @property
    def accuracy(self):
        """Training accuracy over the batches since the last check that asked for it."""
        return self.once("accuracy", self._accuracy)

    @property
    def accuracy_if_there(self):
        """The same; None where the logs have no accuracy, or several, and no measure needs one."""
        if "accuracy" not in self.needs:
            try:
                accuracy_key(self._logs, self._wanted_accuracy)
            except ValueError:
                return None
        return self.accuracy

    def examples(self, x, examples, seed):
        """Examples to look at in each check, drawn once, see `keras_benford.inputs.enough`."""
        return self.kept(("examples", id(x)), lambda: self._examples(x, examples, seed))

    def predictions(self, probe):
        """`keras_benford.predictions.Predictions` of each output on a probe; None if not finite."""
        return self.once(("predictions", id(probe)), lambda: self._predictions(probe))

    def _examples(self, x, examples, seed):
        # A `DataLoader`, say, draws numbers when it is gone through: not those of the training.
        state = randomness.random_state(self.model)
        drawn = inputs.enough(x, examples, seed)
        randomness.set_random_state(self.model, state)
        return processes.of_the_first(drawn)

    def _select(self):
        self._selection = select(self.model, **self._which, trainable=True)
        self._warn_of_few(self._selection.counted)
        return self._selection

    def _warn_of_few(self, counted):
        n = sum(math.prod(weight.shape) for weight in counted)
        if n > _MANY:
            return
        spread = context.mlh_spread(count(counted, self.model)[:, :9].sum(axis=0))
        if spread > _LARGE_SPREAD:
            warnings.warn(
                f"MLH of {n:,} weights scatters by ± {spread:.2g} by chance, far more than "
                "training changes it from check to check. Decisions on it are chance; use "
                "ChurnEarlyStopping to stop a model as small as this.",
                stacklevel=2,
            )

    def _tallies(self):
        tallies = count(self.selection.counted, self.model)
        broken = tallies[:, 10] > 0
        if broken.any():
            paths = [w.path for w, bad in zip(self.selection.counted, broken, strict=True) if bad]
            self.warn(
                "weights",
                f"expected finite weights; received {tallies[:, 10].sum():,} infinite or NaN "
                f"values in {listed(paths)}. MLH and what follows from it are NaN in the logs "
                "while they last; lower the learning rate or clip the gradients.",
            )
        return tallies

    def _broken(self):
        """Which weights are not finite.

        The counts of broken weights, and so their MLH, may well be finite: they must not look good.
        """
        return self.tallies[:, 10] > 0

    def _accuracy(self):
        if self._window is None:
            key = accuracy_key(self._logs, self._wanted_accuracy)
            self._window = AccuracyWindow(self.model, key)
        return self._window.read(self._logs, inside_epoch=self._inside_epoch)

    def _predictions(self, probe):
        run = self.kept("forward", lambda: inference.program(self.model, self._heads))
        arrays = self._run_on(probe, run)
        found = self._heads.predictions(arrays)
        if found is None:
            self.warn(
                "predictions",
                "expected finite predictions; received some that are infinite or NaN. Churn is "
                "NaN in the logs while that lasts; lower the learning rate or clip the "
                "gradients.",
            )
        return found

    def _run_on(self, probe, run):
        def checked(batch):
            tensors = run(batch)
            if self._heads.error is not None:
                raise self._heads.error
            return tensors

        return inference.in_batches(checked, probe.inputs, self._batch_size, processes.whole)

    @property
    def kinds(self):
        """What each output that is watched predicts, of `predictions.KINDS`, once one was seen."""
        return self._heads.kinds

    def try_out(self, probe, name):
        """Run the model on a batch of a probe, so that what is wrong is told at once.

        Returns:
            Its `predictions` on that batch.
        """
        few = keras.tree.map_structure(lambda array: array[: self._batch_size], probe.inputs)
        run = self.kept("forward", lambda: inference.program(self.model, self._heads))
        try:
            arrays = inference.in_batches(run, few, self._batch_size, processes.whole)
        except Exception as error:  # each layer and backend has its own for inputs that do not fit
            raise ValueError(
                f"`{name}`: expected inputs as the model takes them"
                f"{_shape_of(getattr(self.model, 'input_shape', None))}; received"
                f"{_shape_of(keras.tree.map_structure(lambda a: a.shape, probe.inputs))}; pass "
                f"examples, no labels, prepared as for training ({inference.reason(error)})"
            ) from error
        if self._heads.error is not None:
            raise self._heads.error
        return self._heads.predictions(arrays)


def _shape_of(shape):
    return "" if shape is None else f" of shape {shape}"
