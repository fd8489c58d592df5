"""Regrets of ways to stop, task by task -> means, intervals, tests and ranks.

A regret is what a way loses against the best check of the training on all labels, in points of the
test score; that check is found on the other half of the test part. The unit is the task: seeds are
averaged first, and intervals are over tasks and then seeds.
"""

import collections
import functools
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
        points: `(n_tasks, n_seeds)` of each way, by name; NaN where it cannot be used, and in the
            last places of a task that is recorded on fewer seeds than others.
        costs: the same of its cost.
        choices: the same of its `ways.Chosen`, as lists of lists, None where `points` has NaN.
    """

    tasks: list[str]
    points: dict[str, np.ndarray]
    costs: dict[str, np.ndarray]
    choices: dict[str, list[list[ways.Chosen | None]]]


def regrets(some_ways, records):
    """The `Regrets` of ways on the tasks and seeds that are recorded with all shares held out.

    Args:
        some_ways: a list of `ways.Way`.
        records: those of `record`.
    """
    found = collections.defaultdict(dict)
    for record in records:
        setting = record["setting"]
        share = ways.CANARIES if setting.get("canaries") else setting["held_out"]
        found[setting["task"], setting["seed"]][share] = record
    shares = set().union(*found.values()) - {ways.CANARIES}
    complete = {key: of_shares for key, of_shares in found.items() if of_shares.keys() >= shares}
    seeds = {
        name: [of_shares for key, of_shares in sorted(complete.items()) if key[0] == name]
        for name in tasks.TASKS
    }
    seeds = {name: of_seeds for name, of_seeds in seeds.items() if of_seeds}
    width = max(map(len, seeds.values()), default=0)

    def table(values):
        """A value of each seed of each task, filled up to the most seeds."""
        rows = [[*map(values, of_seeds)] for of_seeds in seeds.values()]
        return [row + [None] * (width - len(row)) for row in rows]

    choices = {way.name: table(functools.partial(_chosen, way)) for way in some_ways}
    best = np.array(table(ways.oracle), float)

    def array(way, value):
        rows = choices[way.name]
        return np.array([[np.nan if c is None else value(c) for c in row] for row in rows])

    points = {way.name: 100 * (best - array(way, lambda c: c.score)) for way in some_ways}
    costs = {way.name: array(way, lambda c: c.cost) for way in some_ways}
    return Regrets(list(seeds), points, costs, choices)


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
    points = points[np.isfinite(points[:, 0])]
    n_tasks, n_seeds = points.shape
    rng = np.random.default_rng(seed)
    drawn = rng.integers(n_tasks, size=(_DRAWS, n_tasks, 1))
    # As many as the task has, each as likely.
    there = np.isfinite(points).sum(axis=1)[drawn]
    drawn_seeds = rng.integers(there, size=(_DRAWS, n_tasks, n_seeds))
    counts = np.arange(n_seeds) < there
    of_tasks = np.where(counts, points[drawn, drawn_seeds], 0).sum(axis=2) / counts.sum(axis=2)
    return tuple(np.quantile(of_tasks.mean(axis=1), [0.025, 0.975]))


def of_tasks(points):
    """The mean over seeds of each task that has figures."""
    return means(points[np.isfinite(points[:, 0])])


def means(points):
    """`(n_tasks,)` means over seeds; NaN where there is none."""
    there = np.isfinite(points)
    n = np.where(there.any(axis=1), there.sum(axis=1), np.nan)
    return np.where(there, points, 0).sum(axis=1) / n


def worst_quarter(points):
    """The mean of the quarter of the tasks that lost most."""
    sorted_means = np.sort(of_tasks(points))
    return sorted_means[-max(1, round(len(sorted_means) / 4)) :].mean()


def p_value(points, others):
    """Wilcoxon's p for the tasks of two ways being alike; NaN where they are all the same."""
    differences = means(points - others)
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
    table = np.stack([means(each) for each in points.values()], axis=1)
    table = table[np.isfinite(table).all(axis=1)]
    n, k = table.shape
    found = stats.rankdata(table, axis=1).mean(axis=0)
    q = stats.studentized_range.ppf(0.95, k, np.inf) / np.sqrt(2)
    return dict(zip(points, found.tolist(), strict=True)), q * np.sqrt(k * (k + 1) / (6 * n))
