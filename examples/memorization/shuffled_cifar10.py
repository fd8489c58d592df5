"""Shuffled CIFAR-10: a share beta of the training labels is redrawn; the paper's small AlexNet.

The labels of the target are right.

    python -m examples.memorization.shuffled_cifar10 --jobs 2

Source: Bansal et al., arXiv 2210.09404.
"""

from examples.experiments import command
from examples.memorization import levels

SETTING = {
    "problem": "shuffled_cifar10",
    "network": "small_alexnet",
    # So started, and by such steps, it learns labels of which all are redrawn. From PyTorch's
    # default, and by steps of 0.001, it had 31 % of them after 50 epochs.
    "initializer": "kaiming_uniform",
    "learning_rate": 0.0003,
    "batch_size": 128,
    "epochs": 40,
    "neurons": 256,
    "bins": 100,
    "look_every": 10,
}
LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)
QUICK = {"problem": "shuffled_digits", "network": "lenet", "epochs": 2, "look_every": 1}

SEEDS = 3

stages = levels.stages(SETTING, LEVELS, QUICK)


def main(argv=None):
    parser = command.arguments("examples.memorization.shuffled_cifar10", __doc__, SEEDS)
    command.run_and_draw(parser, stages, levels.draw, argv)


if __name__ == "__main__":
    main()
