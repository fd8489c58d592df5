"""Measures of the neurons: their mean entropy and mean mutual information on a few examples.

Source: arXiv 2210.09404; the arithmetic is in `keras_benford.information`.
"""

import contextlib
import math
from collections.abc import Sequence
from typing import Any

from keras_benford.information import report
from keras_benford.information.recording import Recorder
from keras_benford.information.values import NotFiniteError
from keras_benford.inputs import Given
from keras_benford.measures.base import Measure


class _OfNeurons(Measure):
    """What both have in common: one report a check, whoever asks for it.

    Args:
        x: examples.
        layers: which layers to look at; by default the hidden ones.
        position: of sequences, which position to take.
        examples: at most how many of the examples to look at, drawn once a training.
        seed: draws them, and whatever else is drawn.
        options: as for `keras_benford.information.report`.
    """

    needs = frozenset({"inputs"})
    # Shortcuts and memorised labels move both in opposite ways: see `information.rank`.
    direction = None
    attribute = ""

    def __init__(
        self,
        x: Any,
        layers: str | Sequence[str] | None = None,
        *,
        position: int | None = None,
        examples: int | None = None,
        seed: int = 0,
        **options: Any,
    ) -> None:
        self._given = x if isinstance(x, Given) else Given(x)
        self.examples = examples
        self.seed = seed
        self.layers = layers
        self.position = position
        self.options = options

    def try_out(self, evidence: Any) -> None:
        x = self._examples(evidence)
        if evidence.model.built:
            evidence.kept(("tried", id(self._given.x)), lambda: self._on_a_batch(evidence, x))

    def __call__(self, evidence: Any) -> float:
        found = evidence.once(("report", id(self._given.x)), lambda: self._report(evidence))
        return math.nan if found is None else getattr(found, self.attribute)

    def _examples(self, evidence):
        return evidence.examples(self._given.inputs("x"), self.examples, self.seed)

    def _on_a_batch(self, evidence, x):
        from keras import tree

        options: dict[str, Any] = {"batch_size": 256, "neurons": 2} | self.options
        options["neurons"] = min(2, options["neurons"] or 2)
        few = tree.map_structure(lambda array: array[: options["batch_size"]], x)
        # Weights that are broken are told at the checks.
        with contextlib.suppress(NotFiniteError):
            report(self._recorder(evidence), few, **options)

    def _recorder(self, evidence):
        # Compiled once a training.
        return evidence.kept(
            ("recorder", id(self._given.x)),
            lambda: Recorder(evidence.model, self.layers, position=self.position),
        )

    def _report(self, evidence):
        x = self._examples(evidence)
        try:
            of_draws: dict[str, Any] = {"examples": self.examples, "seed": self.seed}
            found = report(self._recorder(evidence), x, **of_draws, **self.options)
        except NotFiniteError as error:
            evidence.warn(
                "activations",
                f"{error}. Entropy and mutual information are NaN in the logs while that lasts.",
            )
            return None
        if found.warning is not None:
            evidence.warn("few examples", found.warning)
        return found


class Entropy(_OfNeurons):
    """Mean entropy of the neurons, in nats."""

    name, title = "entropy", "mean entropy (nats)"
    attribute = "mean_entropy"


class MutualInformation(_OfNeurons):
    """Mean mutual information of the pairs of neurons, in nats."""

    name, title = "mutual_information", "mean mutual information (nats)"
    attribute = "mean_mutual_information"
