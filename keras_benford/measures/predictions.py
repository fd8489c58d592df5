"""Measures of the predictions: how much they change from check to check, on two probes of inputs.

Source: see `keras_benford.predictions`, which has the arithmetic. Against each other the two are
told apart as in `keras_benford.rules.Memorising`.
"""

import math
from typing import Any

import numpy as np

from keras_benford.measures.base import Measure
from keras_benford.predictions import churn_of


class Churn(Measure):
    """Churn of the predictions on a probe of training inputs, since the check before.

    None at the first check and wherever predictions have collapsed, NaN where they are not finite.
    Of several outputs it is their mean.

    Args:
        probe: the inputs, a `keras_benford.callbacks.probes.Probe`.
        shares: shares of the classes among the right labels, see
            `keras_benford.predictions.churn_of`.
    """

    name = "churn"
    title = "churn on training inputs"
    needs = frozenset({"inputs"})

    def __init__(self, probe: Any, shares: np.ndarray | None = None) -> None:
        self.probe = probe
        self.shares = shares
        self.begin()

    def begin(self) -> None:
        self._before: list[np.ndarray] | None = None

    def __call__(self, evidence: Any) -> float | None:
        return evidence.once(self.name, lambda: self._of(evidence.predictions(self.probe)))

    def _of(self, predictions):
        before, self._before = self._before, None
        if predictions is None:
            return math.nan
        self._before = [each.values for each in predictions]
        if before is None:
            return None
        found = []
        for values, after in zip(before, predictions, strict=True):
            # Of what was said before, only the values are kept.
            found.append(churn_of(type(after)(after.kind, values), after, self.shares))
        return None if any(map(math.isnan, found)) else sum(found) / len(found)

    def state(self) -> dict[str, np.ndarray]:
        return {str(i): values for i, values in enumerate(self._before or [])}

    def take_up(self, state: dict[str, np.ndarray]) -> None:
        self._before = [state[str(i)] for i in range(len(state))] or None


class UnseenChurn(Churn):
    """The same on inputs that are not trained on."""

    name = "unseen_churn"
    title = "churn on unseen inputs"


class ChurnRatio(Measure):
    """Churn on unseen inputs over that on training inputs, both averaged over the last checks.

    About 1 while a network learns what generalises, 1.15 and more once it memorises. None as long
    as there are too few checks to average, NaN where no prediction on a training input changes.

    Args:
        training, unseen: the two measures.
        smoothing: over how many checks.
    """

    name = "churn_ratio"
    title = "churn on unseen inputs / on training inputs"
    needs = frozenset({"inputs"})

    def __init__(self, training: Churn, unseen: Churn, smoothing: int = 5) -> None:
        self.training, self.unseen = training, unseen
        self.smoothing = smoothing
        self.begin()

    def begin(self) -> None:
        self._recent: list[tuple[float, float]] = []

    def __call__(self, evidence: Any) -> float | None:
        training, unseen = self.training(evidence), self.unseen(evidence)
        if training is None or unseen is None:
            return None
        if math.isnan(training) or math.isnan(unseen):
            return math.nan
        self._recent = [*self._recent, (training, unseen)][-self.smoothing :]
        if len(self._recent) < self.smoothing:
            return None
        training, unseen = map(sum, zip(*self._recent, strict=True))
        return unseen / training if training > 0 else math.nan

    def state(self) -> dict[str, np.ndarray]:
        return {"recent": np.array(self._recent).reshape(-1, 2)}

    def take_up(self, state: dict[str, np.ndarray]) -> None:
        self._recent = [tuple(pair) for pair in state["recent"].tolist()]
