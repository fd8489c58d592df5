"""A model's outputs -> what it predicts: classes, labels or numbers.

Which of these an output is, the loss that the model was compiled with tells, or else the activation
of its last layer, or else the user.
"""

import keras
import numpy as np
from keras import ops

from keras_benford._messages import listed
from keras_benford.predictions import KINDS, Predictions

_KIND_OF_LOSS = {
    **dict.fromkeys(
        (
            "sparse_categorical_crossentropy",
            "categorical_crossentropy",
            "categorical_focal_crossentropy",
            "categorical_generalized_cross_entropy",
            "categorical_hinge",
            "kl_divergence",
        ),
        "classes",
    ),
    **dict.fromkeys(
        ("binary_crossentropy", "binary_focal_crossentropy", "hinge", "squared_hinge"), "labels"
    ),
    **dict.fromkeys(
        (
            "mean_squared_error",
            "mean_absolute_error",
            "mean_absolute_percentage_error",
            "mean_squared_logarithmic_error",
            "huber",
            "log_cosh",
            "poisson",
            "cosine_similarity",
        ),
        "numbers",
    ),
}
_KIND_OF_ACTIVATION = {"softmax": "classes", "log_softmax": "classes", "sigmoid": "labels"}


class Heads:
    """What one or all outputs of a model predict.

    Called on outputs, it gives a list of tensors, to be made part of a program: for each output
    its predictions, and which examples have finite ones. `predictions` makes sense of the arrays.

    Args:
        model: the model.
        output: the name of an output, `"mean"` for all of them, or None where there is but one.
        task: of `predictions.KINDS`, or None to find out.
    """

    def __init__(self, model, output=None, task=None):
        self._model = model
        self._output = output
        self._task = task
        self._kinds = []
        self.error = None

    def __call__(self, outputs):
        # An error inside of a graph would come out with pages of traced code.
        try:
            chosen = self._chosen(outputs)
            heads = [self._head(name, output) for name, output in chosen.items()]
        except (TypeError, ValueError) as error:
            self.error = error
            return []
        self._kinds = [kind for kind, _, _ in heads]
        return [tensor for _, *tensors in heads for tensor in tensors]

    @property
    def kinds(self):
        """What each output that was seen predicts."""
        return [kind for kind, _ in self._kinds]

    def predictions(self, arrays):
        """`Predictions` of each output, from the arrays of all examples; None if not finite."""
        found = []
        for (kind, n_classes), values, finite in zip(
            self._kinds, arrays[::2], arrays[1::2], strict=True
        ):
            if not finite.all():
                return None
            if kind == "classes":
                values = values.astype(np.min_scalar_type(n_classes - 1))
            found.append(Predictions(kind, values, n_classes))
        return found

    def _chosen(self, outputs):
        named = _by_name(self._model, outputs)
        if self._output in named:
            return {self._output: named[self._output]}
        if self._output == "mean" or (self._output is None and len(named) == 1):
            return named
        raise ValueError(
            f"`output`: expected one of the model's outputs, {listed(named)}; received "
            f"{self._output!r}; pass a name, or output='mean' for the mean churn of all."
            if len(named) > 1
            else f"`output`: expected the name of an output; received {self._output!r}; the model "
            f"has but one, {', '.join(named)}; leave it out."
        )

    def _head(self, name, output):
        if not ops.is_tensor(output) or "float" not in keras.backend.standardize_dtype(
            output.dtype
        ):
            kind = getattr(output, "dtype", type(output).__name__)
            raise TypeError(
                f"the model's output {name}: expected floating-point scores of classes or labels, "
                f"or numbers; received {kind}; have the model give what its loss takes."
            )
        loss = _loss_of(self._model, name, list(_by_name(self._model, None) or [name]))
        kind = self._task or _kind_of(self._model, name, loss)
        shape = tuple(output.shape)
        if kind == "classes":
            if len(shape) < 2 or shape[-1] == 1:
                raise ValueError(
                    f"the model's output {name}: expected scores of two classes or more, shape "
                    f"(batch, ..., n_classes); received {shape}; pass task='labels' for one "
                    "score of yes or no, or task='numbers'."
                )
            axis = getattr(loss, "axis", -1)
            predicted = ops.argmax(output, axis=axis)
            finite = ops.logical_not(ops.isnan(output))
            return (kind, shape[axis]), predicted, _all(finite)
        if kind == "labels":
            signed = getattr(loss, "from_logits", False) or "hinge" in _name_of(loss)
            predicted = output > (0.0 if signed else 0.5)
            predicted = ops.expand_dims(predicted, -1) if len(shape) == 1 else predicted
            return (kind, 2), predicted, _all(ops.logical_not(ops.isnan(output)))
        # Where mixed precision gives numbers of 16 bits, NumPy may not know them.
        return (kind, 0), ops.cast(output, "float32"), _all(ops.isfinite(output))


def check_task(task):
    """Raise a ValueError where a task is none of those that there are."""
    if task is not None and task not in KINDS:
        raise ValueError(
            f"`task`: expected {', '.join(map(repr, KINDS))} or None; received {task!r}"
        )


def _all(flags):
    """`(batch,)`: whether all flags of an example are true."""
    return ops.all(ops.reshape(flags, (ops.shape(flags)[0], -1)), axis=1)


def _by_name(model, outputs):
    """The outputs by name; without outputs, the names that the model itself knows."""
    names = list(getattr(model, "output_names", None) or [])
    if outputs is None:
        return dict.fromkeys(names)
    if isinstance(outputs, dict):
        return dict(outputs)
    if isinstance(outputs, (list, tuple)):
        if len(names) != len(outputs):
            names = [str(i) for i in range(len(outputs))]
        return dict(zip(names, outputs, strict=True))
    return {names[0] if len(names) == 1 else "output": outputs}


def _loss_of(model, name, names):
    """What the model was compiled with for an output: a loss, a function, or None."""
    loss = getattr(model, "loss", None)
    if isinstance(loss, dict):
        loss = loss.get(name)
    elif isinstance(loss, (list, tuple)):
        loss = loss[names.index(name)] if name in names and len(loss) == len(names) else None
    return keras.losses.get(loss) if isinstance(loss, str) else loss


def _name_of(loss):
    function = getattr(loss, "fn", loss)
    return getattr(function, "__name__", type(function).__name__)


def _kind_of(model, name, loss):
    kind = _KIND_OF_LOSS.get(_name_of(loss))
    if kind is None:
        last = getattr(model, "layers", None) or [None]
        activation = getattr(last[-1], "activation", None)
        kind = _KIND_OF_ACTIVATION.get(getattr(activation, "__name__", ""))
    if kind is None:
        raise ValueError(
            f"`task`: expected a loss that tells what the output {name} predicts; received "
            f"{'none' if loss is None else _name_of(loss)}; pass task='classes', 'labels' (yes "
            "or no, each by itself) or 'numbers'."
        )
    return kind
