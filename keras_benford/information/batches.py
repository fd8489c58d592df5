"""What users have examples in -> batches of a model's inputs, without labels."""

import operator
from collections.abc import Iterator
from typing import Any

import numpy as np


def batches(x: Any, batch_size: int, model: Any) -> Iterator[Any]:
    """Batches of inputs.

    Args:
        x: an array or tensor of examples, or a list or dict of them for several inputs; or a
            `tf.data.Dataset`, `keras.utils.PyDataset`, PyTorch `DataLoader` or generator, whose
            batches are taken as they are; their labels are dropped, as `predict` does.
        batch_size: of arrays.
        model: what they are for.

    Raises:
        TypeError: for a tuple of arrays, which is likely examples and labels, and for what is
            neither arrays nor batches.
        ValueError: where there are no examples or no end of them, or arrays of different lengths.
    """
    if isinstance(x, tuple):
        raise TypeError(
            f"`x`: expected unlabelled examples; received a tuple of {len(x)}; do pass the "
            "examples alone, or a list where the model has several inputs"
        )
    import keras

    if _comes_in_batches(x):
        found = (batch[0] if isinstance(batch, (tuple, list)) else batch for batch in _iterate(x))
    else:
        given, x = x, keras.tree.map_structure(_as_array, x)
        if any(part.ndim == 0 for part in keras.tree.flatten(x)):
            raise TypeError(f"`x`: expected arrays of examples, or batches; received {given!r}")
        lengths = {len(part) for part in keras.tree.flatten(x)}
        if len(lengths) != 1:
            raise ValueError(
                "`x`: expected arrays of equally many examples; received "
                f"{', '.join(map(str, sorted(lengths)))} of them"
            )
        found = (
            keras.tree.map_structure(operator.itemgetter(slice(i, i + batch_size)), x)
            for i in range(0, lengths.pop(), batch_size)
        )
    n_batches = 0
    for n_batches, batch in enumerate(found, 1):  # noqa: B007
        inputs = keras.tree.map_structure(_as_array, batch)
        _check_shape(inputs, model)
        yield inputs
    if n_batches == 0:
        raise ValueError("`x`: expected examples; received none")


def _as_array(part):
    from keras import ops

    return ops.convert_to_numpy(part) if ops.is_tensor(part) else np.asarray(part)


def _comes_in_batches(x):
    if isinstance(x, (list, dict, str)) or hasattr(x, "shape"):
        return False
    return hasattr(x, "__iter__") or hasattr(x, "__getitem__")


def _iterate(x):
    if hasattr(x, "num_batches"):  # a PyDataset, which has no end of its own
        if x.num_batches is None:
            raise ValueError("`x`: expected a PyDataset that has an end; received one without")
        return (x[i] for i in range(x.num_batches))
    return iter(x)


def _check_shape(inputs, model):
    """Keras' own error on a shape is of some layer within; this one is of the data."""
    expected = getattr(model, "input_shape", None)
    if not hasattr(inputs, "shape") or not isinstance(expected, tuple):
        return
    if not all(size is None or isinstance(size, int) for size in expected):
        return
    shape = tuple(inputs.shape)
    fits = len(shape) == len(expected) and all(
        want in (None, have) for want, have in zip(expected[1:], shape[1:], strict=True)
    )
    if not fits:
        raise ValueError(
            f"`x`: expected examples of shape {expected}, as the model takes them; received "
            f"{shape}; do pass examples, no labels, prepared as for training"
        )
