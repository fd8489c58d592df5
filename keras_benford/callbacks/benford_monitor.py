"""A callback that writes the weights' MLH into the logs."""

from keras_benford.callbacks.monitor import Monitor
from keras_benford.measures.benford import MLH
from keras_benford.selection import Patterns


class BenfordMonitor(Monitor):
    """Add the MLH of the model's weights to the logs.

    The key is `mlh`. All callbacks share one `logs` dict, in the order of their list: put this one
    before those that are to see it (TensorBoard, CSVLogger, ModelCheckpoint). The progress bar and
    `History` come last of all.

        model.fit(x, y, callbacks=[BenfordMonitor(), keras.callbacks.TensorBoard("logs")])

    Frozen weights (`trainable=False`) do not count, as training never changes them, unless
    `include` names them.

    Args:
        check_every: `"epoch"` (default); a number of batches as an integer, counted anew in each
            epoch, or `"batch"`; or a fraction f of an epoch as a float, for `round(1 / f)` evenly
            spaced checks (data of unknown length is checked at the end of the first epoch only).
            The end of an epoch is always checked. Inside an epoch, `mlh` is in the logs of the
            batches at which it is checked.
        layers: also write `layer_mlh/<path>` for each weight that counts.
        include: glob pattern(s) on weight paths, as for `keras_benford.score`.
        exclude: likewise.

    Attributes:
        history: dict of lists, an entry a check: `epoch`, `step` (the optimizer's updates), `mlh`,
            and `layer_mlh/<path>` if asked for.

    A weight that is infinite or NaN makes its own MLH and the model's NaN, with one warning. So few
    weights that MLH scatters by more than 0.015 by chance are warned of, too.
    """

    def __init__(
        self,
        check_every: str | int | float = "epoch",
        layers: bool = False,
        *,
        include: Patterns = None,
        exclude: Patterns = None,
    ) -> None:
        super().__init__([MLH(layers)], check_every, include=include, exclude=exclude)
        self.include = include
        self.exclude = exclude
        self.layers = layers
