"""What the scripts share that train networks at several levels of a fault, and compare them.

A level is a share, of labels or of pictures, see `problems`. At each the neurons' entropy and
mutual information stand beside the accuracies, and Spearman's rho of level and measure says, seed
by seed, whether they go together.
"""

import collections

import matplotlib
import numpy as np
from scipy import stats

from examples.experiments import command, pictures
from examples.experiments.records import mean_and_spread
from keras_benford import plots

TRAIN = "examples.memorization.training:train"
MEASURES = {"entropy": "entropy", "mutual_information": "mutual information"}
_HISTORY = ("epoch", *MEASURES)
PUBLISHED = {"entropy": "rises", "mutual_information": "falls"}
"""With either level. With e the shortcut gets worse, with beta there is more to memorise."""
# By the first word of a problem's name: its title, and of a level the symbol and the whole.
_PROBLEMS = {
    "circles": ("Two circles", "e", "points whose third feature misleads"),
    "colored": ("Coloured", "e", "pictures whose colour misleads"),
    "shuffled": ("Shuffled", "β", "labels that are redrawn"),
}


def stages(setting, levels, quick, **variants):
    """What `command.run_and_draw` takes: a training at each level, for each seed.

    Args:
        setting: of `training`, but for level and seed. The records are named after its problem.
        levels: list of numbers.
        quick: what a quick try has otherwise.
        variants: by name what other trainings have otherwise, recorded in a file of their own.
    """

    def of(args):
        return [
            (
                args.out / f"{setting['problem']}{name}.jsonl",
                TRAIN,
                [
                    {
                        **setting,
                        **variant,
                        **(quick if args.quick else {}),
                        "level": level,
                        "seed": seed,
                    }
                    for seed in range(1 if args.quick else args.seeds)
                    for level in (levels[::2] if args.quick else levels)
                ],
            )
            for name, variant in {"": {}, **variants}.items()
        ]

    return of


def draw(records, picture):
    """The tables as text; the pictures into a file."""
    by_level = collections.defaultdict(list)
    for record in records:
        by_level[record["setting"]["level"]].append(record)
    by_level = dict(sorted(by_level.items()))
    problem, _, data = records[0]["setting"]["problem"].partition("_")
    title, symbol, what = _PROBLEMS[problem]
    title = f"{title} {data.upper().replace('CIFAR', 'CIFAR-')}".strip()
    if "l2" in records[0]["setting"]:
        title += f", weight decay {records[0]['setting']['l2']:g}"
    figure = _picture(by_level, symbol, what)
    figure.suptitle(f"{title}: information in neurons, and accuracy")
    pictures.save(figure, picture)
    parts = [
        "Accuracies in %, entropy and mutual information in nats: mean ± standard deviation "
        "over the seeds.",
        _table(by_level, symbol),
        f"Spearman's rho of {symbol} with each measure, seed by seed: mean (lowest to "
        f"highest). In the paper entropy rises with {symbol}, and mutual information falls.",
        _directions(records),
    ]
    return "\n\n".join(parts) + "\n"


def _table(by_level, symbol):
    rows = []
    for level, runs in by_level.items():
        accuracies = [
            mean_and_spread([100 * run[part]["accuracy"] for run in runs])
            for part in ("train", "val", "target")
        ]
        measures = [mean_and_spread([run[key] for run in runs], 3) for key in MEASURES]
        mlh = mean_and_spread([run["mlh"] for run in runs], 4)
        rows.append([f"{level:g}", len(runs), *accuracies, *measures, mlh])
    header = [symbol, "runs", "training", "same kind", "target", *MEASURES.values(), "MLH"]
    return command.markdown(header, rows)


def _directions(records):
    """Whether a measure goes with the level: for all neurons, and for those of each layer."""
    by_seed = collections.defaultdict(list)
    for record in records:
        by_seed[record["setting"]["seed"]].append(record)
    series = [(sorted(runs, key=lambda run: run["setting"]["level"])) for runs in by_seed.values()]
    series = [runs for runs in series if len(runs) > 2]
    if not series:
        return "There are too few levels yet."
    rows = []
    for i, name in enumerate(["all", *(layer["name"] for layer in records[0]["layers"])]):
        row = [name]
        for key in MEASURES:
            found = []
            for runs in series:
                levels = [run["setting"]["level"] for run in runs]
                values = [(run if i == 0 else run["layers"][i - 1])[key] for run in runs]
                found.append(stats.spearmanr(levels, values).statistic)
            as_published = sum(rho > 0 if key == "entropy" else rho < 0 for rho in found)
            row.append(f"{np.mean(found):.2f} ({min(found):.2f} to {max(found):.2f})")
            row.append(f"{as_published} of {len(found)}")
        rows.append(row)
    columns = ((name, f"{PUBLISHED[key]} in") for key, name in MEASURES.items())
    return command.markdown(["neurons of", *(each for pair in columns for each in pair)], rows)


@matplotlib.rc_context({"font.size": 9})
def _picture(by_level, symbol, what):
    figure, (boxes, density, *curves) = pictures.new(9.4, 4)
    labelled = {f"{symbol} = {level:g}": runs for level, runs in by_level.items()}
    reports = {
        label: {
            layer["name"]: np.concatenate([run["entropies"][layer["name"]] for run in runs])
            for layer in runs[0]["layers"]
        }
        for label, runs in labelled.items()
    }
    accuracies = [
        100 * np.mean([run["target"]["accuracy"] for run in runs]) for runs in by_level.values()
    ]
    plots.entropy(reports, accuracies=accuracies, ax=boxes)
    boxes.set_xlabel(f"{symbol}: share of {what}")
    figure.axes[-1].set_ylabel("target accuracy (%)")
    pairs = {
        label: np.concatenate([run["pairs"] for run in runs]) for label, runs in labelled.items()
    }
    plots.mutual_information(pairs, ax=density)
    _histories(labelled, curves)
    return figure


def _histories(labelled, axes):
    """Means over the seeds, and bands from the lowest to the highest."""
    history = {
        label: {key: np.mean([run["history"][key] for run in runs], axis=0) for key in _HISTORY}
        for label, runs in labelled.items()
    }
    plots.information_history(history, axes=axes)
    axes[0].get_legend().set_title("mean over the seeds; band: lowest to highest seed")
    for ax, key in zip(axes, MEASURES, strict=True):
        for line, runs in zip(ax.get_lines(), labelled.values(), strict=True):
            values = [run["history"][key] for run in runs]
            ends = np.min(values, axis=0), np.max(values, axis=0)
            ax.fill_between(
                line.get_xdata(), *ends, color=line.get_color(), alpha=0.15, linewidth=0
            )
