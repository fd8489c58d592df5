"""Data sets as NumPy arrays: inputs divided by their maximum, and labels.

`digits` comes with scikit-learn; the synthetic sets are drawn; the others come from TensorFlow
Datasets, which downloads and prepares them on first use, once. Kept in an `.npz`, they need neither
it nor TensorFlow any more.

Source of the synthetic sets and of the splits: arXiv 2102.03313, Table 6. Two splits differ: the
paper has 6,667 and 3,333 pictures of aircraft, of which TensorFlow Datasets has labels for the
first, in halves; and its validation parts of 5,000 are `split` from the training parts.
"""

import pathlib
from dataclasses import dataclass, replace

import numpy as np

# Of TensorFlow Datasets: its name for the set, the splits to train on and to test, and the size to
# which pictures of many sizes are brought.
_TFDS = {
    "mnist": ("mnist", "train", "test", None),
    "fashion_mnist": ("fashion_mnist", "train", "test", None),
    "cifar10": ("cifar10", "train", "test", None),
    "oxford_flowers": ("oxford_flowers102", "test", "train+validation", 64),
    "stanford_dogs": ("stanford_dogs", "train", "test", 64),
    "aircraft": ("visual_domain_decathlon/aircraft", "train", "validation", 64),
}
_SYNTHETIC = ("synthetic_boolean", "synthetic_uniform")
CACHE = "runs/data"
"""Where data sets are kept as `NAME.npz`, below the folder from which a script is started."""
NAMES = ("digits", *_TFDS, "seqmnist", *_SYNTHETIC)


@dataclass(frozen=True)
class Dataset:
    """Inputs `(n, ...)` float32 in [0, 1] and labels `(n,)`: int64, or float32 without classes.

    Pictures are `(n, height, width, channels)`; `seqmnist` is `(n, 784, 1)`; synthetic inputs are
    `(n, 64)`. `n_classes` is 0 where there is a number to predict. `x_unseen` are inputs that are
    in neither part, where not all of the training part was asked for.
    """

    name: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    n_classes: int = 10
    x_unseen: np.ndarray | None = None

    @property
    def input_shape(self):
        return self.x_train.shape[1:]


def load(name, *, seed=0, train_size=None, label_noise=0.0, data_dir=None, cache=None):
    """Load a data set, its training part shuffled.

    Args:
        name: one of `NAMES`.
        seed: draws the order of the training part, for `digits` also which pictures are for the
            test, the synthetic sets, and the noisy labels.
        train_size: number of training examples to keep; by default all, 300 for `digits`.
        label_noise: share of the training labels, in [0, 1], that are redrawn uniformly (a redrawn
            label may be the right one). Test labels stay as they are.
        data_dir: folder of TensorFlow Datasets; its own default if None.
        cache: folder for `NAME.npz`, to be read instead of TensorFlow Datasets, and written once.

    Returns:
        A `Dataset`.

    Raises:
        ValueError: if the name is unknown, more training examples are asked for than there are,
            or `label_noise` is no share.
        OSError: if the data cannot be had.
    """
    if not 0 <= label_noise <= 1:
        raise ValueError(f"`label_noise`: expected a share in [0, 1]; received {label_noise:g}.")
    rng = np.random.default_rng(seed)
    if name == "digits":
        data = _sklearn_digits(rng)
        train_size = 300 if train_size is None else train_size
    elif name in _SYNTHETIC:
        data = _synthetic(name, rng)
    elif name in NAMES:
        data = _of_pictures(name, data_dir, cache)
    else:
        raise ValueError(f"`name`: expected one of {', '.join(NAMES)}; received {name!r}.")
    n = len(data.x_train)
    size = n if train_size is None else train_size
    if not 0 < size <= n:
        raise ValueError(f"`train_size`: expected 1 to {n} pictures; received {size}.")
    chosen, others = np.split(rng.permutation(n), [size])
    unseen = data.x_train[others]
    labels = data.y_train[chosen]
    if label_noise:
        redrawn = rng.random(size) < label_noise
        labels[redrawn] = rng.integers(data.n_classes, size=redrawn.sum())
    return replace(data, x_train=data.x_train[chosen], y_train=labels, x_unseen=unseen)


def with_unseen(data):
    """The data with inputs that are in neither part: the first half of the test part, at need."""
    if len(data.x_unseen):
        return data
    half = len(data.x_test) // 2
    return replace(
        data, x_unseen=data.x_test[:half], x_test=data.x_test[half:], y_test=data.y_test[half:]
    )


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


def _synthetic(name, rng):
    """10,000 vectors of 64 entries; what is to be told is a random linear map of them.

    Boolean: entries are 0 or 1, and the label is the larger of two outputs. Uniform: entries are
    in [0, 1), and the label is the one output.
    """
    if name == "synthetic_boolean":
        x = rng.integers(2, size=(10_000, 64)).astype("float32")
        y, n_classes = (x @ rng.standard_normal((64, 2))).argmax(axis=1), 2
    else:
        x = rng.random((10_000, 64), dtype="float32")
        y, n_classes = (x @ rng.standard_normal(64)).astype("float32"), 0
    return Dataset(name, x[:8000], y[:8000], x[8000:], y[8000:], n_classes)


def _of_pictures(name, data_dir, cache):
    if name == "seqmnist":
        data = _of_pictures("mnist", data_dir, cache)
        x_train, x_test = (x.reshape(len(x), -1, 1) for x in (data.x_train, data.x_test))
        return replace(data, name=name, x_train=x_train, x_test=x_test)
    path = None if cache is None else pathlib.Path(cache) / f"{name}.npz"
    if path is not None and path.exists():
        with np.load(path) as kept:
            arrays = dict(kept)
    else:
        arrays = _from_tfds(name, data_dir)
        if path is not None:
            _keep(path, arrays)
    x_train, x_test = (arrays[part].astype("float32") / 255 for part in ("x_train", "x_test"))
    y_train, y_test = (arrays[part].astype("int64") for part in ("y_train", "y_test"))
    return Dataset(name, x_train, y_train, x_test, y_test, int(y_train.max()) + 1)


def _keep(path, arrays):
    """Write the arrays at once, as other processes may be about to read or write them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.stem}-{np.random.SeedSequence().entropy}.npz")
    np.savez(partial, **arrays)
    partial.replace(path)


def _from_tfds(name, data_dir):
    """Pictures uint8 and labels: `x_train`, `y_train`, `x_test`, `y_test`."""
    import tensorflow_datasets as tfds

    full_name, *splits, size = _TFDS[name]
    try:
        sets = tfds.load(full_name, split=splits, as_supervised=True, data_dir=data_dir)
    except Exception as error:
        # It has many errors for this: of the network, of the sites, of missing files.
        raise OSError(f"{name}: cannot be had from TensorFlow Datasets ({error})") from error
    arrays = {}
    for part, examples in zip(("train", "test"), sets, strict=True):
        if size is not None:
            examples = examples.map(lambda x, y: (_resized(x, size), y))
        (arrays[f"x_{part}"], arrays[f"y_{part}"]) = next(
            iter(tfds.as_numpy(examples.batch(len(examples))))
        )
    return arrays


def _resized(picture, size):
    import tensorflow as tf

    smaller = tf.image.resize(picture, (size, size), antialias=True)
    return tf.cast(tf.round(smaller), "uint8")
