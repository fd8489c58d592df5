"""Reports on neurons to pictures: their entropies, and the mutual information between them.

Source: Bansal et al., arXiv 2210.09404.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_benford._messages import counted
from keras_benford.plots import looks

# Several reports have boxes by layer up to so many layers, and one box each beyond.
_MOST_LAYERS = 8
# The mixture is fitted to so many pairs at most, drawn from all.
_MOST_PAIRS = 20_000
# Room between groups of boxes that stand side by side, as a share of a group's.
_GAP = 0.25


def entropy(reports: Any, *, accuracies: Sequence[float] | None = None, ax: Any = None) -> Any:
    """Draw the entropies of the neurons as notched boxes, layer by layer.

    Notches are a 95 % interval of the median, cut where it leaves the box. Whiskers end at the
    furthest neuron within 1.5 interquartile ranges of the box, and points are the neurons beyond.

    Args:
        reports: a `Report`, or a dict of `(n_neurons,)` entropies in nats by layer. Several, side
            by side: a list or tuple of these, or a dict of them by label. Where they have as many
            layers by other names, these are matched by place. Of several with more than 8 layers,
            each has one box of all its neurons.
        accuracies: a number for each report, drawn as a line over them with a scale at the right.
        ax: the axes to draw on; by default those of a new figure.

    Returns:
        The axes.

    Raises:
        ImportError: if matplotlib is not installed (`pip install matplotlib`).
        TypeError: if `reports` is none of these.
        ValueError: if it is empty, or there are not as many accuracies.

    Source: arXiv 2210.09404.
    """
    drawn = [
        (label, _by_layer(report))
        for label, report in looks.by_label(reports, _are_by_layer, _refused)
    ]
    if accuracies is not None and len(accuracies) != len(drawn):
        raise ValueError(
            f"`accuracies`: expected one for each of {len(drawn)} reports; received "
            f"{len(accuracies)}"
        )
    on = looks.new_axes() if ax is None else ax
    handles, labels = _by_place(on, drawn) if len(drawn) > 1 else _along(on, *drawn[0])
    on.set_ylabel("entropy of a neuron (nats)")
    on.grid(axis="y", alpha=0.3)
    if accuracies is not None:
        right = on.twinx()
        look = {"color": "black", "linestyle": "--", "marker": "D", "mfc": "white"}
        handles += right.plot(np.arange(len(drawn)), accuracies, **look)
        labels.append("accuracy (right)")
        right.set_ylabel("accuracy")
    if labels:
        looks.legend_above(on, handles, labels)
    if ax is None:
        looks.make_room(on)
    return on


def mutual_information(reports: Any, *, components: int = 2, ax: Any = None) -> Any:
    """Draw how the mutual information of the pairs of neurons is distributed.

    Args:
        reports: a `Report`, whose pairs of neurons that are not dead count, or `(n_pairs,)` values
            in nats. Several, over each other: a list or tuple of these, or a dict of them by label.
        components: of the Gaussian mixture that is fitted to the values and drawn as a line over
            them; 0 for none. There is none where a report has fewer than 10 pairs for each.
        ax: the axes to draw on; by default those of a new figure.

    Returns:
        The axes. They span all values but the lowest and the highest 0.1 %. The legend gives mean
        and number of the pairs. Values below 0 are the estimate's own scatter: pairs of independent
        neurons lie about 0, to either side.

    Raises:
        ImportError: if matplotlib is not installed (`pip install matplotlib`), or
            scikit-learn for the mixture (`pip install scikit-learn`).
        TypeError: if `reports` is none of these.
        ValueError: if it is empty, or a report has no pairs.

    Source: arXiv 2210.09404.
    """
    drawn = [
        (label, _pairs(report))
        for label, report in looks.by_label(reports, looks.are_numbers, _refused)
    ]
    curves = [_mixture(values, components) for _, values in drawn]
    on = looks.new_axes() if ax is None else ax
    ends = [np.quantile(values, (0.001, 0.999)) for _, values in drawn]
    low, high = min(end[0] for end in ends), max(end[1] for end in ends)
    edges = np.linspace(low, high if high > low else low + 1, 81)
    handles, labels = [], []
    for i, ((label, values), curve) in enumerate(zip(drawn, curves, strict=True)):
        handles.append(_density(on, values, edges, curve, i, fill=len(drawn) == 1))
        text = f"mean {values.mean():.4f}, {len(values):,} pairs"
        labels.append(f"{label}: {text}" if label else text)
    title = None
    if any(curve is not None for curve in curves):
        title = (
            f"{'bars' if len(drawn) == 1 else 'steps'}: the pairs; line: a mixture of "
            f"{counted(components, 'Gaussian')} fitted to them"
        )
    on.set_xlim(edges[0], edges[-1])
    on.set_ylim(bottom=0)
    on.set_xlabel("mutual information of a pair of neurons (nats)")
    on.set_ylabel("density of the pairs (per nat)")
    on.grid(alpha=0.3)
    looks.legend_above(on, handles, labels, title)
    if ax is None:
        looks.make_room(on)
    return on


def mutual_information_map(report: Any, *, ax: Any = None) -> Any:
    """Draw the mutual information of all pairs of neurons as a map, layer by layer.

    Args:
        report: a `Report`.
        ax: the axes to draw on; by default those of a new figure.

    Returns:
        The axes. Colours go from 0 to the value that 1 % of the pairs exceed; what is negative
        looks like 0, and dead neurons and the diagonal are grey. The scale is beside them.

    Raises:
        ImportError: if matplotlib is not installed (`pip install matplotlib`).
        TypeError: if `report` is no `Report`.
        ValueError: if it has no pairs of neurons.
    """
    if not _is_report(report):
        raise _refused(TypeError, "a `Report`", type(report).__name__)
    import matplotlib.pyplot as plt

    top = float(np.quantile(_pairs(report), 0.99))
    dead = report.dead
    hidden = np.eye(len(dead), dtype=bool) | dead | dead[:, None]
    on = plt.subplots(figsize=(7, 6), layout="constrained")[1] if ax is None else ax
    colors = plt.get_cmap("viridis").with_extremes(bad="0.7")
    values: np.ndarray = np.ma.masked_array(report.mutual_information, hidden)
    top = top if top > 0 else 1
    image = on.imshow(values, cmap=colors, vmin=0, vmax=top, interpolation="nearest")
    bar = on.figure.colorbar(image, ax=on, extend="max", shrink=0.8)
    bar.set_label("mutual information (nats)")
    ends = np.cumsum([layer.neurons for layer in report.layers])
    for end in ends[:-1]:
        on.axhline(end - 0.5, color="white", linewidth=0.8)
        on.axvline(end - 0.5, color="white", linewidth=0.8)
    middles = (ends + np.array([0, *ends[:-1]])) / 2 - 0.5
    names = [f"{layer.name} ({layer.neurons:,})" for layer in report.layers]
    _name_ticks(on, names, "layer (neurons)", middles)
    on.set_title(f"{report.name}: {counted(len(dead), 'neuron')}", parse_math=False)
    return on


def _along(ax, label, layers):
    """A box for each layer of one report, named below the axis: there is no need for a legend."""
    _boxes(ax, list(layers.values()), np.arange(len(layers)), 0.6, 0)
    _name_ticks(ax, list(layers), "layer, in the model's order")
    ax.set_xlim(-0.5, len(layers) - 0.5)
    if label:
        ax.set_title(label, parse_math=False)
    return [], []


def _by_place(ax, drawn):
    """A group of boxes for each report; what a legend of the layers takes."""
    names = list(dict.fromkeys(name for _, layers in drawn for name in layers))
    depths = {len(layers) for _, layers in drawn}
    if len(depths) == 1 and len(names) > max(depths):
        # Keras numbers the layers of a process: one architecture's have other names each time.
        names = [f"layer {i}" for i in range(1, max(depths) + 1)]
        drawn = [(label, dict(zip(names, each.values(), strict=True))) for label, each in drawn]
    if len(names) > _MOST_LAYERS:
        names = ["all neurons"]
        drawn = [(label, {names[0]: np.concatenate(list(each.values()))}) for label, each in drawn]
    width = (1 - _GAP) / len(names)
    handles = []
    for i, name in enumerate(names):
        at = [place for place, (_, layers) in enumerate(drawn) if name in layers]
        values = [drawn[place][1][name] for place in at]
        left = (i - (len(names) - 1) / 2) * width
        handles.append(_boxes(ax, values, np.array(at) + left, 0.9 * width, i))
    _name_ticks(ax, [label or str(i) for i, (label, _) in enumerate(drawn)], "model")
    ax.set_xlim(-0.5, len(drawn) - 0.5)
    return handles, names


def _boxes(ax, values, at, width, i):
    """Notched boxes at these places, in the i-th look; one of them, for the legend."""
    from matplotlib.cbook import boxplot_stats

    drawn = boxplot_stats(values)
    for each in drawn:
        # Of few neurons, or many alike, the interval is wider than the box, which would fold over.
        each["cilo"], each["cihi"] = max(each["cilo"], each["q1"]), min(each["cihi"], each["q3"])
    boxes = ax.bxp(
        drawn,
        positions=at,
        widths=width,
        shownotches=True,
        patch_artist=True,
        manage_ticks=False,
        medianprops={"color": "black"},
        flierprops={"markersize": 2, "markeredgecolor": "0.4"},
    )["boxes"]
    for box in boxes:
        box.set(
            facecolor=looks.COLORS[i % len(looks.COLORS)],
            hatch=looks.HATCHES[i % len(looks.HATCHES)],
            alpha=0.6,
        )
    return boxes[0]


def _name_ticks(ax, names, what, at=None):
    """Names below the axis, upright where they would not stand side by side."""
    at = np.arange(len(names)) if at is None else at
    room = looks.inches(ax)[0] / max(len(names), 1)
    look = {"fontsize": looks.POINTS, "parse_math": False}
    if looks.CHARACTER * max(map(len, names)) > 0.9 * room:
        look |= {"rotation": 90}
    if room < looks.LINE:
        # Not all of them have room.
        step = int(np.ceil(looks.LINE / room))
        at, names = at[::step], names[::step]
    ax.set_xticks(at, names, **look)
    ax.set_xlabel(what)


def _density(ax, values, edges, curve, i, fill):
    """Steps of the values, and a curve if there is one, in the i-th look; both, for the legend."""
    color, marker = (each[i % len(each)] for each in (looks.COLORS, looks.MARKERS))
    dashes = looks.DASHES[i % len(looks.DASHES)]
    # Shares of all pairs, of those beyond the axis too.
    density = np.histogram(values, edges)[0] / len(values) / np.diff(edges)
    # Several would cover each other if they were filled.
    thin = {"linestyle": dashes} if curve is None else {"linewidth": 0.6, "alpha": 0.6}
    look = {"alpha": 0.3} if fill else thin
    bars = ax.stairs(density, edges, fill=fill, color=color, **look)
    if curve is None:
        return bars
    at = np.linspace(edges[0], edges[-1], 400)
    marks = {"marker": "" if fill else marker, "markersize": 4, "markevery": (0.02 * (i % 5), 0.1)}
    (line,) = ax.plot(at, curve(at), color=color, linestyle=dashes, **marks)
    return bars, line


def _mixture(values, components):
    """The density of a Gaussian mixture that fits the values, as a function; None without one."""
    if not isinstance(components, int) or components < 0:
        raise ValueError(f"`components`: expected an integer of 0 or more; received {components!r}")
    if components == 0 or len(values) < 10 * components or np.ptp(values) == 0:
        return None
    try:
        from sklearn.mixture import GaussianMixture
    except ImportError as error:
        raise ImportError(
            "the mixture takes scikit-learn; run `pip install scikit-learn`, or pass components=0"
        ) from error
    if len(values) > _MOST_PAIRS:
        values = np.random.default_rng(0).choice(values, _MOST_PAIRS, replace=False)
    # In its own unit: the fit adds 1e-6 to variances.
    scale = values.std()
    fitted = GaussianMixture(components, random_state=0).fit(values[:, None] / scale)

    def density(at):
        return np.exp(fitted.score_samples(at[:, None] / scale)) / scale

    return density


def _is_report(thing):
    return all(hasattr(thing, name) for name in ("activations", "entropy", "pairs"))


def _are_by_layer(thing):
    """Whether these are entropies by layer."""
    is_mapping = isinstance(thing, Mapping) and len(thing) > 0
    return is_mapping and all(map(looks.are_numbers, thing.values()))


def _by_layer(report):
    if _are_by_layer(report):
        return {str(name): np.asarray(values) for name, values in report.items()}
    if not _is_report(report):
        raise _refused(TypeError, "a `Report`, or several", type(report).__name__)
    of = report.activations.layers
    ends = np.flatnonzero(of[1:] != of[:-1]) + 1
    starts = [0, *ends.tolist(), len(of)]
    return {of[a]: report.entropy[a:b] for a, b in itertools.pairwise(starts)}


def _pairs(report):
    if _is_report(report):
        pairs = report.pairs
    elif looks.are_numbers(report):
        pairs = np.asarray(report)
    else:
        raise _refused(TypeError, "a `Report`, or several", type(report).__name__)
    if len(pairs) == 0:
        raise _refused(ValueError, "pairs of neurons that are not dead", "none")
    return pairs


def _refused(error, expected, received):
    return error(
        f"`reports`: expected {expected}; received {received}; pass what "
        "`information.report` gives."
    )
