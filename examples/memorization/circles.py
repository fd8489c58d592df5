"""Two circles, and a third feature that tells which one, rightly for a share 1 - e of the points.

Small perceptrons have to tell the circles apart. In the target the third feature tells nothing.

    python -m examples.memorization.circles --jobs 2

Source: Bansal et al., arXiv 2210.09404.
"""

from examples.experiments import command
from examples.memorization import levels

SETTING = {
    "problem": "circles",
    "widths": [16, 16],
    "l2": 0,
    "learning_rate": 0.003,
    "batch_size": 64,
    "epochs": 100,
    "neurons": 32,
    "bins": 20,
    "look_every": 10,
}
LEVELS = (0.0, 0.125, 0.25, 0.375, 0.5)
QUICK = {"epochs": 2, "look_every": 1}

SEEDS = 10

stages = levels.stages(SETTING, LEVELS, QUICK)


def main(argv=None):
    parser = command.arguments("examples.memorization.circles", __doc__, SEEDS)
    command.run_and_draw(parser, stages, levels.draw, argv)


if __name__ == "__main__":
    main()
