"""Data on which a network can go wrong, more or less: a shortcut to take, or labels to memorise.

How much is the level:

- `colored_…`, of a set of pictures: whether a digit is below 5. The colour tells that too, and
  wrongly for a share e of them: the smaller, the better the shortcut. In the target it tells
  nothing.
- `circles`: which of two circles a point lies on. Its third feature tells that too, as the colour
  does.
- `shuffled_…`, of a set of pictures: a share beta of the labels is redrawn, which can only be
  memorised. The target's labels are right.

Source: Bansal et al., arXiv 2210.09404.
"""

from typing import NamedTuple

import numpy as np

from examples.experiments.training import dataset

_VAL = 10_000
"""Pictures of the training part that are held out."""
_FLIPPED = 0.25
"""Share of the labels of coloured pictures that are wrong, so that the colour can be worth more."""


class Problem(NamedTuple):
    """Inputs and labels to train on, others of the same kind, and the target, each `(x, y)`."""

    train: tuple
    val: tuple
    target: tuple
    n_classes: int


def make(name, level, seed):
    """A `Problem` by its name, drawn by a seed: see above; pictures are those of `datasets`."""
    rng = np.random.default_rng(seed)
    if name == "circles":
        parts = [_circles(e, rng) for e in (level, level, 0.5)]
        return Problem(*parts, n_classes=2)
    data = dataset(name.partition("_")[2])
    order = rng.permutation(len(data.x_train))
    val, train = np.split(order, [min(_VAL, len(order) // 5)])
    if name.startswith("colored_"):
        parts = [
            _colored(data.x_train[train], data.y_train[train], level, rng),
            _colored(data.x_train[val], data.y_train[val], level, rng),
            _colored(data.x_test, data.y_test, 0.5, rng),
        ]
        return Problem(*parts, n_classes=2)
    shuffled = _shuffled(data.y_train, level, data.n_classes, rng)
    parts = [(data.x_train[part], shuffled[part]) for part in (train, val)]
    return Problem(*parts, (data.x_test, data.y_test), data.n_classes)


def _colored(x, y, e, rng):
    """Every second pixel, in the first of two colours or in the second."""
    label = (y < 5) ^ (rng.random(len(y)) < _FLIPPED)
    color = label ^ (rng.random(len(y)) < e)
    colored = np.zeros((len(x), *x[0, ::2, ::2, 0].shape, 2), "float32")
    colored[np.arange(len(x)), ..., color.astype(int)] = x[:, ::2, ::2, 0]
    return colored, label.astype("int64")


def _shuffled(y, beta, n_classes, rng):
    redrawn = rng.random(len(y)) < beta
    return np.where(redrawn, rng.integers(n_classes, size=len(y)), y)


def _circles(e, rng, n=2000):
    """Points on circles of radius 1 and 0.5, with noise; the third feature is about -1 or 1."""
    y = rng.integers(2, size=n)
    angle = rng.uniform(0, 2 * np.pi, n)
    points = np.stack([np.cos(angle), np.sin(angle)]) * np.where(y, 0.5, 1)
    told = y ^ (rng.random(n) < e)
    x = np.column_stack([*points, 2.0 * told - 1]) + rng.normal(0, 0.1, (n, 3))
    return x.astype("float32"), y
