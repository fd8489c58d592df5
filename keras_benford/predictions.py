"""Predictions at two checks of a training -> churn: how much a network changed its mind.

Churn is 0 where all predictions are the same and about 1 where they agree only as often as by
chance, whatever the number of classes and their shares. It takes no labels.

Source: one minus Cohen's kappa (J. Cohen, 1960), as the statistic by which Bloodgood and
Vijay-Shanker (arXiv 1504.06329) tell that predictions have settled; called churn after Milani Fard
et al. (NeurIPS 2016).
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

KINDS = ("classes", "labels", "numbers")
_OF_TWO = (0.95, 0.05)


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a network says about a probe of examples.

    Attributes:
        kind: `"classes"`, one of several; `"labels"`, each there or not, independently; or
            `"numbers"`.
        values: classes: integers `(n_examples, ...)`, one for each position. Labels: booleans
            `(n_examples, ..., n_labels)`. Numbers: floats `(n_examples, ..., n_numbers)`.
        n_classes: how many classes there are; of labels 2; of numbers 0.
    """

    kind: str
    values: np.ndarray
    n_classes: int = 0


def churn(before: ArrayLike, after: ArrayLike) -> float:
    """How much predicted classes differ: one minus Cohen's kappa.

    Args:
        before: predicted classes at one check, integers or booleans of any shape.
        after: those of the same examples at another.

    Returns:
        `c / (1 - p_e)`: c is the share of the predictions that differ, p_e the share that would
        agree by chance. 0 where none differ, about 1 where they agree as often as by chance; NaN
        where all predictions are of one and the same class, so that nothing can be told.

    Raises:
        ValueError: where the shapes differ or there is nothing to compare.

    >>> churn([0, 1, 1, 0], [0, 1, 0, 0])
    0.5
    """
    before, after = _pair(before, after)
    changed, by_chance = _disagreement(before.ravel(), after.ravel())
    return changed / by_chance if by_chance > 0 else math.nan


def changed_variance(before: ArrayLike, after: ArrayLike) -> float:
    """How much predicted numbers differ, as a share of their variance.

    Args:
        before: predicted numbers at one check, `(n_examples, ...)`.
        after: those of the same examples at another.

    Returns:
        The mean squared difference over twice the variance, the mean of both checks': 0 where none
        differ, 1 on average where numbers of the same distribution have nothing to do with each
        other. Of several numbers an example the mean of theirs. NaN where no number varies over the
        examples.

    Raises:
        ValueError: where the shapes differ or there is nothing to compare.

    >>> changed_variance([1.0, 2.0, 3.0], [3.0, 2.0, 1.0])
    2.0
    """
    before, after = (np.asarray(each, np.float64) for each in _pair(before, after))
    before, after = (each.reshape(len(each), -1) for each in (before, after))
    differences = ((after - before) ** 2).mean(axis=0)
    varies = (np.ptp(before, axis=0) > 0) | (np.ptp(after, axis=0) > 0)
    if not varies.any():
        return math.nan
    variances = (before.var(axis=0) + after.var(axis=0))[varies]
    return float((differences[varies] / variances).mean())


def churn_of(before: Predictions, after: Predictions, shares: ArrayLike | None = None) -> float:
    """Churn between the predictions of one output at two checks.

    A network whose predictions have collapsed changes nothing and has settled nothing: one with
    batch normalisation, say, whose moving statistics are not there yet. Then no churn is told.

    Args:
        before: predictions at one check.
        after: those of the same examples at another.
        shares: `(n_classes,)` shares of the classes among the right labels, or of labels `(2,)` or
            `(n_labels, 2)`. By default equal for three classes and more, and 95 and 5 % for two
            classes or a single label, which often are of very different size. Several labels
            without it are told as soon as one of them varies.

    Returns:
        `churn` of classes, its mean over the labels that vary, or `changed_variance` of numbers.
        NaN where predictions have collapsed: chance alone would have them agree so often that
        `1 - p_e` is less than half of what it is for labels of these shares.
    """
    if after.kind == "numbers":
        return changed_variance(before.values, after.values)
    if after.kind == "classes":
        _pair(before.values, after.values)
        pairs = [(before.values.ravel(), after.values.ravel())]
    else:
        n_labels = after.values.shape[-1]
        both = [each.values.reshape(-1, n_labels).T for each in (before, after)]
        pairs = list(zip(*both, strict=True))
    found = np.array([_disagreement(*pair) for pair in pairs])
    changed, by_chance = found.T
    if shares is None and len(pairs) == 1:
        shares = _OF_TWO if after.n_classes == 2 else np.full(after.n_classes, 1 / after.n_classes)
    if shares is not None:
        if np.shape(shares)[-1] != after.n_classes:
            raise ValueError(
                f"`class_shares`: expected {after.n_classes} shares; received "
                f"{np.shape(shares)[-1]}"
            )
        spread = 1 - (np.asarray(shares, float).reshape(-1, after.n_classes) ** 2).sum(axis=-1)
        if by_chance.sum() < 0.5 * np.broadcast_to(spread, len(pairs)).sum():
            return math.nan
    varies = by_chance > 0
    return float((changed[varies] / by_chance[varies]).mean()) if varies.any() else math.nan


def _disagreement(before: Any, after: Any) -> tuple[float, float]:
    """The share that differs, and the share that would by chance."""
    n = len(before)
    width = int(max(before.max(), after.max())) + 1
    shares = [np.bincount(each.astype(np.int64), minlength=width) / n for each in (before, after)]
    # Exactly 0 where both are of one class.
    return float((before != after).mean()), max(0.0, 1 - float(shares[0] @ shares[1]))


def _pair(before: ArrayLike, after: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    before, after = np.asarray(before), np.asarray(after)
    if before.shape != after.shape or not before.size or not before.ndim:
        raise ValueError(
            "expected predictions of the same examples at two checks; received shapes "
            f"{before.shape} and {after.shape}"
        )
    return before, after
