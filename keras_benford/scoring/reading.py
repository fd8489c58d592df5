"""A score -> what it says in plain words: whether the digits look trained, and what is wrong.

Each weight is held against random numbers of its mean and standard deviation, as initializers draw
them: uniform (Keras' default), Gaussian (also orthogonal), and Gaussian cut at two deviations
(`he_normal`, `TruncatedNormal`). The pooled MLH of a model is that of a mixture, so the weights are
judged one by one. Where the digits could be either, it says so.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_benford import context, statistics
from keras_benford._messages import counted, listed, printable

UNTRAINED, TRAINED = "untrained", "trained"
IN_PART, UNKNOWN = "trained in part", "cannot be told"

_KINDS = {
    "uniform": context.uniform_shares,
    "Gaussian": context.gaussian_shares,
    "truncated Gaussian": context.truncated_gaussian_shares,
}

FEW = 1000
"""Of fewer digits chance moves MLH by more than `context.mlh_spread` can tell."""
_UNTOLD = ("few", "zeros", "constant")
_MANY_ZEROS = 0.01
# Measured on 1,488 weights as Keras' initializers drew them: MLH lay at most 3.9 ± from what was to
# be expected, summed shares of digits 2.1 / sqrt(n), means 3.4 standard errors from 0. What lies
# between the two limits cannot be told.
_ALIKE, _OTHER = 4, 5
_ALIKE_SHARES, _OTHER_SHARES = 2.2, 2.5
_ALIKE_MEAN = 3.5
# Shares are not held closer than this: bfloat16 alone moves them by 0.001.
_FINEST = 0.0008
_MOSTLY, _NEARLY_ALL = 0.5, 0.95


@dataclass(frozen=True)
class Judgement:
    """What the digits of one weight are like.

    Attributes:
        layer: the `LayerScore`.
        verdict: `"random"` (those of uniform numbers and of nothing else, which training soon
            changes), `"normal"` (those of Gaussian numbers, which trained weights often have, too),
            `"either"` of both, `"other"` (of no random numbers) or `"between"`; `"few"`, `"zeros"`
            (many of them) or `"constant"`, which tell nothing.
        kind: the nearest random numbers: `"uniform"`, `"Gaussian"` or `"truncated Gaussian"`.
        distance: how far MLH lies above theirs, in units of ±; NaN where that is undefined.
    """

    layer: Any
    verdict: str
    kind: str
    distance: float


@dataclass(frozen=True)
class Reading:
    """What a score says.

    Attributes:
        looks: `"trained"`, `"untrained"`, `"trained in part"` or `"cannot be told"`. It is said of
            the leading digits alone: a network that has hardly learned looks untrained, too.
        sentences: that, with how far MLH lies from that of random numbers, and what stands out.
        faults: a sentence on values that are infinite or NaN, and one on zeros, where a weight has
            more than 1 % of them.
    """

    looks: str
    sentences: tuple[str, ...]
    faults: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join((*self.sentences, *self.faults))


def read(score: Any) -> Reading:
    """The reading of a `Score`."""
    judged = [judge(layer) for layer in score.layers]
    looks = _looks(judged)
    say = {UNTRAINED: _untrained, UNKNOWN: _unknown}.get(looks, _trained)
    return Reading(looks, tuple(say(judged, looks)), tuple(_faults(score)))


def judge(layer: Any) -> Judgement:
    """Hold the digits of one `LayerScore` against those of random numbers."""
    n = int(layer.counts.sum())
    expected = np.array([shares(layer.mean, layer.std) for shares in _KINDS.values()])
    distances = (layer.mlh - statistics.mlh(expected)) / (layer.mlh_spread or math.nan)
    shares = expected / expected.sum(axis=1, keepdims=True)
    gaps = np.abs(np.cumsum(layer.counts / max(n, 1) - shares, axis=1)).max(axis=1)
    gaps /= max(max(n, 1) ** -0.5, _FINEST)
    alike = (np.abs(distances) <= _ALIKE) & (gaps <= _ALIKE_SHARES)
    other = (np.abs(distances) > _OTHER) | (gaps > _OTHER_SHARES)
    far = np.where(np.isnan(distances), math.inf, np.abs(distances))
    nearest = int(np.argmin(np.where(alike | ~alike.any(), far, math.inf)))
    if n < FEW:
        verdict = "few"
    elif layer.zeros > _MANY_ZEROS * layer.size:
        verdict = "zeros"
    elif not layer.std > 0:
        verdict = "constant"
    elif other.all():
        verdict = "other"
    elif alike[1:].any():  # but for the uniform one
        verdict = "normal" if other[0] else "either"
    else:
        centred = abs(layer.mean) <= _ALIKE_MEAN * layer.std * n**-0.5
        verdict = "random" if alike.any() and centred else "between"
    return Judgement(layer, verdict, list(_KINDS)[nearest], float(distances[nearest]))


def _looks(judged):
    """The verdict on a model, from those on its weights; on few of them it tells nothing."""
    told = [each for each in judged if each.verdict not in _UNTOLD]
    n = len(told)
    size: Counter[str] = Counter()
    number: Counter[str] = Counter()
    for each in told:
        size[each.verdict] += each.layer.size
        number[each.verdict] += 1
    if number["other"] and size["random"] >= size["other"]:
        return IN_PART
    if number["other"]:
        most = max(number["other"] / n, size["other"] / size.total())
        return TRAINED if most >= _MOSTLY else UNKNOWN
    as_drawn = n - number["between"]
    if n and as_drawn >= _NEARLY_ALL * n and size["random"] >= _MOSTLY * size.total():
        return UNTRAINED
    return UNKNOWN


def _untrained(judged, looks):
    drawn = [each for each in judged if each.verdict in ("random", "normal", "either")]
    kinds = listed(dict.fromkeys(each.kind for each in drawn))
    yield (
        f"Looks untrained, by its digits: {_of(drawn, judged)} those of random numbers ({kinds})."
    )
    yield (
        f"MLH lies at most {max(_or_far(each.distance) for each in drawn):.1f} ± from that of such "
        "numbers of the same spread; a network that has hardly learned looks the same."
    )


def _trained(judged, looks):
    other = [each for each in judged if each.verdict == "other"]
    drawn = [each for each in judged if each.verdict == "random"]
    yield (
        f"Looks {looks}, by its digits: {_of(other, judged)} other digits than random numbers of "
        "the same spread."
    )
    yield _farthest(other)
    if drawn:
        yield f"Weights that still look untrained: {_names(each.layer for each in drawn)}."


def _unknown(judged, looks):
    reasons = {
        "few": f"fewer than {FEW:,} digits, too few to tell",
        "zeros": f"more than {_MANY_ZEROS:.0%} zeros",
        "constant": "one value throughout",
        "normal": "the digits of Gaussian random numbers, as trained weights often have, and fresh "
        "ones from he_normal or orthogonal",
        "either": "digits that uniform and Gaussian random numbers both may have",
        "random": "the digits of uniform random numbers",
        "between": "digits that may be random or not",
        "other": "other digits than random numbers",
    }
    number = Counter(each.verdict for each in judged)
    found = [
        f"{counted(number[verdict], 'weight has', 'weights have')} {what}"
        for verdict, what in reasons.items()
        if number[verdict]
    ]
    yield f"Its digits do not tell whether it is trained: {'; '.join(found)}."
    told = [each for each in judged if each.verdict not in _UNTOLD]
    other = [each for each in told if each.verdict == "other"]
    if told:
        yield _farthest(other or told)


def _farthest(judged):
    """Which weight's MLH lies farthest from that of random numbers, and how far."""
    far = max(judged, key=lambda each: -1 if math.isnan(each.distance) else abs(each.distance))
    side = "above" if far.distance > 0 else "below"
    by_shares = far.verdict == "other" and not abs(far.distance) > _OTHER
    return (
        f"{_names([far.layer])} lies farthest: its MLH is {abs(far.distance):.1f} ± {side} that of "
        f"{far.kind} numbers" + ("; shares of single digits lie farther." if by_shares else ".")
    )


def _faults(score):
    broken = [layer for layer in score.layers if layer.nonfinite]
    if broken:
        yield f"Infinite or NaN: {score.nonfinite:,} of {score.size:,} values, in {_names(broken)}."
    empty = [layer for layer in score.layers if layer.zeros > _MANY_ZEROS * layer.size]
    if empty:
        yield f"Zero: {score.zeros:,} of {score.size:,} values, most of them in {_names(empty)}."


def _of(some, judged):
    """`3 of 4 weights have`; of fewer than half, `1 of 4 weights (76 % of the values) has`."""
    said = f"{len(some):,} of {len(judged):,} weights"
    if 2 * len(some) < len(judged):
        values = [sum(each.layer.size for each in group) for group in (some, judged)]
        said += f" ({100 * values[0] / values[1]:.0f} % of the values)"
    return f"{said} {'has' if len(some) == 1 else 'have'}"


def _names(layers):
    return listed(printable(layer.path) for layer in layers)


def _or_far(distance):
    """How far, and as far as can be where that is undefined."""
    return math.inf if math.isnan(distance) else abs(distance)
