"""Nearest neighbours of neurons by a program in `keras.ops`: for a GPU, and where numba is missing.

Each example is compared with all others: by turning the examples round, step by step, against
themselves, which keeps every operation elementwise, so that the compiler fuses them. Distances are
float64, as in the plain definition, and so are the comparisons; nothing is approximate.
"""

import functools

import numpy as np
from keras import ops

from keras_benford import _backends

# Steps in one pass over the arrays, times arrays that are kept: what the compiler has between steps
# stays in registers.
_UNROLLED = 24
# Values of a pass: what a CPU's cache holds of the few arrays; many more keep a GPU busy.
_VALUES_ON_CPU, _VALUES_ON_GPU = 1 << 18, 1 << 24


def sum_of_psi(columns, pairs, k, psi, advance):
    """How many examples are closer in each neuron than the k-th neighbour is in the plane of two.

    Args:
        columns: `(n_neurons, n_samples)` float64.
        pairs: `(n, 2)` integers, indices of neurons.
        k: which neighbour.
        psi: `(n_samples,)` float64, the digamma function of 1 to n_samples.
        advance: called with a number of pairs when they are done.

    Returns:
        `(n,)` float64: for each pair the means over the examples of `psi(count + 1)`, added.
    """
    n_samples = columns.shape[1]
    values = _VALUES_ON_GPU if _backends.has_gpu() else _VALUES_ON_CPU
    # A power of two for few pairs, so that there are not many programs.
    width = min(1 << (len(pairs) - 1).bit_length(), max(1, values // n_samples))
    program, found = _program(n_samples, k), []
    with _backends.with_64_bits():
        columns, psi = (ops.convert_to_tensor(values, "float64") for values in (columns, psi))
        for first in range(0, len(pairs), width):
            block = pairs[first : first + width]
            # As many as before, so that there is one program.
            indices = np.resize(block, (width, 2)).astype("int32")
            result = _backends.to_numpy(program([columns, ops.convert_to_tensor(indices), psi]))
            found.append(result[: len(block)])
            advance(len(block))
    return np.concatenate(found)


@functools.lru_cache(maxsize=16)
def _program(n_samples, k):
    return _backends.compiled(functools.partial(_sum_of_psi, n_samples=n_samples, k=k))


def _sum_of_psi(tensors, *, n_samples, k):
    columns, pairs, psi = tensors
    width = pairs.shape[0]
    both = [ops.take(columns, pairs[:, i], axis=0) for i in (0, 1)]
    # Twice, so that examples turned round by t are a slice from t on.
    twice = [ops.concatenate([values, values], axis=1) for values in both]

    def differences(t):
        turned = (ops.slice(values, (0, t), (width, n_samples)) for values in twice)
        return [ops.abs(values - other) for values, other in zip(both, turned, strict=True)]

    def insert(t, nearest):
        # Not `ops.maximum` and `ops.minimum`, which make 32 bits of 64 under PyTorch.
        first, second = differences(t)
        distance, kept = ops.where(first > second, first, second), []
        for other in nearest:
            closer = distance < other
            kept.append(ops.where(closer, distance, other))
            distance = ops.where(closer, other, distance)
        return kept

    endless = ops.full((width, n_samples), np.inf, dtype="float64")
    kth = _over_turns(insert, [endless] * k, n_samples)[-1]
    # Where the k-th neighbour lies upon the example, those at no distance are counted. Not the
    # smallest float: XLA takes what is below the smallest normal one as zero.
    tiny = ops.full((width, n_samples), np.finfo("float64").tiny, dtype="float64")
    radius = ops.where(kth > 0, kth, tiny)

    def count(t, counts):
        nearer = (ops.cast(difference < radius, "int32") for difference in differences(t))
        return [each + more for each, more in zip(counts, nearer, strict=True)]

    none = ops.zeros((width, n_samples), dtype="int32")
    counts = _over_turns(count, [none, none], n_samples)
    return sum(ops.sum(ops.take(psi, each, axis=0), axis=1) for each in counts) / n_samples


def _over_turns(step, state, n_samples):
    """What becomes of a state by `state = step(t, state)` for t from 1 to n_samples - 1."""
    unrolled = max(1, _UNROLLED // len(state))
    passes, rest = divmod(n_samples - 1, unrolled)

    def several(i, state):
        for t in range(unrolled):
            state = step(1 + i * unrolled + t, state)
        return state

    state = ops.fori_loop(0, passes, several, state)
    return ops.fori_loop(n_samples - rest, n_samples, step, state)
