"""A model to its score: MLH and digit counts, for each weight that counts and for all together.

The model's counts are the sum of its weights' counts, so its MLH is that of all weights pooled,
not the mean of the layers' MLH.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_benford import statistics
from keras_benford.selection import Patterns, Skipped, Weight, select


@dataclass(frozen=True, eq=False)
class _Counted:
    """What the score of a weight and that of a model have in common.

    Attributes:
        counts: `(9,)` int64 counts of the leading digits 1 to 9.
        size: number of values.
        zeros: how many of them are zero (subnormal float32 and bfloat16 values included).
        nonfinite: how many are infinite or NaN.
    """

    counts: np.ndarray
    size: int
    zeros: int
    nonfinite: int

    @property
    def mlh(self) -> float:
        """MLH of the values that have a digit; NaN where it is undefined."""
        return statistics.mlh(self.counts)

    @property
    def js_divergence(self) -> float:
        """Jensen-Shannon divergence from Benford's law in nats; NaN without digits."""
        return statistics.js_divergence(self.counts)

    @property
    def mean_absolute_deviation(self) -> float:
        """Mean absolute deviation of the digits' shares from Benford's law; NaN without digits."""
        return statistics.mean_absolute_deviation(self.counts)

    def _figures(self):
        return {
            "size": self.size,
            "mlh": self.mlh,
            "js_divergence": self.js_divergence,
            "mean_absolute_deviation": self.mean_absolute_deviation,
            "zeros": self.zeros,
            "nonfinite": self.nonfinite,
            "counts": self.counts.tolist(),
        }


@dataclass(frozen=True, eq=False)
class LayerScore(_Counted):
    """One counted weight: `path`, `shape` and `dtype`, its counts and what follows from them."""

    path: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True, eq=False, repr=False)
class Score(_Counted):
    """A model's score, shown as a table.

    Attributes:
        name: the model's name.
        layers: a `LayerScore` for each weight that counts, in the model's order.
        skipped: a `keras_benford.selection.Skipped` for each that does not, with its reason.
    """

    name: str
    layers: tuple[LayerScore, ...]
    skipped: tuple[Skipped, ...]

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain dicts, lists, strings and numbers; what is undefined is None."""
        return {
            "model": self.name,
            **_without_nan(self._figures()),
            "layers": [
                {"path": s.path, "shape": list(s.shape), "dtype": s.dtype}
                | _without_nan(s._figures())
                for s in self.layers
            ],
            "skipped": [
                {"path": s.path, "shape": list(s.shape), "dtype": s.dtype, "reason": s.reason}
                for s in self.skipped
            ],
        }

    def to_json(self, **kwargs: Any) -> str:
        """`to_dict()` as JSON text; keyword arguments go to `json.dumps`."""
        return json.dumps(self.to_dict(), **kwargs)

    def to_dataframe(self) -> Any:
        """One row a counted weight; columns `path shape dtype size mlh … digit_1 … digit_9`.

        Raises:
            ImportError: if pandas is not installed (`pip install keras-benford[pandas]`).
        """
        import pandas

        rows = []
        for layer in self.layers:
            figures = layer._figures()
            counts = figures.pop("counts")
            about = {"path": layer.path, "shape": layer.shape, "dtype": layer.dtype}
            rows.append(about | figures | {f"digit_{d}": n for d, n in enumerate(counts, 1)})
        return pandas.DataFrame(rows)

    def __repr__(self) -> str:
        return _table(self)


def score(model: Any, *, include: Patterns = None, exclude: Patterns = None) -> Score:
    """Score how closely a model's weights follow Benford's law, weight by weight and pooled.

    Every value is counted by one compiled call, on the device where the weights are.

    Args:
        model: a built `keras.Model` or `keras.Layer`.
        include: a glob pattern on weight paths (`"conv*/kernel"`), or a list of them: count
            exactly the weights that match, whatever their role. By default the random-initialised
            ones count, see `keras_benford.selection`. The model's own name at the start of a path
            may be left out.
        exclude: a glob pattern, or a list of them: leave out the weights that match.

    Returns:
        A `Score`. Zeros, infinities and NaN have no digit: they are counted apart, and MLH is that
        of the other values.

    Raises:
        TypeError: if `model` is no Keras model or layer.
        ValueError: if the model is not built, a pattern matches nothing, or no weight counts.
    """
    selection = select(model, include=include, exclude=exclude)
    tallies = count(selection.counted)
    layers = tuple(
        LayerScore(**_split(tally), path=w.path, shape=w.shape, dtype=w.dtype)
        for w, tally in zip(selection.counted, tallies, strict=True)
    )
    return Score(
        **_split(tallies.sum(axis=0)), name=model.name, layers=layers, skipped=selection.skipped
    )


def count(weights: Sequence[Weight]) -> np.ndarray:
    """Tally `keras_benford.selection.Weight`s in one compiled call: `(n_weights, 11)` int64."""
    from keras import ops

    from keras_benford.digits import tensors

    return np.asarray(ops.convert_to_numpy(tensors.tally_each([w.value() for w in weights])))


def _split(tally):
    return {
        "counts": tally[:9],
        "size": int(tally.sum()),
        "zeros": int(tally[9]),
        "nonfinite": int(tally[10]),
    }


def _without_nan(figures):
    return {
        key: None if isinstance(value, float) and math.isnan(value) else value
        for key, value in figures.items()
    }


def _table(score):
    """The score as a text table, wide enough for its longest path."""
    import io

    from rich.console import Console
    from rich.table import Table

    table = Table(
        title=f"{score.name}: MLH {score.mlh:.4f} over {score.size:,} weights", title_justify="left"
    )
    for column in ("weight", "shape"):
        table.add_column(column, no_wrap=True)
    for column in ("values", "MLH", "JS (nats)", "zeros", "not finite"):
        table.add_column(column, justify="right", no_wrap=True)
    for layer in score.layers:
        table.add_row(layer.path, "×".join(map(str, layer.shape)), *_cells(layer))
    table.add_section()
    table.add_row("all", "", *_cells(score))
    text = io.StringIO()
    width = 120 + max(len(layer.path) for layer in score.layers)
    console = Console(file=text, width=width, color_system=None, markup=False, highlight=False)
    console.print(table)
    for reason in dict.fromkeys(s.reason for s in score.skipped):
        paths = [s.path for s in score.skipped if s.reason == reason]
        console.print(f"not counted, {reason}: {', '.join(paths)}", soft_wrap=True)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines())


def _cells(score):
    return (
        f"{score.size:,}",
        f"{score.mlh:.4f}",
        f"{score.js_divergence:.5f}",
        f"{score.zeros:,}",
        f"{score.nonfinite:,}",
    )
