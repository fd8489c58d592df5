"""What a measure is: evidence of a model in training, at one check, to a number."""

from typing import Any, ClassVar

import numpy as np


class Measure:
    """A number told of a model at a check of its training.

    A measure is given evidence (`keras_benford.callbacks.evidence`), and may remember what it was
    given at the check before. It holds no model: a callback with it can be copied before `fit`.

    Attributes:
        name: its key in logs, histories and records.
        title: what to call it in tables and pictures.
        direction: which way is better, `"min"` or `"max"`; None where that depends on what one is
            afraid of.
        needs: what it takes of the evidence: of `"weights"`, `"accuracy"` and `"inputs"`.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    direction: ClassVar[str | None] = "min"
    needs: ClassVar[frozenset[str]] = frozenset()

    def begin(self) -> None:
        """Forget what earlier checks gave, as a training begins."""

    def try_out(self, evidence: Any) -> None:
        """Raise what is wrong with its arguments for this model, as a training begins."""

    def __call__(self, evidence: Any) -> float | None:
        """The number; None where there is none yet, NaN where the model is broken."""
        raise NotImplementedError

    def values(self, evidence: Any) -> dict[str, float | None]:
        """All that it writes into the logs, by key."""
        return {self.name: self(evidence)}

    def state(self) -> dict[str, np.ndarray]:
        """What it must know to go on after a kill: arrays by name."""
        return {}

    def take_up(self, state: dict[str, np.ndarray]) -> None:
        """Go on from what `state` gave."""
