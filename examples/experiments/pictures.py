"""What the pictures of the examples share: their size, and the looks of `keras_benford.plots`.

GitHub shows a picture about 830 pixels wide, 96 to the inch. Figures are drawn as wide as that, so
that a text of 8 points has 8 points there, too.
"""

# Without pyplot there is no window system to choose.
from matplotlib.figure import Figure

WIDTH = 8.6
"""Inches."""
_DPI = 150


def new(height, rows=1, columns=1, **arrangement):
    """A figure and its axes.

    Args:
        height: inches.
        rows, columns, **arrangement: what `Figure.subplots` takes.
    """
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    return figure, figure.subplots(rows, columns, **arrangement)


def save(figure, path):
    """Write a figure into a PNG file."""
    figure.savefig(path, dpi=_DPI)
