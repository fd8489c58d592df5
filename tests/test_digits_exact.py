"""Every digit is the exact one, in every format, by arrays, numba's loops and tensors alike."""

import ml_dtypes
import numpy as np
import pytest

from keras_benford.digits import arrays, digit_counts, leading_digits, tally
from keras_benford.digits.tensors import tally_each, tally_ops
from tests import oracle
from tests.backends import array, holding, tensor

pytestmark = pytest.mark.slow
MILLION = 1_000_000
FORMATS = [
    pytest.param(np.dtype(np.float32), id="float32"),
    pytest.param(np.dtype(np.float64), id="float64"),
]


def unsigned(dtype):
    return np.dtype(f"u{dtype.itemsize}")


def random_patterns(dtype, size, seed):
    rng = np.random.default_rng(seed)
    bits = np.frombuffer(rng.bytes(size * dtype.itemsize), dtype=unsigned(dtype))
    return bits.view(dtype)


def random_subnormals(dtype, size, seed):
    """Patterns of exponent zero with mantissas of all lengths."""
    rng = np.random.default_rng(seed)
    mantissa_bits = np.finfo(dtype).nmant
    bits = rng.integers(0, 1 << mantissa_bits, size, dtype=unsigned(dtype))
    return (bits >> rng.integers(0, mantissa_bits + 1, size, dtype=bits.dtype)).view(dtype)


def edges_and_neighbours(dtype):
    """Every digit edge of the format, three floats to each side, both signs."""
    edges, _ = oracle.digit_edges()
    with np.errstate(over="ignore", under="ignore"):
        edges = edges.astype(dtype)
    values = [edges]
    for direction in (0.0, np.inf):
        stepped = edges
        for _ in range(3):
            with np.errstate(over="ignore", under="ignore"):
                stepped = np.nextafter(stepped, dtype.type(direction))
            values.append(stepped)
    values = np.concatenate(values)
    return np.concatenate([values, -values])


def hard_cases(dtype):
    return np.concatenate(
        [
            edges_and_neighbours(dtype),
            random_subnormals(dtype, 50_000, seed=1),
            random_patterns(dtype, 50_000, seed=2),
            np.array([0.0, -0.0, np.inf, -np.inf, np.nan, -np.nan], dtype),
        ]
    )


HALVES = pytest.mark.parametrize(
    "dtype",
    [
        pytest.param(np.dtype(np.float16), id="float16"),
        pytest.param(np.dtype(ml_dtypes.bfloat16), id="bfloat16"),
    ],
)


@pytest.fixture(scope="module", params=FORMATS)
def many(request):
    """Ten million random bit patterns and their exact tally."""
    values = random_patterns(request.param, 10 * MILLION, seed=0)
    parts = np.split(values, 10)
    return values, sum(oracle.tally(part) for part in parts)


@pytest.mark.parametrize("dtype", FORMATS)
def test_the_fast_oracle_agrees_with_decimal_expansions(dtype):
    values = hard_cases(dtype)
    values = values[np.random.default_rng(3).permutation(values.size)[:20_000]]
    expected = np.array([oracle.decimal_digit(float(value)) for value in values])
    if dtype == np.float32:
        expected[np.abs(values) < np.finfo(np.float32).smallest_normal] = 0
    np.testing.assert_array_equal(oracle.leading_digits(values), expected)


@HALVES
def test_every_pattern_of_16_bits_has_its_exact_digit(dtype):
    values = np.arange(1 << 16, dtype=np.uint16).view(dtype)
    with np.errstate(invalid="ignore"):
        wide = values.astype(np.float64)
    expected = np.array([oracle.decimal_digit(value) for value in wide.tolist()])
    if dtype == ml_dtypes.bfloat16:
        expected[np.abs(wide) < oracle.SMALLEST_NORMAL_FLOAT32] = 0
    np.testing.assert_array_equal(leading_digits(values), expected)
    np.testing.assert_array_equal(tally(values), oracle.tally(values))
    halves = tensor(values)
    np.testing.assert_array_equal(array(leading_digits(halves)), expected)
    np.testing.assert_array_equal(array(tally_each([halves]))[0], oracle.tally(values))


@HALVES
@pytest.mark.parametrize("by", ["numpy", "numba"])
def test_many_values_of_16_bits_are_counted_exactly_in_any_layout(dtype, by, monkeypatch):
    if by == "numpy":
        monkeypatch.setattr(arrays, "compiled_loops", lambda: None)
    else:
        pytest.importorskip("numba")
        monkeypatch.setattr(arrays, "PAYS_FOR_NUMBA", 1)
    values = np.random.default_rng(0).integers(1 << 16, size=2_400_001, dtype=np.uint16).view(dtype)
    np.testing.assert_array_equal(tally(values), oracle.tally(values))
    np.testing.assert_array_equal(tally(values[::2]), oracle.tally(values[::2]))
    columns = values[:-1].reshape(800, -1).T
    np.testing.assert_array_equal(tally(columns), oracle.tally(values[:-1]))
    swapped = values.view(np.uint16).astype(">u2").view(dtype.newbyteorder(">"))
    np.testing.assert_array_equal(tally(swapped), oracle.tally(values))


@pytest.mark.parametrize("dtype", FORMATS)
def test_edges_neighbours_and_subnormals_have_their_exact_digit(dtype):
    values = hard_cases(dtype)
    expected = oracle.leading_digits(values)
    np.testing.assert_array_equal(leading_digits(values), expected)
    with holding(dtype):
        np.testing.assert_array_equal(array(leading_digits(tensor(values))), expected)


def test_arrays_count_ten_million_random_patterns_exactly(many, monkeypatch):
    monkeypatch.setattr(arrays, "compiled_loops", lambda: None)
    values, expected = many
    np.testing.assert_array_equal(tally(values), expected)
    for part in np.split(values, 10):
        np.testing.assert_array_equal(leading_digits(part), oracle.leading_digits(part))


def test_numba_counts_ten_million_random_patterns_exactly(many):
    loops = pytest.importorskip("keras_benford.digits.loops", exc_type=ImportError)
    values, expected = many
    counts = loops.count_classes(values.view(unsigned(values.dtype)))
    np.testing.assert_array_equal(arrays.tally_of_classes(counts), expected)


def test_tensors_count_ten_million_random_patterns_exactly(many):
    """By the compiled kernel, but that PyTorch leaves the host's memory to NumPy and numba."""
    values, expected = many
    with holding(values.dtype):
        np.testing.assert_array_equal(array(tally_each([tensor(values)]))[0], expected)


def test_the_uncompiled_kernel_counts_random_patterns_exactly(many):
    values = many[0][:MILLION]
    with holding(values.dtype):
        for counts in (tally_ops([tensor(values)])[0], tally(tensor(values))):
            np.testing.assert_array_equal(array(counts), oracle.tally(values))


@pytest.mark.parametrize("dtype", FORMATS)
def test_numba_counts_hard_cases_of_any_number_exactly(dtype):
    loops = pytest.importorskip("keras_benford.digits.loops", exc_type=ImportError)
    values = hard_cases(dtype)
    for size in (0, 1, 2, 3, 4, 5, 7, values.size - 1, values.size):
        counts = loops.count_classes(values[:size].view(unsigned(dtype)))
        np.testing.assert_array_equal(
            arrays.tally_of_classes(counts), oracle.tally(values[:size]), err_msg=f"{size} values"
        )


@pytest.mark.parametrize("dtype", FORMATS)
def test_tensors_of_hard_cases_are_counted_exactly(dtype):
    values = hard_cases(dtype)
    with holding(dtype):
        for count in (tally_each, tally_ops):
            np.testing.assert_array_equal(array(count([tensor(values)]))[0], oracle.tally(values))


@pytest.mark.parametrize(
    ("value", "digit"),
    [
        pytest.param(np.float32(0.01), 9, id="float32 0.01 is 0.00999999977"),
        pytest.param(np.float32(0.9), 8, id="float32 0.9 is 0.89999998"),
        pytest.param(0.1, 1, id="float64 0.1 is 0.1000000000000000055"),
        pytest.param(0.3, 2, id="float64 0.3 is 0.29999999999999998"),
        pytest.param(5e-324, 4, id="the smallest float64 is 4.94e-324"),
        pytest.param(-np.finfo(np.float64).max, 1, id="the largest float64 is 1.797e308"),
        pytest.param(np.float16(6e-8), 5, id="the smallest float16 is 5.96e-8"),
        pytest.param(np.finfo(np.float32).smallest_normal, 1, id="normal float32"),
        pytest.param(np.finfo(np.float32).smallest_subnormal, 0, id="subnormal float32"),
    ],
)
def test_the_digit_is_that_of_the_number_the_float_holds(value, digit):
    assert leading_digits(value) == digit
    with holding(np.asarray(value).dtype):
        assert leading_digits(tensor(value)) == digit


def test_uniform_numbers_count_equally():
    assert digit_counts(np.arange(1, 1000)).tolist() == [111] * 9
