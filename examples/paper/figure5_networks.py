"""Figure 5, bottom: MLH of DenseNet-121 against updates, on the data sets of pictures.

Two cores make few of the updates that the paper shows. Data sets that cannot be had are left out,
each with a line.

    python -m examples.paper.figure5_networks
"""

import numpy as np

from examples.experiments import command, pictures
from keras_benford.plots import looks

DATASETS = {
    "cifar10": "CIFAR10",
    "mnist": "MNIST",
    "fashion_mnist": "FashionMNIST",
    "oxford_flowers": "Oxford-Flowers",
    "stanford_dogs": "Stanford-Dogs",
    "aircraft": "Aircraft",
}
UPDATES = 500

SEEDS = 1


def settings(seeds):
    """DenseNets in batches of 64, checked every 25 updates; what is judged is the training part."""
    return [
        {
            "network": "densenet121",
            "initializer": "pytorch",
            "dataset": dataset,
            "batch_size": 64,
            "learning_rate": 3e-3,
            "held_out": 0.0,
            "epochs": 100,
            "updates": UPDATES,
            "check_every": 25,
            "judge": [],
            "seed": seed,
        }
        for seed in range(seeds)
        for dataset in DATASETS
    ]


def stages(args):
    chosen = settings(args.seeds)
    if args.quick:
        small = {"network": "lenet", "dataset": "digits", "updates": 20, "check_every": 2}
        chosen = [{**each, **small} for each in chosen if each["dataset"] == "cifar10"]
    return [(args.out / "figure5_networks.jsonl", command.TRAIN, chosen)]


def draw(found, picture):
    """The table as text; the curves into a file."""
    _picture(found, picture)
    rows = []
    for record in found:
        checks, values = record["checks"], _mlh(record)
        steps = [0, *checks["step"]]
        rows.append(
            [
                _name(record),
                f"{steps[-1]:,}",
                f"{values[0]:.4f}",
                f"{max(values):.4f} at {steps[values.index(max(values))]:,}",
                f"{values[-1]:.4f}",
                f"{100 * checks['accuracy'][-1]:.1f}",
                f"{record['seconds'] / 60:.0f}",
            ]
        )
    header = [
        "data",
        "updates",
        "MLH untrained",
        "highest",
        "at the end",
        "training accuracy (%)",
        "minutes",
    ]
    return command.markdown(header, rows) + "\n"


def _name(record):
    setting = record["setting"]
    return f"{DATASETS.get(setting['dataset'], setting['dataset'])}, seed {setting['seed']}"


def _mlh(record):
    """MLH before training and at each check."""
    return [record["initial_mlh"], *record["checks"]["mlh"]]


def _picture(found, path):
    figure, (above, below) = pictures.new(5.6, 2, sharex=True, height_ratios=(3, 2))
    for i, record in enumerate(found):
        steps = record["checks"]["step"]
        style = {
            "color": looks.COLORS[i % len(looks.COLORS)],
            "marker": looks.MARKERS[i % len(looks.MARKERS)],
            "linestyle": looks.DASHES[i % len(looks.DASHES)],
            "markersize": 5,
            "label": _name(record),
        }
        above.plot([0, *steps], _mlh(record), **style)
        below.plot(steps, 100 * np.array(record["checks"]["accuracy"]), **style)
    network = found[0]["setting"]["network"]
    above.set_ylabel("MLH of the weights")
    above.set_title(f"{pictures.NAMES.get(network, network)}: MLH and training accuracy")
    below.set_ylabel("training accuracy (%),\nof the batches\nsince the last check")
    below.set_xlabel("updates")
    for ax in (above, below):
        ax.grid(alpha=0.3)
    legend = {"loc": "outside lower center", "ncols": 3, "frameon": False, "handlelength": 4}
    figure.legend(*above.get_legend_handles_labels(), **legend)
    pictures.save(figure, path)


def main(argv=None):
    parser = command.arguments("examples.paper.figure5_networks", __doc__, SEEDS)
    command.run_and_draw(parser, stages, draw, argv)


if __name__ == "__main__":
    main()
