"""Numbers of a training, check by check -> which check is the best, and when to stop.

A rule is settings and a pure function: `decide(state, values)` gives the next state and a
`Decision`. The state is a dict that JSON holds. So the same object decides in a callback, goes on
after a kill, and is replayed on a record of a training (`replay`).

Values that are not there yet are None, values of a network that is broken NaN.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

Values = Mapping[str, float | None]


class Decision(NamedTuple):
    """What a rule says of a check.

    Attributes:
        best: whether the check is the best so far.
        reason: why to stop, as a phrase; None to go on.
    """

    best: bool
    reason: str | None = None


class Rule(Protocol):
    """A rule of stopping."""

    def start(self) -> dict[str, Any]:
        """The state before the first check; with `best`, the best value so far, and `wait`, the
        checks since it."""

    def decide(self, state: dict[str, Any], values: Values) -> tuple[dict[str, Any], Decision]:
        """The state after a check, and what to do."""


@dataclass(frozen=True)
class Patience:
    """The rule of `keras.callbacks.EarlyStopping`: stop when a value no longer improves.

    A value that is not finite is never the best.

    Args:
        monitor: the name of the value.
        direction: `"min"` or `"max"`, which way is better.
        patience: number of checks without improvement after which to stop.
        min_delta: smallest change that counts as an improvement, 0 or more.
        baseline: only a value better than this starts the patience anew.
    """

    monitor: str
    direction: str
    patience: int
    min_delta: float = 0.0
    baseline: float | None = None

    def start(self) -> dict[str, Any]:
        return {"checks": 0, "wait": 0, "best": None}

    def decide(self, state: dict[str, Any], values: Values) -> tuple[dict[str, Any], Decision]:
        value = values[self.monitor]
        state = {**state, "checks": state["checks"] + 1}
        if value is None:
            return state, Decision(False)
        state["wait"] += 1
        if math.isfinite(value) and self._improves(value, state["best"]):
            state["best"] = value
            if self.baseline is None or self._improves(value, self.baseline):
                state["wait"] = 0
            return state, Decision(True)
        # As in Keras, the first check never stops.
        stops = state["wait"] >= self.patience and state["checks"] > 1
        reason = f"{self.monitor} did not improve for {state['wait']} checks"
        return state, Decision(False, reason if stops else None)

    def _improves(self, value, reference):
        if reference is None:
            return True
        gain = value - reference if self.direction == "max" else reference - value
        return gain > self.min_delta


@dataclass(frozen=True)
class Memorising:
    """Stop when a network goes on changing its mind on unseen inputs only.

    While a network learns what generalises, its predictions on training inputs and on others change
    alike. Once it memorises, those on its training inputs freeze. Churn is smoothed over the last
    checks at which it could be told, on each probe of inputs. The best check is where the smoothed
    churn on unseen inputs is lowest. A check shows memorising where that exceeds the smoothed churn
    on training inputs by a factor, and by more than the sampling of the probes makes likely.
    Training stops when enough checks have shown it and enough have passed since the best.

    Args:
        n_training: examples in the probe of training inputs.
        n_unseen: examples in the probe of unseen inputs.
        patience: how many checks must have shown memorising, in all, and how many must have passed
            since the best.
        smoothing: over how many checks churn is averaged.
        factor: how many times the churn on training inputs.
        deviations: by how many standard deviations of the difference.
        training, unseen: names of the two values.
    """

    n_training: int
    n_unseen: int
    patience: int = 8
    smoothing: int = 5
    factor: float = 1.15
    deviations: float = 2.0
    training: str = "churn"
    unseen: str = "unseen_churn"

    def start(self) -> dict[str, Any]:
        return {"wait": 0, "best": None, "memorising": 0, "broken": 0, "recent": []}

    def decide(self, state: dict[str, Any], values: Values) -> tuple[dict[str, Any], Decision]:
        pair = [values[self.training], values[self.unseen]]
        state, smooth, reason = _smoothed(state, pair, self.smoothing, self.patience)
        if smooth is None:
            return state, Decision(False, reason)
        training, unseen = smooth
        noise = math.sqrt(unseen / self.n_unseen + training / self.n_training)
        gap = unseen - training
        if unseen > self.factor * training and gap > self.deviations * noise:
            state["memorising"] += 1
        state, best = _lowest(state, unseen)
        if not best and min(state["memorising"], state["wait"]) >= self.patience:
            reason = (
                f"{self.unseen} was lowest {state['wait']} checks before, and "
                f"{state['memorising']} checks showed that the network memorises"
            )
        return state, Decision(best, reason)


@dataclass(frozen=True)
class Settling:
    """Stop when the smoothed churn of one probe no longer falls: where there are no unseen inputs.

    Args:
        patience: number of checks after the best at which to stop.
        smoothing: over how many checks churn is averaged.
        monitor: the name of the value.
    """

    patience: int = 16
    smoothing: int = 5
    monitor: str = "churn"

    def start(self) -> dict[str, Any]:
        return {"wait": 0, "best": None, "broken": 0, "recent": []}

    def decide(self, state: dict[str, Any], values: Values) -> tuple[dict[str, Any], Decision]:
        pair = [values[self.monitor]]
        state, smooth, reason = _smoothed(state, pair, self.smoothing, self.patience)
        if smooth is None:
            return state, Decision(False, reason)
        state, best = _lowest(state, smooth[0])
        if not best and state["wait"] >= self.patience:
            reason = f"{self.monitor} did not fall for {state['wait']} checks"
        return state, Decision(best, reason)


def _smoothed(state, values, smoothing, patience):
    """The state with these values, their means over the last checks or None, why to stop or None.

    A check at which a value is not there yet is as if it had not been. So is one at which a value
    is NaN, but after many of these in a row nothing is left to wait for.
    """
    if any(value is None for value in values):
        return state, None, None
    if not all(math.isfinite(value) for value in values):
        broken = state["broken"] + 1
        reason = f"predictions were not finite for {broken} checks"
        return {**state, "broken": broken}, None, reason if broken >= max(patience, 1) else None
    recent = [*state["recent"], values][-smoothing:]
    state = {**state, "broken": 0, "recent": recent}
    if len(recent) < smoothing:
        return state, None, None
    return state, [sum(column) / smoothing for column in zip(*recent, strict=True)], None


def _lowest(state, value):
    """The state after a check with this value, and whether it is the lowest so far."""
    if state["best"] is None or value < state["best"]:
        return {**state, "best": value, "wait": 0}, True
    return {**state, "wait": state["wait"] + 1}, False


class Outcome(NamedTuple):
    """How a rule ends a training. Checks are counted from 0.

    Attributes:
        stopped: the check at which it stops; None where the record ends before.
        best: the best check by then; None where there is none.
    """

    stopped: int | None
    best: int | None


def replay(rule: Rule, checks: Iterable[Values]) -> Outcome:
    """What a rule would have done in a training of which the checks' values were recorded.

    Args:
        rule: the rule.
        checks: a mapping of values by name for each check.

    Returns:
        An `Outcome`: what a callback with this rule decides in the same training.

    >>> rule = Patience("loss", "min", patience=2)
    >>> replay(rule, [{"loss": value} for value in (3.0, 2.0, 2.5, 2.5, 1.0)])
    Outcome(stopped=3, best=1)
    """
    state, best = rule.start(), None
    for check, values in enumerate(checks):
        state, decision = rule.decide(state, values)
        if decision.best:
            best = check
        if decision.reason is not None:
            return Outcome(check, best)
    return Outcome(None, best)
