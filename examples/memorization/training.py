"""A setting -> one training by `model.fit`, and what its neurons tell: the runs of this folder.

A setting is a dict with

- `problem` and `level`, see `problems`;
- `widths` of a multilayer perceptron's hidden layers, or `network`, one of `models.NETWORKS`, and
  `initializer` of its kernels, one of `models.INITIALIZERS`;
- `l2`, the factor of the squared kernels in the loss of a perceptron;
- `learning_rate` (of Adam), `batch_size`, `epochs` and `seed`;
- `neurons`, at most how many to look at, and `bins` of their entropy;
- `look_every`: number of epochs between looks during training; none if it is missing;
- `brief`: whether to record means only.
"""

import keras
import numpy as np

from examples.experiments import models
from examples.experiments.shuffled import Shuffled
from examples.experiments.training import cross_entropy
from examples.memorization import problems
from keras_benford import InformationMonitor, score
from keras_benford.information import report

EXAMPLES = 1000
"""On so many unlabelled examples neurons are looked at, of the kind that was trained on."""
PAIRS = 500
"""So many pairs of neurons are recorded, drawn from all of them."""


def train(setting):
    """The results of one training.

    Returns:
        A dict: `train`, `val` and `target`, each with `loss` and `accuracy` of the final weights;
        `mlh`; `entropy` and `mutual_information`, means over the neurons and over their pairs;
        `layers`, the same for each; `history` of both over training. Unless it is brief also
        `entropies` of the neurons by layer, and `pairs`, the mutual information of some.
    """
    keras.utils.clear_session()
    keras.utils.set_random_seed(setting["seed"])
    problem = problems.make(setting["problem"], setting["level"], setting["seed"])
    model = _network(setting, problem.train[0].shape[1:], problem.n_classes)
    model.compile(
        keras.optimizers.Adam(setting["learning_rate"]),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    probe = problem.val[0][:EXAMPLES]
    monitor = None
    if "look_every" in setting:
        monitor = InformationMonitor(probe, every=setting["look_every"], bins=setting["bins"])
    with Shuffled(*problem.train, setting["batch_size"], setting["seed"]) as batches:
        model.fit(
            batches,
            shuffle=False,
            epochs=setting["epochs"],
            callbacks=[monitor] if monitor else [],
            verbose=0,
        )
    result = {part: _judged(model, *getattr(problem, part)) for part in ("train", "val", "target")}
    found = report(model, probe, neurons=setting["neurons"], bins=setting["bins"])
    result |= {
        "mlh": round(score(model).mlh, 6),
        "entropy": round(found.mean_entropy, 5),
        "mutual_information": round(found.mean_mutual_information, 5),
        "dead": int(found.dead.sum()),
        "layers": [
            {
                "name": layer.name,
                "entropy": round(layer.entropy, 5),
                "mutual_information": round(layer.mutual_information, 5),
            }
            for layer in found.layers
        ],
    }
    if monitor:
        result["history"] = {key: np.round(v, 5).tolist() for key, v in monitor.history.items()}
    if not setting.get("brief"):
        of = found.activations.layers
        result["entropies"] = {
            layer.name: found.entropy[of == layer.name].round(3).tolist() for layer in found.layers
        }
        rng = np.random.default_rng(setting["seed"])
        some = rng.permutation(len(found.pairs))[:PAIRS]
        result["pairs"] = found.pairs[some].round(4).tolist()
    return result


def _network(setting, input_shape, n_classes):
    if "network" in setting:
        initializer = models.INITIALIZERS[setting["initializer"]]()
        return models.NETWORKS[setting["network"]](input_shape, n_classes, initializer)
    regularizer = keras.regularizers.L2(setting["l2"]) if setting["l2"] else None
    return keras.Sequential(
        [
            keras.Input(input_shape),
            keras.layers.Flatten(),
            *(
                keras.layers.Dense(
                    width, "relu", kernel_regularizer=regularizer, name=f"hidden_{i}"
                )
                for i, width in enumerate(setting["widths"], 1)
            ),
            keras.layers.Dense(n_classes, kernel_regularizer=regularizer, name="logits"),
        ],
        name="mlp",
    )


def _judged(model, x, y):
    """Cross-entropy, without the regularizer's part, and accuracy."""
    logits = model.predict(x, batch_size=1000, verbose=0)
    return {
        "loss": round(cross_entropy(logits, y), 6),
        "accuracy": round(float(np.mean(logits.argmax(axis=1) == y)), 6),
    }
