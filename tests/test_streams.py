"""Arrays in chunks: the tally of the whole array, and its moments, whatever counts them."""

import math
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest

from keras_benford.digits import arrays, moments, streams
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


@pytest.mark.slow
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


def exact_moments(values):
    """Mean and deviation of the finite values in fractions, of which only the last is rounded."""
    exact = [Fraction(float(value)) for value in values if np.isfinite(value)]
    mean = sum(exact) / len(exact)
    return float(mean), math.sqrt(sum((value - mean) ** 2 for value in exact) / len(exact))


RANDOM = np.random.default_rng(5)
HARD = {
    "far from zero": 1e8 + RANDOM.choice([-8.0, 0.0, 8.0], 3001),
    "one far away at first": np.concatenate([[1e8], RANDOM.normal(size=3000)]),
    "one far away at last": np.concatenate([RANDOM.normal(size=3000), [1e8]]),
    "all equal but one": np.concatenate([np.full(3000, 0.1), [0.101]]),
    "subnormal": RANDOM.uniform(-1e-40, 1e-40, 3001),
    "hardly any finite": np.concatenate([np.full(3000, np.nan), [np.inf, 0.25, -0.5, -np.inf]]),
    "infinite at first": np.concatenate([[np.inf], RANDOM.normal(3, 1, 3000)]),
    "of many sizes": RANDOM.normal(size=3001) * 10.0 ** RANDOM.integers(-30, 30, 3001),
}


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64", ">f4"])
@pytest.mark.parametrize("values", HARD.values(), ids=HARD)
@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_moments_are_exact_where_sums_of_squares_would_cancel(values, dtype, compiled, monkeypatch):
    monkeypatch.setattr(streams, "CHUNK", 1024)
    monkeypatch.setattr(streams, "_PAYS_FOR_PATTERNS", 1024)
    values = values.astype(dtype_of(dtype))
    if not np.isfinite(values).any():
        pytest.skip("float16 holds none of them")
    mean, std = exact_moments(values)
    for order in (values, values[::-1].copy()):
        summary = streams.summarise(chunks_of(order), compiled=compiled)
        assert summary.std == pytest.approx(std, rel=1e-9, abs=0)
        assert summary.mean == pytest.approx(mean, rel=1e-14, abs=1e-9 * std)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_equal_values_have_no_deviation_at_all(dtype, compiled):
    values = np.full(3 * moments.BLOCK + 5, 0.1).astype(dtype_of(dtype))
    summary = streams.summarise([values], compiled=compiled)
    assert (summary.mean, summary.std) == (float(values[0]), 0.0)


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


def test_arrays_of_any_length_keep_their_order(compiled, pool):
    lengths = [0, 3, 300_000, 0, 0, 5, 70_000, 0]
    values = [np.full(length, 1.0 + i, np.float32) for i, length in enumerate(lengths)]
    found = streams.summarise_each(map(chunks_of, values), pool=pool, compiled=compiled)
    assert [int(summary.tally.sum()) for summary in found] == lengths
    assert [summary.mean for summary in found if summary.tally.any()] == [2.0, 3.0, 6.0, 7.0]


def test_reading_does_not_run_far_ahead_of_counting(monkeypatch):
    read, ahead = 0, []

    def chunks(n):
        nonlocal read
        for _ in range(n):
            read += 1
            yield np.ones(1 << 16, np.float32)

    counted = streams._Sums.add

    def add(*args):
        ahead.append(read - len(ahead))
        counted(*args)

    monkeypatch.setattr(streams._Sums, "add", add)
    with ThreadPoolExecutor(1) as pool:
        streams.summarise_each([chunks(30), chunks(0), chunks(20)], pool=pool)
    assert len(ahead) == 50
    assert max(ahead) <= 6
