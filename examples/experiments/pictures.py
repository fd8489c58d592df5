"""What the pictures of the examples share: their size, and the looks of `keras_benford.plots`.

GitHub shows a picture about 830 pixels wide, 96 to the inch. Figures are drawn as wide as that, so
that a text of 8 points has 8 points there, too.
"""

# Without pyplot there is no window system to choose.
from matplotlib.figure import Figure

WIDTH = 8.6
"""Inches."""
_DPI = 150
NAMES = {
    "mlp": "MLP",
    "lenet": "LeNet",
    "lstm": "LSTM",
    "small_alexnet": "small AlexNet",
    "densenet121": "DenseNet-121",
    "cifar10": "CIFAR-10",
}
"""What networks and data sets of settings are called, where not by their own name."""


def new(height, rows=1, columns=1, **arrangement):
    """A figure and its axes.

    Args:
        height: inches.
        rows, columns, **arrangement: what `Figure.subplots` takes.
    """
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    return figure, figure.subplots(rows, columns, **arrangement)


def panels(names, height, **arrangement):
    """A figure with a panel for each name, three in a row, and its axes, as many as names.

    Args:
        names: titles, shown as they are.
        height: inches of a panel.
        **arrangement: what `Figure.subplots` takes.
    """
    columns = min(3, len(names))
    rows = -(-len(names) // columns)
    figure, axes = new(1.2 + height * rows, rows, columns, squeeze=False, **arrangement)
    for ax in axes.flat[len(names) :]:
        ax.axis("off")
    for ax, name in zip(axes.flat, names, strict=False):
        # As it is: matplotlib sets $…$ as mathematics.
        ax.set_title(name, fontsize=9, parse_math=False)
    return figure, axes.flat[: len(names)]


def subject(found):
    """What records of trainings are of, for a title."""
    setting = found[0]["setting"]
    network, data = (NAMES.get(setting[key], setting[key]) for key in ("network", "dataset"))
    return f"{network} on {data}"


def save(figure, path):
    """Write a figure into a PNG file."""
    figure.savefig(path, dpi=_DPI)
