"""Ways to stop: the record of a training -> which weights each gives back, and what it costs.

The rules of this library are replayed by its own objects. Rivals are written here, each by its
source: Label Wave, arXiv 2502.07551; gradient disparity, arXiv 2107.06665; gradient-weight
alignment (GWA), arXiv 2510.25480; the evidence-based criterion, arXiv 1703.09580.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from examples.stopping import stand_ins
from keras_benford import criteria, rules

ONE, MEAN, EMA = "", "mean_", "ema_"
"""Which weights are given back: the check's own, the mean of five checks', a moving average."""


CANARIES = "canaries"
"""The training in which some labels are wrong on purpose, where others are told by their share."""


class Chosen(NamedTuple):
    """What a way of stopping ends with.

    Attributes:
        score: of the weights that it gives back, on the half of the test part that scores.
        cost: epochs' worth of training steps that it took, as a share of the whole training.
        check: the check that it took the weights of, from 0.
        stopped: the check at which it stopped; None where it saw the training to its end.
    """

    score: float
    cost: float
    check: int
    stopped: int | None


@dataclass(frozen=True)
class Way:
    """A way to stop.

    Attributes:
        name: what it is called in tables.
        needs: what it takes: `"nothing"`, `"training labels"`, `"unseen inputs"`,
            `"held-out labels"`.
        outcome: function of a record to a `rules.Outcome`.
        weights: `ONE`, `MEAN` or `EMA`.
        held_out: share of the labels that are held out while it watches.
        refit: `"epochs"` or `"updates"` where the network is trained anew on all labels for as many
            as were found, else None.
        canaries: whether it watches a training in which some labels are wrong on purpose.
    """

    name: str
    needs: str
    outcome: Callable[[dict], rules.Outcome]
    weights: str = ONE
    held_out: float = 0.0
    refit: str | None = None
    canaries: bool = False


def chosen(way, of_shares):
    """What a way ends with on the trainings of one task and seed.

    Args:
        way: a `Way`.
        of_shares: the records of the trainings, by the share that is held out, and `CANARIES`.
    """
    record = of_shares[CANARIES if way.canaries else way.held_out]
    whole = of_shares[0.0]
    n = len(record["checks"]["loss"])
    stopped, best = way.outcome(record)
    check = n - 1 if best is None else best
    share = 1.0 if way.canaries else 1 - way.held_out
    cost = share * (n if stopped is None else stopped + 1) / n
    if way.refit:
        epochs = check + 1 if way.refit == "epochs" else max(1, round(share * (check + 1)))
        check, record = epochs - 1, whole
        cost += epochs / n
    return Chosen(record["checks"][f"{way.weights}test_score"][check], cost, check, stopped)


def oracle(of_shares):
    """The score of the best check of the training on all labels.

    It is found on one half of the test part, and scored on the other.
    """
    checks = of_shares[0.0]["checks"]
    return checks["test_score"][int(np.argmax(checks["oracle_score"]))]


# Rules, as functions of a record.


def to_the_end(record):
    """No stopping."""
    return rules.Outcome(None, len(record["checks"]["loss"]) - 1)


def monitored(values, direction, patience=None):
    """Keras' rule on a value, with patience or, where that is None, over the whole training.

    Args:
        values: key of the record's checks, or a function of the checks to a list of values.
        direction: `"min"` or `"max"`.
        patience: number of checks without improvement after which it stops.
    """

    def outcome(record):
        checks = record["checks"]
        found = values(checks) if callable(values) else checks[values]
        rule = rules.Patience("value", direction, patience or len(found) + 1)
        return rules.replay(rule, [{"value": value} for value in found])

    return outcome


def churn(unseen="unseen", *, training="churn_training", n_unseen=None, **settings):
    """The library's rule of churn on training and other inputs.

    Args:
        unseen: name of the probe of other inputs.
        training: key of the churn on training inputs.
        n_unseen: how many of the other inputs there were; by default the whole probe.
        settings: of `rules.Memorising`.
    """

    def outcome(record):
        sizes = record["sizes"]
        n_others = {"unseen": sizes["unseen"], "mixed": 2 * stand_ins.N}
        n = n_unseen or n_others.get(unseen, stand_ins.N)
        rule = rules.Memorising(sizes["probe"], n, **settings)
        return _replayed(rule, record, churn=training, unseen_churn=f"churn_{unseen}")

    return outcome


def settling(probe="training", **settings):
    """The library's rule of churn on one probe."""

    def outcome(record):
        return _replayed(rules.Settling(**settings), record, churn=f"churn_{probe}")

    return outcome


def _replayed(rule, record, **keys):
    columns = {name: record["checks"][key] for name, key in keys.items()}
    values = zip(*columns.values(), strict=True)
    return rules.replay(rule, [dict(zip(columns, each, strict=True)) for each in values])


# What rivals look at, as functions of a record's checks.


def criterion(name):
    """One of the library's information criteria of MLH and the training accuracy."""
    function = getattr(criteria, name)

    def values(checks):
        pairs = zip(checks["accuracy"], checks["mlh"], strict=True)
        return [float(function(accuracy, mlh)) for accuracy, mlh in pairs]

    return values


def label_wave(checks):
    """Changed answers on the training examples, as the mean of three epochs."""
    return moving_mean(checks["changes"], 3)


def alignment(checks):
    """Mean alignment of gradients and weights over the excess kurtosis + 1.2.

    As the kurtosis can be below -1.2, the denominator is kept positive.
    """
    mean, kurtosis = (np.array(checks[f"gwa_{key}"], float) for key in ("mean", "kurtosis"))
    return (mean / np.maximum(kurtosis + 1.2, 0.05)).tolist()


def canaries(checks):
    """The share of canaries that are answered as they are labelled, as the mean of five checks.

    Of checks with equally few the last one is the lowest, by 1e-9: while nothing is learned by
    heart there are often none at all.
    """
    return [
        None if value is None else value - 1e-9 * i
        for i, value in enumerate(moving_mean(checks["val_score"], 5))
    ]


def moving_mean(values, n):
    """The mean of each value and of those before it, `n` in all; None until there are so many."""
    found = [None] * min(n - 1, len(values))
    return found + [float(np.mean(values[i - n : i])) for i in range(n, len(values) + 1)]


def after_increases(key, n):
    """Stop when a value has increased so many times in all since the training began.

    The weights of that check are given back, as published for gradient disparity.
    """

    def outcome(record):
        values = np.array(record["checks"][key], float)
        ups = np.flatnonzero(np.diff(values) > 0) + 1
        stop = int(ups[n - 1]) if len(ups) >= n else None
        return rules.Outcome(stop, len(values) - 1 if stop is None else stop)

    return outcome


def above_zero(key):
    """Stop at the first check at which a value is above 0, and give its weights back."""

    def outcome(record):
        above = np.flatnonzero(np.array(record["checks"][key], float) > 0)
        stop = int(above[0]) if len(above) else None
        return rules.Outcome(stop, len(record["checks"][key]) - 1 if stop is None else stop)

    return outcome
