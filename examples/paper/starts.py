"""Random weights of the shapes that a trained network has, as it may have started from.

A start is a function of a weight's path, its shape in PyTorch's order `(out, in, *window)`, where
`in` is that of a group, and a NumPy generator. It gives the weight's values in that shape.
"""

import keras
import numpy as np


def of_pytorch(path, shape, random):
    """PyTorch's: uniform within 1 / sqrt(inputs), embeddings normal (0, 1)."""
    if _is_embedding(path):
        return random.standard_normal(shape, "float32")
    # All kernels of an LSTM have the range of its units; four gates stand side by side.
    inputs = shape[0] // 4 if "lstm" in path else _fans(shape)[0]
    return _uniform(inputs**-0.5, shape, random)


def of_keras(path, shape, random):
    """Keras': Glorot's uniform, recurrent kernels orthogonal, embeddings uniform within 0.05."""
    if _is_embedding(path):
        return _uniform(0.05, shape, random)
    if "lstm" in path and "_hh" in path:
        orthogonal = keras.initializers.Orthogonal(seed=int(random.integers(2**31)))
        return keras.ops.convert_to_numpy(orthogonal(shape))
    return _uniform((6 / sum(_fans(shape))) ** 0.5, shape, random)


def of_mobilenet(path, shape, random):
    """Torchvision's MobileNetV2: He's normal by the outputs, the last layer normal (0, 0.01)."""
    std = 0.01 if path.startswith("classifier") else (2 / _fans(shape)[1]) ** 0.5
    return _normal(std, shape, random)


def of_efficientnet(path, shape, random):
    """EfficientNet's: He's normal by the outputs, the last layer uniform within 1 / sqrt(classes).

    Of a depthwise kernel the outputs are those of one channel.
    """
    if path.startswith("_fc"):
        return _uniform(shape[0] ** -0.5, shape, random)
    outputs = np.prod(shape[2:]) if "depthwise" in path else _fans(shape)[1]
    return _normal((2 / outputs) ** 0.5, shape, random)


def of_bert(path, shape, random):
    """BERT's: normal (0, 0.02), cut at two standard deviations."""
    cut = keras.initializers.TruncatedNormal(stddev=0.02, seed=int(random.integers(2**31)))
    return keras.ops.convert_to_numpy(cut(shape))


def of_basic_pitch(path, shape, random):
    """Basic Pitch's: uniform, of twice the variance that Glorot's has."""
    return _uniform((12 / sum(_fans(shape))) ** 0.5, shape, random)


def _is_embedding(path):
    return "embedding" in path


def _fans(shape):
    """How many inputs and outputs a value of a kernel has, windows counted."""
    window = int(np.prod(shape[2:]))
    return shape[1] * window, shape[0] * window


def _uniform(limit, shape, random):
    return random.uniform(-limit, limit, shape).astype("float32")


def _normal(std, shape, random):
    return (std * random.standard_normal(shape)).astype("float32")
