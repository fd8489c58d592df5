"""Table 1 and Figure 3: does MLH rank how well a network generalises?

Small AlexNets train on nine tenths of CIFAR-10 without stopping, and are judged on the last tenth
three times an epoch. Over all these points, Spearman's rho of the validation accuracy with the
training accuracy A, with MLH and the criteria, and with what regressions make of A and MLH; apart
from that within each run, and across the runs at the same check. And which check of each run A,
MLH and the criteria would take as the best.

    python -m examples.paper.table1 --jobs 2
"""

import numpy as np

from examples.experiments import command, pictures, records, runner
from examples.paper import predictors, published
from examples.paper.setting import QUICK, SMALL_ALEXNET
from keras_benford.plots import looks

NAMES = {
    "accuracy": "A",
    "mlh": "MLH",
    "eic": "-EIC",
    "scaled_eic": "-EIC scaled",
    "symbolic_eic": "-EIC symbolic",
}
REGRESSIONS = {
    "GPR(A)": ("gpr", ["accuracy"]),
    "GPR(MLH)": ("gpr", ["mlh"]),
    "GPR(MLH, A)": ("gpr", ["mlh", "accuracy"]),
    "symbolic(MLH, A)": ("symbolic", ["mlh", "accuracy"]),
}
SPLITS = ("points", "runs")

SEEDS = 20


def settings(seeds):
    """Trainings without stopping, a tenth held out, with three checks an epoch."""
    rule = {"held_out": 0.1, "epochs": 25, "check_every": 1 / 3, "judge": ["val"]}
    return [{**SMALL_ALEXNET, **rule, "seed": seed} for seed in range(seeds)]


def regressions(path, seeds, draws, **arguments):
    """Every regression for both targets, tested on points and on runs, by several draws.

    Args:
        path: the file of records of trainings.
        seeds: of those to fit to.
        draws: how many draws of the part for the test.
        arguments: of the symbolic ones.
    """
    return [
        {"method": method, "inputs": inputs, "target": target, "split": split, "seed": draw}
        | {"records": path, "seeds": seeds}
        | (arguments if method == "symbolic" else {})
        for method, inputs in REGRESSIONS.values()
        for target in predictors.TARGETS
        for split in SPLITS
        for draw in range(draws)
    ]


# Panel from above, key in the record, name, factor, where it is best, color, line, mark.
_CURVES = (
    (0, "accuracy", "training accuracy", 100, np.argmax, looks.COLORS[0], "-", "o"),
    (0, "val_accuracy", "validation accuracy", 100, np.argmax, looks.COLORS[1], "--", "^"),
    (1, "val_loss", "validation loss", 1, np.argmin, looks.COLORS[3], "-", "s"),
    (2, "mlh", "MLH", 1, np.argmax, looks.COLORS[4], "-", "v"),
)


def draw(found, fits, picture):
    """The tables as text; Figure 3 into a file.

    Args:
        found: records of trainings.
        fits: records of regressions.
        picture: the picture's path.
    """
    values = predictors.points(found)
    _picture(found, picture)
    n_runs, n_checks = values["mlh"].shape
    text = (
        f"Spearman's rho over {n_runs * n_checks:,} points: {n_runs} runs, {n_checks} checks each. "
        "In brackets the 95 % interval by a bootstrap over runs; ± is the standard deviation over "
        "runs, and over draws of the test part for regressions."
    )
    tables = [_rank_table(values, target) for target in predictors.TARGETS]
    tables.append(best_checks(values, found[0]))
    if fits:
        tables += [_regression_table(fits), _formulas(fits)]
    return "\n\n".join([text, *tables]) + "\n"


def _rank_table(values, target):
    y = values[target]
    rows = []
    for name, shown in NAMES.items():
        x = values[name]
        low, high = predictors.interval(x, y)
        within = predictors.within_runs(x, y)
        theirs = published.TABLE_1[name] if target == "val_accuracy" else None
        rows.append(
            [
                shown,
                "" if theirs is None else f"{theirs:.3f}",
                f"{predictors.pooled(x, y):.3f} ({low:.2f} to {high:.2f})",
                records.mean_and_spread(within, 3),
                f"{predictors.between_runs(x, y):.3f}",
            ]
        )
    what = {"val_accuracy": "validation accuracy", "val_loss": "validation loss, negated"}[target]
    header = [f"rho with {what}", "authors", "ours", "within runs", "across runs at a check"]
    return command.markdown(header, rows)


def best_checks(values, record):
    """A table of the checks at which each predictor and target is at its best in its run.

    Args:
        values: of all points, see `predictors.points`.
        record: of one of the runs, for the epochs.
    """
    epochs = np.array(record["checks"]["step"]) / record["steps"]
    runs = np.arange(len(values["mlh"]))
    targets = {"val_loss": "validation loss", "val_accuracy": "validation accuracy"}
    rows = []
    for name, shown in (NAMES | targets).items():
        best = np.nanargmax(values[name], axis=1)
        low, median, high = np.quantile(epochs[best], (0, 0.5, 1))
        rows.append(
            [
                shown,
                f"{median:.1f} ({low:.1f} to {high:.1f})",
                records.mean_and_spread((100 * values["val_accuracy"][runs, best]).tolist()),
                records.mean_and_spread((-values["val_loss"][runs, best]).tolist(), 3),
            ]
        )
    header = [
        "best check of each run by",
        "its epoch, median (range)",
        "validation accuracy there (%)",
        "validation loss there",
    ]
    return command.markdown(header, rows)


def _regression_table(fits):
    rows = []
    for name, (method, inputs) in REGRESSIONS.items():
        row = [name, f"{published.TABLE_1[name]:.3f}" if name in published.TABLE_1 else ""]
        for target in predictors.TARGETS:
            for split in SPLITS:
                key = {"method": method, "inputs": inputs, "target": target, "split": split}
                rho = [fit["rho"] for fit in fits if key.items() <= fit["setting"].items()]
                row.append(_mean(rho) if rho else "")
        rows.append(row)
    header = [
        "rho of regressions on the third left out",
        "authors (by points)",
        "accuracy, by points",
        "accuracy, by runs",
        "loss, by points",
        "loss, by runs",
    ]
    return command.markdown(header, rows)


def _formulas(fits):
    lines = ["Formulas that genetic programming found for the validation accuracy:", ""]
    for fit in fits:
        setting = fit["setting"]
        if setting["method"] == "symbolic" and setting["target"] == "val_accuracy":
            rho = _mean([fit["rho"]])
            lines.append(f"- `{fit['formula']}`: rho {rho} on the {setting['split']} left out")
    return "\n".join(lines)


def _mean(values):
    return "undefined" if None in values else records.mean_and_spread(values, 3)


def _picture(found, path):
    """Figure 3, and the validation loss: with the check at which each run is at its best."""
    figure, axes = pictures.new(8.6, 3, sharex=True)
    steps = found[0]["steps"]
    epochs = np.array(found[0]["checks"]["step"]) / steps
    for panel, name, label, unit, best, color, line, mark in _CURVES:
        values = unit * np.array([record["checks"][name] for record in found])
        at = best(values, axis=1)
        median = np.median(epochs[at])
        end = "lowest" if best is np.argmin else "highest"
        axes[panel].plot(epochs, values.T, color=color, linewidth=0.5, alpha=0.35)
        label = f"{label}: {end} after {median:.1f} epochs (median)"
        mean = values.mean(axis=0)
        axes[panel].plot(epochs, mean, line, color=color, linewidth=2, label=label)
        of_runs = values[np.arange(len(at)), at]
        axes[panel].plot(epochs[at], of_runs, mark, color=color, mec="white")
        for ax in axes:
            ax.axvline(median, linestyle=line, color=color, linewidth=1)
    for ax, label in zip(axes, ("accuracy (%)", "loss (nats)", "MLH of the weights"), strict=True):
        ax.set_ylabel(label)
        ax.grid(alpha=0.3)
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1), frameon=False, borderpad=0)
    axes[-1].set_xlabel(f"epochs, of {steps} updates each")
    figure.suptitle(
        f"{pictures.subject(found)}: {len(found)} runs and their mean, a mark at each run's best"
    )
    pictures.save(figure, path)


def stages(args):
    chosen, path = settings(args.seeds), args.out / "table1.jsonl"
    if args.quick:
        chosen = [{**setting, **QUICK} for setting in chosen]
    yield path, command.TRAIN, chosen
    # Of the trainings that there are by then.
    seeds = [record["setting"]["seed"] for record in runner.recorded(chosen, path)]
    few = {"draws": 1, "population": 50} if args.quick else {"draws": 5}
    yield (
        args.out / "table1_regressions.jsonl",
        "examples.paper.predictors:regression",
        regressions(command.shown(path), seeds, **few) if seeds else [],
    )


def main(argv=None):
    parser = command.arguments("examples.paper.table1", __doc__, SEEDS)
    command.run_and_draw(parser, stages, draw, argv)


if __name__ == "__main__":
    main()
