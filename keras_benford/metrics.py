"""Keras metrics: MLH of the values they are fed, and MLH of a model's weights.

A metric here is counters and a call; the arithmetic is in `digits` and `statistics`.
"""

import warnings
import weakref
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
from keras import backend, ops

from keras_benford import _backends, _keras, digits, statistics
from keras_benford._keras import in_stateless_scope
from keras_benford.digits import tensors
from keras_benford.selection import NothingCountsError, Patterns, select

# JAX has no integers of more than 32 bits unless told to. So a counter is two of them: these many
# bits of the count, and the bits above. Seven more bits are room for the sum over 127 replicas.
_LOW_BITS = 24


@keras.saving.register_keras_serializable(package="keras_benford")
class MLH(keras.metrics.Metric):
    """MLH of all values seen: their leading digits' correlation with Benford's law.

    The state is nine counters, exact for up to 2^55 values.

    Args:
        name: the metric's name.
        dtype: dtype of the result; the counters are integers.

    Result: a scalar in [-1, 1]; NaN before any value with a digit, and when all counts are equal.

    Example:

    >>> metric = MLH()
    >>> metric.update_state([0.1, 0.2, -17.0, 0.0])
    >>> metric.update_state([1.5, 3.0])
    >>> round(float(metric.result()), 4)
    0.9703
    """

    def __init__(self, name: str = "mlh", dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self._counters = self.add_variable(
            (2, 9), initializer="zeros", dtype="int32", name="counters"
        )
        self._direction = "up"

    @property
    def counts(self) -> np.ndarray:
        """`(9,)` int64 array: how many of the values seen lead with the digits 1 to 9."""
        low, high = _backends.to_numpy(self._counters).astype(np.int64)
        return low + (high << _LOW_BITS)

    def update_state(self, values: Any) -> None:
        """Count the leading digits of `values`, numbers of any shape; zeros and NaN have none."""
        counts = ops.convert_to_tensor(digits.digit_counts(values))
        high = ops.right_shift(counts, _LOW_BITS)
        low = counts - ops.left_shift(high, _LOW_BITS)
        self._add(ops.cast(ops.stack([low, high]), "int32"))

    def merge_state(self, metrics: Iterable["MLH"]) -> None:
        """Add the counts of other `MLH` metrics, such as those of other shards of the data."""
        for metric in metrics:
            self._add(ops.convert_to_tensor(metric._counters))

    def _add(self, counters):
        low, high = ops.unstack(self._counters + counters, 2)
        carry = ops.right_shift(low, _LOW_BITS)
        self._counters.assign(ops.stack([low - ops.left_shift(carry, _LOW_BITS), high + carry]))

    def result(self) -> Any:
        # MLH knows no origin. As their differences from the nines, counts survive the rounding to
        # floats.
        low, high = ops.unstack(ops.convert_to_tensor(self._counters), 2)
        low, high = ops.cast(low - low[8], "float32"), ops.cast(high - high[8], "float32")
        return ops.cast(statistics.mlh(low + high * float(1 << _LOW_BITS)), self.dtype)


@keras.saving.register_keras_serializable(package="keras_benford")
class WeightsMLH(keras.metrics.Metric):
    """MLH of a model's weights, for `compile(metrics=[...])`.

    It ignores labels and predictions and reports the weights as they are: in the progress bar, in
    `History`, to every callback in any order.

        model.compile("adam", "mse", metrics=[keras_benford.WeightsMLH(model)])

    To load a saved model with it, import Keras before this package, or this class: only then does
    Keras know the class, and not say that it "could not locate" it.

    A loaded model comes without the binding between metric and model, because a metric does
    not save its model. Until `bind(model)` is called, or one of this package's callbacks does so,
    the metric is NaN and warns once. Frozen weights do not count, as training never changes them,
    unless `include` names them. Where no weight counts, since all are frozen or quantised, it is
    NaN and warns once, too.

    Args:
        model: the model whose weights to count, built or not yet; None to bind it later.
        include: glob pattern(s) on weight paths, as for `keras_benford.score`.
        exclude: likewise.
        name: the metric's name, and so its key in the logs.
        dtype: dtype of the result.

    Result: a scalar in [-1, 1]; NaN while unbound, where MLH is undefined, and as soon as any
    counted weight holds an infinity or NaN, so that broken weights never look good.
    """

    def __init__(
        self,
        model: Any = None,
        *,
        include: Patterns = None,
        exclude: Patterns = None,
        name: str = "mlh",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self.include = include
        self.exclude = exclude
        self._direction = "up"
        self._warned = False
        self._model: weakref.ref[Any] | None = None
        self._at_reset = None
        if backend.backend() == "jax":
            self._at_reset = self.add_variable((), initializer="zeros", name="at_reset")
        if model is not None:
            self.bind(model)

    @property
    def model(self) -> Any:
        """The bound model, or None."""
        return self._model and self._model()

    def bind(self, model: Any) -> None:
        """Count the weights of `model` from now on."""
        _keras.check_is_no_tf_keras(model)
        if not isinstance(model, keras.Layer):
            raise TypeError(
                f"`model`: expected a Keras model; received {type(model).__name__}; "
                "pass the model itself, as in WeightsMLH(model)."
            )
        # Held weakly: the model holds its metrics, and saving it must not walk in circles.
        self._model = weakref.ref(model)
        # A step traced before has the unbound NaN in it.
        if getattr(model, "train_function", None) is not None:
            model.make_train_function(force=True)
        if getattr(model, "test_function", None) is not None:
            model.make_test_function(force=True)

    def update_state(
        self, y_true: Any = None, y_pred: Any = None, sample_weight: Any = None
    ) -> None:
        """Do nothing: the weights are read when the result is asked for."""

    def reset_state(self) -> None:
        if self._at_reset is not None and not in_stateless_scope():
            is_built = self.model is not None and self.model.built
            self._at_reset.assign(self._of_weights() if is_built else float("nan"))

    def result(self) -> Any:
        if self.model is None:
            # JAX asks inside a step as well, and before the callbacks that may bind it.
            if not in_stateless_scope():
                self._warn_once(
                    "expected a bound model; received none, as after loading one from a file; "
                    "call `metric.bind(model)`, or fit with a callback of keras_benford"
                )
            return ops.cast(float("nan"), self.dtype)
        if self._at_reset is not None and in_stateless_scope():
            return ops.cast(self._at_reset, self.dtype)
        return self._of_weights()

    def _of_weights(self):
        # Anew each time, which in a graph is once: layers may be added, quantised, adapted.
        which = {"include": self.include, "exclude": self.exclude}
        try:
            selection = select(self.model, **which, trainable=True)
        except NothingCountsError as error:
            self._warn_once(str(error).removeprefix("`model`: ").removesuffix("."))
            return ops.cast(float("nan"), self.dtype)
        with _backends.with_64_bits():
            value = _mlh_of([weight.value() for weight in selection.counted], self.model)
            return ops.cast(value, self.dtype)

    def _warn_once(self, why):
        if not self._warned:
            self._warned = True
            warnings.warn(f"Metric {self.name!r} (WeightsMLH) reports NaN: {why}.", stacklevel=3)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "include": self.include, "exclude": self.exclude}


@_backends.outside_graphs
def _mlh_of(values, model):
    """MLH of a model's weights, a number or a tensor; NaN where one of them is not finite."""
    tallies = tensors.tally_where_they_lie(values, model)
    xp = np if isinstance(tallies, np.ndarray) else ops
    tally = xp.sum(tallies, axis=0)
    # Of broken weights no digit counts, and MLH without digits is NaN.
    return statistics.mlh(xp.where(tally[10] == 0, tally[:9], 0))
