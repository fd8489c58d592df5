"""Which of many networks is best, told without labels: by neurons, by weights, or by chance.

For each seed 27 perceptrons of one shape, which differ in learning rate, weight decay and epochs,
are trained on the same data and ranked by what can be had without a label of the target's kind.
The true order is that of their accuracy on the target: other colours (shortcuts to be avoided), or
right labels (memorisation to be avoided).

    python -m examples.memorization.model_selection --jobs 2

Source: Bansal et al., arXiv 2210.09404, section 5.
"""

import collections
import itertools

import matplotlib
import numpy as np
from matplotlib.lines import Line2D
from scipy import stats

from examples.experiments import command, pictures
from examples.experiments.records import mean_and_spread
from examples.memorization.levels import TRAIN
from keras_benford import eic, scaled_eic
from keras_benford.information.ranking import HIGH_IS_GOOD
from keras_benford.plots import looks

PROBLEMS = {
    "colored_mnist": ("shortcuts", 0.125),
    "shuffled_mnist": ("memorization", 0.25),
}
GRID = {
    "learning_rate": (3e-4, 1e-3, 3e-3),
    "l2": (0, 2e-4, 2e-3),
    "epochs": (3, 10, 30),
}
RULE = {"widths": [256, 256, 256], "batch_size": 512, "neurons": 128, "bins": 100, "brief": True}
QUICK_GRID = {"l2": (0,), "learning_rate": (1e-3, 3e-3), "epochs": (1, 3)}

# What a network is ranked by: how it is called, and its value in a record.
MEASURES = {
    "entropy": lambda run: run["entropy"],
    "mutual information": lambda run: run["mutual_information"],
    "training loss": lambda run: run["train"]["loss"],
    "training accuracy": lambda run: run["train"]["accuracy"],
    "validation accuracy, same kind": lambda run: run["val"]["accuracy"],
    "MLH": lambda run: run["mlh"],
    "EIC": lambda run: eic(run["train"]["accuracy"], run["mlh"]),
    "EIC scaled": lambda run: scaled_eic(run["train"]["accuracy"], run["mlh"]),
}
_LOW_IS_GOOD = ("training loss", "EIC", "EIC scaled")
# Those in the picture, and how their axis is called.
_DRAWN = {
    "entropy": "mean entropy (nats)",
    "mutual information": "mean mutual information (nats)",
    "training loss": "training loss (nats)",
    "validation accuracy, same kind": "validation accuracy, same kind (%)",
    "MLH": "MLH",
    "EIC scaled": "scaled EIC",
}
_BEST = {"color": "black", "linestyle": "--", "linewidth": 1}

SEEDS = 5


def stages(args):
    chosen = []
    grid = QUICK_GRID if args.quick else GRID
    seeds = range(1 if args.quick else args.seeds)
    for seed, (problem, (_, level)) in itertools.product(seeds, PROBLEMS.items()):
        for values in itertools.product(*grid.values()):
            setting = {**RULE, "problem": problem, "level": level, "seed": seed}
            setting |= dict(zip(grid, values, strict=True))
            if args.quick:
                setting |= {"widths": [8, 8], "problem": problem.replace("mnist", "digits")}
            chosen.append(setting)
    return [(args.out / "model_selection.jsonl", TRAIN, chosen)]


def agreement(promises, accuracies):
    """How well promises rank models: Kendall's tau-b, Spearman's rho, and the regret.

    The regret is what the accuracy of the most promising model lacks against the best; of several
    that promise most it is the mean. Where all models promise the same, or are as good, tau-b and
    rho are 0, as by chance.
    """
    promises, accuracies = np.array(promises), np.array(accuracies)
    regret = accuracies.max() - accuracies[promises == promises.max()].mean()
    if np.ptp(promises) == 0 or np.ptp(accuracies) == 0:
        return 0.0, 0.0, regret
    tau, rho = (test(promises, accuracies) for test in (stats.kendalltau, stats.spearmanr))
    return tau.statistic, rho.statistic, regret


def draw(records, picture):
    """The tables as text; target accuracy against the measures into a file."""
    found = collections.defaultdict(lambda: collections.defaultdict(list))
    for record in records:
        setting = record["setting"]
        found[setting["problem"]][setting["seed"]].append(record)
    pictures.save(_picture(found), picture)
    parts = ["Mean ± standard deviation over the seeds; accuracy and regret in points of 100."]
    for problem, by_seed in found.items():
        looking_for = _looking_for(problem)
        runs = [run for each in by_seed.values() for run in each]
        accuracies = [100 * run["target"]["accuracy"] for run in runs]
        parts.append(
            f"**{problem}**, looking for {looking_for}: {len(by_seed)} seeds, {len(runs)} networks "
            f"with {min(accuracies):.1f} to {max(accuracies):.1f} % on the target."
        )
        parts.append(_table(by_seed, looking_for))
    return "\n\n".join(parts) + "\n"


def _looking_for(problem):
    return PROBLEMS[problem.replace("digits", "mnist")][0]


def _is_high_good(name, looking_for):
    """Whether much of a measure is to be preferred: of the neurons' it depends on the fault."""
    return HIGH_IS_GOOD.get((looking_for, name.replace(" ", "_")), name not in _LOW_IS_GOOD)


def _table(by_seed, looking_for):
    rows = []
    for name, measure in MEASURES.items():
        sign = 1 if _is_high_good(name, looking_for) else -1
        figures = []
        for runs in by_seed.values():
            accuracies = [100 * run["target"]["accuracy"] for run in runs]
            figures.append(agreement([sign * measure(run) for run in runs], accuracies))
        taus, rhos, regrets = zip(*figures, strict=True)
        of_neurons = name in ("entropy", "mutual information")
        shown = name + ((", high" if sign > 0 else ", low") if of_neurons else "")
        rows.append(
            [
                shown,
                mean_and_spread(taus, 2),
                mean_and_spread(rhos, 2),
                mean_and_spread(regrets),
            ]
        )
    chance = [
        100 * (max(a) - np.mean(a))
        for a in ([run["target"]["accuracy"] for run in runs] for runs in by_seed.values())
    ]
    rows.append(["one at random", "0", "0", mean_and_spread(chance)])
    return command.markdown(["ranked by", "Kendall's tau-b", "Spearman's rho", "regret"], rows)


@matplotlib.rc_context({"font.size": 9})
def _picture(found):
    figure, axes = pictures.new(4.6 * len(found), 2 * len(found), 3)
    panels = iter(axes.flat)
    for problem, by_seed in found.items():
        looking_for = _looking_for(problem)
        for name, ax in zip(_DRAWN, panels, strict=False):
            _panel(ax, by_seed, name, _is_high_good(name, looking_for))
            if ax.get_subplotspec().is_first_col():
                ax.set_ylabel(f"{looking_for}:\ntarget accuracy (%)")
    marks = [Line2D([], [], **_mark(i), markersize=7) for i in range(len(by_seed))]
    best = Line2D([], [], **_BEST)
    labels = [*(f"selected, seed {seed}" for seed in by_seed), "best of all, mean over the seeds"]
    figure.legend([*marks, best], labels, loc="outside upper center", ncols=3, frameon=False)
    return figure


def _panel(ax, by_seed, name, is_high_good):
    """The networks of each seed, small, and large the one that a measure selects."""
    best, lost = [], []
    for i, runs in enumerate(by_seed.values()):
        values = np.array([MEASURES[name](run) for run in runs])
        accuracies = np.array([100 * run["target"]["accuracy"] for run in runs])
        selected = values == (values.max() if is_high_good else values.min())
        best.append(accuracies.max())
        lost.append(best[-1] - accuracies[selected].mean())
        at = 100 * values if "%" in _DRAWN[name] else values
        ax.plot(at, accuracies, **_mark(i) | {"mec": "none"}, markersize=3.5, alpha=0.4)
        ax.plot(at[selected], accuracies[selected], **_mark(i), markersize=7, zorder=3)
    ax.axhline(np.mean(best), **_BEST)
    chosen = "highest" if is_high_good else "lowest"
    ax.set_title(f"{chosen} selected: {np.mean(lost):.1f} points lost", fontsize="medium")
    ax.set_xlabel(_DRAWN[name])
    ax.grid(alpha=0.3)


def _mark(i):
    look = {"color": looks.COLORS[i % len(looks.COLORS)], "mec": "black", "linestyle": "none"}
    return look | {"marker": looks.MARKERS[i % len(looks.MARKERS)]}


def main(argv=None):
    parser = command.arguments("examples.memorization.model_selection", __doc__, SEEDS)
    command.run_and_draw(parser, stages, draw, argv)


if __name__ == "__main__":
    main()
