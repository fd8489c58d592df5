"""What a test may ask of the Keras backend that it runs under."""

import contextlib

import keras
import numpy as np
import pytest
from keras import backend, ops

BACKEND = backend.backend()

needs_tensorflow = pytest.mark.skipif(
    BACKEND != "tensorflow", reason="needs TensorFlow as the backend"
)


def not_under(name, reason):
    """A mark: skip the test under this backend."""
    return pytest.mark.skipif(name == BACKEND, reason=f"under {name}: {reason}")


def tensor(values):
    """The tensor of an array's own dtype."""
    values = np.asarray(values)
    return ops.convert_to_tensor(values, dtype=values.dtype.name)


def variable(values):
    """The Keras variable of an array's own dtype."""
    values = np.asarray(values)
    return keras.Variable(values, dtype=values.dtype.name)


def array(values):
    """The array of a tensor or variable, also of one that PyTorch would differentiate."""
    return ops.convert_to_numpy(values)


def holding(*dtypes):
    """A context in which there are tensors of these dtypes.

    JAX has none of 64 bits unless told to.
    """
    wide = any(np.dtype(dtype).itemsize == 8 for dtype in dtypes)
    if BACKEND != "jax" or not wide:
        return contextlib.nullcontext()
    import jax

    return jax.enable_x64(True)


def _compilers():
    if BACKEND == "tensorflow":
        import tensorflow as tf

        return {"graph": tf.function, "jit": lambda f: tf.function(f, jit_compile=True)}
    if BACKEND == "jax":
        import jax

        return {"jit": jax.jit}
    # PyTorch takes half a minute to compile one function.
    return {"eager": lambda f: f}


COMPILERS = _compilers()
"""How the backend makes one program of a function, by a name."""
EVERY_COMPILER = pytest.mark.parametrize("compiled", COMPILERS.values(), ids=COMPILERS)
