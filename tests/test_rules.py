"""Rules of stopping on curves made by hand, against Keras' own callback, and in a callback."""

import json
import math
import types

import keras
import numpy as np
import pytest

from keras_benford.callbacks.early_stopping import EarlyStopping
from keras_benford.rules import Memorising, Outcome, Patience, Settling, replay
from tests.training import Scripted


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("patience", [0, 1, 2, 4])
@pytest.mark.parametrize("seed", range(4))
def test_patience_stops_where_keras_own_callback_does(mode, patience, seed):
    values = np.random.default_rng(seed).integers(8, size=15).astype(float).tolist()
    theirs = keras.callbacks.EarlyStopping(
        "value", patience=patience, mode=mode, restore_best_weights=True
    )
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(1)])
    model.stop_training = False
    theirs.set_model(model)
    theirs.on_train_begin()
    for epoch, value in enumerate(values):
        theirs.on_epoch_end(epoch, {"value": value})
        if model.stop_training:
            break
    ours = replay(Patience("value", mode, patience), ({"value": value} for value in values))
    stopped = theirs.stopped_epoch if model.stop_training else None
    assert ours == Outcome(stopped, theirs.best_epoch)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], (None, None)),
        ([math.nan] * 9, (1, None)),
        ([1, math.nan, math.nan], (2, 0)),
        ([math.nan, 1, 2, 2], (3, 1)),
        ([None, None, None, 1, 2, 2], (5, 3)),
        ([1, 1, 1], (2, 0)),
        ([3, 2, 1], (None, 2)),
    ],
    ids=["none", "only-nan", "then-nan", "nan-first", "not-yet", "ties", "falling"],
)
def test_what_is_not_finite_is_never_the_best(values, expected):
    assert replay(Patience("v", "min", 2), ({"v": v} for v in values)) == expected


def curves(training, unseen):
    pairs = zip(training, unseen, strict=True)
    return [{"churn": t, "unseen_churn": u} for t, u in pairs]


FALLING = [0.5 * 0.8**i for i in range(60)]
MANY = {"n_training": 10_000, "n_unseen": 10_000}


def test_a_network_that_learns_what_generalises_is_never_stopped():
    checks = [{"churn": None, "unseen_churn": None}, *curves(FALLING, FALLING)]
    assert replay(Memorising(**MANY), checks) == (None, 60)


def test_a_network_that_memorises_is_stopped_and_its_lowest_churn_is_the_best():
    unseen = [*FALLING[:20], *[FALLING[19] * 1.05**i for i in range(40)]]
    stopped, best = replay(Memorising(**MANY), curves(FALLING, unseen))
    # The mean of the last five is lowest two or three checks after the lowest value.
    smooth = np.convolve(unseen, np.ones(5) / 5, "valid")
    assert best == 4 + int(smooth.argmin())
    shows = [
        u > 1.15 * t and u - t > 2 * math.sqrt((u + t) / 10_000)
        for u, t in zip(smooth, np.convolve(FALLING, np.ones(5) / 5, "valid"), strict=True)
    ]
    eighth = 4 + int(np.flatnonzero(shows)[7])
    assert stopped == max(eighth, best + 8)


def test_churn_that_falls_and_rises_on_both_probes_is_no_memorising():
    valley = [*FALLING[:20], *[FALLING[19] * 1.1**i for i in range(40)]]
    stopped, best = replay(Memorising(**MANY), curves(valley, valley))
    assert stopped is None
    assert best == 4 + int(np.convolve(valley, np.ones(5) / 5, "valid").argmin())


@pytest.mark.parametrize("n", [200, 2000])
def test_noise_of_the_size_of_the_probes_sampling_seldom_shows_memorising(n):
    rng = np.random.default_rng(0)
    stops = 0
    for _ in range(100):
        churn = np.maximum(FALLING[:40], 0.02)
        drawn = [(rng.binomial(n, churn) / n).tolist() for _ in range(2)]
        stops += replay(Memorising(n, n), curves(*drawn)).stopped is not None
    assert stops <= 2


def test_small_probes_take_a_larger_gap():
    unseen = [1.4 * value for value in [0.1] * 40]
    checks = curves([0.1] * 40, unseen)
    assert replay(Memorising(**MANY), checks).stopped is not None
    assert replay(Memorising(50, 50), checks).stopped is None


def test_checks_at_which_predictions_had_collapsed_are_as_if_they_had_not_been():
    unseen = [*FALLING[:20], *[FALLING[19] * 1.05**i for i in range(40)]]
    checks = curves(FALLING, unseen)
    nothing = {"churn": None, "unseen_churn": None}
    half = {"churn": 0.0, "unseen_churn": None}
    plain = replay(Memorising(**MANY), checks)
    later = replay(Memorising(**MANY), [nothing] * 7 + [half] * 3 + checks)
    assert later == (plain.stopped + 10, plain.best + 10)


def test_one_probe_alone_stops_where_its_churn_no_longer_falls():
    values = [*FALLING[:20], *[FALLING[19] * 1.05**i for i in range(40)]]
    best = 4 + int(np.convolve(values, np.ones(5) / 5, "valid").argmin())
    checks = [{"churn": value} for value in values]
    assert replay(Settling(), checks) == (best + 16, best)
    assert replay(Settling(patience=3), checks) == (best + 3, best)
    assert replay(Settling(), checks[: best + 10]) == (None, best)


@pytest.mark.parametrize("rule", [Memorising(**MANY), Settling(8)], ids=["two-probes", "one"])
def test_predictions_that_stay_broken_end_the_training(rule):
    broken = {"churn": math.nan, "unseen_churn": math.nan}
    checks = curves(FALLING[:10], FALLING[:10])
    assert replay(rule, [*checks, *[broken] * 7, *checks[-1:], *[broken] * 20]) == (25, 17)
    state, decision = rule.decide({**rule.start(), "broken": 7}, broken)
    assert decision.reason == "predictions were not finite for 8 checks"
    assert json.loads(json.dumps(state)) == state


def test_too_few_checks_have_no_best():
    assert replay(Memorising(**MANY), curves(FALLING[:4], FALLING[:4])) == (None, None)


class Driven(EarlyStopping):
    """A callback that reads its measures from lists, and restores nothing."""

    def __init__(self, rule, columns):
        self.rule = rule
        super().__init__(
            next(iter(columns)),
            [Scripted(name, values) for name, values in columns.items()],
            "min",
            patience=0,
            verbose=0,
            restore="last",
            restore_best_weights=True,
            start_from_epoch=0,
            check_every="epoch",
            backup_dir=None,
        )

    def _make_rule(self):
        return self.rule


def decided(rule, columns):
    """What a callback with this rule makes of the values: an `Outcome`."""
    callback = Driven(rule, columns)
    model = types.SimpleNamespace(stop_training=False, weights=[])
    callback.set_model(model)
    callback.set_params({})
    callback.on_train_begin()
    for epoch in range(len(next(iter(columns.values())))):
        callback.on_epoch_begin(epoch)
        callback.on_epoch_end(epoch, {})
        if model.stop_training:
            break
    stopped = callback.stopped_epoch if callback.stop_reason else None
    return Outcome(stopped, None if callback.best is None else callback.best_epoch)


def random_values(rng, n):
    """Numbers with ties, NaN, infinities and gaps."""
    values = rng.integers(6, size=n).astype(float)
    kinds = rng.random(n)
    values[kinds < 0.1] = math.nan
    values[(kinds > 0.1) & (kinds < 0.13)] = math.inf
    return [None if kind > 0.95 else value for kind, value in zip(kinds, values.tolist())]  # noqa: B905


@pytest.mark.slow
def test_a_replay_decides_as_the_callback_did():
    rng = np.random.default_rng(0)
    outcomes = set()
    for _ in range(20_000):
        n = int(rng.integers(1, 14))
        rule = Patience(
            "v",
            str(rng.choice(["min", "max"])),
            int(rng.integers(4)),
            float(rng.choice([0, 1])),
            [None, 2.0][int(rng.integers(2))],
        )
        values = random_values(rng, n)
        outcome = replay(rule, ({"v": value} for value in values))
        assert outcome == decided(rule, {"v": values})
        outcomes.add(outcome)
    assert len(outcomes) > 40


@pytest.mark.parametrize("two", [True, False], ids=["two-probes", "one"])
def test_a_replay_of_churn_decides_as_the_callback_did(two):
    rng = np.random.default_rng(0)
    outcomes = set()
    for _ in range(1000):
        patience, n = int(rng.integers(4)), int(rng.integers(1, 30))
        rule = Memorising(50, 50, patience, smoothing=2) if two else Settling(patience, 2)
        columns = {name: random_values(rng, n) for name in ("churn", "unseen_churn")}
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        outcome = replay(rule, rows)
        assert outcome == decided(rule, columns)
        outcomes.add(outcome)
    assert len(outcomes) > 50
