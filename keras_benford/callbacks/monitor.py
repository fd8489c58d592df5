"""A callback that writes measures of the model into the logs, and decides nothing."""

from collections.abc import Iterable
from typing import Any

from keras_benford.callbacks.checks import Checks
from keras_benford.measures import MEASURES, Measure


class Monitor(Checks):
    """Add measures of the model to the logs.

    All callbacks share one `logs` dict, in the order of their list: put this one before those that
    are to see it (TensorBoard, CSVLogger, ModelCheckpoint). The progress bar and `History` come
    last of all.

    Args:
        measures: measures, or names of those that take no arguments, see
            `keras_benford.measures.MEASURES`.
        check_every: as for `keras_benford.MLHEarlyStopping`.
        every: check the first epoch at its end, and each so many epochs after it.
        evidence: what measures of the weights and criteria take: `include`, `exclude`, `accuracy`,
            as for `keras_benford.MLHEarlyStopping`.

    Attributes:
        history: dict of lists, an entry a check: `epoch`, `step` (the optimizer's updates), each
            measure by its name, and `accuracy` if one takes it.
    """

    def __init__(
        self,
        measures: Iterable[Measure | str],
        check_every: str | int | float = "epoch",
        *,
        every: int = 1,
        **evidence: Any,
    ) -> None:
        super().__init__()
        found = [MEASURES[each]() if isinstance(each, str) else each for each in measures]
        self._set_up_checks(found, check_every, every=every, **evidence)
