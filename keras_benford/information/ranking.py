"""Models and unlabelled examples -> the models in order, the most promising first.

Source: Bansal et al., arXiv 2210.09404, section 5.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_benford._json import without_nan
from keras_benford._messages import counted, listed, printable
from keras_benford.information.reports import Report, report
from keras_benford.information.values import check_option

LOOKING_FOR = ("shortcuts", "memorization")
MEASURES = ("mutual_information", "entropy")

HIGH_IS_GOOD = {
    ("shortcuts", "entropy"): True,
    ("shortcuts", "mutual_information"): False,
    ("memorization", "entropy"): False,
    ("memorization", "mutual_information"): True,
}
"""What a network has that is to be preferred: little of what goes with the fault looked for."""


@dataclass(frozen=True, eq=False, repr=False)
class Ranking:
    """Models in order, shown as a table.

    Attributes:
        names: the models, the most promising first.
        entropy: `(n_models,)` mean entropy of each in nats, in that order.
        mutual_information: `(n_models,)` mean mutual information of each in nats, likewise.
        looking_for: the fault that was looked for.
        by: the measure that they are ranked by.
        warning: what keeps the figures from being compared; None where nothing does.
    """

    names: tuple[str, ...]
    entropy: np.ndarray
    mutual_information: np.ndarray
    looking_for: str
    by: str
    warning: str | None = None

    @property
    def figures(self) -> np.ndarray:
        """`(n_models,)` of the measure that they are ranked by, in that order."""
        return getattr(self, self.by)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain dicts, lists, strings and numbers; what is undefined is None."""
        of_models = {"entropy": self.entropy, "mutual_information": self.mutual_information}
        return {
            "looking_for": self.looking_for,
            "by": self.by,
            "warning": self.warning,
            "models": [
                {"name": name}
                | without_nan({key: float(each[i]) for key, each in of_models.items()})
                for i, name in enumerate(self.names)
            ],
        }

    def to_json(self, **kwargs: Any) -> str:
        """`to_dict()` as JSON text; keyword arguments go to `json.dumps`."""
        return json.dumps(self.to_dict(), **kwargs)

    def __repr__(self) -> str:
        from keras_benford.information import tables

        return tables.text_of_ranking(self)


def rank(
    models: Mapping[str, Any] | Sequence[Any],
    x: Any = None,
    *,
    looking_for: str,
    by: str = "mutual_information",
    **options: Any,
) -> Ranking:
    """Rank models by what their neurons tell, without a label.

    The two faults have opposite signs: networks that rely on a shortcut have low entropy and high
    mutual information, those that memorised labels high entropy and low mutual information. So the
    ranking must be told which one to look for. Figures can be compared among models of one
    architecture, on the same examples. In runs of our own memorised labels showed in perceptrons on
    MNIST, not in a small convolutional network on CIFAR-10.

    Args:
        models: a dict of models by name, or a list of models, which go by their own names. Reports
            that are there already do as well.
        x: unlabelled examples, see `activations`; no generator, since each model is to see them.
            Reports need none.
        looking_for: the fault that a good model does not have: `"shortcuts"` or `"memorization"`.
        by: the measure to rank by: `"mutual_information"` or `"entropy"`.
        options: as for `report`.

    Returns:
        A `Ranking`. Models whose hidden layers differ, and reports on different numbers of
        examples, are ranked with a warning: their figures cannot be compared.

    Raises:
        ValueError, TypeError: as `report`; where there are fewer than two models, or two of one
            name.

    Source: arXiv 2210.09404, section 5.
    """
    check_option("looking_for", looking_for, LOOKING_FOR)
    check_option("by", by, MEASURES)
    if not isinstance(models, Mapping):
        names = [getattr(model, "name", repr(model)) for model in models]
        if len(set(names)) < len(names):
            raise ValueError(
                f"`models`: expected different names; received {listed(names)}; pass a dict"
            )
        models = dict(zip(names, models, strict=True))
    if len(models) < 2:
        raise ValueError(f"`models`: expected two or more; received {len(models)}")
    if hasattr(x, "__next__"):
        raise TypeError("`x`: expected examples for each model; received what can be read once")
    are_reports = [isinstance(model, Report) for model in models.values()]
    if all(are_reports) and (x is not None or options):
        raise ValueError("`x`: expected nothing beside reports; received examples or options")
    if any(are_reports) and not all(are_reports):
        raise ValueError("`models`: expected models or reports; received both")
    reports = [
        model if isinstance(model, Report) else report(model, x, **options)
        for model in models.values()
    ]
    warning = _unlike(dict(zip(models, reports, strict=True)))
    if warning is not None:
        warnings.warn(warning, UserWarning, stacklevel=2)
    figures = {
        "entropy": np.array([each.mean_entropy for each in reports]),
        "mutual_information": np.array([each.mean_mutual_information for each in reports]),
    }
    sign = -1 if HIGH_IS_GOOD[looking_for, by] else 1
    order = np.argsort(sign * figures[by], kind="stable")
    return Ranking(
        names=tuple(np.array(list(models), object)[order]),
        entropy=figures["entropy"][order],
        mutual_information=figures["mutual_information"][order],
        looking_for=looking_for,
        by=by,
        warning=warning,
    )


def _unlike(reports):
    """What keeps reports by name from being compared, as a sentence; None where nothing does."""
    architectures: dict[tuple[int, ...], str] = {}
    numbers: dict[int, str] = {}
    for name, each in reports.items():
        sizes, n = each.activations.sizes, len(each.activations.values)
        numbers.setdefault(n, f"{printable(name)} ({counted(n, 'example')})")
        if sizes is not None:
            layers = f"{counted(len(sizes), 'layer')}, {counted(sum(sizes.values()), 'neuron')}"
            architectures.setdefault((*sizes.values(),), f"{printable(name)} ({layers})")
    for what, found in (("architecture", architectures), ("number of examples", numbers)):
        if len(found) > 1:
            return (
                f"expected one {what}; received {listed(found.values())}; figures of different "
                "ones cannot be compared, and their order tells nothing"
            )
    return None
