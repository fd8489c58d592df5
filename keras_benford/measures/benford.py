"""Measures of the weights: MLH, and the criteria that it makes with the training accuracy.

Source: arXiv 2102.03313; the arithmetic is in `statistics` and `criteria`.
"""

import math
from typing import Any

from keras_benford import criteria
from keras_benford.measures.base import Measure


class MLH(Measure):
    """Correlation of the weights' leading digits with Benford's law.

    Args:
        layers: also tell it for each weight, as `layer_mlh/<path>`.
    """

    name = "mlh"
    title = "MLH"
    direction = "max"
    needs = frozenset({"weights"})

    def __init__(self, layers: bool = False) -> None:
        self.layers = layers

    def __call__(self, evidence: Any) -> float:
        return evidence.mlh

    def values(self, evidence: Any) -> dict[str, float | None]:
        of_layers = evidence.mlh_of_layers if self.layers else {}
        return {"mlh": evidence.mlh} | {f"layer_mlh/{path}": mlh for path, mlh in of_layers.items()}


class Criterion(Measure):
    """A criterion made of MLH and the training accuracy."""

    needs = frozenset({"weights", "accuracy"})

    def of(self, accuracy: Any, mlh: Any) -> Any:
        """The criterion of numbers or arrays."""
        raise NotImplementedError

    def __call__(self, evidence: Any) -> float:
        return self.of(evidence.accuracy, evidence.mlh)


class EIC(Criterion):
    """`keras_benford.eic`."""

    name, title = "eic", "EIC"

    def of(self, accuracy: Any, mlh: Any) -> Any:
        return criteria.eic(accuracy, mlh)


class ScaledEIC(Criterion):
    """`keras_benford.scaled_eic`.

    Args:
        mlh_range: the MLH that maps to 0, and the one that maps to 1.
    """

    name, title = "scaled_eic", "scaled EIC"

    def __init__(self, mlh_range: tuple[float, float] = criteria.MLH_RANGE) -> None:
        self.mlh_range = criteria.check_mlh_range(mlh_range)

    def of(self, accuracy: Any, mlh: Any) -> Any:
        return criteria.scaled_eic(accuracy, mlh, mlh_range=self.mlh_range)


class SymbolicEIC(Criterion):
    """`keras_benford.symbolic_eic`, which is undefined where MLH is not positive."""

    name, title = "symbolic_eic", "symbolic EIC"

    def of(self, accuracy: Any, mlh: Any) -> Any:
        return criteria.symbolic_eic(accuracy, mlh)

    def __call__(self, evidence: Any) -> float:
        value = super().__call__(evidence)
        if math.isnan(value) and evidence.mlh <= 0:
            evidence.warn(
                "symbolic_eic",
                f"symbolic_eic is undefined where MLH is not positive; received {evidence.mlh:.4f};"
                ' such a check is never the best; monitor "mlh" instead.',
            )
        return value
