"""Table 2 and Figure 4: what stopping without a validation set is worth.

Small AlexNets on CIFAR-10 are stopped by what needs no labels held out, MLH and the criteria, with
all data to train on, and by the validation loss at several shares held out. The test accuracy is
that of the last weights, as in the paper, and that of the best check's weights.

    python -m examples.paper.table2 --jobs 2
"""

import collections
import statistics

import numpy as np
from scipy import stats

from examples.experiments import command, pictures, stopping
from examples.experiments.records import holm, mean_and_spread
from examples.paper import published
from examples.paper.setting import QUICK, SMALL_ALEXNET
from keras_benford.plots import looks

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
    _picture(found, pictures.subject(records), picture)
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
        theirs = _theirs(way)
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


def _theirs(way):
    """The authors' sample, or None."""
    return published.TABLE_2_MLH if way == "mlh" else published.TABLE_2.get(way)


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


_LAST = {"color": looks.COLORS[0], "fmt": "o", "label": "ours, last weights"}
_BEST = {"color": looks.COLORS[1], "fmt": "s", "mfc": "white", "label": "ours, best weights"}
_AUTHORS = {"color": "black", "fmt": "D", "label": "authors, last weights"}


def _picture(found, subject, path):
    """Figure 4: mean and deviation, and every run of ours as a small mark above."""
    ways = [way for _, way in _ways(found)]
    figure, ax = pictures.new(1.5 + 0.6 * len(ways))
    for row, way in enumerate(ways):
        _runs(ax, row - 0.2, found[way].last, _LAST)
        _runs(ax, row + 0.1, found[way].best, _BEST)
        theirs = _theirs(way)
        if theirs is not None:
            ax.errorbar(theirs.mean, row + 0.3, xerr=theirs.std, capsize=3, **_AUTHORS)
    if "mlh" in found:
        row = ways.index("mlh")
        ax.axhspan(row - 0.5, row + 0.5, color=looks.COLORS[5], alpha=0.2, linewidth=0)
        ax.axvline(np.mean(found["mlh"].last), color=looks.COLORS[0], linewidth=1, linestyle="--")
    ax.set_yticks(range(len(ways)), [_stopped_by(way, found[way]) for way in ways])
    ax.set(
        ylim=(len(ways) - 0.5, -0.5),
        xlabel="test accuracy (%): each run, and mean ± standard deviation\n"
        "(dashed: mean of MLH, last weights)",
    )
    ax.set_title(f"{subject}: what stopped the training")
    ax.grid(axis="x", alpha=0.3)
    handles = dict(zip(*ax.get_legend_handles_labels()[::-1], strict=True))
    figure.legend(handles.values(), handles, loc="outside lower center", ncols=3, frameon=False)
    pictures.save(figure, path)


def _runs(ax, y, values, look):
    """Mean and deviation of runs, and each of them in a row above."""
    spread = np.std(values, ddof=1) if len(values) > 1 else 0
    ax.errorbar(np.mean(values), y, xerr=spread, capsize=3, **look)
    dots = {"marker": look["fmt"], "markersize": 3, "linestyle": "", "color": look["color"]}
    ax.plot(values, [y - 0.13] * len(values), alpha=0.7, **dots)


def _stopped_by(way, sample):
    """What stopped the runs, how many there are, and after how many epochs."""
    named = CRITERIA.get(way) or f"validation loss, {100 * way:g} % held out"
    theirs = _theirs(way)
    runs = f"{len(sample.last)} runs" + (f" (authors {theirs.n})" if theirs else "")
    epochs = f"{np.mean(sample.epochs):.0f} epochs"
    if sample.unstopped:
        epochs += f", {len(sample.unstopped)} not stopped"
    return f"{named}\n{runs}, {epochs}"


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
