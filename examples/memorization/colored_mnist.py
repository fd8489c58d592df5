"""Coloured MNIST: a colour that tells the label, rightly for a share 1 - e of the pictures.

Perceptrons learn to tell digits below 5 from the others, with a quarter of the labels wrong, so
that the colour is the better sign wherever e is below 0.25. In the target the colour tells nothing.
The paper's weight decay leaves few neurons alive, so all is done without it, too.

    python -m examples.memorization.colored_mnist --jobs 2

Source: Bansal et al., arXiv 2210.09404.
"""

from examples.experiments import command
from examples.memorization import levels

SETTING = {
    "problem": "colored_mnist",
    "widths": [256, 256, 256],
    "l2": 0.002,
    "learning_rate": 0.001,
    "batch_size": 512,
    "epochs": 20,
    "neurons": 256,
    "bins": 100,
    "look_every": 2,
}
LEVELS = (0.0, 0.125, 0.25, 0.375, 0.5)
QUICK = {"problem": "colored_digits", "widths": [8, 8], "epochs": 2, "look_every": 1}

SEEDS = 5

stages = levels.stages(SETTING, LEVELS, QUICK, _without_decay={"l2": 0})


def draw(records, without, picture):
    """The tables as text; the pictures into files."""
    text = f"With the paper's weight decay.\n\n{levels.draw(records, picture)}"
    if without:
        other = picture.with_stem(f"{picture.stem}_without_decay")
        text += f"\nWithout weight decay.\n\n{levels.draw(without, other)}"
    return text


def main(argv=None):
    parser = command.arguments("examples.memorization.colored_mnist", __doc__, SEEDS)
    command.run_and_draw(parser, stages, draw, argv)


if __name__ == "__main__":
    main()
