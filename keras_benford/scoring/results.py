"""What a score says: digit counts, and the figures that follow from them.

The model's counts are the sum of its weights' counts, so its MLH is that of all weights pooled,
not the mean of the layers' MLH.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_benford import context, statistics
from keras_benford._json import without_nan
from keras_benford.scoring.reading import Reading, read
from keras_benford.selection import Skipped


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

    @property
    def conformity(self) -> str | None:
        """Nigrini's word for that deviation; None for few values, which chance moves farther.

        His bounds are for numbers in accounts, where a departure may mean fraud. Of weights they
        tell nothing: trained ones are nonconforming as a rule. See
        `keras_benford.statistics.conformity`.
        """
        return statistics.conformity(self.mean_absolute_deviation, int(self.counts.sum()))

    @property
    def mlh_spread(self) -> float:
        """Standard deviation of MLH by chance at this size; NaN where MLH is undefined."""
        return context.mlh_spread(self.counts)

    @functools.cached_property
    def mlh_if_gaussian(self) -> float:
        """MLH to expect if each weight's values were Gaussian, with its mean and deviation.

        NaN where that is undefined: without finite values, or where all are equal.
        """
        return statistics.mlh(self._expected(context.gaussian_shares))

    @functools.cached_property
    def mlh_if_uniform(self) -> float:
        """The same for values that are uniformly distributed."""
        return statistics.mlh(self._expected(context.uniform_shares))

    def _expected(self, shares: Callable) -> np.ndarray:
        """The digit counts to expect of a distribution."""
        raise NotImplementedError

    def _figures(self):
        return {
            "size": self.size,
            "mlh": self.mlh,
            "mlh_spread": self.mlh_spread,
            "mlh_if_gaussian": self.mlh_if_gaussian,
            "mlh_if_uniform": self.mlh_if_uniform,
            "js_divergence": self.js_divergence,
            "mean_absolute_deviation": self.mean_absolute_deviation,
            "conformity": self.conformity,
            "zeros": self.zeros,
            "nonfinite": self.nonfinite,
            "counts": self.counts.tolist(),
        }


@dataclass(frozen=True, eq=False)
class LayerScore(_Counted):
    """One counted weight: its counts and what follows from them.

    Attributes:
        path: its path in the model.
        shape: its shape.
        dtype: its dtype's name.
        mean: mean of its finite values, to about a millionth of `std`; NaN where it has none.
        std: their standard deviation, to six significant digits; NaN where there are none.
        guessed: whether only its shape tells that it counts, see `keras_benford.selection`.
        frozen: whether training leaves it as it is (`trainable=False`): callbacks and `WeightsMLH`
            do not count it. None in a file, which does not say.
    """

    path: str
    shape: tuple[int, ...]
    dtype: str
    mean: float
    std: float
    guessed: bool = False
    frozen: bool | None = None

    def _expected(self, shares):
        return (self.size - self.nonfinite) * shares(self.mean, self.std)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain dicts, lists, strings and numbers; what is undefined is None."""
        about = {"path": self.path, "shape": list(self.shape), "dtype": self.dtype}
        moments = {"mean": self.mean, "std": self.std}
        marks = {"guessed": self.guessed, "frozen": self.frozen}
        return without_nan(about | self._figures() | moments | marks)


@dataclass(frozen=True, eq=False, repr=False)
class Score(_Counted):
    """A model's score, shown as a table.

    Attributes:
        name: the model's name.
        layers: a `LayerScore` for each weight that counts, in the model's order.
        skipped: a `keras_benford.selection.Skipped` for each that does not, with its reason.
        format: what kind of file it was read from, see `keras_benford.weights`; None for a model
            in memory.
    """

    name: str
    layers: tuple[LayerScore, ...]
    skipped: tuple[Skipped, ...]
    format: str | None = None

    @functools.cached_property
    def reading(self) -> Reading:
        """What this says in plain words: whether the digits look trained, and what is wrong."""
        return read(self)

    def _expected(self, shares):
        # Where a layer's values are all equal it has no such distribution, and is left out.
        expected = [layer._expected(shares) for layer in self.layers]
        return np.nansum(expected, axis=0)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain dicts, lists, strings and numbers; what is undefined is None."""
        return {
            "model": self.name,
            "format": self.format,
            **without_nan(self._figures()),
            "looks": self.reading.looks,
            "reading": str(self.reading),
            "layers": [layer.to_dict() for layer in self.layers],
            "skipped": [
                dataclasses.asdict(skipped) | {"shape": list(skipped.shape)}
                for skipped in self.skipped
            ],
        }

    def to_json(self, **kwargs: Any) -> str:
        """`to_dict()` as JSON text; keyword arguments go to `json.dumps`."""
        return json.dumps(self.to_dict(), **kwargs)

    def to_dataframe(self) -> Any:
        """One row a counted weight; columns `path shape dtype size mlh … digit_1 … digit_9`.

        Raises:
            ImportError: if pandas is not installed (`pip install pandas`).
        """
        import pandas

        rows = []
        for layer in self.layers:
            figures = layer._figures()
            counts = figures.pop("counts")
            about = {"path": layer.path, "shape": layer.shape, "dtype": layer.dtype}
            figures |= {"mean": layer.mean, "std": layer.std}
            rows.append(about | figures | {f"digit_{d}": n for d, n in enumerate(counts, 1)})
        return pandas.DataFrame(rows)

    def __repr__(self) -> str:
        from keras_benford.scoring import tables

        return tables.text_of(self)
