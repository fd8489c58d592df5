"""What this package takes of Keras that is not public: each thing once, with the reason.

Keras may change any of it. `tests/test_keras_parts.py` has a test for each and names it, so that a
new version of Keras that does is told at once. Importing this module loads no framework.
"""

import contextlib
import functools
import sys
import warnings
from collections.abc import Iterator
from types import FrameType
from typing import Any


def is_layer(thing: Any) -> bool:
    """Whether something is a Keras layer or model, told without importing Keras."""
    return hasattr(thing, "weights") and hasattr(thing, "_flatten_layers")


def check_is_no_tf_keras(model: Any) -> None:
    """Raise a TypeError for a model of Keras 2 in the package `tf_keras`: it looks much alike."""
    for kind in type(model).__mro__:
        if kind.__module__.startswith(("tf_keras.", "tensorflow.python.keras.")):
            raise TypeError(
                f"`model`: expected a model of Keras 3; received {type(model).__name__} of "
                "tf_keras (Keras 2); make it by `keras`, without TF_USE_LEGACY_KERAS, or save "
                "it and pass the file to `keras_benford.score`."
            )


def flat_layers(layer: Any, *, include_self: bool = True, recursive: bool = True) -> list[Any]:
    """The layers in a layer, each once.

    Public `model.layers` has those of one level only, and what a layer holds has no public name.
    """
    return list(layer._flatten_layers(include_self=include_self, recursive=recursive))


def takes_training(model: Any) -> bool:
    """Whether a model's `call` has an argument `training`.

    `stateless_call` passes on what it is given, also to a model that has none.
    """
    return model._call_has_training_arg


def given_metrics(metric: Any) -> list[Any]:
    """The metrics that were given to `compile`, before Keras has made objects of them.

    That happens in the first batch. Until then the metric in their place is empty.
    """
    import keras

    names = ("_user_metrics", "_user_weighted_metrics")
    return keras.tree.flatten([getattr(metric, name, None) or [] for name in names])


def begin_with(model: Any, epoch: int | None) -> None:
    """Have the `fit` that is about to begin start with this epoch, from 0; None for its own.

    `keras.callbacks.BackupAndRestore` does the same; `fit` has no other way to be told.
    """
    model._initial_epoch = epoch


def save_weights(model: Any, path: Any, *, without: list[Any]) -> None:
    """Save a model's weights as `model.save_weights` does, without some of its objects.

    The public method saves the optimizer, too.
    """
    from keras.src.saving import saving_lib

    saving_lib.save_weights_only(model, path, objects_to_skip=without)


@contextlib.contextmanager
def arrays_made_in_silence() -> Iterator[None]:
    """A context for Keras' own saving, which has NumPy warn of TensorFlow's variables.

    Under `-W error` that would end a training. Our own code makes arrays another way.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        yield


def in_stateless_scope() -> bool:
    """Whether variables are read and written in a stateless scope, as in a compiled step of JAX.

    `keras.StatelessScope` opens one; whether one is open has no public name.
    """
    from keras.src.backend.common.stateless_scope import in_stateless_scope

    return in_stateless_scope()


@contextlib.contextmanager
def old_arrays_freed(weights: list[Any]) -> Iterator[None]:
    """A context in which a weight's array is freed as soon as it is replaced.

    Under JAX `fit` itself holds the arrays of its last step until it returns, and the weights would
    be in memory twice. No public method of a variable tells of the array that it lets go.
    """
    import keras

    if keras.backend.backend() != "jax":
        yield
        return

    def assign(weight, assign_as_keras_does, value):
        old = weight.value
        assign_as_keras_does(value)
        old.delete()

    for weight in weights:
        weight._direct_assign = functools.partial(assign, weight, weight._direct_assign)
    try:
        yield
    finally:
        for weight in weights:
            del weight._direct_assign


def updated_by(optimizer: Any) -> list[Any]:
    """The variables that a built optimizer was built for, in its order. No public name has them."""
    return list(optimizer._trainable_variables)


def callbacks_beside(callback: Any) -> list[Any]:
    """All callbacks of the training that is calling this one, itself included; empty if unknown.

    A callback is not told of the others. They are in the `CallbackList` that calls it, or calls
    what calls it.
    """
    import keras

    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        caller = frame.f_locals.get("self")
        if isinstance(caller, keras.callbacks.CallbackList):
            return list(caller.callbacks)
        frame = frame.f_back
    return []


def averages_are_in(callback: Any) -> bool:
    """Whether this is a `SwapEMAWeights` that has put the averages into the model."""
    return bool(getattr(callback, "_ema_weights_in_model", False))


def averaged_by(optimizer: Any) -> list[tuple[Any, Any]]:
    """An optimizer's variables under `use_ema`, each with the variable of its average."""
    averages = getattr(optimizer, "_model_variables_moving_average", [])
    return list(zip(optimizer._trainable_variables, averages, strict=True)) if averages else []
