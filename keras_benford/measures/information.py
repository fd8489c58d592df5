"""Measures of the neurons: their mean entropy and mean mutual information on a few examples.

Source: arXiv 2210.09404; the arithmetic is in `keras_benford.information`.
"""

import math

from keras_benford.information import report
from keras_benford.information.activations import Recorder
from keras_benford.information.values import NotFiniteError
from keras_benford.measures.base import Measure


class _OfNeurons(Measure):
    """What both have in common: one report a check, whoever asks for it.

    Args:
        x: examples.
        layers: which layers to look at; by default the hidden ones.
        position: of sequences, which position to take.
        options: as for `keras_benford.information.report`.
    """

    needs = frozenset({"inputs"})
    # Shortcuts and memorised labels move both in opposite ways: see `information.rank`.
    direction = None
    attribute = ""

    def __init__(self, x, layers=None, *, position=None, **options):
        self.x = x
        self.layers = layers
        self.position = position
        self.options = options

    def __call__(self, evidence):
        found = evidence.once(("report", id(self.x)), lambda: self._report(evidence))
        return math.nan if found is None else getattr(found, self.attribute)

    def _report(self, evidence):
        try:
            # Compiled once a training.
            recorder = evidence.kept(
                ("recorder", id(self.x)),
                lambda: Recorder(evidence.model, self.layers, position=self.position),
            )
            return report(recorder, self.x, **self.options)
        except NotFiniteError as error:
            evidence.warn(
                "activations",
                f"{error}. Entropy and mutual information are NaN in the logs while that lasts.",
            )
            return None


class Entropy(_OfNeurons):
    """Mean entropy of the neurons, in nats."""

    name, title = "entropy", "mean entropy (nats)"
    attribute = "mean_entropy"


class MutualInformation(_OfNeurons):
    """Mean mutual information of the pairs of neurons, in nats."""

    name, title = "mutual_information", "mean mutual information (nats)"
    attribute = "mean_mutual_information"
