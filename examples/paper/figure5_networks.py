"""Figure 5, bottom: MLH of DenseNet-121 against updates, on the data sets of pictures.

Two cores make few of the updates that the paper shows. Data sets that cannot be had are left out,
each with a line.

    python -m examples.paper.figure5_networks
"""

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt

from examples.experiments import command

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
    rows, figure = [], plt.figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for record, color in zip(found, _colors(len(found)), strict=True):
        checks, setting = record["checks"], record["setting"]
        name = f"{DATASETS.get(setting['dataset'], setting['dataset'])}, seed {setting['seed']}"
        steps, values = [0, *checks["step"]], [record["initial_mlh"], *checks["mlh"]]
        axes.plot(steps, values, ".-", color=color, label=name)
        rows.append(
            [
                name,
                f"{steps[-1]:,}",
                f"{values[0]:.4f}",
                f"{max(values):.4f} at {steps[values.index(max(values))]:,}",
                f"{values[-1]:.4f}",
                f"{100 * checks['accuracy'][-1]:.1f}",
                f"{record['seconds'] / 60:.0f}",
            ]
        )
    axes.set(xlabel="updates", ylabel="MLH", title=f"{found[0]['setting']['network']}")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(picture, dpi=150)
    plt.close(figure)
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


def _colors(n):
    return [plt.get_cmap("viridis")(0.9 * i / max(1, n - 1)) for i in range(n)]


def main(argv=None):
    parser = command.arguments("examples.paper.figure5_networks", __doc__, SEEDS)
    command.run_and_draw(parser, stages, draw, argv)


if __name__ == "__main__":
    main()
