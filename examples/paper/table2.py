"""Table 2 and Figure 4: what stopping without a validation set is worth.

Small AlexNets on CIFAR-10 are stopped by what needs no labels held out, MLH and the criteria, with
all data to train on, and by the validation loss at several shares held out. The test accuracy is
that of the last weights, as in the paper, and that of the best check's weights.

    python -m examples.paper.table2 --jobs 2
"""

import collections
import statistics

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
from scipy import stats

from examples.experiments import command, stopping
from examples.experiments.records import holm, mean_and_spread
from examples.paper import published
from examples.paper.setting import QUICK, SMALL_ALEXNET

CRITERIA = {
    "mlh": "MLH",
    "eic": "EIC",
    "scaled_eic": "EIC scaled",
    "symbolic_eic": "EIC symbolic",
}
SHARES = (0.0001, 0.0004, 0.0016, 0.01, 0.02, 0.0251, 0.03, 0.1, 0.2, 0.3, 0.4)
# Eight runs of each of these are what two cores do in some hours.
DEFAULT_SHARES = (0.0016, 0.01, 0.02, 0.1, 0.2, 0.4)

Way = collections.namedtuple("Way", "last best epochs unstopped")
"""Test accuracies in % of the last and the best weights, epochs run, runs that nothing stopped."""

SEEDS = 8


def settings(seeds, shares=DEFAULT_SHARES):
    """For each seed a training on all data, and one for each share held out.

    The rules are those of the authors' recorded runs: checks each epoch and a patience of 8 for
    what needs no validation set, twice an epoch and 5 for the validation loss.
    """
    without = {
        "held_out": 0.0,
        "check_every": "epoch",
        "judge": ["test"],
        "until": dict.fromkeys(CRITERIA, 8),
    }
    held_out = {"check_every": 0.5, "judge": ["val", "test"], "until": {"val_loss": 5}}
    rules = [without, *({**held_out, "held_out": share} for share in shares)]
    return [
        {**SMALL_ALEXNET, **rule, "epochs": 60, "seed": seed}
        for seed in range(seeds)
        for rule in rules
    ]


def printed(seeds):
    """The rules that the paper prints: batches of 64, three checks an epoch, a patience of 15."""
    rule = {**SMALL_ALEXNET, "batch_size": 64, "check_every": 1 / 3, "epochs": 60}
    ways = [
        {"held_out": 0.0, "judge": ["test"], "until": {"mlh": 15}},
        {"held_out": 0.1, "judge": ["val", "test"], "until": {"val_loss": 15}},
    ]
    return [{**rule, **way, "seed": seed} for seed in range(seeds) for way in ways]


def samples(records):
    """A `Way` for each way of stopping: by a criterion's name, or a share held out."""
    found = collections.defaultdict(lambda: Way([], [], [], []))
    for record in records:
        for monitor, patience in record["setting"]["until"].items():
            checks = record["checks"]
            accuracy = 100 * np.array(checks["test_accuracy"])
            end = stopping.stop_by(monitor, patience, checks)
            way = record["setting"]["held_out"] or monitor
            last = end.stopped
            if last is None:
                found[way].unstopped.append(record["setting"]["seed"])
                last = len(accuracy) - 1
            found[way].last.append(accuracy[last])
            found[way].best.append(accuracy[end.best])
            found[way].epochs.append(checks["step"][last] / record["steps"])
    return found


def against_mlh(mlh, others):
    """Welch's t-test of MLH against each of the others: t, p, and p corrected by Holm's rule.

    Args:
        mlh: `(n, mean, std)`.
        others: likewise, a list.
    """
    tests = [
        stats.ttest_ind_from_stats(*mlh[1:], mlh[0], *other[1:], other[0], equal_var=False)
        for other in others
    ]
    return [
        (test.statistic, test.pvalue, corrected)
        for test, corrected in zip(tests, holm([test.pvalue for test in tests]), strict=True)
    ]


def draw(records, as_printed, picture):
    """The tables and the tests as text; Figure 4 into a file."""
    found = samples(records)
    _picture(found, command.subject(records), picture)
    parts = ["Test accuracy in %, mean ± standard deviation.", _table(found)]
    parts += ["Welch's t-test; positive where MLH was better.", _tests(found)]
    parts += ["MLH and each criterion in the same trainings, paired t-test.", _pairs(found)]
    if as_printed:
        rules = "batches of 64, a check each third of an epoch, a patience of 15 checks"
        # The authors' figures are of runs by the other rules.
        parts += [
            f"By the rules that the paper prints: {rules}.",
            _table(samples(as_printed), authors=False),
        ]
    return "\n\n".join(parts) + "\n"


def _ways(found):
    """Names and keys of the ways of stopping that there are runs of, in the table's order."""
    criteria = [(name, way) for way, name in CRITERIA.items() if way in found]
    return criteria + [(f"val {way:g}", way) for way in SHARES if way in found]


def _table(found, authors=True):
    rows = []
    for name, way in _ways(found):
        sample = found[way]
        theirs = published.TABLE_2_MLH if way == "mlh" else published.TABLE_2.get(way)
        rows.append(
            [
                name,
                "" if theirs is None else f"{theirs.mean:.1f} ± {theirs.std:.1f} ({theirs.n})",
                f"{mean_and_spread(sample.last)} ({len(sample.last)})",
                mean_and_spread(sample.best),
                mean_and_spread(sample.epochs),
                len(sample.unstopped) or "",
            ]
        )
    header = [
        "stopped by",
        "authors: last weights (n)",
        "ours: last weights (n)",
        "ours: best weights",
        "epochs",
        "not stopped",
    ]
    if not authors:
        header, *rows = ([first, *ours] for first, _, *ours in (header, *rows))
    return command.markdown(header, rows)


def _pairs(found):
    """By how much MLH did better than each criterion, training by training."""
    rows = []
    for way, name in CRITERIA.items():
        if way == "mlh" or way not in found:
            continue
        row = [name]
        for which in ("last", "best"):
            pairs = getattr(found["mlh"], which), getattr(found[way], which)
            better = np.subtract(*pairs)
            row += [mean_and_spread(better), f"{np.sum(better > 0)} of {len(better)}"]
            # Undefined where all differences are the same.
            row.append(f"{stats.ttest_rel(*pairs).pvalue:.2g}" if np.ptp(better) else "")
        rows.append(row)
    header = ["MLH against", "last: points", "better", "p", "best: points", "better", "p"]
    return command.markdown(header, rows)


def _tests(found):
    """MLH against each share: by the authors' figures, and by ours where there are runs."""
    shares = [share for share in SHARES if share in published.TABLE_2]
    theirs = against_mlh(published.TABLE_2_MLH, [published.TABLE_2[share] for share in shares])
    rows = {
        share: [f"{t:.2f}", f"{p:.2g}", f"{corrected:.2g}"]
        for share, (t, p, corrected) in zip(shares, theirs, strict=True)
    }
    ours = [share for share in shares if len(found.get(share, ((),))[0]) > 1]
    enough = "mlh" in found and len(found["mlh"].last) > 1
    for which in ("last", "best"):
        tested = {}
        if enough and ours:
            sizes = [_summary(getattr(found[way], which)) for way in ("mlh", *ours)]
            tested = dict(zip(ours, against_mlh(sizes[0], sizes[1:]), strict=True))
        for share in shares:
            figures = tested.get(share)
            rows[share] += [f"{figures[0]:.2f}", f"{figures[2]:.2g}"] if figures else ["", ""]
    header = [
        "MLH against",
        "authors: t",
        "p",
        "p, Holm",
        "ours, last: t",
        "p, Holm",
        "ours, best: t",
        "p, Holm",
    ]
    return command.markdown(
        header, [[f"val {share:g}", *figures] for share, figures in rows.items()]
    )


def _summary(values):
    return published.Sample(len(values), statistics.mean(values), statistics.stdev(values))


def _picture(found, subject, path):
    """Figure 4: boxes of ours, every run as a dot; the authors' mean and deviation beside them."""
    ways = _ways(found)
    figure, axes = plt.subplots(figsize=(9, 4.5), layout="constrained")
    style = {"widths": 0.28, "manage_ticks": False, "showfliers": False}
    for offset, which, color in ((0, "last", "tab:blue"), (0.3, "best", "tab:orange")):
        values = [getattr(found[way], which) for _, way in ways]
        at = np.arange(len(ways)) + offset
        boxes = axes.boxplot(values, positions=at, patch_artist=True, **style)
        for box in boxes["boxes"]:
            box.set(facecolor=color, alpha=0.5)
        for x, each in zip(at, values, strict=True):
            axes.plot([x] * len(each), each, ".", color="black", markersize=4, alpha=0.6)
        boxes["boxes"][0].set_label(f"ours, {which} weights")
    for x, (_, way) in enumerate(ways):
        theirs = published.TABLE_2_MLH if way == "mlh" else published.TABLE_2.get(way)
        if theirs is not None:
            axes.errorbar(
                x - 0.3, theirs.mean, theirs.std, fmt="D", color="black", mfc="white", capsize=3
            )
    axes.errorbar([], [], [], fmt="D", color="black", mfc="white", label="authors, mean ± std")
    axes.set_xticks(np.arange(len(ways)), [name.replace(" ", "\n") for name, _ in ways])
    axes.set(ylabel="test accuracy (%)", title=f"{subject}, by what stopped it")
    figure.legend(loc="outside lower center", ncols=3)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def stages(args):
    chosen, as_printed = settings(args.seeds), printed(min(args.seeds, 3))
    if args.quick:
        chosen = [{**setting, **QUICK} for setting in settings(args.seeds, (0.1, 0.4))]
        as_printed = [{**setting, **QUICK} for setting in printed(1)]
    return [
        (args.out / "table2.jsonl", command.TRAIN, chosen),
        (args.out / "table2_printed.jsonl", command.TRAIN, as_printed),
    ]


def main(argv=None):
    parser = command.arguments("examples.paper.table2", __doc__, SEEDS)
    command.run_and_draw(parser, stages, draw, argv)


if __name__ == "__main__":
    main()
