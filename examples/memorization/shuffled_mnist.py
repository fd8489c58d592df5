"""Shuffled MNIST: a share beta of the training labels is redrawn, and perceptrons memorise them.

The labels of the target are right.

    python -m examples.memorization.shuffled_mnist --jobs 2

Source: Bansal et al., arXiv 2210.09404.
"""

from examples.experiments import command
from examples.memorization import levels

SETTING = {
    "problem": "shuffled_mnist",
    "widths": [256, 256, 256],
    "l2": 0,
    "learning_rate": 0.001,
    "batch_size": 512,
    "epochs": 100,
    "neurons": 256,
    "bins": 100,
    "look_every": 10,
}
LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)
QUICK = {"problem": "shuffled_digits", "widths": [8, 8], "epochs": 2, "look_every": 1}

SEEDS = 5

stages = levels.stages(SETTING, LEVELS, QUICK)


def main(argv=None):
    parser = command.arguments("examples.memorization.shuffled_mnist", __doc__, SEEDS)
    command.run_and_draw(parser, stages, levels.draw, argv)


if __name__ == "__main__":
    main()
