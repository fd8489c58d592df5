"""A callback that writes what the neurons tell on a few examples into the logs."""

import math
import warnings
from collections.abc import Sequence
from typing import Any

import keras

from keras_benford.information import report
from keras_benford.information.activations import Recorder
from keras_benford.information.values import NotFiniteError


class InformationMonitor(keras.callbacks.Callback):
    """Add the neurons' mean entropy and mean mutual information to the logs.

    The keys are `entropy` and `mutual_information`, both in nats. All callbacks share one `logs`
    dict, in the order of their list: put this one before those that are to see it (TensorBoard,
    CSVLogger). The progress bar and `History` come last of all.

        callbacks = [InformationMonitor(x[:1000]), keras.callbacks.TensorBoard("logs")]

    Args:
        x: a few hundred unlabelled examples, see `keras_benford.information.activations`; no
            generator, since they are looked at again and again.
        every: look after the first epoch and each so many epochs after it. In between the logs have
            the latest values, so that a CSVLogger has all its columns.
        layers: which layers to look at; by default the hidden ones.
        neurons: at most how many neurons, drawn from all of them. The time grows with its square:
            64 neurons on 1,000 examples take a quarter of a second on two cores, with numba.
        options: as for `keras_benford.information.report`, such as `method="bins"`.

    Attributes:
        history: dict of lists, an entry a look: `epoch`, `entropy`, `mutual_information`.

    Activations that are infinite or NaN make both NaN, with one warning.
    """

    def __init__(
        self,
        x: Any,
        every: int = 1,
        layers: str | Sequence[str] | None = None,
        *,
        neurons: int | None = 64,
        **options: Any,
    ) -> None:
        super().__init__()
        if not isinstance(every, int) or isinstance(every, bool) or every < 1:
            raise ValueError(f"`every`: expected an integer of 1 or more; received {every!r}")
        if hasattr(x, "__next__"):
            raise TypeError("`x`: expected examples; received what can be read only once")
        self.x = x
        self.every = every
        self.layers = layers
        self.position = options.pop("position", None)
        self.options = {"neurons": neurons, **options}
        self.history: dict[str, list[Any]] = {}

    def on_train_begin(self, logs=None):
        self.history = {}
        self._recorder = None
        self._latest = {}
        self._looks = 0
        self._warned = False

    def on_epoch_end(self, epoch, logs=None):
        if self._looks % self.every == 0:
            self._latest = self._look(epoch)
            for key, value in {"epoch": epoch, **self._latest}.items():
                self.history.setdefault(key, []).append(value)
        self._looks += 1
        if logs is not None:
            logs.update(self._latest)

    def on_train_end(self, logs=None):
        self._recorder = None

    def _look(self, epoch):
        try:
            # The model is asked for at each look: under JAX, Keras then puts its state back.
            model = self.model
            if self._recorder is None:
                self._recorder = Recorder(model, self.layers, position=self.position)
            found = report(self._recorder, self.x, **self.options)
        except NotFiniteError as error:
            if not self._warned:
                self._warned = True
                warnings.warn(
                    f"Epoch {epoch + 1}: {error}. Entropy and mutual information are NaN in the "
                    "logs while that lasts.",
                    stacklevel=2,
                )
            return {"entropy": math.nan, "mutual_information": math.nan}
        return {
            "entropy": found.mean_entropy,
            "mutual_information": found.mean_mutual_information,
        }
