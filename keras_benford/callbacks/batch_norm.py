"""The moving statistics of batch normalisation, estimated anew for weights that were averaged.

The mean of several checks' statistics is not what a network with the mean of their weights has.
So the network is run on training inputs as in training, and their own means and variances are
taken, as for stochastic weight averaging (Izmailov et al., arXiv 1803.05407, section 3.2).
"""

import contextlib

import keras
import numpy as np

from keras_benford import _keras
from keras_benford._backends import to_numpy


def estimate_anew(model, inputs, batch_size=256):
    """Give a model's batch normalisation the statistics of these inputs; change nothing else.

    The variance over all inputs is the mean of the batches' variances and the variance of their
    means. Layers that are frozen, or renormalise, keep what they have.

    Args:
        model: a built model.
        inputs: arrays of equally many examples, as the model takes them.
        batch_size: examples in a batch.
    """
    layers = [
        layer
        for layer in _keras.flat_layers(model)
        if isinstance(layer, keras.layers.BatchNormalization)
        and layer.trainable
        and not getattr(layer, "renorm", False)
    ]
    if not layers:
        return
    own = {id(each) for layer in layers for each in (layer.moving_mean, layer.moving_variance)}
    others = [variable for variable in model.non_trainable_variables if id(variable) not in own]
    kept = [np.array(to_numpy(variable)) for variable in others]
    n = len(keras.tree.flatten(inputs)[0])
    batches = np.array_split(np.arange(n), max(1, n // batch_size))
    found = []
    with _without_memory(layers):
        for chosen in batches:
            batch = keras.tree.map_structure(lambda array, chosen=chosen: array[chosen], inputs)
            model(batch, training=True)
            found.append(
                [[_float64(layer.moving_mean), _float64(layer.moving_variance)] for layer in layers]
            )
    for variable, values in zip(others, kept, strict=True):
        variable.assign(values)
    for layer, of_batches in zip(layers, zip(*found, strict=True), strict=True):
        means, variances = map(np.array, zip(*of_batches, strict=True))
        layer.moving_mean.assign(means.mean(axis=0))
        layer.moving_variance.assign(variances.mean(axis=0) + means.var(axis=0))


@contextlib.contextmanager
def _without_memory(layers):
    """Have the moving statistics be those of the batch that came last."""
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.momentum = 0.0
    try:
        yield
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum


def _float64(variable):
    return to_numpy(variable).astype("float64")
