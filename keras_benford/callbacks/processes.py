"""Several processes that train one model together, as JAX lets them: who writes, and what is whole.

All of them hold the same counts and accuracy, and so decide alike. Files are written by the first.
"""

import contextlib

import keras
import numpy as np

from keras_benford._backends import to_numpy


def is_first_process():
    """Whether this process is the one that writes files."""
    jax = _jax_of_several()
    return jax is None or jax.process_index() == 0


@contextlib.contextmanager
def alone():
    """A context in which this process makes variables without the others.

    Keras makes some to save a model, and would wait for the others to do so too.
    """
    distribution = keras.distribution.distribution()
    if _jax_of_several() is None or distribution is None:
        yield
        return
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(distribution)


def wait_for_all(reason):
    """Return when every process has come here, for the same reason."""
    if _jax_of_several() is not None:
        from jax.experimental import multihost_utils

        multihost_utils.sync_global_devices(reason)


def whole(tensor):
    """The array of a tensor, also of one that no process holds all of."""
    if _jax_of_several() is None or tensor.is_fully_addressable or tensor.is_fully_replicated:
        return to_numpy(tensor)
    from jax.experimental import multihost_utils

    return multihost_utils.process_allgather(tensor, tiled=True)


def whole_weights(model):
    """What `model.get_weights` gives, also where no process holds all of a weight."""
    if _jax_of_several() is None:
        return [to_numpy(weight) for weight in model.weights]
    return [whole(weight.value) for weight in model.weights]


def of_the_first(arrays):
    """The first process' arrays of examples, for all processes: each may have data of its own.

    As many examples as the process has that has the fewest.
    """
    if _jax_of_several() is None:
        return arrays
    from jax.experimental import multihost_utils

    n = len(keras.tree.flatten(arrays)[0])
    fewest = int(multihost_utils.process_allgather(np.array([n])).min())
    return keras.tree.map_structure(
        lambda array: np.asarray(multihost_utils.broadcast_one_to_all(array[:fewest])), arrays
    )


def is_at_hand(weight):
    """Whether this process holds all of a weight."""
    if _jax_of_several() is None:
        return True
    return weight.value.is_fully_addressable or weight.value.is_fully_replicated


def _jax_of_several():
    """The module `jax` if it has joined several processes, else None."""
    if keras.backend.backend() != "jax":
        return None
    import jax

    return jax if jax.process_count() > 1 else None
