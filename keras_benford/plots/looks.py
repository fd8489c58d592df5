"""What the pictures share: colours, legends, and figures as large as they need to be.

Colours are told apart in greyscale by dashes, markers or hatches; legends stand above the axes,
where they cover no data.
"""

import textwrap
from collections.abc import Mapping
from numbers import Real

import numpy as np

from keras_benford._names import told_apart

# Black is left to what others are held against; colours repeat before markers, hatches and dashes
# do, so thirty look different.
COLORS = ("#0072B2", "#D55E00", "#56B4E9", "#CC79A7", "#009E73", "#E69F00")
MARKERS = ("o", "^", "s", "v", "D")
HATCHES = ("", "///", "...", "xxx", "\\\\\\")
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
# Of legends and long names: size in points; width of a character and of a line, in inches.
POINTS = 8
CHARACTER = 0.58 * POINTS / 72
LINE = 1.3 * POINTS / 72


def legend_above(ax, handles, labels, title=None):
    """A legend above the axes, its title and its labels wrapped to their width."""
    characters = max(16, int(inches(ax)[0] / CHARACTER) - 6)
    labels = [textwrap.fill(label, characters, break_on_hyphens=False) for label in labels]
    longest = max(len(line) for label in labels for line in label.splitlines())
    legend = ax.legend(
        handles,
        [str(i) for i in range(len(labels))],
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=(characters + 6) // (longest + 6),
        frameon=False,
        fontsize=POINTS,
        title=title and textwrap.fill(title, characters),
        title_fontsize=POINTS,
        alignment="left",
    )
    # Set as they are: matplotlib leaves labels out that start with _, and sets $…$ as mathematics.
    for text, label in zip(legend.get_texts(), labels, strict=True):
        text.set(text=label, parse_math=False)


def by_label(things, is_one, refused):
    """Each thing to draw, with its label; None where it has none.

    Args:
        things: one of them; or several, as a list or tuple, or as a dict by label.
        is_one: tells whether a list, tuple or dict is itself one of them.
        refused: gives the error: of its class, what was expected, and what was received.
    """
    several = isinstance(things, (list, tuple, Mapping))
    if several and len(things) == 0:
        raise refused(ValueError, "something to draw", f"an empty {type(things).__name__}")
    if not several or is_one(things):
        return [(_name(things), things)]
    if isinstance(things, Mapping):
        return [(str(label), thing) for label, thing in things.items()]
    return list(zip(told_apart(map(_name, things), "{} ({})"), things, strict=True))


def are_numbers(thing):
    """Whether this is an array of one axis, a list or a tuple, of real numbers."""
    if isinstance(thing, np.ndarray):
        return thing.ndim == 1 and thing.dtype.kind in "iuf"
    return isinstance(thing, (list, tuple)) and len(thing) > 0 and isinstance(thing[0], Real)


def _name(thing):
    return getattr(thing, "name", None) or getattr(thing, "path", None)


def new_axes():
    """The axes of a new figure, to be followed by `make_room` when they are drawn."""
    import matplotlib.pyplot as plt

    # High at first, so that names of 70 characters are not cut; `make_room` sets the height.
    return plt.subplots(figsize=(8, 12), layout="constrained")[1]


def inches(ax):
    """Width and height of the axes."""
    box = ax.get_window_extent()
    return box.width / ax.figure.dpi, box.height / ax.figure.dpi


def make_room(ax):
    """Make the figure as high as 3.5 inches of axes and what stands around them."""
    around = ax.get_tightbbox().height / ax.figure.dpi - inches(ax)[1]
    ax.figure.set_figheight(3.5 + around)
