"""A model's layers and what they gave -> which of them are its hidden layers.

See `activations`: what is taken by default, and what is an output instead.
"""

import math

from keras_benford import _keras

# Keras' classes, by their names: to import this module takes no framework.
DENSE = {"Dense", "EinsumDense"}
_CONVOLUTIONS = {"BaseConv", "BaseConvTranspose", "BaseDepthwiseConv", "BaseSeparableConv"}
ACTIVATIONS = {"Activation", "ReLU", "LeakyReLU", "PReLU", "ELU"}
_RECURRENT = {"RNN", "Bidirectional", "TimeDistributed"}
_ATTENTION = {"Attention", "MultiHeadAttention", "GroupedQueryAttention"}
_TAKEN = DENSE | _CONVOLUTIONS | ACTIVATIONS | _RECURRENT | _ATTENTION


def layers_by_default(model):
    """The layers that may be taken by default; which of them are is known when they are called."""
    found = []
    for layer in _keras.flat_layers(model, include_self=False, recursive=False):
        inner = _keras.flat_layers(layer, include_self=False)
        is_block = not is_a(layer, {"Model"}) and any(is_a(each, _ATTENTION) for each in inner)
        if is_block or is_a(layer, _TAKEN):
            found.append(layer)
        else:
            found += layers_by_default(layer)
    return list(dict.fromkeys(found))


def hidden(calls, other_calls, outputs):
    """Places of the calls that are taken by default."""
    taken: list[int] = []
    for i, call in enumerate(calls):
        if is_a(call.layer, ACTIVATIONS):
            of_convolution = taken and is_a(calls[taken[-1]].layer, _CONVOLUTIONS)
            if of_convolution and _is_linear(calls[taken[-1]].layer):
                taken[-1] = i
        else:
            taken.append(i)
    every = [*calls, *other_calls]
    given = _outputs(every, outputs)
    taken = [i for i in taken if not any(_gives(calls[i], tensor) for tensor in given)]
    # Those that no layer gave.
    shapes = [
        tuple(tensor.shape) for tensor in given if not any(_gives(call, tensor) for call in every)
    ]
    while taken and is_a(calls[taken[-1]].layer, DENSE | _CONVOLUTIONS):
        shape = tuple(calls[taken[-1]].output.shape)
        if shape not in shapes:
            break
        shapes.remove(shape)
        taken.pop()
    return taken


def _outputs(calls, outputs):
    """The model's outputs, and what becomes one by layers without weights, value by value."""
    import keras

    found = [tensor for tensor in keras.tree.flatten(outputs) if keras.ops.is_tensor(tensor)]
    for tensor in found:  # which grows
        for call in calls:
            passes = not call.layer.weights and keras.ops.is_tensor(call.given)
            if not passes or not _gives(call, tensor):
                continue
            as_many = math.prod(call.given.shape[1:]) == math.prod(tensor.shape[1:])
            if as_many and all(call.given is not other for other in found):
                found.append(call.given)
    return found


def _gives(call, tensor):
    """Whether a tensor is, itself, what a call gave or a part of it."""
    import keras

    return any(output is tensor for output in keras.tree.flatten(call.output))


def others(model, watched):
    """The layers that are not watched, and neither hold nor are part of one that is."""
    within = {id(part) for layer in watched for part in _keras.flat_layers(layer)}
    return [
        layer
        for layer in _keras.flat_layers(model, include_self=False)
        if not any(id(part) in within for part in _keras.flat_layers(layer))
        and not is_a(layer, {"InputLayer", "Model"})
    ]


def is_a(layer, names):
    """Whether a layer is of one of Keras' classes of these names, or of one made from it."""
    kinds = (kind for kind in type(layer).__mro__ if kind.__module__.startswith("keras."))
    return any(kind.__name__ in names for kind in kinds)


def _is_linear(layer):
    function = getattr(layer, "activation", None)
    return function is None or getattr(function, "__name__", "") == "linear"
