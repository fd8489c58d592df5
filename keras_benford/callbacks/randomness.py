"""Where the random generators stand that a training draws from: dropout, noise, shuffled data.

NumPy's and Python's own serve Keras' shuffling under JAX, PyTorch's that under PyTorch. What
TensorFlow shuffles by cannot be read.
"""

import random
from typing import Any

import keras
import numpy as np

from keras_benford._backends import to_numpy


def random_state(model):
    """The states of the generators, as JSON holds them."""
    # A tuple: only where asked to, it is a dict.
    of_numpy: Any = np.random.get_state()
    kind, words, *rest = of_numpy
    version, numbers, gauss = random.getstate()
    return {
        "layers": [to_numpy(v).tolist() for v in _seed_variables(model)],
        "numpy": [kind, words.tolist(), *rest],
        "python": [version, list(numbers), gauss],
        "torch": [state.tolist() for state in _torch_states()],
    }


def set_random_state(model, states):
    """Bring the generators to where they were."""
    for variable, values in zip(_seed_variables(model), states["layers"], strict=True):
        variable.assign(np.array(values, dtype=variable.dtype))
    kind, words, *rest = states["numpy"]
    np.random.set_state((kind, np.array(words, dtype=np.uint32), *rest))
    version, numbers, gauss = states["python"]
    random.setstate((version, tuple(numbers), gauss))
    if states["torch"] and keras.backend.backend() == "torch":
        import torch

        cpu, *gpus = (torch.tensor(state, dtype=torch.uint8) for state in states["torch"])
        torch.set_rng_state(cpu)
        if len(gpus) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all(gpus)


def _torch_states():
    if keras.backend.backend() != "torch":
        return []
    import torch

    return [torch.get_rng_state(), *torch.cuda.get_rng_state_all()]


def _seed_variables(model):
    """The states of the layers' generators, which Keras does not save with the weights."""
    weights = {id(weight) for weight in model.weights}
    return [variable for variable in model.variables if id(variable) not in weights]
