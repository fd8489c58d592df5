"""What differs between Keras' backends: each thing once, whoever asks for it.

TensorFlow and JAX compile what is counted and measured. PyTorch runs it as it is. What lies in the
host's memory NumPy may read where it lies.
"""

import contextlib
import functools
from typing import Any

import numpy as np
from keras import backend, ops

COMPILES = backend.backend() in ("tensorflow", "jax")
"""Whether programs are compiled; otherwise each of its operations is done on its own."""


def with_64_bits():
    """A context in which there are 64-bit integers, which JAX leaves out unless told otherwise."""
    if backend.backend() != "jax":
        return contextlib.nullcontext()
    import jax

    return jax.enable_x64(True)


def has_64_bits():
    """Whether tensors outside of `with_64_bits` may be 64 bits wide."""
    if backend.backend() != "jax":
        return True
    import jax

    return jax.config.jax_enable_x64


def has_gpu():
    """Whether the backend computes on a GPU."""
    if backend.backend() == "tensorflow":
        import tensorflow as tf

        return bool(tf.config.list_logical_devices("GPU"))
    if backend.backend() == "jax":
        import jax

        return jax.default_backend() == "gpu"
    if backend.backend() == "torch":
        import torch

        return torch.cuda.is_available()
    return False


def outside_graphs(function):
    """Have `torch.compile` leave out this function where it meets it, instead of tracing NumPy."""
    if backend.backend() != "torch":
        return function
    import torch

    return torch.compiler.disable(function)


def compiled(function):
    """A function of a list of tensors, compiled at its first call with their shapes and dtypes."""
    if backend.backend() == "tensorflow":
        import tensorflow as tf

        # TensorFlow warns of retracing by the code it traces. These are many programs of one code,
        # each traced once; a partial has no code and is told from the others.
        program = tf.function(
            functools.partial(function), jit_compile=not _is_debugged(), autograph=False
        )
        # Variables must be read first: as arguments they cost twice the time, and are not
        # exchangeable.
        return lambda tensors: program([tf.convert_to_tensor(tensor) for tensor in tensors])
    if backend.backend() == "jax":
        import jax

        # JAX keeps what it compiles as long as the function: a partial of its own goes with it.
        return jax.jit(functools.partial(function))
    return function


def _is_debugged():
    """Whether a debugger adds operations of its own, which XLA does not know, to what is traced.

    `tf.debugging.enable_check_numerics` does so.
    """
    import tensorflow as tf

    graph = tf.function(lambda: tf.zeros(())).get_concrete_function().graph
    return any("Numeric" in operation.type for operation in graph.get_operations())


def compiled_count(function):
    """The same for a function that gives a row of counts for each tensor.

    Counts of parts add up: under JAX each device counts the parts that it holds of a sharded
    tensor. Left to itself, the compiler would gather some of them on every device first.
    """
    program = compiled(function)
    if backend.backend() != "jax":
        return program
    counting_shards = functools.cache(functools.partial(_counting_shards, function))

    def count(tensors):
        shardings: list[Any] = [getattr(tensor, "sharding", None) for tensor in tensors]
        split = any(s is not None and not s.is_fully_replicated for s in shardings)
        if not split or not all(hasattr(sharding, "spec") for sharding in shardings):
            return program(tensors)
        specs = tuple(sharding.spec for sharding in shardings)
        return counting_shards(shardings[0].mesh, specs)(tensors)

    return count


def _counting_shards(function, mesh, specs):
    import jax
    import jax.numpy as jnp

    def count_held(tensors):
        with with_64_bits():
            counts = []
            for row, spec in zip(function(tensors), specs, strict=True):
                # What several devices hold alike, the first of them counts.
                split = jax.tree.leaves(tuple(spec))
                alike = [axis for axis in mesh.axis_names if axis not in split]
                is_first = sum(jax.lax.axis_index(axis) for axis in alike) == 0
                counts.append(jnp.where(is_first, row, 0))
            return jax.lax.psum(jnp.stack(counts), mesh.axis_names)

    replicated = jax.sharding.PartitionSpec()
    return jax.jit(
        jax.shard_map(count_held, mesh=mesh, in_specs=(list(specs),), out_specs=replicated)
    )


def to_numpy(values):
    """What `keras.ops.convert_to_numpy` gives of a variable, a dense tensor or an array.

    That has NumPy warn of variables, and of the tensors of TensorFlow and PyTorch: under `-W error`
    a training ends.
    """
    if isinstance(values, np.ndarray):
        return values
    tensor = ops.convert_to_tensor(values)
    if backend.backend() == "tensorflow":
        return np.asarray(tensor.numpy())
    if backend.backend() == "torch":
        return _host_array_of_torch(tensor.cpu()).copy()
    return ops.convert_to_numpy(tensor)


def host_array(tensor):
    """See `keras_benford.digits.tensors.host_array`."""
    return _HOST_ARRAY.get(backend.backend(), lambda _: None)(tensor)


def _host_array_of_tensorflow(tensor):
    import tensorflow as tf

    tensor = tf.convert_to_tensor(tensor)  # reads a variable
    if not (hasattr(tensor, "numpy") and "CPU" in tensor.device):
        return None
    if tensor.dtype.name == "bfloat16":
        # Python's buffers know no such format: this is a copy.
        return np.asarray(tensor.numpy())
    return np.asarray(memoryview(tensor))


def _host_array_of_jax(tensor):
    import jax

    if isinstance(tensor, jax.core.Tracer) or not tensor.is_fully_addressable:
        return None
    (device, *others) = tensor.devices()
    return np.asarray(tensor) if not others and device.platform == "cpu" else None


def _host_array_of_torch(tensor):
    import torch

    if tensor.device.type != "cpu":
        return None
    tensor = tensor.detach()
    if tensor.dtype == torch.bfloat16:
        # NumPy knows this format by ml_dtypes only, and PyTorch does not.
        return tensor.view(torch.uint16).numpy().view("bfloat16")
    return tensor.numpy()


_HOST_ARRAY = {
    "tensorflow": _host_array_of_tensorflow,
    "jax": _host_array_of_jax,
    "torch": _host_array_of_torch,
}
