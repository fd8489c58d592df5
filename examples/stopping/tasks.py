"""The tasks: data, what is wrong with its labels, a network, and how it is trained.

Half of them are for development: rules are found and tuned on them. The others are held back, by
data set and by kind of network, and are trained and looked at only when the rules are frozen. More
were added after that: text, and the kind of training that two rivals were published with.
"""

import functools
from dataclasses import dataclass, field

import numpy as np

from examples.experiments import datasets
from examples.stopping import networks, packages

DEVELOPMENT, HELD_BACK, ADDED = "development", "held back", "added later"
# At most so many inputs for the probe of unseen ones and the choice of the best check, and at most
# so many to score.
N_UNSEEN, N_SCORED = 2000, 2000


@dataclass(frozen=True)
class Task:
    """One task.

    Attributes:
        half: `DEVELOPMENT` or `HELD_BACK`; or `ADDED`, in neither.
        family: `"images"`, `"tables"`, `"sequences"` or `"text"`.
        data: name of the data, see `load`.
        n: number of labelled training examples.
        network: name of a function in `networks`, and `options` for it.
        epochs, batch_size, rate: of the training; a check is an epoch.
        noise: share of the labels that are redrawn uniformly.
        flips: share of the labels that become the next class.
        rare: share of the examples that is left of every second class.
        optimizer: `"adam"`, `"sgd"` with momentum 0.9, `"plain sgd"` without, or `"adamw"` with
            weight decay 0.01.
        cosine: whether the learning rate falls along a cosine to 0.
    """

    half: str
    family: str
    data: str
    n: int
    network: str
    epochs: int
    batch_size: int = 32
    rate: float = 1e-3
    options: dict = field(default_factory=dict)
    noise: float = 0.0
    flips: float = 0.0
    rare: float = 1.0
    optimizer: str = "adam"
    cosine: bool = False

    @property
    def kind(self):
        """What makes it hard, in a word or two."""
        kinds = {
            f"{self.noise:.0%} redrawn": self.noise,
            f"{self.flips:.0%} flipped": self.flips,
            "imbalance": self.rare < 1,
            "few labels": self.n <= 1000,
        }
        return ", ".join(kind for kind, holds in kinds.items() if holds) or "clean"

    @property
    def classes(self):
        """Whether classes are predicted, and not a number."""
        return self.data not in ("diabetes", "friedman")


@dataclass(frozen=True, eq=False)
class Examples:
    """The data of a task.

    Attributes:
        x, y: to train on, labels as they are given.
        x_unseen, y_unseen: one half of the test part: inputs that are watched without labels;
            with labels for the choice of the oracle's check.
        x_scored, y_scored: the other half, which scores.
        shape: what a network takes and gives.
    """

    x: np.ndarray
    y: np.ndarray
    x_unseen: np.ndarray
    y_unseen: np.ndarray
    x_scored: np.ndarray
    y_scored: np.ndarray
    shape: networks.Shape


_D = functools.partial(Task, DEVELOPMENT)
_H = functools.partial(Task, HELD_BACK)
_A = functools.partial(Task, ADDED)
_PLAIN = functools.partial(_A, optimizer="plain sgd")
_MLP = functools.partial(_D, "tables", network="mlp")
TASKS = {
    "digits-300": _D("images", "digits", 300, "cnn", 80),
    "digits-600-noise20": _D("images", "digits", 600, "cnn", 80, noise=0.2),
    "mnist-1000": _D("images", "mnist", 1000, "lenet", 60),
    "mnist-4000-noise40": _D("images", "mnist", 4000, "lenet", 40, 64, noise=0.4),
    "cifar10-8000": _D("images", "cifar10", 8000, "small_alexnet", 40, 128),
    "cifar10-8000-augmented-noise20": _D(
        "images", "cifar10", 8000, "small_alexnet", 50, 128, options={"augment": True}, noise=0.2
    ),
    "cifar10-8000-cosine-noise20": _D(
        "images", "cifar10", 8000, "small_alexnet", 40, 128, noise=0.2, cosine=True
    ),
    "letter-2000": _MLP("letter", 2000, epochs=100),
    "letter-5000-noise20": _MLP("letter", 5000, epochs=80, batch_size=64, noise=0.2),
    "satimage-2000-flips30": _MLP("satimage", 2000, epochs=80, flips=0.3),
    "satimage-2000-rare-norm": _MLP(
        "satimage", 2000, epochs=80, rare=0.1, options={"norm": True}
    ),
    "penbased-1000-noise40-sgd": _MLP(
        "penbased", 1000, epochs=100, rate=1e-2, noise=0.4, optimizer="sgd"
    ),
    "penbased-2000-norm-noise20": _MLP(
        "penbased", 2000, epochs=80, noise=0.2, options={"norm": True}
    ),
    "spambase-500": _MLP("spambase", 500, epochs=100),
    "german-500": _MLP("german", 500, epochs=80, options={"dropout": 0.3}),
    "vowel-400": _MLP("vowel", 400, epochs=150),
    "mnist-rows-2000-noise20": _D(
        "sequences", "mnist-rows", 2000, "recurrent", 60, 64, 3e-3, noise=0.2
    ),
    "friedman-500": _MLP("friedman", 500, epochs=150),
    "fashion-1000": _H("images", "fashion_mnist", 1000, "cnn_norm", 60),
    "fashion-8000-noise40-cosine": _H(
        "images", "fashion_mnist", 8000, "cnn_norm", 40, 128, noise=0.4, cosine=True
    ),
    "fashion-8000-tanh": _H(
        "images", "fashion_mnist", 8000, "mlp", 60, 64, 1e-2, optimizer="sgd",
        options={"activation": "tanh", "depth": 3},
    ),
    "fashion-rows-2000-noise20": _H(
        "sequences", "fashion-rows", 2000, "recurrent", 60, 64, 3e-3, noise=0.2,
        options={"kind": "GRU"},
    ),
    "texture-1000-noise20": _H("tables", "texture", 1000, "residual_mlp", 80, noise=0.2),
    "texture-2000-flips30": _H("tables", "texture", 2000, "residual_mlp", 80, flips=0.3),
    "fashion-rows-600": _H("sequences", "fashion-rows", 600, "transformer", 80),
    "fashion-rows-2000-noise40": _H(
        "sequences", "fashion-rows", 2000, "transformer", 60, noise=0.4
    ),
    "segment-700": _H("tables", "segment", 700, "mlp", 150, options={"activation": "selu"}),
    "vehicle-400": _H(
        "tables", "vehicle", 400, "mlp", 150, options={"activation": "selu", "dropout": 0.1}
    ),
    "magic-3000-noise20": _H(
        "tables", "magic", 3000, "residual_mlp", 60, 64, noise=0.2, optimizer="adamw"
    ),
    "marketing-3000": _H("tables", "marketing", 3000, "residual_mlp", 60, 64, optimizer="adamw"),
    "phoneme-1500-rare": _H(
        "tables", "phoneme", 1500, "mlp", 120, rare=0.25, options={"activation": "selu"}
    ),
    "splice-1000": _H("sequences", "splice", 1000, "cnn_1d", 60),
    "splice-1500-noise20": _H("sequences", "splice", 1500, "transformer", 60, noise=0.2),
    "movements-200": _H("sequences", "movement_libras", 200, "cnn_1d", 150),
    "diabetes-250": _H("tables", "diabetes", 250, "mlp", 150, options={"activation": "selu"}),
    "words-1000": _A("text", "words", 1000, "recurrent", 60),
    "words-4000-noise20": _A("text", "words", 4000, "recurrent", 40, 64, 3e-3, noise=0.2),
    "words-2000-noise40": _A("text", "words", 2000, "mlp", 40, noise=0.4),
    "words-3000-flips30": _A("text", "words", 3000, "mlp", 40, flips=0.3),
    "mnist-256-disparity": _PLAIN("images", "mnist", 256, "alexnet_of_28", 60, rate=1e-2),
    "cancer-280-evidence": _PLAIN("tables", "cancer", 280, "mlp", 150, 280, 0.5, {"depth": 0}),
    "mnist-8000-evidence": _PLAIN("images", "mnist", 8000, "mlp", 60, 128, 0.1),
}  # fmt: skip


def load(name, seed, data_dir=datasets.CACHE):
    """The `Examples` of a task, drawn by a seed.

    Raises:
        OSError: if the data is not there.
    """
    task = TASKS[name]
    rng = np.random.default_rng([seed, len(name)])
    x, y, x_test, y_test, n_symbols = _data(task.data, rng, data_dir)
    classes = y.dtype.kind == "i"
    n_classes = int(y.max()) + 1 if classes else 0
    order = rng.permutation(len(x))
    x, y = x[order], y[order]
    if x_test is None:
        # What is not trained on is for the test.
        n = min(task.n, len(x) - 200)
        x, x_test, y, y_test = x[:n], x[n:], y[:n], y[n:]
    if task.rare < 1:
        kept = (y % 2 == 0) | (rng.random(len(y)) < task.rare)
        x, y = x[kept], y[kept]
    x, y = x[: task.n], y[: task.n].copy()
    if not n_symbols and task.family == "tables":
        x, x_test = _standardised(x, x_test)
    if classes:
        redrawn = rng.random(len(y)) < task.noise
        y[redrawn] = rng.integers(n_classes, size=redrawn.sum())
        flipped = rng.random(len(y)) < task.flips
        y[flipped] = (y[flipped] + 1) % n_classes
    else:
        mean, std = y.mean(), y.std()
        y, y_test = (y - mean) / std, (y_test - mean) / std
    chosen = rng.permutation(len(x_test))[: N_UNSEEN + N_SCORED]
    n_unseen = min(len(chosen) // 2, N_UNSEEN)
    unseen, scored = np.split(chosen, [n_unseen])
    return Examples(
        *(x, y, x_test[unseen], y_test[unseen], x_test[scored], y_test[scored]),
        networks.Shape(x.shape[1:], n_classes, n_symbols),
    )


def _data(name, rng, data_dir):
    """Inputs and labels, those of a test part or None, and the number of symbols or 0."""
    name, rows = name.removesuffix("-rows"), name.endswith("-rows")
    if name in ("mnist", "cifar10", "fashion", "fashion_mnist"):
        full = "fashion_mnist" if name == "fashion" else name
        data = datasets.load(full, seed=int(rng.integers(2**31)), cache=data_dir)
        x, x_test = (a[..., 0] if rows else a for a in (data.x_train, data.x_test))
        return x, data.y_train, x_test, data.y_test, 0
    if name == "digits":
        from sklearn.datasets import load_digits

        x, y = load_digits(return_X_y=True)
        return (x / 16).astype("float32").reshape(-1, 8, 8, 1), y.astype("int64"), None, None, 0
    if name == "cancer":
        from sklearn.datasets import load_breast_cancer

        x, y = load_breast_cancer(return_X_y=True)
        return x.astype("float32"), y.astype("int64"), None, None, 0
    if name == "diabetes":
        from sklearn.datasets import load_diabetes

        x, y = load_diabetes(return_X_y=True)
        return x.astype("float32"), y.astype("float32"), None, None, 0
    if name == "friedman":
        from sklearn.datasets import make_friedman1

        x, y = make_friedman1(6500, 10, noise=2.0, random_state=int(rng.integers(2**31)))
        return x.astype("float32"), y.astype("float32"), None, None, 0
    if name == "splice":
        x, y, n_symbols = packages.tokens(name, data_dir)
        return x, y, None, None, n_symbols
    if name == "words":
        x, y, n_symbols = packages.words(data_dir)
        return x, y, None, None, n_symbols
    x, y = packages.table(name, data_dir)
    if name == "movement_libras":
        x = x.reshape(-1, 45, 2)
    return x, y, None, None, 0


def _standardised(x, x_test):
    mean, std = x.mean(axis=0), x.std(axis=0)
    std[std == 0] = 1
    return (x - mean) / std, (x_test - mean) / std
