"""What users have examples in -> a model's inputs without labels, in batches or a few of them.

Inputs are an array `(n, ...)`, or for a model with several a list or dict of arrays. Whether they
fit the model, it tells itself: Keras takes `(n, 28, 28)` for `(28, 28, 1)`, too.
"""

from __future__ import annotations

import itertools
import operator
import pickle
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

# Of a stream of batches, examples are drawn from its first so many times as are asked for.
_LOOKED_AT = 16

EXAMPLES = 2000
"""So many examples are looked at where nobody says how many: more cost hours and tell no more."""


class Given:
    """Inputs as a user gave them, for a callback to keep.

    Copies of the callback share them, as they may be large. A pickle goes without those that it
    cannot hold, such as a `tf.data.Dataset`.

    Args:
        x: the inputs.
    """

    def __init__(self, x: Any) -> None:
        self.x = x
        self._lost: str | None = None

    def inputs(self, name: str) -> Any:
        """The inputs; an error that calls them so if they stayed behind."""
        if self._lost is not None:
            raise ValueError(
                f"`{name}`: expected inputs; received a callback from a pickle, which cannot hold "
                f"a {self._lost}; make the callback anew."
            )
        return self.x

    def __deepcopy__(self, memo: Any) -> Given:
        return self

    def __getstate__(self) -> dict[str, Any]:
        if not hasattr(self.x, "__array__"):
            try:
                pickle.dumps(self.x)
            except Exception:  # each kind of data has its own
                return {"x": None, "_lost": type(self.x).__name__}
        return vars(self)


def batches(x: Any, batch_size: int) -> Iterator[Any]:
    """Batches of inputs.

    Args:
        x: an array, tensor or table of examples, or a list or dict of them for several inputs; or a
            `tf.data.Dataset`, `keras.utils.PyDataset`, PyTorch `DataLoader` or generator, whose
            batches are taken as they are; their labels are dropped, as `predict` does. Sparse ones
            are made dense batch by batch, ragged ones are filled up with zeros.
        batch_size: of arrays.

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
        yield keras.tree.map_structure(_as_array, batch)
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
    if hasattr(x, "__next__"):
        raise TypeError(
            f"`{name}`: expected examples; received a {type(x).__name__}, which can be read only "
            "once; pass arrays or a data set that can be gone through again"
        )
    return _drawn(x, n, rng, name)[0]


def enough(x: Any, examples: int | None, seed: int) -> Any:
    """As many examples as are asked for, or as tell enough: drawn by `draw`, also from a generator.

    Args:
        x: as for `batches`.
        examples: how many; None for `EXAMPLES`, with a warning where there are more.
        seed: draws them.

    Returns:
        Arrays of the examples, in the structure of `x`.

    Raises:
        TypeError, ValueError: as `draw`.
    """
    whole = isinstance(examples, (int, np.integer)) and not isinstance(examples, bool)
    if examples is not None and (not whole or examples < 2):
        raise ValueError(f"`examples`: expected 2 or more, or None; received {examples!r}")
    n = EXAMPLES if examples is None else examples
    drawn, n_seen = _drawn(x, n, np.random.default_rng(seed), "x")
    if examples is None and n_seen > n:
        warnings.warn(
            f"`x`: {n:,} of {n_seen:,} examples are looked at, drawn at random; pass `examples`"
            " to say how many",
            UserWarning,
            stacklevel=3,
        )
    return drawn


def _drawn(x, n, rng, name):
    """What `draw` gives, and of how many examples it was drawn."""
    import keras

    _refuse_labels(x, name)
    if _comes_in_batches(x):
        drawn, n_seen = _drawn_from_batches(x, n, rng, name)
    else:
        x, n_seen = _arrays(x, name)
        chosen = np.sort(rng.choice(n_seen, n, replace=False)) if n < n_seen else slice(None)
        drawn = keras.tree.map_structure(lambda part: _as_array(part[chosen]), x)
    n_drawn = len(keras.tree.flatten(drawn)[0])
    if n_drawn < 2:
        raise ValueError(
            f"`{name}`: expected two examples or more, hundreds to be of use; received {n_drawn}"
        )
    return drawn, n_seen


def _drawn_from_batches(x, n, rng, name):
    """Each example of the stream is among the drawn ones with the same probability."""
    import keras

    kept: list[Any] = []
    seen = 0
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
    return keras.tree.map_structure(lambda *parts: np.stack(parts), *kept), seen


def _shuffled(x, rng):
    if not hasattr(x, "num_batches"):
        return iter(x)
    order = itertools.count() if x.num_batches is None else rng.permutation(x.num_batches)
    return (x[int(i)] for i in order)


def _refuse_labels(x, name):
    if isinstance(x, tuple):
        raise TypeError(
            f"`{name}`: expected unlabelled examples; received a tuple of {len(x)}; pass the "
            "examples alone, or a list where the model has several inputs"
        )


def _without_labels(batch):
    return batch[0] if isinstance(batch, (tuple, list)) else batch


def _arrays(x, name):
    """Arrays of equally many examples, those in a file left there, and how many."""
    import keras

    # Told by one of them: to look at each number of a list of lists takes minutes.
    leaf = x
    while isinstance(leaf, (list, dict)) and leaf:
        leaf = next(iter(leaf.values() if isinstance(leaf, dict) else leaf))
    arrays = keras.tree.map_structure(_sliceable, x) if hasattr(leaf, "shape") else []
    parts = keras.tree.flatten(arrays)
    if not parts or any(len(part.shape) == 0 for part in parts):
        raise TypeError(
            f"`{name}`: expected arrays of examples, or batches; received {_named(x, leaf)}; "
            "pass np.array(x) of numbers, and a list or dict of arrays where the model has several "
            "inputs"
        )
    lengths = {int(part.shape[0]) for part in parts}
    if len(lengths) != 1:
        raise ValueError(
            f"`{name}`: expected arrays of equally many examples; received "
            f"{', '.join(map(str, sorted(lengths)))} of them"
        )
    return arrays, lengths.pop()


def _named(x, leaf):
    """What somebody passed, without what is in it."""
    if x is None or isinstance(x, str):
        return f"{x!r:.100}"
    if x is leaf:
        return (
            f"{type(x).__name__} with no axis of examples"
            if hasattr(x, "shape")
            else type(x).__name__
        )
    return f"a {type(x).__name__} of {type(leaf).__name__} values"


def _sliceable(part):
    """An array, or what gives one for some of its examples."""
    if type(part).__module__.startswith("h5py."):
        return part
    return _sparse(part) or _as_array(part)


def _as_array(part):
    from keras import ops

    from keras_benford._backends import to_numpy

    sparse = _sparse(part)
    if sparse is not None:
        return sparse[:]
    if type(part).__name__ == "RaggedTensor":
        part = part.to_tensor()
    array = to_numpy(part) if ops.is_tensor(part) else np.asarray(part)
    if array.dtype == object:
        # Strings, and numbers of a table that has columns of several kinds.
        array = np.array(array.tolist())
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _sparse(part):
    """The `Sparse` of a sparse array or tensor; None for others."""
    kind = type(part)
    if kind.__module__.startswith("scipy.sparse"):
        part = part.tocoo()
        return Sparse(np.stack([part.row, part.col]), part.data, part.shape)
    if kind.__name__ == "SparseTensor":
        return Sparse(np.asarray(part.indices).T, np.asarray(part.values), tuple(part.shape))
    if kind.__name__ == "BCOO":
        return Sparse(np.asarray(part.indices).T, np.asarray(part.data), part.shape)
    return None


class Sparse:
    """A sparse array, whose examples become dense when they are taken.

    Args:
        indices: `(n_axes, n_values)` integers.
        values: `(n_values,)`; those at one place add up.
        shape: of the whole array.
    """

    def __init__(self, indices: np.ndarray, values: np.ndarray, shape: Iterable[int]) -> None:
        order = np.argsort(indices[0], kind="stable")
        self.shape = tuple(map(int, shape))
        self._indices, self._values = indices[1:, order], values[order]
        self._starts = np.searchsorted(indices[0, order], np.arange(self.shape[0] + 1))

    def __getitem__(self, chosen: Any) -> np.ndarray:
        rows = np.arange(self.shape[0])[chosen]
        dense = np.zeros((len(rows), *self.shape[1:]), self._values.dtype)
        for example, row in zip(dense, rows, strict=True):
            of_row = slice(self._starts[row], self._starts[row + 1])
            np.add.at(example, tuple(self._indices[:, of_row]), self._values[of_row])
        return dense


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
