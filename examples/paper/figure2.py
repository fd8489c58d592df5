"""Figure 2: the leading digits of ResNet152's weights, random and trained, and Benford's law.

    python -m examples.paper.figure2                              # random, by Keras' initializers
    python -m examples.paper.figure2 --download                   # trained on ImageNet, too
    python -m examples.paper.figure2 --weights ResNet152=FILE     # the same from a file
    python -m examples.paper.figure2 --draw                       # the picture only, from records

A file may be of any format that `keras_benford.score` reads, and is not loaded.
"""

from examples.experiments import command
from examples.paper import pretrained
from keras_benford import plots

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
    _picture(found, picture)
    header = ["model", "weights", *_figures(found[0])]
    rows = [[each.model, each.weights, *_figures(each).values()] for each in found]
    return (
        "# Figure 2: leading digits of a network's weights\n\n"
        f"{command.markdown(header, rows)}\n\n"
        "*If uniform* and *if Gaussian* are the MLH to expect of random numbers with each "
        "kernel's mean and standard deviation: Keras starts ResNets from uniform ones, PyTorch, "
        f"which the authors used, from Gaussian ones.\n\n{verdict(found, refused)}\n"
    )


def verdict(found, refused):
    """Whether trained weights follow Benford's law more closely, or that there are none."""
    lines = []
    for model, (random, *others) in pretrained.by_model(found).items():
        trained = [each for each in others if each.trained and not random.trained]
        for each in trained:
            mlh = "higher" if each.mlh > random.mlh else "lower"
            closer = each.js_divergence < random.js_divergence
            lines.append(
                f"{model}, {each.weights}: MLH is {mlh} than at random, and by JS the digits are "
                f"{'closer to' if closer else 'farther from'} Benford's law."
            )
        if not trained and not random.trained:
            why = "could not be fetched here" if model in refused else "are not here"
            lines.append(
                f"**Trained weights of {model} {why}: the paper's claim, that training brings the "
                "digits close to Benford's law, was NOT tested, only the random half.**"
            )
    return "\n\n".join(lines)


def _figures(digits):
    return {
        "values": f"{digits.counts.sum():,}",
        "MLH": pretrained.number(digits.mlh, 5),
        "± by chance": pretrained.number(digits.spread, 5),
        "if uniform": pretrained.number(digits.expected["uniform"], 5),
        "if Gaussian": pretrained.number(digits.expected["gaussian"], 5),
        "JS (nats)": pretrained.number(digits.js_divergence, 5),
    }


def _label(digits):
    figures = _figures(digits)
    return (
        f"{digits.model}, {digits.weights}\n"
        f"MLH {figures['MLH']} ± {figures['± by chance']} by chance\n"
        f"JS divergence {figures['JS (nats)']} nats\n"
        f"n = {figures['values']}"
    )


def _picture(found, path):
    """Bars with Benford's law as a line; what each set of bars comes to beside them."""
    # Without pyplot there is no window system to choose.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.5, max(3.6, 0.6 + 0.8 * len(found))), layout="constrained")
    bars = plots.digits([each.counts for each in found], ax=figure.subplots())
    handles = bars.get_legend().legend_handles
    bars.get_legend().remove()
    labels = [*map(_label, found), "Benford's law"]
    legend = figure.legend(
        handles,
        [str(i) for i in range(len(labels))],
        loc="outside right center",
        frameon=False,
        fontsize=9,
        labelspacing=1.2,
    )
    # As it is: matplotlib leaves labels out that start with _, and sets $…$ as mathematics.
    for text, label in zip(legend.get_texts(), labels, strict=True):
        text.set(text=label, parse_math=False)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
