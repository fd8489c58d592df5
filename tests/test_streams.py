"""Arrays in chunks: the tally of the whole array, and its moments, whatever counts them."""

import math
from concurrent.futures import ThreadPoolExecutor

import ml_dtypes
import numpy as np
import pytest

from keras_benford.digits import arrays, streams
from tests import oracle

DTYPES = ["float16", "bfloat16", "float32", "float64", ">f2", ">f4", ">f8", "float8_e4m3fn"]


def dtype_of(name):
    return np.dtype(getattr(ml_dtypes, name, name))


def chunks_of(array):
    return [array[i : i + streams.CHUNK] for i in range(0, array.size, streams.CHUNK)]


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(streams, "CHUNK", 4096)


@pytest.fixture(params=["NumPy", "numba"])
def compiled(request):
    if request.param == "numba":
        pytest.importorskip("numba", reason="needs numba")
    return request.param == "numba"


@pytest.fixture(params=[None, 1, 3], ids=["no pool", "1 thread", "3 threads"])
def pool(request):
    if request.param is None:
        yield None
        return
    with ThreadPoolExecutor(request.param) as pool:
        yield pool


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_figures_are_those_of_the_whole_array(dtype, compiled, pool):
    values = np.random.default_rng(0).normal(0.01, 0.3, 21_234).astype(dtype_of(dtype))
    summary = streams.summarise(chunks_of(values), pool=pool, compiled=compiled)
    assert summary.tally.tolist() == arrays.tally(arrays.as_floats(values)).tolist()
    exact = values.astype(np.float64)
    assert summary.mean == pytest.approx(exact.mean(), abs=1e-6 * exact.std())
    assert summary.std == pytest.approx(exact.std(), rel=1e-6)


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_the_digits_are_those_of_the_decimal_expansions(dtype, compiled):
    values = np.random.default_rng(1).normal(0, 3, 5000).astype(dtype_of(dtype))
    values[:4] = [np.nan, np.inf, -np.inf, 0]
    summary = streams.summarise(chunks_of(values), compiled=compiled)
    assert summary.tally.tolist() == oracle.tally(values).tolist()


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("dtype", ["bfloat16", "float32", "float64"])
def test_threads_and_numba_change_no_bit(dtype):
    values = np.random.default_rng(2).normal(0.2, 5, 30_000).astype(dtype_of(dtype))
    found = set()
    for compiled in (False, True):
        for threads in (1, 2, 5):
            with ThreadPoolExecutor(threads) as pool:
                summary = streams.summarise(chunks_of(values), pool=pool, compiled=compiled)
            found.add((summary.tally.tobytes(), summary.mean, summary.std))
    assert len(found) == 1


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_moments_are_those_of_the_finite_values(dtype, compiled):
    values = np.random.default_rng(3).normal(0, 1, 10_000).astype(dtype_of(dtype))
    values[::7] = np.nan
    values[1::11] = np.inf
    finite = values[np.isfinite(values)].astype(np.float64)
    summary = streams.summarise(chunks_of(values), compiled=compiled)
    assert summary.mean == pytest.approx(finite.mean(), abs=1e-6)
    assert summary.std == pytest.approx(finite.std(), rel=1e-6)


@pytest.mark.parametrize("scale", [1e-42, 1e-30, 1e-20, 1e15, 1e25, 3e37])
def test_squares_that_leave_the_range_of_float32_are_not_lost(scale):
    values = (np.random.default_rng(4).uniform(0.5, 1, 3000) * scale).astype(np.float32)
    exact = values.astype(np.float64)
    summary = streams.summarise([values])
    assert summary.mean == pytest.approx(exact.mean(), rel=1e-6)
    assert summary.std == pytest.approx(exact.std(), rel=1e-5)


@pytest.mark.parametrize("values", [[], [np.nan, np.inf]], ids=["empty", "not finite"])
def test_without_finite_values_there_are_no_moments(values):
    chunks = [np.array(values, np.float32)] if values else []
    summary = streams.summarise(chunks)
    assert summary.tally.sum() == len(values)
    assert math.isnan(summary.mean)
    assert math.isnan(summary.std)


def test_a_constant_array_has_no_deviation():
    summary = streams.summarise([np.full(5000, 0.25, np.float32)])
    assert (summary.mean, summary.std) == (0.25, 0.0)


def test_reading_does_not_run_far_ahead_of_counting():
    read = 0

    def chunks():
        nonlocal read
        for _ in range(50):
            read += 1
            yield np.ones(8, np.float32)

    with ThreadPoolExecutor(1) as pool:
        ahead = []
        for done, _ in enumerate(streams._mapped(pool, len, chunks())):
            ahead.append(read - done)
    assert max(ahead) <= 6
