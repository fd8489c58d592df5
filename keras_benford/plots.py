"""Scores and training histories to pictures: each function draws on axes and returns them.

matplotlib is imported when a function is called. Colours are told apart in greyscale by dashes,
markers or hatches; legends stand above the axes, where they cover no data.
"""

import textwrap
from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np

from keras_benford import statistics


def digits(scores: Any, *, ax: Any = None) -> Any:
    """Draw the shares of the leading digits 1 to 9 as bars, Benford's law as a line over them.

    Args:
        scores: a `Score`, a `LayerScore` or `(9,)` counts or shares of the digits 1 to 9. Several,
            side by side: a list or tuple of these, or a dict of them by label.
        ax: the axes to draw on; by default those of a new figure.

    Returns:
        The axes. The legend gives MLH and n, the number of values that have a digit (not for
        shares). Where n is 0 there are no bars, and MLH is undefined.

    Raises:
        ImportError: if matplotlib is not installed (`pip install keras-benford[plots]`).
        TypeError: if `scores` is none of these.
        ValueError: if `scores` is empty, or counts are not nine finite, non-negative numbers.

    Source: arXiv 2102.03313, Fig. 2.
    """
    drawn = [(label, _counts(thing)) for label, thing in _by_label(scores)]
    on = _new_axes() if ax is None else ax
    positions = np.arange(1, 10)
    width = 0.8 / len(drawn)
    handles, labels = [], []
    for i, (label, counts) in enumerate(drawn):
        # Without any digit: bars of no height.
        shares = counts / (counts.sum() or 1)
        left = positions - 0.4 + i * width
        color, hatch = _COLORS[i % len(_COLORS)], _HATCHES[i % len(_HATCHES)]
        look = {"facecolor": color, "hatch": hatch, "edgecolor": "white", "linewidth": 0.5}
        handles.append(on.bar(left, shares, width, align="edge", **look))
        labels.append(_with_mlh(label, statistics.mlh(counts), counts))
    handles += on.plot(
        positions, statistics.BENFORD, color="black", linestyle="--", marker="D", mfc="white"
    )
    on.set_xticks(positions)
    on.set_xlabel("leading digit")
    on.yaxis.set_major_formatter("{x:.0%}")
    on.set_ylabel("share of the values")
    on.set_axisbelow(True)
    on.grid(axis="y", alpha=0.3)
    _legend_above(on, handles, [*labels, "Benford's law"])
    if ax is None:
        _make_room(on)
    return on


def layers(scores: Any, *, ax: Any = None) -> Any:
    """Draw the MLH of each counted weight in the model's order, and that of all pooled.

    Bars show one standard deviation of MLH by sampling at the weight's size. For a single score,
    hollow markers show what a Gaussian of each weight's mean and standard deviation would give.

    Args:
        scores: a `Score`. Several, over each other: a list or tuple of these, or a dict of them by
            label. Where their weights' paths differ, depth is relative: 0 the first, 1 the last.
        ax: the axes to draw on; by default those of a new figure.

    Returns:
        The axes; a gap where MLH is undefined. Up to about 40 weights are named, each by its path
        without the model's own name at the start (its end only, if it is too long); more weights,
        or more than there is room for, are numbered.

    Raises:
        ImportError: if matplotlib is not installed (`pip install keras-benford[plots]`).
        TypeError: if `scores` is none of these.
        ValueError: if `scores` is empty, or a `Score` has no layers.

    Source: arXiv 2102.03313, Fig. 6.
    """
    drawn = [(label, _with_layers(thing)) for label, thing in _by_label(scores)]
    on = _new_axes() if ax is None else ax
    paths = [[s.path.removeprefix(f"{score.name}/") for s in score.layers] for _, score in drawn]
    aligned = all(p == paths[0] for p in paths)
    handles, labels = [], []
    for i, (label, score) in enumerate(drawn):
        depth = len(score.layers)
        x = np.arange(1, depth + 1) if aligned else np.linspace(0, 1, depth)
        color, marker = _COLORS[i % len(_COLORS)], _MARKERS[i % len(_MARKERS)]
        size = 5 if depth <= _MOST_NAMES else 2
        # The fewer points, the further in front.
        look = {"color": color, "linewidth": 1, "zorder": 2 + 1 / depth}
        points = x, _each(score, "mlh"), _each(score, "mlh_spread")
        handles.append(on.errorbar(*points, marker=marker, markersize=size, **look))
        on.axhline(score.mlh, color=color, linestyle=":", linewidth=1.5)
        labels.append(_with_mlh(label, score.mlh, score.counts, "pooled (dotted) "))
    gaussian = _each(score, "mlh_if_gaussian")
    if len(drawn) == 1 and not np.isnan(gaussian).all():
        handles += on.plot(x, gaussian, "s", markersize=size, mfc="none", mec="0.5", zorder=1.9)
        labels.append("a Gaussian of the same mean and standard deviation")
    _mark_depth(on, paths[0] if aligned else None)
    on.set_ylabel("MLH\n± 1 SD of sampling")
    on.grid(alpha=0.3)
    _legend_above(on, handles, labels)
    if ax is None:
        _make_room(on)
    return on


def history(values: Any, *, restored_epoch: int | None = None, axes: Any = None) -> Any:
    """Draw accuracies above, MLH and the criterion below, epoch by epoch.

    Args:
        values: what `fit` returns, or a dict of lists with a number an epoch: `accuracy`,
            `val_accuracy`, `test_accuracy`, `mlh` and one of `eic`, `scaled_eic`, `symbolic_eic`;
            those that are missing are left out, other keys are ignored.
        restored_epoch: the epoch (from 0) whose weights were restored, marked by a vertical line.
        axes: two axes, for the accuracies and for the rest; by default those of a new figure.

    Returns:
        The two axes; the criterion has a scale of its own at the right of the second.

    Raises:
        ImportError: if matplotlib is not installed (`pip install keras-benford[plots]`).
        ValueError: if `values` has none of the keys.
    """
    import matplotlib.pyplot as plt

    values = getattr(values, "history", values)
    accuracies = [key for key in _ACCURACIES if key in values]
    criterion = next((key for key in _CRITERIA if key in values), None)
    if not accuracies and "mlh" not in values and criterion is None:
        raise ValueError(
            f"`values`: expected one of {', '.join((*_ACCURACIES, 'mlh', *_CRITERIA))}; received "
            f"{', '.join(values) or 'no keys'}; do fit with a callback of keras_benford."
        )
    if axes is None:
        _, axes = plt.subplots(2, 1, sharex=True, figsize=(7, 6), layout="constrained")
    above, below = axes
    for key in accuracies:
        _line(above, values[key], _ACCURACIES[key], *_STYLES[key])
    above.set_ylabel("accuracy")
    lines = []
    if "mlh" in values:
        lines += _line(below, values["mlh"], "MLH (left)", *_STYLES["mlh"])
        below.set_ylabel("MLH")
    if criterion is not None:
        right = below.twinx()
        label = f"{criterion} (right; lower is better)"
        lines += _line(right, values[criterion], label, *_STYLES["criterion"])
        right.set_ylabel(criterion)
    below.set_xlabel("epoch")
    if restored_epoch is not None:
        for ax in (above, below):
            mark = ax.axvline(restored_epoch + 1, color="0.3", linewidth=1, linestyle=":")
        mark.set_label("restored epoch")
        lines.append(mark)
    for ax, handles in ((above, above.get_lines()[: len(accuracies)]), (below, lines)):
        ax.grid(alpha=0.3)
        if handles:
            # Above the axes, where no curve runs.
            ax.legend(
                handles=handles, loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False
            )
    return axes


_ACCURACIES = {
    "accuracy": "training (running mean of the epoch)",
    "val_accuracy": "validation",
    "test_accuracy": "test",
}
_CRITERIA = ("scaled_eic", "eic", "symbolic_eic")
# Colour and dashes: told apart in greyscale too.
_STYLES = {
    "accuracy": ("#0072B2", "-"),
    "val_accuracy": ("#56B4E9", "-."),
    "test_accuracy": ("#D55E00", "--"),
    "mlh": ("#000000", "-"),
    "criterion": ("#CC79A7", "--"),
}
# Of several scores. Black is left to Benford's law; colours repeat before markers and hatches do,
# so twenty look different.
_COLORS = [_STYLES[key][0] for key in ("accuracy", "test_accuracy", "val_accuracy", "criterion")]
_MARKERS = ("o", "^", "s", "v", "D")
_HATCHES = ("", "///", "...", "xxx", "\\\\\\")
# Of legends and weights' names: size in points; width of a character and of a line, in inches.
_POINTS = 8
_CHARACTER = 0.58 * _POINTS / 72
_LINE = 1.3 * _POINTS / 72
_MOST_NAMES = 40


def _line(ax, numbers, label, color, style):
    epochs = np.arange(1, len(numbers) + 1)
    return ax.plot(epochs, numbers, label=label, color=color, linestyle=style)


def _by_label(scores):
    """Each thing to draw, with its label; None where it has none."""
    if isinstance(scores, (list, tuple, Mapping)) and len(scores) == 0:
        raise _refused(ValueError, "something to draw", f"an empty {type(scores).__name__}")
    if isinstance(scores, Mapping):
        return [(str(label), thing) for label, thing in scores.items()]
    # A list of numbers is one thing: counts.
    is_list = isinstance(scores, (list, tuple)) and not all(isinstance(s, Real) for s in scores)
    return [(_name(thing), thing) for thing in (scores if is_list else [scores])]


def _name(thing):
    if not hasattr(thing, "counts"):
        return None
    return getattr(thing, "name", None) or getattr(thing, "path", None)


def _counts(thing):
    counts = np.asarray(getattr(thing, "counts", thing))
    if counts.dtype.kind not in "iuf":
        expected = "a `Score`, a `LayerScore` or counts of the digits 1 to 9, or several of these"
        raise _refused(TypeError, expected, type(thing).__name__)
    if counts.shape != (9,) or not np.isfinite(counts).all() or (counts < 0).any():
        received = counts if counts.shape == (9,) else f"shape {counts.shape}"
        expected = "nine finite, non-negative counts of the digits 1 to 9"
        raise _refused(ValueError, expected, received)
    return counts


def _with_layers(thing):
    if not all(hasattr(thing, name) for name in ("counts", "mlh", "layers")):
        raise _refused(TypeError, "a `Score`, or several", type(thing).__name__)
    if len(thing.layers) == 0:
        raise _refused(ValueError, "a `Score` with layers", f"{thing.name} without any")
    return thing


def _refused(error, expected, received):
    return error(f"`scores`: expected {expected}; received {received}; do pass what `score` gives.")


def _with_mlh(label, mlh, counts, which=""):
    text = which + ("MLH undefined" if np.isnan(mlh) else f"MLH {mlh:.4f}")
    if not np.mod(counts, 1).any():
        text += f", n = {int(np.sum(counts)):,}"
    return f"{label}: {text}" if label else text


def _each(score, name):
    return np.array([getattr(layer, name) for layer in score.layers], np.float64)


def _mark_depth(ax, paths):
    """Name or number the weights at 1, 2, … on the x axis; without `paths`, depth is relative."""
    if paths is None:
        ax.set_xlabel("relative depth (0 = first, 1 = last)")
        return
    width, height = _inches(ax)
    longest = max(8, int(0.5 * height / _CHARACTER))
    names = [path if len(path) <= longest else "…" + path[1 - longest :] for path in paths]
    # Names that were cut and now look alike tell less than numbers do.
    if len(paths) > min(_MOST_NAMES, width / _LINE) or len(set(names)) < len(set(paths)):
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.set_xlabel("depth (1 = first counted weight)")
        return
    look = {"rotation": 90, "fontsize": _POINTS, "parse_math": False}
    ax.set_xticks(np.arange(1, len(names) + 1), names, **look)
    ax.set_xlim(0.5, len(names) + 0.5)
    ax.set_xlabel("weight, in the model's order")


def _legend_above(ax, handles, labels):
    characters = max(16, int(_inches(ax)[0] / _CHARACTER) - 6)
    labels = [textwrap.fill(label, characters, break_on_hyphens=False) for label in labels]
    longest = max(len(line) for label in labels for line in label.splitlines())
    legend = ax.legend(
        handles,
        [str(i) for i in range(len(labels))],
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=(characters + 6) // (longest + 6),
        frameon=False,
        fontsize=_POINTS,
    )
    # Set as they are: matplotlib leaves labels out that start with _, and sets $…$ as mathematics.
    for text, label in zip(legend.get_texts(), labels, strict=True):
        text.set(text=label, parse_math=False)


def _new_axes():
    import matplotlib.pyplot as plt

    # High at first, so that names of 70 characters are not cut; `_make_room` sets the height.
    return plt.subplots(figsize=(8, 12), layout="constrained")[1]


def _inches(ax):
    box = ax.get_window_extent()
    return box.width / ax.figure.dpi, box.height / ax.figure.dpi


def _make_room(ax):
    """Make the figure as high as 3.5 inches of axes and what stands around them."""
    around = ax.get_tightbbox().height / ax.figure.dpi - _inches(ax)[1]
    ax.figure.set_figheight(3.5 + around)
