"""Floats -> leading decimal digits and their counts, exactly.

The digit of a value is that of the number the float really holds: float32 0.01 is
0.00999999977..., digit 9. The sign is ignored. Zeros, infinities and NaN have no digit. Subnormals
of float32 and bfloat16 count as zeros, because hardware may flush them to zero before anyone can
look; those of float16 (which are ordinary float32 values) and of float64 have their digits.

Arrays stay in NumPy and load no framework; tensors stay in their backend, also inside a graph.
"""

from typing import Any

import numpy as np

from keras_benford.digits import arrays

__all__ = ["digit_counts", "leading_digits", "tally"]


def leading_digits(values: Any) -> Any:
    """The leading decimal digit of each value.

    Args:
        values: numbers of any shape: a NumPy array or a tensor of float16, bfloat16, float32,
            float64 or integers (uint64 in arrays only), or a (nested) list or an array of Python
            numbers, `Decimal` and `Fraction` too.

    Returns:
        Integers from 0 to 9 of the same shape: a uint8 array for arrays and lists, an integer
        tensor for tensors. 0 where there is no digit: zeros, infinities, NaN, and the subnormals of
        float32 and bfloat16.

    Raises:
        TypeError: for values that are not real numbers, symbolic Keras tensors, and ragged or
            sparse tensors.
        ValueError: for ragged lists.

    Example:

    >>> leading_digits([0.00123, -45.6, 0.0, 7])
    array([1, 4, 0, 7], dtype=uint8)
    """
    if _is_tensor(values):
        from keras_benford.digits import tensors

        return tensors.leading_digits(values)
    return arrays.leading_digits(arrays.as_floats(values))


def digit_counts(values: Any) -> Any:
    """How many of the values lead with each of the digits 1 to 9.

    Counts add: those of two arrays are those of the two together.

    Args:
        values: as for `leading_digits`.

    Returns:
        `(9,)` int64, index `d - 1`: an array for arrays and lists, a tensor for tensors. All zero
        where no value has a digit.

    Raises:
        TypeError, ValueError: as `leading_digits`.

    Example:

    >>> digit_counts([0.00123, -45.6, 0.0, 7, 1e6])
    array([2, 0, 0, 1, 0, 0, 1, 0, 0])
    """
    return tally(values)[:9]


def tally(values: Any) -> Any:
    """The digit counts, and what has no digit: zeros, and values that are not finite.

    Args:
        values: as for `leading_digits`.

    Returns:
        `(11,)` int64: the counts of the digits 1 to 9, of zeros (with the subnormals that count as
        such), and of infinities and NaN together. They sum to the number of values. An array for
        arrays and lists, a tensor for tensors.

    Raises:
        TypeError, ValueError: as `leading_digits`.

    Example:

    >>> tally([0.00123, -45.6, 0.0, 7, float("nan")])
    array([1, 0, 0, 1, 0, 0, 1, 0, 0, 1, 1])
    """
    if _is_tensor(values):
        from keras_benford.digits import tensors

        return tensors.tally(values)
    return arrays.tally(arrays.as_floats(values))


def _is_tensor(values):
    # Told by the class's module, so that nobody's array imports a framework.
    if isinstance(values, (list, tuple, np.ndarray)):
        return False
    roots = {kind.__module__.partition(".")[0] for kind in type(values).__mro__}
    if "keras" in roots:
        return True
    if roots.isdisjoint({"tensorflow", "jax", "jaxlib", "torch"}):
        return False
    # Those of another framework than the one that Keras runs on are arrays.
    from keras import ops

    return ops.is_tensor(values)
