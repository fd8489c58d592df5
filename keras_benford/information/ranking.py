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
        accuracies: `(n_models,)` true accuracies in that order, where they were given; else None.
        warning: what keeps the figures from being compared; None where nothing does.
    """

    names: tuple[str, ...]
    entropy: np.ndarray
    mutual_information: np.ndarray
    looking_for: str
    by: str
    accuracies: np.ndarray | None = None
    warning: str | None = None

    @property
    def figures(self) -> np.ndarray:
        """`(n_models,)` of the measure that they are ranked by, in that order."""
        return getattr(self, self.by)

    @property
    def kendall(self) -> float | None:
        """Kendall's tau-b of the ranking with the true accuracies; None without them.

        NaN where they or the figures are all the same, or a model has no figure.
        """
        return self._agreement("kendalltau")

    @property
    def spearman(self) -> float | None:
        """Spearman's rho of the ranking with the true accuracies; None without them.

        NaN as for `kendall`.
        """
        return self._agreement("spearmanr")

    @property
    def regret(self) -> float | None:
        """How much accuracy the first model lacks against the best one; None without accuracies."""
        if self.accuracies is None:
            return None
        return float(self.accuracies.max() - self.accuracies[0])

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain dicts, lists, strings and numbers; what is undefined is None."""
        of_models = {
            "entropy": self.entropy,
            "mutual_information": self.mutual_information,
            **({} if self.accuracies is None else {"accuracy": self.accuracies}),
        }
        return {
            "looking_for": self.looking_for,
            "by": self.by,
            "warning": self.warning,
            **without_nan({"kendall": self.kendall, "spearman": self.spearman}),
            "regret": self.regret,
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

    def _agreement(self, name):
        if self.accuracies is None:
            return None
        from scipy import stats

        sign = 1 if HIGH_IS_GOOD[self.looking_for, self.by] else -1
        promise = sign * self.figures
        if 0 in (np.ptp(promise), np.ptp(self.accuracies)):
            return np.nan
        return float(getattr(stats, name)(promise, self.accuracies).statistic)


def rank(
    models: Mapping[str, Any] | Sequence[Any],
    x: Any = None,
    *,
    looking_for: str,
    by: str = "mutual_information",
    accuracies: Any = None,
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
        accuracies: true accuracies where they are known, in the order of the models or as a dict by
            name, to see how well the ranking does.
        options: as for `report`.

    Returns:
        A `Ranking`. Models whose hidden layers differ, and reports on different numbers of
        examples, are ranked with a warning: their figures cannot be compared.

    Raises:
        ValueError, TypeError: as `report`; where there are fewer than two models, two of one name,
            or not as many accuracies.

    Source: arXiv 2210.09404, section 5.
    """
    check_option("looking_for", looking_for, LOOKING_FOR)
    check_option("by", by, MEASURES)
    if not isinstance(models, Mapping):
        names = [getattr(model, "name", repr(model)) for model in models]
        if len(set(names)) < len(names):
            raise ValueError(
                f"`models`: expected different names; received {listed(names)}; do pass a dict"
            )
        models = dict(zip(names, models, strict=True))
    if len(models) < 2:
        raise ValueError(f"`models`: expected two or more; received {len(models)}")
    if hasattr(x, "__next__"):
        raise TypeError("`x`: expected examples for each model; received what can be read once")
    if accuracies is not None:
        accuracies = _in_order(accuracies, list(models))
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
        accuracies=None if accuracies is None else accuracies[order],
        warning=warning,
    )


def _unlike(reports):
    """What keeps reports by name from being compared, as a sentence; None where nothing does."""
    architectures, numbers = {}, {}
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


def _in_order(accuracies, names):
    """`(n_models,)` float64: the true accuracy of each model."""
    if isinstance(accuracies, Mapping):
        accuracies = [accuracies[name] for name in names if name in accuracies]
    found = np.asarray(accuracies, np.float64)
    if found.shape != (len(names),) or not np.isfinite(found).all():
        raise ValueError(
            f"`accuracies`: expected a finite number for each of {listed(names)}; received "
            f"{found.tolist()}"
        )
    return found
