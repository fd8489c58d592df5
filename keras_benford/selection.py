"""Which weights count, and why the others do not.

Benford's law is asked of the weights that training shapes out of random numbers: kernels, recurrent
kernels, embeddings. Biases, normalisation parameters, statistics and other state start from a
constant and would only blur the picture. Rank does not tell them apart (a GRU's bias has rank 2,
an attention's too), so a weight's role is read from its name and its layer's class, the same in a
live model as in a file. The role decides, not the initializer that a user chose for it.

A name that no layer of Keras uses tells no role. Then the rank decides, and the weight is marked as
guessed: that means everywhere that only its shape tells whether it counts.

Source: arXiv 2102.03313, p. 3.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import functools
import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_benford import _keras
from keras_benford._messages import listed
from keras_benford._names import unique_paths

Patterns = str | Sequence[str] | None

KERNELS = frozenset(
    (
        "kernel",
        "recurrent_kernel",
        "depthwise_kernel",
        "pointwise_kernel",
        "embeddings",
        "reverse_embeddings",
    )
)

_CONSTANT_AT_FIRST = {
    "bias": "a bias: starts from a constant",
    "gamma": "a normalisation parameter: starts from a constant",
    "beta": "a normalisation parameter: starts from a constant",
    "scale": "a scale: starts from a constant",
    "concat_score_weight": "a scale: starts from a constant",
    "alpha": "a slope: starts from a constant",
    "moving_mean": "a moving statistic, no weight",
    "moving_variance": "a moving statistic, no weight",
    "moving_stddev": "a moving statistic, no weight",
    "renorm_mean": "a moving statistic, no weight",
    "renorm_stddev": "a moving statistic, no weight",
    "mean": "a statistic of the data, no weight",
    "variance": "a statistic of the data, no weight",
    "count": "a statistic of the data, no weight",
    "vector_u": "state of the spectral normalisation: random, but no weight of the network",
    "rnn_state": "a recurrent layer's state, no weight",
    "real_kernel": "a Fourier basis: computed, not random",
    "imag_kernel": "a Fourier basis: computed, not random",
    # What TensorFlow 1 called an average of the variable in whose scope it stands.
    "ExponentialMovingAverage": "a moving average of another weight",
}
_SCALE = "a quantisation scale, no weight"
_QUANTISED = "quantisation state, no weight"
_PRUNED = "pruning state, no weight"
# By the words that a name ends in.
_LAST_WORDS = {
    "bias": _CONSTANT_AT_FIRST["bias"],
    "loss_scale": "a loss scale, no weight",
    **dict.fromkeys(["scale", "scales", "scale_inv", "absmax", "SCB"], _SCALE),
    **dict.fromkeys(["zero", "zeros", "qzeros", "zero_point", "g_idx", "quant_map"], _QUANTISED),
    **dict.fromkeys(["amax", "amax_history", "min", "max"], _QUANTISED),
    **dict.fromkeys(["threshold", "pruning_step"], _PRUNED),
}


@dataclass(frozen=True)
class Weight:
    """One weight that counts.

    Attributes:
        path: the variable's path, such as `"dense/kernel"`, unique within the selection.
        shape: its shape.
        dtype: its floating dtype, as a string.
        value: a function of no arguments that gives the tensor to count, or, for a weight in a
            file, its values in chunks. A kernel under LoRA is given merged.
        guessed: whether only its shape tells that it counts. Of a file also whether it does not
            tell the layer's class, or the alpha of LoRA, so that these were guessed.
        frozen: whether training leaves it as it is; None in a file, which does not say.
    """

    path: str
    shape: tuple[int, ...]
    dtype: str
    value: Callable[[], Any]
    guessed: bool = False
    frozen: bool | None = None


@dataclass(frozen=True)
class Skipped:
    """One weight that does not count, the reason, and whether only its shape tells that."""

    path: str
    shape: tuple[int, ...]
    dtype: str
    reason: str
    guessed: bool = False


@dataclass(frozen=True)
class Selection:
    """A model's weights, sorted into those that count and those that do not."""

    counted: tuple[Weight, ...]
    skipped: tuple[Skipped, ...]


class NothingCountsError(ValueError):
    """A model of which no weight counts; the message has the reasons.

    Args:
        model_name: the model's name.
        skipped: its weights, as `Skipped`.
    """

    def __init__(self, model_name: str, skipped: Iterable[Skipped]) -> None:
        paths: dict[str, list[str]] = {}
        for each in skipped:
            paths.setdefault(each.reason, []).append(each.path)
        why = "; ".join(f"{listed(of_it, 3)} ({reason})" for reason, of_it in paths.items())
        super().__init__(
            f"`model`: expected weights that count; received {model_name!r}, where none does: "
            f"{why}; name floating-point weights to count in `include`."
        )


def select(
    model: Any,
    *,
    include: Patterns = None,
    exclude: Patterns = None,
    trainable: bool = False,
) -> Selection:
    """Sort a model's weights into those that count and those that do not.

    A variable that several layers or sub-models share counts once. Under LoRA the merged kernel
    counts, which is what the layer computes with and what Keras saves.

    Args:
        model: a built `keras.Model` or `keras.Layer`.
        include: a glob pattern on weight paths, or a list of them. The weights that match are
            counted whatever their role, and no others. By default the random-initialised ones.
        exclude: a glob pattern, or a list of them; the weights that match are left out.
        trainable: whether frozen weights (`trainable=False`) are left out unless `include` names
            them: training never changes them, and they may be most of a model.

    Returns:
        A `Selection`; both parts in the order of `model.weights`.

    Raises:
        TypeError: if `model` has no layers' weights, or a pattern is no string.
        ValueError: if the model has no weights yet or a pattern matches nothing;
            `NothingCountsError` if nothing is left to count.
    """
    weights = _weights(model)
    owners = _owners(model)
    trained = {id(weight) for weight in model.trainable_weights}
    candidates = []
    for weight, path in zip(weights, unique_paths(w.path for w in weights), strict=True):
        layer = owners.get(id(weight), model)
        classes = tuple(cls.__name__ for cls in type(layer).__mro__)
        dtype, value = _dtype_and_value(layer, weight)
        candidates.append(
            _Candidate(
                Weight(
                    path,
                    tuple(weight.shape),
                    dtype,
                    value,
                    frozen=not any(id(each) in trained for each in _made_of(layer, weight)),
                ),
                weight.name,
                classes,
                functools.partial(_chunks_of, weight),
            )
        )
    return _sorted(candidates, model.name, include, exclude, trainable)


def select_stored(
    arrays: Iterable[Any], name: str, *, include: Patterns = None, exclude: Patterns = None
) -> Selection:
    """The same for a saved model.

    Args:
        arrays: `keras_benford.weights.StoredArray`s. Those of the kind `"weight"` are sorted,
            those of the kind `"other"` skipped, and no others are looked at.
        name: the model's name.
        include: as for `select`.
        exclude: as for `select`.

    Returns:
        A `Selection`; both parts in the order of `arrays`.

    Raises:
        TypeError, ValueError: as `select`.
    """
    arrays = list(arrays)
    selection = _sorted(
        [_stored(array) for array in arrays if array.kind == "weight"], name, include, exclude
    )
    others = [
        Skipped(array.path, array.shape, array.dtype, "beside the model: of none of its layers")
        for array in arrays
        if array.kind == "other"
    ]
    return dataclasses.replace(selection, skipped=(*selection.skipped, *others))


@dataclass(frozen=True)
class _Candidate:
    """A weight, its own name, the names of its layer's class and base classes, and its values.

    `chunks` gives the values as arrays of NumPy.
    """

    weight: Weight
    role: str
    classes: tuple[str, ...]
    chunks: Callable[[], Iterable[np.ndarray]]


def _stored(array):
    weight = Weight(array.path, array.shape, array.dtype, array.chunks, array.guessed)
    return _Candidate(weight, array.role, array.classes, array.chunks)


def _sorted(candidates, model_name, include, exclude, trainable=False):
    paths = [candidate.weight.path for candidate in candidates]
    included = None if include is None else _matching("include", include, paths, model_name)
    excluded = () if exclude is None else _matching("exclude", exclude, paths, model_name)
    counted, skipped = [], []
    for candidate in candidates:
        weight = candidate.weight
        guessed = False
        reason = _dtype_reason(weight.dtype)
        if reason is None and weight.path in excluded:
            reason = "matches `exclude`"
        elif reason is None and included is not None:
            reason = None if weight.path in included else "does not match `include`"
        elif reason is None:
            reason, guessed = _by_default(candidate)
            if reason is None and trainable and weight.frozen:
                reason = "frozen: training does not change it"
        if reason is None:
            counted.append(dataclasses.replace(weight, guessed=guessed))
        else:
            skipped.append(Skipped(weight.path, weight.shape, weight.dtype, reason, guessed))
    if not counted:
        raise NothingCountsError(model_name, skipped)
    return Selection(tuple(counted), tuple(skipped))


def _by_default(candidate):
    """Why a weight does not count by default, or None if it does, and whether that is guessed."""
    name, classes, rank = candidate.role, candidate.classes, len(candidate.weight.shape)
    if "TFSMLayer" in classes:
        name = _role_in_saved_model(name)
    # A number that tells two of one name apart: `kernel_1`.
    name = re.sub(r"(?<=.)_\d+$", "", name)
    guessed = candidate.weight.guessed
    # The one vector that Keras initialises at random and trains.
    if name == "scale" and "AdditiveAttention" in classes:
        return None, guessed
    if name in KERNELS:
        return None, guessed
    if name.startswith("lora_"):
        return "a LoRA factor: part of the merged kernel", guessed
    if name in _CONSTANT_AT_FIRST:
        unclear = name == "scale" and rank == 1 and not classes
        return _CONSTANT_AT_FIRST[name], guessed or unclear
    for words, reason in _LAST_WORDS.items():
        if f"_{name}".endswith(f"_{words}"):
            return reason, guessed
    if rank < 2:
        return f"unknown name and rank {rank}: taken for constant-initialised", True
    named = f"_{name}".endswith("_mask")
    if (named or name.isdecimal()) and _is_mask(candidate, named):
        return _PRUNED, guessed
    return None, True


def _is_mask(candidate, named):
    """Whether a matrix is the mask of a pruned kernel: zeros and ones, where unnamed some of each.

    Somebody's own weight may be called `mask`, too, and a fresh one of any name may be all zeros.
    """
    ones = 0
    for chunk in candidate.chunks():
        if not ((chunk == 0) | (chunk == 1)).all():
            return False
        ones += int(np.count_nonzero(chunk))
    return named or 0 < ones < math.prod(candidate.weight.shape)


def default_of(array: Any) -> tuple[bool, bool]:
    """Whether a `keras_benford.weights.StoredArray` counts if no pattern is given.

    Returns:
        Whether it counts, and whether that is guessed.
    """
    if array.kind != "weight" or _dtype_reason(array.dtype) is not None:
        return False, False
    reason, guessed = _by_default(_stored(array))
    return reason is None, guessed


def _role_in_saved_model(name):
    """The last part of a variable's path, of which `TFSMLayer` makes one name: `a_b_kernel:0`."""
    path = name.partition(":")[0]
    roles = [role for role in (*KERNELS, *_CONSTANT_AT_FIRST) if path.endswith(f"_{role}")]
    return max(roles, key=len, default=path)


def _weights(model):
    _keras.check_is_no_tf_keras(model)
    if not _keras.is_layer(model) or isinstance(model, type):
        raise TypeError(
            f"`model`: expected a Keras model or layer; received {type(model).__name__}; "
            "pass the model itself."
        )
    weights = model.weights
    if not weights:
        raise ValueError(
            f"`model`: expected a built model; received {model.name!r}, which has no weights yet; "
            "call it on data, give it an `Input` or call `model.build(input_shape)`."
        )
    return weights


def _owners(model):
    """Map each variable's id to the innermost layer that holds it."""
    layers = _keras.flat_layers(model)
    # Asked of each layer once: it gathers them from all that the layer holds.
    held = {id(layer): [id(weight) for weight in layer.weights] for layer in layers}
    owners: dict[int, Any] = {}
    for layer in layers:
        children = _keras.flat_layers(layer, include_self=False, recursive=False)
        inner = {weight for child in children for weight in held[id(child)]}
        owners.update((weight, layer) for weight in held[id(layer)] if weight not in inner)
    return owners


def _dtype_and_value(layer, weight):
    """What to count of a weight, and how to get it; under LoRA the merged kernel."""
    if _is_merged(layer, weight) and "float" in weight.dtype:
        # Keras merges it, and saves it, in the dtype that it computes with.
        return str(layer.compute_dtype), lambda: getattr(layer, weight.name)
    return str(weight.dtype), lambda: weight.value


def _chunks_of(variable):
    from keras_benford._backends import to_numpy

    return [to_numpy(variable.value)]


def _is_merged(layer, weight):
    return getattr(layer, "lora_enabled", False) and weight.name in ("kernel", "embeddings")


def _made_of(layer, weight):
    """The variables that make up what is counted of a weight: under LoRA its factors, too."""
    if not _is_merged(layer, weight):
        return [weight]
    return [weight, *(each for each in layer.weights if each.name.startswith("lora_"))]


def _dtype_reason(dtype):
    if "float" in dtype:
        return None
    return f"{dtype} values: quantised or no weights" if "int" in dtype else f"{dtype} values"


def _matching(argument, patterns, paths, model_name):
    """The set of paths that match one of the patterns; every pattern must match something.

    A `Sequential`'s paths begin with its name until it is saved and loaded: a pattern may match
    with or without it.
    """
    prefix = f"{model_name}/"
    forms = {path: {path, path.removeprefix(prefix), prefix + path} for path in paths}
    patterns = [patterns] if isinstance(patterns, str) else patterns
    if not isinstance(patterns, Iterable):
        patterns = [patterns]
    matched = set()
    for pattern in patterns:
        if not isinstance(pattern, str):
            raise TypeError(
                f"`{argument}`: expected glob patterns on weight paths; received {pattern!r}; "
                "pass a string such as 'conv2d/*' or a list of strings."
            )
        hits = [
            path
            for path in paths
            if pattern in forms[path] or any(fnmatch.fnmatchcase(f, pattern) for f in forms[path])
        ]
        if not hits:
            raise ValueError(
                f"`{argument}`: expected patterns that match a weight's path; received "
                f"{pattern!r}, which matches none of: {listed(paths)}."
            )
        matched.update(hits)
    return matched
