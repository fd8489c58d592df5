"""Numbers told of a model in training, by name: a family a file.

`benford` measures the weights, `predictions` how much the predictions change, `information` what
the neurons tell. `MEASURES` is the one list of them, which callbacks, command line, plots and
experiments read: a new measure is a class in its family and a word there.
"""

from keras_benford.measures.base import Measure
from keras_benford.measures.benford import EIC, MLH, Criterion, ScaledEIC, SymbolicEIC
from keras_benford.measures.information import Entropy, MutualInformation
from keras_benford.measures.predictions import Churn, ChurnRatio, UnseenChurn

__all__ = ["CRITERIA", "MEASURES", "Measure"]

MEASURES: dict[str, type[Measure]] = {
    each.name: each
    for each in (
        *(MLH, SymbolicEIC, ScaledEIC, EIC),
        *(Churn, UnseenChurn, ChurnRatio),
        *(Entropy, MutualInformation),
    )
}
"""The classes of measures, by the names of their numbers."""

CRITERIA: dict[str, type[Criterion]] = {
    name: each for name, each in MEASURES.items() if issubclass(each, Criterion)
}
"""Those that are made of MLH and the training accuracy."""
