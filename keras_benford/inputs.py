"""What users have examples in -> a model's inputs without labels, in batches or a few of them.

Inputs are an array `(n, ...)`, or for a model with several a list or dict of arrays.
"""

import itertools
import operator
from collections.abc import Iterator
from typing import Any

import numpy as np

# Of a stream of batches, examples are drawn from its first so many times as are asked for.
_LOOKED_AT = 16


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
    import keras

    _refuse_labels(x, "x")
    if _comes_in_batches(x):
        found = (_without_labels(batch) for batch in _iterate(x))
    else:
        x, n = _arrays(x, "x")
        found = (
            keras.tree.map_structure(operator.itemgetter(slice(i, i + batch_size)), x)
            for i in range(0, n, batch_size)
        )
    n_batches = 0
    for n_batches, batch in enumerate(found, 1):  # noqa: B007
        inputs = keras.tree.map_structure(_as_array, batch)
        _check_shape(inputs, model)
        yield inputs
    if n_batches == 0:
        raise ValueError("`x`: expected examples; received none")


def draw(x: Any, n: int, rng: np.random.Generator, name: str = "x") -> Any:
    """Some of the examples, drawn at random without replacement.

    Args:
        x: as for `batches`, but nothing that can be read only once. From a `tf.data.Dataset` or
            `DataLoader` they are drawn from the first `16 * n` examples, from a `PyDataset` from as
            many in batches drawn at random: the data should be shuffled.
        n: how many; all where there are no more.
        rng: draws them.
        name: what to call `x` in an error.

    Returns:
        Arrays of the examples, in the structure of `x`.

    Raises:
        TypeError: for a tuple, which is likely examples and labels, for what can be read only once
            or is neither arrays nor batches.
        ValueError: where there are fewer than two examples, or arrays of different lengths.
    """
    import keras

    _refuse_labels(x, name)
    if hasattr(x, "__next__"):
        raise TypeError(
            f"`{name}`: expected examples; received a {type(x).__name__}, which can be read only "
            "once; do pass arrays or a data set that can be gone through again"
        )
    if _comes_in_batches(x):
        drawn = _drawn_from_batches(x, n, rng, name)
    else:
        x, n_all = _arrays(x, name)
        chosen = np.sort(rng.choice(n_all, n, replace=False)) if n < n_all else slice(None)
        drawn = keras.tree.map_structure(lambda part: _as_array(part[chosen]), x)
    drawn = keras.tree.map_structure(_without_objects, drawn)
    n_drawn = len(keras.tree.flatten(drawn)[0])
    if n_drawn < 2:
        raise ValueError(
            f"`{name}`: expected two examples or more, hundreds to be of use; received {n_drawn}"
        )
    return drawn


def _drawn_from_batches(x, n, rng, name):
    """Each example of the stream is among the drawn ones with the same probability."""
    import keras

    kept, seen = [], 0
    for batch in _shuffled(x, rng):
        inputs = keras.tree.map_structure(_as_array, _without_labels(batch))
        size = len(keras.tree.flatten(inputs)[0])
        for i in range(size):
            place = len(kept) if len(kept) < n else int(rng.integers(seen + i + 1))
            if place < n:
                example = keras.tree.map_structure(operator.itemgetter(i), inputs)
                kept[place : place + 1] = [example]
        seen += size
        if seen >= _LOOKED_AT * n:
            break
    if not kept:
        raise ValueError(f"`{name}`: expected examples; received none")
    return keras.tree.map_structure(lambda *parts: np.stack(parts), *kept)


def _shuffled(x, rng):
    if not hasattr(x, "num_batches"):
        return iter(x)
    order = itertools.count() if x.num_batches is None else rng.permutation(x.num_batches)
    return (x[int(i)] for i in order)


def _refuse_labels(x, name):
    if isinstance(x, tuple):
        raise TypeError(
            f"`{name}`: expected unlabelled examples; received a tuple of {len(x)}; do pass the "
            "examples alone, or a list where the model has several inputs"
        )


def _without_labels(batch):
    return batch[0] if isinstance(batch, (tuple, list)) else batch


def _arrays(x, name):
    """Arrays of equally many examples, those in a file left there, and how many."""
    import keras

    arrays = keras.tree.map_structure(
        lambda part: part if _is_array_of_a_file(part) else _as_array(part), x
    )
    parts = keras.tree.flatten(arrays)
    if not parts or any(len(part.shape) == 0 for part in parts):
        raise TypeError(f"`{name}`: expected arrays of examples, or batches; received {x!r:.200}")
    lengths = {int(part.shape[0]) for part in parts}
    if len(lengths) != 1:
        raise ValueError(
            f"`{name}`: expected arrays of equally many examples; received "
            f"{', '.join(map(str, sorted(lengths)))} of them"
        )
    return arrays, lengths.pop()


def _is_array_of_a_file(part):
    return type(part).__module__.startswith("h5py.")


def _without_objects(array):
    """Strings that came as Python objects, as an array of strings."""
    return np.array(array.tolist()) if array.dtype == object else array


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
