"""Two scores beside each other, weight by weight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from keras_benford.scoring.results import LayerScore, Score


@dataclass(frozen=True, eq=False)
class Comparison:
    """What two models have in common, and what only one of them has.

    Attributes:
        first, second: the scores.
        pairs: the weights that stand for each other, in the first model's order.
        only_in_first, only_in_second: those without a counterpart.
        matched_by: `"path"`, or `"position"` where no path occurs in both but as many weights, of
            the same shapes in the same order, do.
    """

    first: Score
    second: Score
    pairs: tuple[tuple[LayerScore, LayerScore], ...]
    only_in_first: tuple[LayerScore, ...]
    only_in_second: tuple[LayerScore, ...]
    matched_by: str

    def name_of(self, pair: tuple[LayerScore, LayerScore]) -> str:
        """The path of both, or the two paths where they differ by more than the models' names."""
        a, b = pair
        short = _short_path(self.first, a)
        return short if short == _short_path(self.second, b) else f"{a.path} | {b.path}"

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain dicts, lists, strings and numbers; what is undefined is None."""
        return {
            "matched_by": self.matched_by,
            "all": _difference(self.first, self.second),
            "layers": [
                {"path": [a.path, b.path], "shape": [list(a.shape), list(b.shape)]}
                | _difference(a, b)
                for a, b in self.pairs
            ],
            "only_in_first": [layer.path for layer in self.only_in_first],
            "only_in_second": [layer.path for layer in self.only_in_second],
        }


def compare(first: Score, second: Score) -> Comparison:
    """Match the weights of two models and put their figures beside each other.

    Weights match by path; the models' own names at the start of paths are left out, because Keras
    puts them there for some models and formats only.

    >>> compare(score("before.keras"), score("after.keras"))  # doctest: +SKIP
    """
    theirs = {_short_path(second, layer): layer for layer in second.layers}
    ours = {_short_path(first, layer): layer for layer in first.layers}
    common = [path for path in ours if path in theirs]
    shapes = [[layer.shape for layer in score.layers] for score in (first, second)]
    if not common and shapes[0] == shapes[1]:
        pairs = tuple(zip(first.layers, second.layers, strict=True))
        return Comparison(first, second, pairs, (), (), "position")
    return Comparison(
        first,
        second,
        tuple((ours[path], theirs[path]) for path in common),
        tuple(layer for path, layer in ours.items() if path not in theirs),
        tuple(layer for path, layer in theirs.items() if path not in ours),
        "path",
    )


def _short_path(score, layer):
    return layer.path.removeprefix(f"{score.name}/")


def _difference(a, b):
    first, second = a.to_dict(), b.to_dict()
    keys = ("size", "mlh", "js_divergence", "mean_absolute_deviation", "zeros", "nonfinite")
    return {key: [first[key], second[key]] for key in keys} | {
        "mlh_difference": None if None in (first["mlh"], second["mlh"]) else b.mlh - a.mlh,
        "same_counts": bool((a.counts == b.counts).all()),
    }
