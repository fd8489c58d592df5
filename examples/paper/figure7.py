"""Figure 7: MLH of data sets, and of networks trained on each.

The MLH of a data set is that of its inputs, divided by their maximum. Networks are those of the
paper's Table 4, trained from many seeds; a small AlexNet stands in for the DenseNet-121 that the
paper has on CIFAR-10, of which 500 updates take a core an hour.

    python -m examples.paper.figure7 --jobs 2
"""

import numpy as np

from examples.experiments import command, datasets, pictures
from examples.experiments.datasets import CACHE
from examples.paper import published
from keras_benford import digit_counts, mlh
from keras_benford.plots import looks

# Of each data set: its name, and how many of a hundred seeds two cores train in reasonable time.
SETS = {
    "synthetic_boolean": ("Synthetic-Boolean", 100),
    "synthetic_uniform": ("Synthetic-Uniform", 100),
    "mnist": ("MNIST", 10),
    "fashion_mnist": ("FashionMNIST", 10),
    "seqmnist": ("SeqMNIST", 1),
    "cifar10": ("CIFAR10", 5),
}
# What they are trained by. The LSTM's 784 steps in time take so long that it stops early.
_MLP = {"network": "mlp", "batch_size": 64, "epochs": 20}
_LENET = {"network": "lenet", "batch_size": 512, "epochs": 10}
TRAININGS = {
    "synthetic_boolean": _MLP,
    "synthetic_uniform": _MLP,
    "mnist": _LENET,
    "fashion_mnist": _LENET,
    "seqmnist": {"network": "lstm", "batch_size": 512, "epochs": 10, "updates": 400},
    "cifar10": {"network": "small_alexnet", "batch_size": 512, "epochs": 10},
}

SEEDS = 100


def settings(seeds):
    """Trainings from each set's share of the seeds."""
    rule = {"initializer": "pytorch", "learning_rate": 3e-3, "held_out": 0.0, "judge": ["test"]}
    return [
        {
            **rule,
            **training,
            "dataset": dataset,
            # A check beside those at the ends of epochs, where an epoch has as many updates.
            "check_every": training.get("updates", "epoch"),
            "seed": seed,
        }
        for dataset, training in TRAININGS.items()
        for seed in range(-(-seeds * SETS[dataset][1] // 100))
    ]


def of_data(setting):
    """The digits of a data set's training inputs."""
    data = datasets.load(setting["dataset"], cache=CACHE)
    counts = digit_counts(data.x_train)
    return {"counts": counts.tolist(), "mlh": round(mlh(counts), 5)}


def stages(args):
    chosen = settings(args.seeds)
    sets = [{"dataset": dataset} for dataset in SETS]
    if args.quick:
        chosen = [{**each, "epochs": 2} for each in settings(1) if each["network"] == "mlp"]
        sets = [each for each in sets if each["dataset"].startswith("synthetic")]
    return [
        (args.out / "figure7.jsonl", command.TRAIN, chosen),
        (args.out / "figure7_data.jsonl", "examples.paper.figure7:of_data", sets),
    ]


def draw(found, of_sets, picture):
    """The table as text; Figure 7 into a file."""
    networks = {dataset: [] for dataset in SETS}
    for record in found:
        checks = record["checks"]
        networks[record["setting"]["dataset"]].append((record["initial_mlh"], checks["mlh"][-1]))
    networks = {dataset: np.array(values) for dataset, values in networks.items() if values}
    data = {record["setting"]["dataset"]: record["mlh"] for record in of_sets}
    _picture(networks, data, picture)
    rows = []
    for dataset, values in networks.items():
        name, _ = SETS[dataset]
        theirs = published.FIGURE_7.get(name, ("", ""))
        before, after = values.T
        rows.append(
            [
                f"{name}, {TRAININGS[dataset]['network']}",
                theirs[0],
                f"{data[dataset]:.3f}" if dataset in data else "",
                theirs[1],
                f"{np.median(after):.3f} ({after.min():.2f} to {after.max():.2f})",
                f"{np.median(before):.3f}",
                len(values),
            ]
        )
    header = [
        "data and network",
        "MLH of the data: authors",
        "ours",
        "of networks, median: authors",
        "ours (range)",
        "untrained, median",
        "networks",
    ]
    return command.markdown(header, rows) + "\n"


_LOOK = {"linestyle": "", "color": looks.COLORS[0], "markersize": 5}
_UNTRAINED = {**_LOOK, "marker": "o", "mfc": "white", "label": "a network before training"}
_TRAINED = {**_LOOK, "marker": "s", "mec": "white", "mew": 0.5, "label": "after training"}
_DATA = {**_LOOK, "marker": "D", "color": "black", "markersize": 7, "label": "the data"}


def _picture(networks, data, path):
    """Most networks are above 0.8, which has a panel of a finer scale."""
    figure, axes = pictures.new(5.6, 2, sharex=True, height_ratios=(3, 2))
    for ax, low, high in zip(axes, (0.8, -0.8), (1, 0.8), strict=True):
        for at, (dataset, values) in enumerate(networks.items()):
            own = data.get(dataset, np.nan)
            shifts = np.linspace(-0.15, 0.15, len(values) + 2)[1:-1]
            before, after = values.T
            for x, y, look in (
                (at - 0.2 + shifts, before, _UNTRAINED),
                (at + 0.2 + shifts, after, _TRAINED),
                (at, own, _DATA),
            ):
                ax.plot(x, np.where((low < y) & (y <= high), y, np.nan), **look)
            place = {"xytext": (7, 0), "textcoords": "offset points", "va": "center"}
            ax.annotate(f"{own:.2f}", (at, own), **place)
        ax.set(ylim=(low, high + 0.005), ylabel=f"MLH from {low:g} to {high:g}")
        ax.grid(axis="y", alpha=0.3)
    axes[0].set_title("MLH of data sets, and of the weights of networks trained on them")
    axes[1].set_xticks(range(len(networks)), [_label(*each) for each in networks.items()])
    handles = axes[0].get_lines()[:3]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
    pictures.save(figure, path)


def _label(dataset, values):
    network = pictures.NAMES[TRAININGS[dataset]["network"]]
    runs = f"{len(values)} run{'s' * (len(values) > 1)}"
    return f"{SETS[dataset][0]}:\n{network},\n{runs}".replace("-", "-\n")


def main(argv=None):
    parser = command.arguments("examples.paper.figure7", __doc__, SEEDS)
    command.run_and_draw(parser, stages, draw, argv)


if __name__ == "__main__":
    main()
