"""A model and inputs -> outputs, as in prediction: by one program, which is traced once.

Unlike `model.predict` it leaves the model's own functions and callbacks alone, and what is asked of
the outputs becomes part of the program.
"""

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_benford import _keras


def program(model: Any, then: Callable[[Any], Any], *, compiled: bool = True) -> Callable:
    """A function of a batch of inputs that gives what `then` makes of the model's outputs.

    It reads the model's weights anew at each call.

    Args:
        model: a built Keras model.
        then: a function of the outputs, to be traced with the model.
        compiled: whether to make a graph of it under TensorFlow. JAX always compiles it, as it
            would compile each operation otherwise; PyTorch never does.
    """
    from keras import backend

    if backend.backend() == "jax":
        return _program_of_jax(model, then)
    if backend.backend() == "torch":
        import torch

        return torch.no_grad()(lambda inputs: then(model(inputs, training=False)))
    if not compiled:
        return lambda inputs: then(model(inputs, training=False))
    import tensorflow as tf

    function = tf.function(
        lambda inputs: then(model(inputs, training=False)), reduce_retracing=True
    )
    # Arrays are no arguments to trace by: each would be a constant of its own.
    return lambda inputs: function(tf.nest.map_structure(tf.convert_to_tensor, inputs))


def _program_of_jax(model, then):
    import jax

    # Unlike `__call__`, it does not keep this from a model that has no such argument.
    options = {"training": False} if _keras.takes_training(model) else {}

    @jax.jit
    def function(trainable, other, inputs):
        outputs, _ = model.stateless_call(trainable, other, inputs, **options)
        return then(outputs)

    def run(inputs):
        variables = model.trainable_variables, model.non_trainable_variables
        return function(*([each.value for each in part] for part in variables), inputs)

    return run


def in_batches(run: Callable, inputs: Any, batch_size: int, fetch: Callable) -> list[np.ndarray]:
    """What a program gives for all of the examples, batch by batch.

    All batches are of one size, so that there is one program: the last one is filled up.

    Args:
        run: the program; it gives a list of tensors `(batch, ...)`.
        inputs: arrays of equally many examples, in the structure that the model takes.
        batch_size: examples in a batch.
        fetch: a function that makes an array of a tensor.

    Returns:
        Arrays `(n_examples, ...)`.
    """
    from keras import tree

    n = len(tree.flatten(inputs)[0])
    parts = []
    for first in range(0, n, batch_size):
        chosen = np.minimum(np.arange(first, first + batch_size), n - 1)
        batch = tree.map_structure(lambda array, chosen=chosen: array[chosen], inputs)
        parts.append([fetch(tensor)[: n - first] for tensor in run(batch)])
    return [np.concatenate(column) for column in zip(*parts, strict=True)]


def reason(error: Exception) -> str:
    """Why a model would not run, in a line: what Keras and the backends say, without the data."""
    text = re.sub(r"\x1b\[\d+m|\{\{.*?\}\}", "", str(error)).partition("Arguments received by")[0]
    text = re.sub(
        r"(Invalid input shape for input) .*? (with name)", r"\1 \2", text, flags=re.DOTALL
    )
    text = re.sub(r"Exception encountered when calling \S+\(\)\.", "", text)
    return " ".join(text.split())[:200] or type(error).__name__
