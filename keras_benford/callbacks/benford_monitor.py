"""A callback that writes the weights' MLH into the logs."""

from typing import Any

import keras

from keras_benford.callbacks.checks import Checks
from keras_benford.selection import Patterns


class BenfordMonitor(Checks, keras.callbacks.Callback):
    """Add the MLH of the model's weights to the logs.

    The key is `mlh`. All callbacks share one `logs` dict, in the order of their list: put this one
    before those that are to see it (TensorBoard, CSVLogger, ModelCheckpoint). The progress bar and
    `History` come last of all.

        model.fit(x, y, callbacks=[BenfordMonitor(), keras.callbacks.TensorBoard("logs")])

    Args:
        check_every: `"epoch"` (default); a number of batches as an integer, counted anew in each
            epoch, or `"batch"`; or a fraction f of an epoch as a float, for `round(1 / f)` evenly
            spaced checks (data of unknown length is checked at the end of the first epoch only).
            The end of an epoch is always checked. Inside an epoch, `mlh` is in the logs of the
            batches at which it is checked.
        layers: also write `mlh/<path>` for each weight that counts.
        include: glob pattern(s) on weight paths, as for `keras_benford.score`.
        exclude: likewise.

    Attributes:
        history: dict of lists, an entry a check: `epoch`, `step` (the optimizer's updates), `mlh`,
            and `mlh/<path>` if asked for.

    A weight that is infinite or NaN makes its own MLH and the model's NaN, with one warning.
    """

    def __init__(
        self,
        check_every: str | int | float = "epoch",
        layers: bool = False,
        *,
        include: Patterns = None,
        exclude: Patterns = None,
    ) -> None:
        super().__init__()
        self._set_up_checks(check_every, include, exclude)
        self.layers = layers
        self.history: dict[str, list[Any]] = {}

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self.history = {}

    def on_train_end(self, logs=None):
        super().on_train_end(logs)
        self._selection = None

    def _check(self, logs, *, inside_epoch):
        of_model, of_layers = self._measure()
        values = {"mlh": of_model}
        if self.layers:
            paths = (weight.path for weight in self._selection.counted)
            values |= {f"mlh/{path}": float(v) for path, v in zip(paths, of_layers, strict=True)}
        for key, value in {"epoch": self._epoch, "step": self._step(), **values}.items():
            self.history.setdefault(key, []).append(value)
        return values
