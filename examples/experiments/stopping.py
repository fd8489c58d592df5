"""Where a rule of stopping ends a training, told from the values it would have watched.

A training that is judged at every check and goes on long enough serves every rule: each is applied
to the record afterwards, and stops it where its callback would have.
"""

import math
from typing import NamedTuple

import numpy as np

from keras_benford import criteria


class Stop(NamedTuple):
    """Checks, from 0: the one at which training stops, and the one whose weights were best."""

    at: int
    best: int


def stop(values, patience, better=min):
    """Where the rule of `keras.callbacks.EarlyStopping` stops.

    Args:
        values: the monitored value at each check.
        patience: number of checks without improvement after which training stops.
        better: `min` or `max`.

    Returns:
        A `Stop`; None if the values end before, or none is finite.

    >>> stop([3, 2, 2.5, 2.5, 1], patience=2)
    Stop(at=3, best=1)
    """
    best = None
    for check, value in enumerate(values):
        if math.isfinite(value) and (best is None or better(value, values[best]) != values[best]):
            best = check
        if best is not None and check - best >= patience > 0:
            return Stop(check, best)
    return None


def stop_by(monitor, patience, checks):
    """Where a monitor stops a training with these checks (see `training`); None if it does not."""
    return stop(values_of(monitor, checks), patience, _better(monitor))


def best_by(monitor, checks):
    """The check at which a monitor was best, of all."""
    values = np.array(values_of(monitor, checks), dtype=float)
    return int(np.nanargmax(values) if _better(monitor) is max else np.nanargmin(values))


def values_of(monitor, checks):
    """The values of a monitor at the checks: of what is recorded, or a criterion of it."""
    if monitor in ("eic", "scaled_eic", "symbolic_eic"):
        criterion = getattr(criteria, monitor)
        return criterion(np.array(checks["accuracy"]), np.array(checks["mlh"])).tolist()
    return checks[monitor]


def _better(monitor):
    return max if monitor == "mlh" or monitor.endswith("accuracy") else min
