"""The paper's small AlexNet on CIFAR-10 as a setting of `examples.experiments.training`.

Batches of 512 are those of the authors' recorded runs; the paper prints 64.
"""

SMALL_ALEXNET = {
    "network": "small_alexnet",
    "initializer": "pytorch",
    "dataset": "cifar10",
    "batch_size": 512,
    "learning_rate": 3e-3,
}

QUICK = {"network": "lenet", "dataset": "digits", "batch_size": 64, "epochs": 2}
"""What `--quick` puts instead: another network on handwritten digits of 8×8 pixels."""
