"""Two scores beside each other, weight by weight."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from keras_benford.scoring.results import LayerScore, Score
from keras_benford.weights.layouts import HEADS


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
    puts them there for some models and formats only. What is left matches, where the shape is the
    same, by a path without the names of parts that Keras makes itself and does not always write.

    >>> compare(score("before.keras"), score("after.keras"))  # doctest: +SKIP
    """
    theirs = {_short_path(second, layer): layer for layer in second.layers}
    ours = {_short_path(first, layer): layer for layer in first.layers}
    same = {path: path for path in ours if path in theirs}
    common = same | _alike(ours, theirs, same)
    taken = set(common.values())
    shapes = [[layer.shape for layer in score.layers] for score in (first, second)]
    if not same and len(common) < len(ours) and shapes[0] == shapes[1]:
        pairs = tuple(zip(first.layers, second.layers, strict=True))
        return Comparison(first, second, pairs, (), (), "position")
    return Comparison(
        first,
        second,
        tuple((ours[path], theirs[common[path]]) for path in ours if path in common),
        tuple(layer for path, layer in ours.items() if path not in common),
        tuple(layer for path, layer in theirs.items() if path not in taken),
        "path",
    )


def _alike(ours, theirs, same):
    """Pairs of paths that differ in the names of parts only, and are no other path's."""
    first: dict[tuple, list] = {}
    second: dict[tuple, list] = {}
    for layers, by_name in ((ours, first), (theirs, second)):
        for path, layer in layers.items():
            if path not in same:
                name = *filter(None, map(_layer, path.split("/"))), layer.shape
                by_name.setdefault(name, []).append(path)
    return {
        paths[0]: second[name][0]
        for name, paths in first.items()
        if len(paths) == len(second.get(name, ())) == 1
    }


def _layer(name):
    """A layer's name, or what Keras calls it as a part of another; nothing for a cell."""
    if re.fullmatch(r"(.*_)?cell(_\d+)?", name):
        return None
    if name in HEADS:
        return name.strip("_").removesuffix("_dense")
    return "output" if name == "attention_output" else re.sub(r"^((for|back)ward)_.*", r"\1", name)


def _short_path(score, layer):
    return layer.path.removeprefix(f"{score.name}/")


def _difference(a, b):
    first, second = a.to_dict(), b.to_dict()
    keys = ("size", "mlh", "js_divergence", "mean_absolute_deviation", "zeros", "nonfinite")
    return {key: [first[key], second[key]] for key in keys} | {
        "mlh_difference": None if None in (first["mlh"], second["mlh"]) else b.mlh - a.mlh,
        "same_counts": bool((a.counts == b.counts).all()),
    }
