"""Training inputs -> inputs that are not trained on: stand-ins for unseen ones, without labels."""

import numpy as np

N = 2000
"""How many of each there are; twice as many mixtures."""
_LOW, _HIGH = 0.3, 0.7
_SWAPPED, _NOISE, _PIXELS = 0.3, 0.5, 2


def of(x, shape, seed, noise=(), n=N):
    """The stand-ins that inputs of this kind can have, by name.

    Args:
        x: `(n_training, ...)` training inputs.
        shape: the `networks.Shape` of the task.
        seed: draws them.
        noise: other amounts of noise to try, in standard deviations of each feature; of symbols,
            other shares that are taken from another input.
        n: how many of each; twice as many mixtures.

    Returns:
        A dict: `mixed`, convex mixtures of two (as `ChurnEarlyStopping` makes them); `swapped`,
        with three in ten of the features, steps or patches taken from another; `noisy`, with
        Gaussian noise of half a standard deviation, `noisy_…` with another amount; `shifted`,
        pictures moved by up to two pixels; `dropped`, with the symbol 0 in place of three in ten.
    """
    rng = np.random.default_rng([seed, 7])
    first = rng.integers(len(x), size=2 * n)
    second = (first + rng.integers(1, len(x), size=2 * n)) % len(x)
    share = rng.uniform(_LOW, _HIGH, 2 * n).astype("float32").reshape(-1, *[1] * (x.ndim - 1))
    mixed = share * x[first] + (1 - share) * x[second]
    first, second = first[:n], second[:n]
    found = {"swapped": _swapped(x[first], x[second], rng)}
    if shape.n_symbols:
        found |= {f"swapped_{s:g}": _swapped(x[first], x[second], rng, s) for s in noise}
        dropped = rng.random(x[first].shape) < _SWAPPED
        return found | {"dropped": np.where(dropped, 0, x[first]).astype(x.dtype)}
    found["mixed"] = mixed
    drawn = x.std(axis=0) * rng.standard_normal(x[first].shape).astype("float32")
    amounts = {"noisy": _NOISE} | {f"noisy_{amount:g}": amount for amount in noise}
    found |= {name: x[first] + np.float32(amount) * drawn for name, amount in amounts.items()}
    if x.ndim == 4:
        found["shifted"] = _shifted(x[first], rng)
    return found


def _swapped(x, other, rng, share=_SWAPPED):
    """Of pictures, whole squares of a quarter of a side; of sequences, whole steps."""
    if x.ndim == 4:
        cell = max(1, x.shape[1] // 4)
        coarse = rng.random((len(x), -(-x.shape[1] // cell), -(-x.shape[2] // cell))) < share
        mask = coarse.repeat(cell, axis=1).repeat(cell, axis=2)[:, : x.shape[1], : x.shape[2], None]
    else:
        mask = rng.random(x.shape[:2]) < share
        mask = mask.reshape(*mask.shape, *[1] * (x.ndim - 2))
    return np.where(mask, other, x)


def _shifted(x, rng):
    padded = np.pad(x, ((0, 0), (_PIXELS, _PIXELS), (_PIXELS, _PIXELS), (0, 0)), mode="edge")
    found = np.empty_like(x)
    for i, (down, right) in enumerate(rng.integers(2 * _PIXELS + 1, size=(len(x), 2))):
        found[i] = padded[i, down : down + x.shape[1], right : right + x.shape[2]]
    return found
