"""The ways of stopping that are compared, by name."""

from examples.stopping.ways import (
    EMA,
    MEAN,
    ONE,
    Way,
    above_zero,
    after_increases,
    alignment,
    canaries,
    churn,
    criterion,
    label_wave,
    monitored,
    settling,
    to_the_end,
)

NOTHING, TRAINING, UNSEEN, HELD_OUT = (
    "nothing",
    "training labels",
    "unseen inputs",
    "held-out labels",
)
CANARY_SHARE = 0.05
"""The share of the labels that are wrong on purpose, in a training of their own."""
_WEIGHTS = {ONE: "", MEAN: ", mean", EMA: ", EMA"}


def all_ways():
    """Every `Way` of the full table."""
    return [*_without_stopping(), *_held_out(), *_refit(), *_churn(), *_of_the_training()]


def _without_stopping():
    return [Way(f"to the end{_WEIGHTS[w]}", NOTHING, to_the_end, w) for w in _WEIGHTS]


def _held_out():
    return [
        Way(
            f"{name} of {share:.0%}, {_patience(patience)}{_WEIGHTS[weights]}",
            HELD_OUT,
            monitored(key, direction, patience),
            weights,
            share,
        )
        for name, key, direction in _JUDGES
        for share in (0.1, 0.2)
        for patience in (8, 16, None)
        for weights in (ONE, MEAN)
    ]


def _refit():
    return [
        Way(
            f"refit by {name} of 10%, {_patience(patience)}, as many {unit}{_WEIGHTS[weights]}",
            HELD_OUT,
            monitored(key, direction, patience),
            weights,
            0.1,
            unit,
        )
        for name, key, direction in _JUDGES
        for patience in (8, 16)
        for unit in ("epochs", "updates")
        for weights in (ONE, MEAN)
    ]


_JUDGES = (("val_loss", "val_loss", "min"), ("val_accuracy", "val_score", "max"))


def _patience(patience):
    return "the whole training" if patience is None else f"patience {patience}"


def _churn():
    probes = {
        "unseen": UNSEEN,
        "mixed": NOTHING,
        "swapped": NOTHING,
        "noisy": NOTHING,
        "shifted": NOTHING,
        "dropped": NOTHING,
    }
    of_two = [
        Way(f"churn, {probe} inputs{_WEIGHTS[weights]}", needs, churn(probe), weights)
        for probe, needs in probes.items()
        for weights in _WEIGHTS
    ]
    few = [
        Way(f"churn, {n} unseen inputs, mean", UNSEEN, churn(f"unseen_{n}", n_unseen=n), MEAN)
        for n in (250, 500, 1000)
    ]
    of_one = [
        Way(f"churn of the training inputs only{_WEIGHTS[w]}", NOTHING, settling(), w)
        for w in _WEIGHTS
    ]
    return of_two + few + of_one


def _of_the_training():
    watched = {
        "MLH": ("mlh", "max"),
        "EIC": (criterion("eic"), "min"),
        "EIC scaled": (criterion("scaled_eic"), "min"),
        "EIC symbolic": (criterion("symbolic_eic"), "min"),
        "training accuracy": ("accuracy", "max"),
        "training loss": ("loss", "min"),
        "Label Wave": (label_wave, "min"),
    }
    found = [
        Way(f"{name}, patience 8{_WEIGHTS[weights]}", TRAINING, monitored(values, *how), weights)
        for name, (values, direction) in watched.items()
        for how in [(direction, 8)]
        for weights in (ONE, MEAN)
    ]
    for weights in (ONE, MEAN):
        name = _WEIGHTS[weights]
        found += [
            Way(f"GWA{name}", TRAINING, monitored(alignment, "max"), weights),
            Way(f"gradient disparity{name}", TRAINING, after_increases("disparity", 5), weights),
            Way(f"evidence-based{name}", TRAINING, above_zero("evidence"), weights),
            Way(
                f"canaries, 5%, patience 8{name}",
                TRAINING,
                monitored(canaries, "min", 8),
                weights,
                CANARY_SHARE,
                canaries=True,
            ),
        ]
    return found


PLANNED = (
    ("churn, unseen inputs, mean", "churn, noisy inputs, mean"),
    (
        "val_loss of 10%, patience 8",
        "val_accuracy of 10%, patience 8",
        "refit by val_loss of 10%, patience 8, as many updates, mean",
    ),
)
"""Ours, and those that they are held against: planned before the other half was trained."""

RANKED = (
    "churn, unseen inputs, mean",
    "churn, noisy inputs, mean",
    "MLH, patience 8",
    "val_loss of 10%, patience 8",
    "val_accuracy of 10%, patience 8",
    "refit by val_loss of 10%, patience 8, as many updates, mean",
    "to the end",
    "to the end, EMA",
)
"""The ways of the rank diagram."""

MAIN = (
    "churn, unseen inputs",
    "churn, unseen inputs, mean",
    "churn, unseen inputs, EMA",
    "churn, noisy inputs, mean",
    "churn, mixed inputs, mean",
    "churn, swapped inputs, mean",
    "churn of the training inputs only, mean",
    "MLH, patience 8",
    "EIC symbolic, patience 8",
    "Label Wave, patience 8",
    "GWA",
    "gradient disparity",
    "canaries, 5%, patience 8",
    "evidence-based",
    "val_loss of 10%, patience 8",
    "val_loss of 10%, patience 8, mean",
    "val_accuracy of 10%, patience 8",
    "refit by val_loss of 10%, patience 8, as many updates",
    "refit by val_loss of 10%, patience 8, as many updates, mean",
    "to the end",
    "to the end, mean",
    "to the end, EMA",
)
"""The ways of the first table and of the picture."""
