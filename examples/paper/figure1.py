"""Figure 1: MLH before and after training, by how the kernels were initialised.

Small AlexNets on CIFAR-10 start from each of the usual initialisations, from normal and uniform
numbers at no scale that fits the layer, and from a bad one whose kernels have a mean far from 0.

    python -m examples.paper.figure1 --jobs 2
"""

import numpy as np

from examples.experiments import command, pictures, records
from examples.paper import predictors
from examples.paper.setting import QUICK, SMALL_ALEXNET
from keras_benford.plots import looks

NAMES = {
    "kaiming_uniform": "Kaiming uniform",
    "kaiming_normal": "Kaiming normal",
    "xavier_uniform": "Xavier uniform",
    "xavier_normal": "Xavier normal",
    "orthogonal": "orthogonal",
    "normal": "normal (0, 1)",
    "uniform": "uniform (0, 1)",
    "bad": "bad",
}
UNUSUAL = ("normal", "uniform", "bad")

SEEDS = 5


def settings(seeds):
    """For each seed a training of ten epochs from every initialisation."""
    rule = {"held_out": 0.0, "epochs": 10, "check_every": "epoch", "judge": ["test"]}
    return [
        {**SMALL_ALEXNET, **rule, "initializer": initializer, "seed": seed}
        for seed in range(seeds)
        for initializer in NAMES
    ]


def stages(args):
    chosen = settings(args.seeds)
    if args.quick:
        few = ("xavier_uniform", "normal", "bad")
        chosen = [{**each, **QUICK} for each in settings(1) if each["initializer"] in few]
    return [(args.out / "figure1.jsonl", command.TRAIN, chosen)]


def draw(found, picture):
    """The table as text; Figure 1 into a file."""
    by_name = {name: [] for name in NAMES}
    for record in found:
        checks = record["checks"]
        values = record["initial_mlh"], checks["mlh"][-1], 100 * checks["test_accuracy"][-1]
        by_name[record["setting"]["initializer"]].append(values)
    by_name = {name: np.array(values) for name, values in by_name.items() if values}
    _picture(by_name, pictures.subject(found), picture)
    rows = [
        [
            NAMES[name],
            len(values),
            records.mean_and_spread(values[:, 0], 4),
            records.mean_and_spread(values[:, 1], 4),
            int((values[:, 1] > values[:, 0]).sum()),
            records.mean_and_spread(values[:, 2], 1),
        ]
        for name, values in by_name.items()
    ]
    header = [
        "initialisation",
        "runs",
        "MLH before",
        "MLH after",
        "runs in which it rose",
        "test accuracy (%)",
    ]
    table = f"Mean ± standard deviation.\n\n{command.markdown(header, rows)}\n"
    usual = [values for name, values in by_name.items() if name not in UNUSUAL]
    return table + _agreement({"all": [*by_name.values()], "the usual initialisations": usual})


def _agreement(groups):
    """A line on whether a higher MLH after training goes with a higher test accuracy."""
    found = []
    for name, values in groups.items():
        if sum(map(len, values)) > 2:
            _, after, accuracy = np.concatenate(values).T
            rho = predictors.pooled(after, accuracy)
            found.append(f"{rho:.2f} over {name} ({len(after)} networks)")
    if not found:
        return ""
    return f"\nSpearman's rho of MLH after training and test accuracy: {', '.join(found)}.\n"


def _picture(by_name, subject, path):
    """The usual initialisations in a panel, the others in one with its own scale."""
    usual = {name: by_name[name] for name in by_name if name not in UNUSUAL}
    others = {name: by_name[name] for name in by_name if name in UNUSUAL}
    parts = {"usual initialisations": usual, "others, on another scale": others}
    parts = {title: part for title, part in parts.items() if part}
    figure, ((*axes,),) = pictures.new(
        4.2, 1, len(parts), squeeze=False, width_ratios=[len(part) for part in parts.values()]
    )
    for ax, (title, part) in zip(axes, parts.items(), strict=True):
        for at, values in enumerate(part.values()):
            _pairs(ax, at, values)
        ax.set_xticks(range(len(part)), [NAMES[name].replace(" ", "\n", 1) for name in part])
        ax.set(title=title, xlim=(-0.5, len(part) - 0.5))
        ax.grid(axis="y", alpha=0.3)
    axes[0].set_ylabel("MLH of the weights")
    figure.suptitle(f"{subject}: MLH before and after training, a line a run")
    handles = axes[0].get_lines()[1:3]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False)
    pictures.save(figure, path)


def _pairs(ax, at, values):
    """The runs of an initialisation side by side, each from before training to after."""
    shifts = np.linspace(-0.08, 0.08, len(values))
    for shift, (before, after, _) in zip(shifts, values, strict=True):
        x = at - 0.2 + shift, at + 0.2 + shift
        ax.plot(x, (before, after), color=looks.COLORS[2], linewidth=1)
        style = {"color": looks.COLORS[0], "linestyle": "", "markersize": 6}
        ax.plot(x[0], before, "o", mfc="white", label="before training", **style)
        ax.plot(x[1], after, "s", label="after training", **style)


def main(argv=None):
    parser = command.arguments("examples.paper.figure1", __doc__, SEEDS)
    command.run_and_draw(parser, stages, draw, argv)


if __name__ == "__main__":
    main()
