"""A model, in memory or in a file, to its score: MLH and digit counts, weight by weight and pooled.

A file is read as data, in chunks: no framework is loaded for it and nothing in it is run.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from keras_benford import weights as stored
from keras_benford.digits import streams
from keras_benford.digits.arrays import available_cores
from keras_benford.scoring.comparison import Comparison, compare
from keras_benford.scoring.results import LayerScore, Score
from keras_benford.selection import Patterns, Weight, select, select_stored

__all__ = ["Comparison", "LayerScore", "Score", "compare", "count", "score", "score_file"]


def score(
    model: Any,
    *,
    include: Patterns = None,
    exclude: Patterns = None,
    threads: int | None = None,
) -> Score:
    """Score how closely a model's weights follow Benford's law, weight by weight and pooled.

    The weights of a model in memory are counted by one compiled call, on the device where they are,
    those in a file in chunks, by numba where that is installed.

    Args:
        model: a built `keras.Model` or `keras.Layer`, or the path of a saved model, see
            `keras_benford.iter_weights` for the formats.
        include: a glob pattern on weight paths (`"conv*/kernel"`), or a list of them: count
            exactly the weights that match, whatever their role. By default the random-initialised
            ones count, see `keras_benford.selection`. The model's own name at the start of a path
            may be left out.
        exclude: a glob pattern, or a list of them: leave out the weights that match.
        threads: how many count the values of a file; by default one a core.

    Returns:
        A `Score`. Zeros, infinities and NaN have no digit: they are counted apart, and MLH is that
        of the other values.

    Raises:
        TypeError: if `model` is neither a Keras model or layer nor a path.
        ValueError: if the model is not built, a pattern matches nothing, or no weight counts; if a
            file is damaged, no model, or holds what could do harm.
        OSError: if a file cannot be read.
        ImportError: if a file's format takes a package that is not installed.
    """
    if isinstance(model, (str, os.PathLike)):
        return score_file(model, include=include, exclude=exclude, threads=threads)
    selection = select(model, include=include, exclude=exclude)
    tallies = count(selection.counted)
    moments = [_moments(weight.value()) for weight in selection.counted]
    return _score(model.name, selection, tallies, moments)


def count(weights: Sequence[Weight]) -> np.ndarray:
    """Tally a model's `keras_benford.selection.Weight`s in one compiled call.

    Returns:
        `(n_weights, 11)` int64, see `keras_benford.digits.tally`.
    """
    from keras import ops

    from keras_benford.digits import tensors

    return np.asarray(ops.convert_to_numpy(tensors.tally_each([w.value() for w in weights])))


def score_file(
    path: str | os.PathLike,
    *,
    include: Patterns = None,
    exclude: Patterns = None,
    threads: int | None = None,
    advance: Callable[[int, int], None] | None = None,
    compiled: bool | None = None,
) -> Score:
    """`score` of a saved model.

    Args:
        path, include, exclude, threads: as for `score`.
        advance: told how many values were read since it was last called, and of how many in all.
        compiled: whether to count by numba where it is installed; by default if the file is so
            large that loading numba pays.
    """
    model = stored.open_model(path)
    try:
        selection = select_stored(model.arrays, model.name, include=include, exclude=exclude)
        n_values = sum(math.prod(weight.shape) for weight in selection.counted)
        if compiled is None:
            compiled = n_values >= streams.PAYS_FOR_NUMBA
        threads = threads or available_cores()
        with ThreadPoolExecutor(threads) as pool:
            summaries = [
                streams.summarise(
                    _watched(weight.value(), advance, n_values),
                    pool=pool if threads > 1 else None,
                    compiled=compiled,
                )
                for weight in selection.counted
            ]
    except ValueError as error:
        text = str(error).removeprefix("`model`: ").removeprefix(f"{model.path}: ")
        raise ValueError(f"{model.path}: {text}") from None
    tallies = np.array([summary.tally for summary in summaries])
    moments = [(summary.mean, summary.std) for summary in summaries]
    return _score(model.name, selection, tallies, moments, model.format)


def _watched(chunks, advance, n_values):
    for chunk in chunks:
        yield chunk
        if advance is not None:
            advance(chunk.size, n_values)


def _score(name, selection, tallies, moments, kind=None):
    layers = tuple(
        LayerScore(
            **_split(tally),
            path=weight.path,
            shape=weight.shape,
            dtype=weight.dtype,
            guessed=weight.guessed,
            **_rounded(*mean_and_std),
        )
        for weight, tally, mean_and_std in zip(selection.counted, tallies, moments, strict=True)
    )
    return Score(
        **_split(tallies.sum(axis=0)),
        name=name,
        layers=layers,
        skipped=selection.skipped,
        format=kind,
    )


def _split(tally):
    return {
        "counts": tally[:9],
        "size": int(tally.sum()),
        "zeros": int(tally[9]),
        "nonfinite": int(tally[10]),
    }


def _moments(tensor):
    """Mean and standard deviation of a tensor's finite values, computed where it is."""
    from keras import backend, ops

    wide = backend.standardize_dtype(tensor.dtype) == "float64"
    values = ops.cast(tensor, "float64" if wide else "float32")
    finite = ops.isfinite(values)
    n = ops.sum(ops.cast(finite, values.dtype))
    mean = ops.sum(ops.where(finite, values, 0)) / n
    deviations = ops.where(finite, values - mean, 0)
    return float(mean), float(ops.sqrt(ops.sum(deviations**2) / n))


def _rounded(mean, std):
    """To what is sure in any order of summation, so that the same weights have the same figures."""
    if not (math.isfinite(mean) and math.isfinite(std) and std > 0):
        return {"mean": mean, "std": std}
    std = float(f"{std:.6g}")
    return {"mean": round(mean, 6 - math.floor(math.log10(std))) + 0.0, "std": std}
