"""What each way of stopping loses, and what it costs: tables and pictures of the records.

    python -m examples.stopping.verdict

It draws `development` and `held_back`: as a table of all ways, by what is hard about a task, with
the worst cases by name; the picture sets regret beside cost, and ranks the ways.
"""

import argparse
import pathlib
import textwrap

import numpy as np

from examples.experiments import command, pictures, records
from examples.stopping import catalogue, compared, tasks
from keras_benford.plots.looks import COLORS

REFERENCE = "val_loss of 10%, patience 8"
# Black is what the others are held against.
_LOOKS = {
    catalogue.NOTHING: {"color": COLORS[0], "marker": "o", "linestyle": ""},
    catalogue.UNSEEN: {"color": COLORS[1], "marker": "s", "linestyle": ""},
    catalogue.TRAINING: {"color": COLORS[4], "marker": "^", "linestyle": ""},
    catalogue.HELD_OUT: {"color": "black", "marker": "D", "linestyle": ""},
}


def main(argv=None):
    """Draw each half, and what was added, as far as they are recorded."""
    parser = argparse.ArgumentParser(
        prog="python -m examples.stopping.verdict", description=__doc__.splitlines()[0]
    )
    folder = command.results("stopping")
    parser.add_argument("--out", type=pathlib.Path, default=folder, help="folder of the records")
    args = parser.parse_args(argv)
    for half in (tasks.DEVELOPMENT, tasks.HELD_BACK, tasks.ADDED):
        path = args.out / f"{half.replace(' ', '_')}.jsonl"
        of_half = records.read(path)
        found = compared.regrets(catalogue.all_ways(), of_half)
        if found.tasks:
            # Tasks of too different kinds for one picture.
            picture = None if half == tasks.ADDED else path.with_suffix(".png")
            text = draw(found, half, picture, of_half)
            path.with_suffix(".md").write_text(text, encoding="utf-8")
            beside = " and .png" if picture else ""
            print(f"written: {command.shown(path.with_suffix('.md'))}{beside}")


def draw(found, half, picture, of_half):
    """The text of a half of the tasks; its picture is written to a path, if there is one."""
    there = [name for name, points in found.points.items() if np.isfinite(points).any()]
    some = [name for name in catalogue.MAIN if name in there]
    if picture:
        _picture(some, found, picture)
    seeds = np.isfinite(next(iter(found.points.values()))).sum(axis=1)
    of_seeds = ", ".join(f"{(seeds == n).sum()} on {n}" for n in sorted(set(seeds), reverse=True))
    minutes = sum(record["seconds"] for record in of_half) / 60
    return "\n\n".join(
        [
            f"# What ways of stopping lose: {len(found.tasks)} tasks, {half}",
            f"Tasks by seeds: {of_seeds}. {len(of_half)} trainings, {minutes:.0f} minutes of one "
            "core in all. Regret is in points of the test score, against the best check of the "
            "training on all labels; negative is better than that check. Intervals are 95 % over "
            "tasks and seeds. Cost is the training steps, as a share of the whole training on all "
            "labels.",
            _table(found, some),
            *([] if half == tasks.ADDED else ["## The planned comparisons", _planned(found)]),
            "## Every way",
            _table(found, there),
            "## By what is hard",
            _families(found, some),
            "## Every task",
            _tasks(found, some),
            "## Worst tasks",
            _worst(found, some),
            "",
        ]
    )


def _table(found, names):
    reference = found.points[REFERENCE]
    corrected = dict(
        zip(
            names,
            records.holm([compared.p_value(found.points[n], reference) for n in names]),
            strict=True,
        )
    )
    rows = []
    for name in sorted(names, key=lambda n: compared.of_tasks(found.points[n]).mean()):
        points = found.points[name]
        means = compared.of_tasks(points)
        low, high = compared.interval(points)
        gains = (reference - points)[np.isfinite(points[:, 0])]
        low_gain, high_gain = compared.interval(gains)
        p = corrected[name]
        rows.append(
            [
                name,
                len(means),
                f"{means.mean():.1f} ({low:.1f} to {high:.1f})",
                f"{np.median(means):.1f}",
                f"{compared.worst_quarter(points):.1f}",
                f"{means.max():.1f}",
                f"{np.nanmean(found.costs[name]):.2f}",
                ""
                if name == REFERENCE
                else f"{compared.of_tasks(gains).mean():.1f} ({low_gain:.1f} to {high_gain:.1f})",
                "" if np.isnan(p) else f"{p:.3f}",
            ]
        )
    header = ["way", "tasks", "mean regret", "median", "worst quarter", "worst", "cost"]
    return command.markdown([*header, f"better than {REFERENCE}", "p (Holm)"], rows)


def _planned(found):
    """What ours lose less than those that they are held against, on the tasks of both."""
    ours, others = catalogue.PLANNED
    pairs = [(one, other) for one in ours for other in others]
    gains = [found.points[other] - found.points[one] for one, other in pairs]
    p_values = [compared.p_value(gain, np.zeros_like(gain)) for gain in gains]
    rows = []
    for (one, other), gain, p in zip(pairs, gains, records.holm(p_values), strict=True):
        means = compared.of_tasks(gain)
        low, high = compared.interval(gain)
        better = f"{(means > 0).sum()} of {len(means)}"
        mean = f"{means.mean():.1f} ({low:.1f} to {high:.1f})"
        rows.append([f"{one}; {other}", mean, f"{np.median(means):.1f}", better, f"{p:.3f}"])
    header = ["ours; held against", "points better", "median", "tasks where better", "p (Holm)"]
    return command.markdown(header, rows)


def _families(found, names):
    groups = {}
    for i, name in enumerate(found.tasks):
        task = tasks.TASKS[name]
        groups.setdefault(task.family, []).append(i)
        groups.setdefault(task.kind, []).append(i)
    rows = [
        [name, *(_mean(found.points[name][chosen]) for chosen in groups.values())] for name in names
    ]
    header = ["way", *(f"{group} ({len(chosen)})" for group, chosen in groups.items())]
    return command.markdown(header, rows)


def _mean(points):
    means = compared.of_tasks(points)
    return f"{means.mean():.1f}" if len(means) else ""


def _tasks(found, names):
    """A row a task."""
    columns = [compared.means(found.points[name]) for name in names]
    cells = [["" if np.isnan(value) else f"{value:.1f}" for value in column] for column in columns]
    return command.markdown(["task", *names], zip(found.tasks, *cells, strict=True))


def _worst(found, names):
    rows = []
    for name in names:
        means = compared.means(found.points[name])
        worst = [i for i in np.argsort(-means) if np.isfinite(means[i])][:3]
        rows.append([name, "; ".join(f"{found.tasks[i]} {means[i]:.1f}" for i in worst)])
    return command.markdown(["way", "worst three"], rows)


def _picture(names, found, path):
    """A row a way: regret with its interval, cost, and mean rank with its critical difference."""
    names = sorted(names, key=lambda name: compared.of_tasks(found.points[name]).mean())
    needs = {way.name: way.needs for way in catalogue.all_ways()}
    ranked, difference = compared.ranks({name: found.points[name] for name in catalogue.RANKED})
    figure, (regret, cost, rank) = pictures.new(9, 1, 3, sharey=True, width_ratios=(5, 2, 4))
    for row, name in enumerate(names):
        look = _LOOKS[needs[name]]
        points = found.points[name]
        mean = compared.of_tasks(points).mean()
        regret.plot(mean, row, label=needs[name], **look)
        regret.plot(compared.interval(points), [row, row], color=look["color"])
        cost.plot(np.nanmean(found.costs[name]), row, **look)
        if name in ranked:
            rank.plot(ranked[name], row, **look)
            ends = ranked[name] - difference / 2, ranked[name] + difference / 2
            rank.plot(ends, [row, row], color=look["color"])
    regret.axvline(0, color="black", linewidth=0.8)
    regret.set_yticks(range(len(names)), [textwrap.fill(name, 31) for name in names])
    regret.tick_params(axis="y", labelsize=8)
    regret.set_ylim(len(names) - 0.5, -0.5)
    regret.set_xlabel("points of test score\nbelow the best check\n(95 % interval)")
    cost.set_xlabel("training steps,\na share of the\nwhole training")
    cost.set_xlim(0, 1.1)
    rank.set_xlabel(
        "mean rank over tasks, 1 is best\n(bars that do not meet differ,\nNemenyi, 5 %)"
    )
    for ax, title in ((regret, "regret"), (cost, "cost"), (rank, f"rank of {len(ranked)} ways")):
        ax.set_title(title)
        ax.grid(alpha=0.3)
    handles = dict(zip(*regret.get_legend_handles_labels()[::-1], strict=True))
    legend = {"loc": "outside upper center", "ncols": 4, "frameon": False}
    figure.legend(handles.values(), handles, title="what a way of stopping takes", **legend)
    pictures.save(figure, path)


if __name__ == "__main__":
    main()
