"""Figure 7: MLH of data sets, and of networks trained on each.

The MLH of a data set is that of its inputs, divided by their maximum. Networks are those of the
paper's Table 4, trained from many seeds; a small AlexNet stands in for the DenseNet-121 that the
paper has on CIFAR-10, of which 500 updates take a core an hour.

    python -m examples.paper.figure7 --jobs 2
"""

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np

from examples.experiments import command, datasets
from examples.experiments.datasets import CACHE
from examples.paper import published
from keras_benford import digit_counts, mlh

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


def _picture(networks, data, path):
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    at = np.arange(len(networks))
    parts = ((-0.15, 0, "untrained", "silver"), (0.15, 1, "trained", "tab:blue"))
    for offset, column, label, color in parts:
        values = [each[:, column] for each in networks.values()]
        boxes = axes.boxplot(
            values,
            positions=at + offset,
            widths=0.25,
            manage_ticks=False,
            patch_artist=True,
            # Most boxes are too flat to have a colour inside.
            boxprops={"edgecolor": color, "facecolor": color},
            medianprops={"color": color, "linewidth": 3},
        )
        boxes["boxes"][0].set_label(f"networks, {label}")
    own = [data.get(dataset, np.nan) for dataset in networks]
    axes.plot(at, own, "D", color="black", mfc="tab:orange", label="the data itself")
    runs = [f"{len(each)} run{'s' * (len(each) > 1)}" for each in networks.values()]
    names = [SETS[name][0].replace("-", "-\n") for name in networks]
    names = [f"{name}\n{n}" for name, n in zip(names, runs, strict=True)]
    axes.set_xticks(at, names)
    axes.axhline(0, color="grey", linewidth=0.8)
    axes.set(ylabel="MLH", title="data sets, and networks trained on them")
    figure.legend(loc="outside lower center", ncols=3)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main(argv=None):
    parser = command.arguments("examples.paper.figure7", __doc__, SEEDS)
    command.run_and_draw(parser, stages, draw, argv)


if __name__ == "__main__":
    main()
