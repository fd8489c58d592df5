"""Scores to pictures: the leading digits of weights, and MLH by layer."""

from typing import Any

import numpy as np

from keras_benford import statistics
from keras_benford.plots import looks

# Up to so many weights are named.
_MOST_NAMES = 40


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
        ImportError: if matplotlib is not installed (`pip install matplotlib`).
        TypeError: if `scores` is none of these.
        ValueError: if `scores` is empty, or counts are not nine finite, non-negative numbers.

    Source: arXiv 2102.03313, Fig. 2.
    """
    drawn = [
        (label, _counts(thing))
        for label, thing in looks.by_label(scores, looks.are_numbers, _refused)
    ]
    on = looks.new_axes() if ax is None else ax
    positions = np.arange(1, 10)
    width = 0.8 / len(drawn)
    handles, labels = [], []
    for i, (label, counts) in enumerate(drawn):
        # Without any digit: bars of no height.
        shares = counts / (counts.sum() or 1)
        left = positions - 0.4 + i * width
        color, hatch = looks.COLORS[i % len(looks.COLORS)], looks.HATCHES[i % len(looks.HATCHES)]
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
    looks.legend_above(on, handles, [*labels, "Benford's law"])
    if ax is None:
        looks.make_room(on)
    return on


def layers(scores: Any, *, ax: Any = None) -> Any:
    """Draw the MLH of each counted weight in the model's order, and that of all pooled.

    Bars show one standard deviation of MLH by sampling at the weight's size. For a single score,
    hollow markers show what random numbers of each weight's mean and standard deviation would give:
    squares for Gaussian ones, diamonds for uniform ones, as which Keras' weights start by default.

    Args:
        scores: a `Score`. Several, over each other: a list or tuple of these, or a dict of them by
            label. Where their weights' paths differ, depth is relative: 0 the first, 1 the last.
        ax: the axes to draw on; by default those of a new figure.

    Returns:
        The axes; a gap where MLH is undefined. Up to about 40 weights are named, each by its path
        without the model's own name at the start (its end only, if it is too long); more weights,
        or more than there is room for, are numbered.

    Raises:
        ImportError: if matplotlib is not installed (`pip install matplotlib`).
        TypeError: if `scores` is none of these.
        ValueError: if `scores` is empty, or a `Score` has no layers.

    Source: arXiv 2102.03313, Fig. 6.
    """
    drawn = [
        (label, _with_layers(thing))
        for label, thing in looks.by_label(scores, looks.are_numbers, _refused)
    ]
    on = looks.new_axes() if ax is None else ax
    paths = [[s.path.removeprefix(f"{score.name}/") for s in score.layers] for _, score in drawn]
    aligned = all(p == paths[0] for p in paths)
    handles, labels = [], []
    for i, (label, score) in enumerate(drawn):
        depth = len(score.layers)
        x = np.arange(1, depth + 1) if aligned else np.linspace(0, 1, depth)
        color, marker = looks.COLORS[i % len(looks.COLORS)], looks.MARKERS[i % len(looks.MARKERS)]
        size = 5 if depth <= _MOST_NAMES else 2
        # The fewer points, the further in front.
        look = {"color": color, "linewidth": 1, "zorder": 2 + 1 / depth}
        points = x, _each(score, "mlh"), _each(score, "mlh_spread")
        handles.append(on.errorbar(*points, marker=marker, markersize=size, **look))
        on.axhline(score.mlh, color=color, linestyle=":", linewidth=1.5)
        labels.append(_with_mlh(label, score.mlh, score.counts, "pooled (dotted) "))
    for kind, marker in (("Gaussian", "s"), ("uniform", "D")) if len(drawn) == 1 else ():
        expected = _each(score, f"mlh_if_{kind.lower()}")
        if not np.isnan(expected).all():
            look = {"markersize": size, "mfc": "none", "mec": "0.5", "zorder": 1.9}
            handles += on.plot(x, expected, marker, **look)
            labels.append(f"{kind} random numbers of the same spread")
    _mark_depth(on, paths[0] if aligned else None)
    on.set_ylabel("MLH\n± 1 SD of sampling")
    on.grid(alpha=0.3)
    looks.legend_above(on, handles, labels)
    if ax is None:
        looks.make_room(on)
    return on


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
    return error(f"`scores`: expected {expected}; received {received}; pass what `score` gives.")


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
    width, height = looks.inches(ax)
    longest = max(8, int(0.5 * height / looks.CHARACTER))
    names = [path if len(path) <= longest else "…" + path[1 - longest :] for path in paths]
    # Names that were cut and now look alike tell less than numbers do.
    if len(paths) > min(_MOST_NAMES, width / looks.LINE) or len(set(names)) < len(set(paths)):
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.set_xlabel("depth (1 = first counted weight)")
        return
    look = {"rotation": 90, "fontsize": looks.POINTS, "parse_math": False}
    ax.set_xticks(np.arange(1, len(names) + 1), names, **look)
    ax.set_xlim(0.5, len(names) + 0.5)
    ax.set_xlabel("weight, in the model's order")
