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
from keras_benford._machine import available_cores
from keras_benford._messages import printable
from keras_benford.digits import streams
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

    The values of a file, and of a model in the host's memory, are counted in chunks, by numba where
    that is installed and pays; those of a model on an accelerator by one compiled call there.

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
    return _score(model.name, selection, _summaries_of_tensors(model, selection.counted, threads))


def count(weights: Sequence[Weight], model: Any = None) -> np.ndarray:
    """Tally a model's weights: in the host's memory as arrays, else by one compiled call.

    Args:
        weights: a model's `keras_benford.selection.Weight`s.
        model: the model, as long as which the compiled program is kept.

    Returns:
        `(n_weights, 11)` int64, see `keras_benford.digits.tally`.
    """
    from keras_benford import _backends
    from keras_benford.digits import tensors

    values = [weight.value() for weight in weights]
    return _backends.to_numpy(tensors.tally_where_they_lie(values, model))


def score_file(
    path: str | os.PathLike[str],
    *,
    include: Patterns = None,
    exclude: Patterns = None,
    threads: int | None = None,
    track: Callable[[int], Callable[[int], None]] | None = None,
    compiled: bool | None = None,
) -> Score:
    """`score` of a saved model.

    Args:
        path, include, exclude, threads: as for `score`.
        track: told how many values are to be read, gives a function that is told of those read.
        compiled: whether to count by numba where it is installed; by default if the file is so
            large that loading numba pays.
    """
    model = stored.open_model(path)
    try:
        selection = select_stored(model.arrays, model.name, include=include, exclude=exclude)
        n_values = sum(math.prod(weight.shape) for weight in selection.counted)
        advance = track(n_values) if track is not None else lambda n_read: None
        chunks = [_watched(weight.value(), advance) for weight in selection.counted]
        summaries = _summaries(chunks, n_values, threads, compiled)
    except ValueError as error:
        text = str(error).removeprefix("`model`: ").removeprefix(f"{model.path}: ")
        raise ValueError(f"{printable(model.path)}: {text}") from None
    return _score(model.name, selection, summaries, model.format)


def _summaries(chunks, n_values, threads, compiled=None):
    """A `streams.Summary` of each weight, whose values come in chunks."""
    if compiled is None:
        compiled = n_values >= streams.PAYS_FOR_NUMBA
    threads = threads or available_cores()
    with ThreadPoolExecutor(threads) as pool:
        used = pool if threads > 1 else None
        return streams.summarise_each(chunks, pool=used, compiled=compiled)


def _summaries_of_tensors(model, weights, threads):
    """A `streams.Summary` of each weight, computed on the device where it lies."""
    from keras_benford import _backends
    from keras_benford.digits import tensors

    in_memory, elsewhere = {}, {}
    for i, weight in enumerate(weights):
        tensor = weight.value()
        array = tensors.host_array(tensor)
        if array is None:
            elsewhere[i] = tensor
        else:
            in_memory[i] = array
    n_values = sum(array.size for array in in_memory.values())
    chunks = map(_chunks, in_memory.values())
    summaries = dict(zip(in_memory, _summaries(chunks, n_values, threads), strict=True))
    if elsewhere:
        tallies = _backends.to_numpy(tensors.tally_each(elsewhere.values(), model))
        moments = _backends.to_numpy(tensors.moments_each(elsewhere.values(), model))
        for i, tally, (mean, std) in zip(elsewhere, tallies, moments.tolist(), strict=True):
            summaries[i] = streams.Summary(tally, mean, std)
    return [summaries[i] for i in range(len(weights))]


def _chunks(array):
    flat = array.ravel()
    for at in range(0, flat.size, streams.CHUNK):
        yield flat[at : at + streams.CHUNK]


def _watched(chunks, advance):
    for chunk in chunks:
        yield chunk
        advance(chunk.size)


def _score(name, selection, summaries, kind=None):
    layers = tuple(
        LayerScore(
            **_split(summary.tally),
            path=weight.path,
            shape=weight.shape,
            dtype=weight.dtype,
            guessed=weight.guessed,
            frozen=weight.frozen,
            **_rounded(summary.mean, summary.std),
        )
        for weight, summary in zip(selection.counted, summaries, strict=True)
    )
    return Score(
        **_split(np.sum([summary.tally for summary in summaries], axis=0)),
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


def _rounded(mean, std):
    """To what is sure in any order of summation, so that the same weights have the same figures."""
    if not (math.isfinite(mean) and math.isfinite(std) and std > 0):
        return {"mean": mean, "std": std}
    std = float(f"{std:.6g}")
    return {"mean": round(mean, 6 - math.floor(math.log10(std))) + 0.0, "std": std}
