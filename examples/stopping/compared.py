"""Regrets of ways to stop, task by task -> means, intervals, tests and ranks.

A regret is what a way loses against the best check of the training on all labels, in points of the
test score; that check is found on the other half of the test part. The unit is the task: seeds are
averaged first, and intervals are over tasks and then seeds.
"""

import collections
import warnings
from typing import NamedTuple

import numpy as np
from scipy import stats

from examples.stopping import tasks, ways

_DRAWS = 4000


class Regrets(NamedTuple):
    """What ways lost.

    Attributes:
        tasks: names.
        points: `(n_tasks, n_seeds)` of each way, by name; NaN where it cannot be used.
        costs: the same of its cost.
        choices: the same of its `ways.Chosen`, as lists of lists, None where it cannot be used.
    """

    tasks: list[str]
    points: dict[str, np.ndarray]
    costs: dict[str, np.ndarray]
    choices: dict[str, list[list[ways.Chosen | None]]]


def regrets(some_ways, records):
    """The `Regrets` of ways on the tasks and seeds of which all trainings are recorded.

    Args:
        some_ways: a list of `ways.Way`.
        records: those of `record`.
    """
    found = collections.defaultdict(dict)
    for record in records:
        setting = record["setting"]
        found[setting["task"], setting["seed"]][setting["held_out"]] = record
    shares = {record["setting"]["held_out"] for record in records}
    complete = {key: of_shares for key, of_shares in found.items() if of_shares.keys() == shares}
    seeds = sorted({seed for _, seed in complete})
    names = [n for n in tasks.TASKS if all((n, seed) in complete for seed in seeds)]
    choices = {
        way.name: [[_chosen(way, complete[name, seed]) for seed in seeds] for name in names]
        for way in some_ways
    }
    best = np.array([[ways.oracle(complete[name, seed]) for seed in seeds] for name in names])

    def array(way, value):
        rows = choices[way.name]
        return np.array([[np.nan if c is None else value(c) for c in row] for row in rows])

    points = {way.name: 100 * (best - array(way, lambda c: c.score)) for way in some_ways}
    costs = {way.name: array(way, lambda c: c.cost) for way in some_ways}
    return Regrets(names, points, costs, choices)


def _chosen(way, of_shares):
    try:
        return ways.chosen(way, of_shares)
    except KeyError:  # what it looks at is not there where a number is predicted
        return None


def interval(points, seed=0):
    """The 95 % interval of a mean over tasks, by drawing tasks and then seeds again.

    Args:
        points: `(n_tasks, n_seeds)`.
        seed: of the draws, which are the same for all ways.
    """
    points = points[np.isfinite(points).all(axis=1)]
    n_tasks, n_seeds = points.shape
    rng = np.random.default_rng(seed)
    drawn = rng.integers(n_tasks, size=(_DRAWS, n_tasks, 1))
    drawn_seeds = rng.integers(n_seeds, size=(_DRAWS, n_tasks, n_seeds))
    means = points[drawn, drawn_seeds].mean(axis=(1, 2))
    return tuple(np.quantile(means, [0.025, 0.975]))


def of_tasks(points):
    """The mean over seeds of each task that has figures."""
    return points.mean(axis=1)[np.isfinite(points).all(axis=1)]


def worst_quarter(points):
    """The mean of the quarter of the tasks that lost most."""
    means = np.sort(of_tasks(points))
    return means[-max(1, round(len(means) / 4)) :].mean()


def p_value(points, others):
    """Wilcoxon's p for the tasks of two ways being alike; NaN where they are all the same."""
    differences = (points - others).mean(axis=1)
    differences = differences[np.isfinite(differences)]
    if not differences.any():
        return np.nan
    with warnings.catch_warnings():
        # Ties and zeros make it use its approximation.
        warnings.simplefilter("ignore")
        return float(stats.wilcoxon(differences).pvalue)


def ranks(points):
    """Mean rank of each way over the tasks that all have figures for, and the critical difference.

    Args:
        points: dict of `(n_tasks, n_seeds)`.

    Returns:
        A dict of mean ranks, 1 is best, and Nemenyi's critical difference at 5 %.
    """
    means = np.stack([each.mean(axis=1) for each in points.values()], axis=1)
    means = means[np.isfinite(means).all(axis=1)]
    n, k = means.shape
    found = stats.rankdata(means, axis=1).mean(axis=0)
    q = stats.studentized_range.ppf(0.95, k, np.inf) / np.sqrt(2)
    return dict(zip(points, found.tolist(), strict=True)), q * np.sqrt(k * (k + 1) / (6 * n))
