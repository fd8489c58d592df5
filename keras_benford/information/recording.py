"""A model and examples -> activations of its neurons, one number an example for each.

What is taken of which layer by default:

- dense layers: the values before their activation function;
- convolutions: maps after their non-linearity, which may be a layer of its own, averaged over
  space. The average of what is before it is a linear function of the average of the layer below;
- recurrent and attention layers, and blocks that hold an attention layer: their output. Sequences
  are averaged over their positions, or taken at one.

What the model gives is left out: a call whose output is one of the model's, or becomes one by
layers that only reshape it or apply a function to it, such as the logits of a softmax. Where a
model makes an output by operations of its own, the last dense layer or convolution of its shape is.

Source: Bansal et al., arXiv 2210.09404, appendix.
"""

from __future__ import annotations

import contextlib
import fnmatch
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_benford import _keras, inference
from keras_benford._messages import listed
from keras_benford._names import told_apart
from keras_benford._progress import progress_bar
from keras_benford.information.calls import watched
from keras_benford.information.hidden import (
    ACTIVATIONS,
    DENSE,
    hidden,
    is_a,
    layers_by_default,
    others,
)
from keras_benford.information.values import NotFiniteError
from keras_benford.inputs import batches


@dataclass(frozen=True, eq=False)
class Activations:
    """Activations of neurons.

    Attributes:
        values: `(n_samples, n_neurons)` float32.
        layers: `(n_neurons,)` of strings, the layer of each neuron; those of a layer are side by
            side, and layers in the order in which the model calls them.
        neurons: `(n_neurons,)` int64, which of its layer's it is.
        sizes: how many neurons each layer has, those that were not drawn too; None where that is
            not known.
    """

    values: np.ndarray
    layers: np.ndarray
    neurons: np.ndarray
    sizes: Mapping[str, int] | None = None

    @property
    def layer_names(self) -> list[str]:
        """The layers, each once."""
        return list(dict.fromkeys(self.layers.tolist()))


def activations(
    model: Any,
    x: Any,
    layers: str | Sequence[str] | None = None,
    *,
    neurons: int | None = None,
    position: int | None = None,
    before_activation: bool = True,
    batch_size: int = 256,
    seed: int = 0,
    progress: bool = False,
) -> Activations:
    """Activations of a model's neurons on examples.

    The model is called on one batch after the other as in prediction, and is the same afterwards.
    Memory is bounded by a batch and the result.

    Args:
        model: a Keras model: Sequential, functional or subclassed. Of the latter, what it calls
            inside a compiled function of its own cannot be seen.
        x: unlabelled examples: an array, a list or dict of arrays for several inputs, or a
            `tf.data.Dataset`, `PyDataset`, `DataLoader` or generator of batches.
        layers: which to take, as name(s) or glob pattern(s) such as `"block*/dense"`; by default as
            above. A layer that is called again has `name (call 2)`.
        neurons: at most how many to take, drawn without replacement from all of them.
        position: of sequences (outputs of shape (batch, length, features)), which position to take,
            0 for that of [CLS] in BERT; by default their average, padding included.
        before_activation: whether to take dense layers before their activation function.
        batch_size: of arrays.
        seed: of the draw of neurons.
        progress: whether to show a progress bar, on a terminal.

    Returns:
        An `Activations`.

    Raises:
        ValueError: where there is no such layer, none by default, or the examples do not fit.
        NotFiniteError: a ValueError, where an activation is not finite; it names neuron and
            example.
        TypeError: where `model` is no Keras model, or `x` is a tuple, which is likely examples and
            labels.
    """
    recorder = Recorder(model, layers, position=position, before_activation=before_activation)
    return recorder(x, neurons=neurons, batch_size=batch_size, seed=seed, progress=progress)


class Recorder:
    """`activations` of one model, to be taken again and again: under JAX it is compiled once."""

    def __init__(self, model, layers=None, *, position=None, before_activation=True):
        import keras

        _keras.check_is_no_tf_keras(model)
        if not isinstance(model, keras.Model):
            raise TypeError(
                f"`model`: expected a Keras model; received {model!r:.100}; load a file by "
                "keras.saving.load_model"
            )
        if not model.built:
            raise ValueError("`model`: expected weights; received a model that is not built")
        self.model = model
        self._position = position
        self._names = _names(model)
        self._by_default = layers is None
        self._watched = (
            layers_by_default(model) if self._by_default else _matching(self._names, layers)
        )
        self._before = [
            layer for layer in self._watched if before_activation and is_a(layer, DENSE)
        ]
        self._others = others(model, self._watched) if self._by_default else []
        self._calls, self._other_calls = [], []
        # What the first batch tells.
        self._taken: Any = None
        self._labels: Any = None
        self._error = None
        # Where TensorFlow made a graph of it, a model's own graphs and loops could not be seen.
        self._run = inference.program(model, self._pooled, compiled=False)

    def __call__(self, x, *, neurons=None, batch_size=256, seed=0, progress=False):
        from keras_benford._backends import to_numpy

        if neurons is not None and neurons < 1:
            raise ValueError(f"`neurons`: expected 1 or more; received {neurons}")
        if batch_size < 1:
            raise ValueError(f"`batch_size`: expected 1 or more; received {batch_size}")
        parts: list[np.ndarray] = []
        kept: Any = None
        with (
            contextlib.ExitStack() as first_batch,  # which tells what the outputs are
            watched(self._watched, self._before, self._calls, given=self._labels is None),
            progress_bar("activations", progress) as bar,
        ):
            if self._labels is None:
                first_batch.enter_context(watched(self._others, [], self._other_calls, given=True))
            advance = bar(-(-int(x.shape[0]) // batch_size) if getattr(x, "shape", ()) else None)
            for inputs in batches(x, batch_size):
                self._error = None
                try:
                    found = [to_numpy(value) for value in self._run(inputs)]
                except Exception as error:  # each layer and backend has its own
                    if self._error is not None:
                        raise self._error from None
                    raise _does_not_fit(inputs, self.model, error) from error
                finally:
                    self._calls.clear()
                    self._other_calls.clear()
                if kept is None:
                    sizes = [part.shape[1] for part in found]
                    kept = _drawn(self._labels, sizes, neurons, seed)
                first_batch.close()
                parts.append(np.concatenate([found[i][:, at] for i, _, at in kept], axis=1))
                advance()
        result = Activations(
            np.concatenate(parts),
            np.concatenate([np.full(len(at), name, object) for _, name, at in kept]),
            np.concatenate([at for _, _, at in kept]),
            dict(zip(self._labels, sizes, strict=True)),
        )
        _check_finite(result)
        return result

    def _pooled(self, outputs):
        """What is taken of the calls; where the model is compiled, it runs at the compilation."""
        try:
            if self._labels is None:
                every = range(len(self._calls))
                taken = hidden(self._calls, self._other_calls, outputs)
                self._taken = taken if self._by_default else every
                self._labels = _labels([self._calls[i].layer for i in self._taken], self._names)
            return [_pooled(self._calls, i, self._position) for i in self._taken]
        except ValueError as error:
            self._error = error
            raise


def _names(model):
    """The model's layers by their path within the model."""
    names: dict[str, Any] = {}
    for layer in _keras.flat_layers(model, include_self=False):
        if is_a(layer, {"InputLayer"}):
            continue
        path = name = (layer.path or layer.name).removeprefix(f"{model.name}/")
        while name in names:
            name = f"{path}#{len(names)}"
        names[name] = layer
    return names


def _matching(names, patterns):
    patterns = [patterns] if isinstance(patterns, str) else list(patterns)
    found: dict[str, Any] = {}
    for pattern in patterns:
        matching = {name: layer for name, layer in names.items() if _fits(name, layer, pattern)}
        if not matching:
            raise ValueError(
                f"`layers`: expected names of layers; received {pattern!r}, which matches none; "
                f"there are {listed(names)}"
            )
        found |= matching
    return [layer for name, layer in names.items() if name in found]


def _fits(name, layer, pattern):
    return fnmatch.fnmatchcase(name, pattern) or fnmatch.fnmatchcase(layer.name, pattern)


def _pooled(calls, i, position):
    """`(batch, neurons)` float32 of a call: averaged over all axes but those of the neurons."""
    import keras

    call = calls[i]
    value = keras.tree.flatten(call.output if call.before is None else call.before)[0]
    shape = tuple(getattr(value, "shape", ()))
    if not keras.ops.is_tensor(value) or len(shape) < 2:
        raise ValueError(
            f"`layers`: expected outputs of shape (batch, ..., neurons); received {shape} from "
            f"{call.layer.name}; leave it out"
        )
    at_position = len(shape) == 3 and position is not None
    if at_position and not -shape[1] <= position < shape[1]:
        raise ValueError(
            f"`position`: expected one of {shape[1]}; received {position}, which the output of "
            f"{call.layer.name} does not have"
        )
    neurons = 1 if _are_channels_first(calls[: i + 1]) else len(shape) - 1
    axes = [axis for axis in range(1, len(shape)) if axis != neurons]
    try:
        value = keras.ops.cast(value, "float32")
        if at_position:
            return value[:, position]
        return keras.ops.mean(value, axis=axes) if axes else value
    except Exception as error:  # each backend has its own for a tensor of a graph that is done
        raise ValueError(
            f"`layers`: expected outputs that hold numbers; received a symbolic one from "
            f"{call.layer.name}; leave out what is called in a compiled function or a loop"
        ) from error


def _are_channels_first(calls):
    """Whether the last call's output has its channels first; an activation's are as before it."""
    import keras

    for call in reversed(calls):
        if hasattr(call.layer, "data_format"):
            return call.layer.data_format == "channels_first"
        if not is_a(call.layer, ACTIVATIONS):
            return False
    return keras.config.image_data_format() == "channels_first"


def _labels(layers, names):
    """What to call the layers: each call by another name."""
    name_of = {id(layer): name for name, layer in names.items()}
    if not layers:
        raise ValueError(
            "expected a model with hidden layers; received one without, or none that can be seen; "
            f"choose by `layers` of {listed(names) or 'those that there are'}"
        )
    return told_apart((name_of[id(layer)] for layer in layers), "{} (call {})")


def _drawn(labels, sizes, neurons, seed):
    """Which neurons to keep: for each layer of which there are any its place, label and indices."""
    chosen = np.arange(sum(sizes))
    if neurons is not None and neurons < len(chosen):
        chosen = np.sort(np.random.default_rng(seed).permutation(chosen)[:neurons])
    starts = np.cumsum([0, *sizes])
    places = [chosen[(chosen >= a) & (chosen < b)] - a for a, b in itertools.pairwise(starts)]
    return [(i, labels[i], at) for i, at in enumerate(places) if len(at)]


def _does_not_fit(inputs, model, error):
    """What to say where a model will not run on inputs."""
    import keras

    shapes = keras.tree.map_structure(lambda array: tuple(array.shape), inputs)
    expected = getattr(model, "input_shape", None)
    of_shape = "" if expected is None else f" of shape {expected},"
    return ValueError(
        f"`x`: expected examples{of_shape} as the model takes them; received {shapes}; pass "
        f"examples, no labels, prepared as for training ({inference.reason(error)})"
    )


def _check_finite(found):
    wrong = ~np.isfinite(found.values)
    if wrong.any():
        example, neuron = np.argwhere(wrong)[0]
        raise NotFiniteError(
            f"expected finite activations; received {found.values[example, neuron]} in layer "
            f"{found.layers[neuron]}, neuron {found.neurons[neuron]}, example {example}; look "
            "for where the examples or the model go wrong"
        )
