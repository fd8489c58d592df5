"""What goes in and out: activations as `(n_samples, n_neurons)` float64, options, JSON numbers."""

from typing import Any

import numpy as np


class NotFiniteError(ValueError):
    """An activation is infinite or NaN."""


def as_values(values: Any, name: str = "values") -> np.ndarray:
    """Validate activations.

    Args:
        values: `(n_samples, n_neurons)` real numbers, or `(n_samples,)` for one neuron: an array, a
            tensor, a list, or an `Activations`.
        name: what to call them in an error.

    Returns:
        The same as float64, of two dimensions.

    Raises:
        TypeError: where they are no real numbers.
        ValueError: where the shape is another.
        NotFiniteError: where a value is not finite; it names neuron and example.
    """
    array = np.asarray(getattr(values, "values", values))
    if array.dtype.kind not in "fiu" and array.dtype.name != "bfloat16":
        raise TypeError(
            f"`{name}`: expected real numbers; received {array.dtype}; pass the activations of "
            "neurons, one column each"
        )
    if array.ndim not in (1, 2) or not array.size:
        raise ValueError(
            f"`{name}`: expected shape (n_samples, n_neurons); received {array.shape}; pool or "
            "flatten what a neuron has more than one value of"
        )
    array = (array if array.ndim == 2 else array[:, None]).astype(np.float64)
    if not np.isfinite(array).all():
        example, neuron = np.argwhere(~np.isfinite(array))[0]
        layers = getattr(values, "layers", None)
        of_layer = f" (layer {layers[neuron]})" if layers is not None else ""
        raise NotFiniteError(
            f"`{name}`: expected finite numbers; received {array[example, neuron]} in neuron "
            f"{neuron}{of_layer}, example {example}; leave such examples out, or look for where "
            "the model overflows"
        )
    return array


def is_single(values: Any) -> bool:
    """Whether the values are those of one neuron, given without a second dimension."""
    return np.ndim(getattr(values, "values", values)) == 1


def check_option(name: str, value: Any, options: tuple) -> None:
    """Raise a ValueError where an option is none of those that there are."""
    if value not in options:
        expected = ", ".join(repr(option) for option in options[:-1]) + f" or {options[-1]!r}"
        raise ValueError(f"`{name}`: expected {expected}; received {value!r}")


def check_neighbour(k: Any, n_samples: int) -> None:
    """Raise a ValueError where there is no k-th neighbour among so many examples."""
    if not isinstance(k, (int, np.integer)) or isinstance(k, bool) or k < 1:
        raise ValueError(f"`k`: expected an integer of 1 or more; received {k!r}")
    if n_samples <= k:
        raise ValueError(
            f"expected more than k = {k} examples; received {n_samples}; pass more, hundreds "
            "for an estimate worth the name"
        )


def without_ties(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The values with noise that is too small to matter but for telling equal ones apart.

    It is Gaussian, with a standard deviation of 1e-10 times the mean absolute value of the neuron.
    """
    scale = np.abs(values).mean(axis=0)
    return values + 1e-10 * np.where(scale > 0, scale, 1) * rng.standard_normal(values.shape)


def most_tied(values: np.ndarray) -> np.ndarray:
    """`(n_neurons,)` int64: of how many examples the value of each neuron that most have is."""
    ordered = np.sort(values, axis=0)
    starts = np.ones(ordered.shape, bool)
    starts[1:] = ordered[1:] != ordered[:-1]
    # Neuron by neuron, so that a run of equal values ends with the neuron at the latest.
    (places,) = np.nonzero(starts.T.ravel())
    lengths = np.diff(np.append(places, ordered.size))
    return np.maximum.reduceat(lengths, np.flatnonzero(places % len(values) == 0))
