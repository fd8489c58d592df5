"""Data sets as NumPy arrays: pictures in [0, 1], divided by their maximum, and integer labels.

`digits` comes with scikit-learn; `mnist` and `cifar10` come from TensorFlow Datasets, which
downloads and prepares them on first use.
"""

from dataclasses import dataclass, replace

import numpy as np

NAMES = ("digits", "mnist", "cifar10")


@dataclass(frozen=True)
class Dataset:
    """Pictures `(n, height, width, channels)` float32 in [0, 1] and labels `(n,)` int64."""

    name: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    n_classes: int = 10

    @property
    def input_shape(self):
        return self.x_train.shape[1:]


def load(name, *, seed=0, train_size=None, label_noise=0.0, data_dir=None):
    """Load a data set, its training part shuffled.

    Args:
        name: one of `NAMES`.
        seed: draws the order of the training pictures, for `digits` also which pictures are for
            the test, and the noisy labels.
        train_size: number of training pictures to keep; by default all, 300 for `digits`.
        label_noise: share of the training labels, in [0, 1], that are redrawn uniformly (a redrawn
            label may be the right one). Test labels stay as they are.
        data_dir: folder of TensorFlow Datasets; its own default if None.

    Returns:
        A `Dataset`.

    Raises:
        ValueError: if the name is unknown, more training pictures are asked for than there are, or
            `label_noise` is no share.
    """
    if not 0 <= label_noise <= 1:
        raise ValueError(f"`label_noise`: expected a share in [0, 1]; received {label_noise:g}.")
    rng = np.random.default_rng(seed)
    if name == "digits":
        data = _sklearn_digits(rng)
        train_size = 300 if train_size is None else train_size
    elif name in NAMES:
        data = _from_tfds(name, data_dir)
    else:
        raise ValueError(f"`name`: expected one of {', '.join(NAMES)}; received {name!r}.")
    n = len(data.x_train)
    size = n if train_size is None else train_size
    if not 0 < size <= n:
        raise ValueError(f"`train_size`: expected 1 to {n} pictures; received {size}.")
    chosen = rng.permutation(n)[:size]
    labels = data.y_train[chosen]
    redrawn = rng.random(size) < label_noise
    labels[redrawn] = rng.integers(data.n_classes, size=redrawn.sum())
    return replace(data, x_train=data.x_train[chosen], y_train=labels)


def split(data, share, seed):
    """Hold a share of the training part out, drawn by a seed.

    Returns:
        Two pairs `(x, y)`: what trains, and what is held out.
    """
    order = np.random.default_rng(seed).permutation(len(data.x_train))
    held_out, training = np.split(order, [round(share * len(order))])
    return tuple((data.x_train[part], data.y_train[part]) for part in (training, held_out))


def _sklearn_digits(rng):
    """1,797 handwritten digits of 8×8 pixels: 1,000 for the test, the others for training."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    images = (images / 16).astype("float32").reshape(-1, 8, 8, 1)
    order = rng.permutation(len(images))
    test, train = order[:1000], order[1000:]
    return Dataset("digits", images[train], labels[train], images[test], labels[test])


def _from_tfds(name, data_dir):
    import tensorflow_datasets as tfds

    train, test = tfds.as_numpy(
        tfds.load(
            name, split=["train", "test"], batch_size=-1, as_supervised=True, data_dir=data_dir
        )
    )
    (x_train, y_train), (x_test, y_test) = train, test
    return Dataset(name, _scaled(x_train), y_train, _scaled(x_test), y_test)


def _scaled(images):
    return images.astype("float32") / 255
