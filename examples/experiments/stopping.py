"""Where a rule of stopping ends a training, told from the values it would have watched.

A training that is judged at every check and goes on long enough serves every rule: each is replayed
on the record (`keras_benford.rules`), and stops it where its callback would have.
"""

import numpy as np

from keras_benford import rules
from keras_benford.measures import CRITERIA, MEASURES


def stop_by(monitor, patience, checks):
    """Where a monitor ends a training with these checks (see `training`): a `rules.Outcome`."""
    rule = rules.Patience(monitor, _direction(monitor), patience)
    return rules.replay(rule, ({monitor: value} for value in values_of(monitor, checks)))


def values_of(monitor, checks):
    """The values of a monitor at the checks: of what is recorded, or a criterion of it."""
    if monitor in CRITERIA:
        criterion = CRITERIA[monitor]()
        return criterion.of(np.array(checks["accuracy"]), np.array(checks["mlh"])).tolist()
    return checks[monitor]


def _direction(monitor):
    if monitor in MEASURES:
        return MEASURES[monitor].direction
    return "max" if monitor.endswith("accuracy") else "min"
