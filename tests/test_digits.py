"""What the public door takes, what it gives, what it refuses."""

import subprocess
import sys
from decimal import Decimal, localcontext
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest

import keras_benford
from keras_benford import _machine, digits
from keras_benford.digits import arrays, digit_counts, leading_digits, table, tally
from tests import oracle

VALUES = np.array([[0.00123, -45.6, 0.0], [7.0, np.nan, 9.5]])
DIGITS = [[1, 4, 0], [7, 0, 9]]


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(VALUES, id="float64"),
        pytest.param(VALUES.astype(np.float32), id="float32"),
        pytest.param(VALUES.astype(np.float16), id="float16"),
        pytest.param(VALUES.astype(ml_dtypes.bfloat16), id="bfloat16"),
        pytest.param(VALUES.astype(">f8"), id="big-endian float64"),
        pytest.param(VALUES.astype(">f4"), id="big-endian float32"),
        pytest.param(VALUES.astype(">f2"), id="big-endian float16"),
        pytest.param(np.asfortranarray(VALUES), id="Fortran order"),
        pytest.param(np.repeat(VALUES, 2, axis=1)[:, ::2], id="every second value"),
        pytest.param(VALUES[::-1, ::-1].copy()[::-1, ::-1], id="negative strides"),
        pytest.param(VALUES.tolist(), id="nested list"),
        pytest.param(tuple(map(tuple, VALUES.tolist())), id="nested tuple"),
    ],
)
def test_any_layout_and_float_dtype_gives_the_same_digits(values):
    found = leading_digits(values)
    assert found.dtype == np.uint8
    assert found.tolist() == DIGITS
    assert tally(values).tolist() == [1, 0, 0, 1, 0, 0, 1, 0, 1, 1, 1]
    assert digit_counts(values).tolist() == [1, 0, 0, 1, 0, 0, 1, 0, 1]


def test_read_only_and_mapped_arrays_are_counted(tmp_path):
    VALUES.tofile(tmp_path / "values")
    mapped = np.memmap(tmp_path / "values", dtype=np.float64, mode="r", shape=VALUES.shape)
    assert leading_digits(mapped).tolist() == DIGITS
    assert tally(mapped).sum() == VALUES.size


@pytest.mark.parametrize(
    ("value", "digit"),
    [
        pytest.param(0.05, 5, id="float"),
        pytest.param(-12, 1, id="int"),
        pytest.param(np.float32(3), 3, id="NumPy scalar"),
        pytest.param(np.array(2.5), 2, id="0-d array"),
        pytest.param(np.array(-(2**63)), 9, id="0-d smallest int64"),
    ],
)
def test_a_scalar_has_a_digit_of_no_dimensions(value, digit):
    found = leading_digits(value)
    assert found.shape == ()
    assert found == digit
    assert digit_counts(value).tolist() == np.eye(9, dtype=int)[digit - 1].tolist()


@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 2, 2)], ids=str)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int64"])
def test_an_empty_array_counts_nothing(shape, dtype):
    empty = np.empty(shape, dtype)
    assert leading_digits(empty).shape == shape
    assert tally(empty).tolist() == [0] * 11
    assert digit_counts([]).tolist() == [0] * 9


@pytest.mark.parametrize(
    "dtype", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", ">i8"]
)
def test_integers_are_counted_exactly(dtype):
    limits = np.iinfo(dtype)
    edges = [d * 10**k + near for k in range(20) for d in range(1, 10) for near in (-1, 0, 1)]
    near_limits = [limits.min, limits.min + 1, limits.max - 1, limits.max]
    around_53_bits = [sign * (2**53 + near) for sign in (-1, 1) for near in range(-3, 4)]
    numbers = [
        number
        for number in [0, *edges, *(-edge for edge in edges), *near_limits, *around_53_bits]
        if limits.min <= number <= limits.max
    ]
    expected = [oracle.integer_digit(number) for number in numbers]
    assert leading_digits(np.array(numbers, dtype)).tolist() == expected


def test_python_integers_are_counted_exactly():
    assert leading_digits([10**18 - 1, 10**18, -(2**63)]).tolist() == [9, 1, 9]
    assert leading_digits(2**64 - 1) == 1


@pytest.mark.parametrize(
    ("value", "digit"),
    [
        (Decimal("0.00123"), 1),
        (Decimal("-9.99e-5000"), 9),
        (Decimal("0E+7"), 0),
        (Decimal("Infinity"), 0),
        (Decimal("NaN"), 0),
        (Decimal("0.9"), 9),
        (Fraction(1, 3), 3),
        (Fraction(-(10**400) + 1, 10**399), 9),
        (Fraction(10**400, 10**399), 1),
        (10**30, 1),
        (10**400 - 1, 9),
        (-(7 * 10**6000), 7),
        (0.9, oracle.decimal_digit(0.9)),
        (5e-324, 4),
        (np.float32(0.01), 9),
        (np.uint64(2**64 - 1), 1),
        (float("inf"), 0),
        (0, 0),
    ],
    ids=lambda value: f"{type(value).__name__}",
)
def test_python_numbers_of_any_size_are_counted_exactly(value, digit):
    values = np.array([[value, 2]], object)
    assert leading_digits(values).tolist() == [[digit, 2]]
    assert digit_counts(values).sum() == 1 + (digit > 0)
    assert leading_digits([value, Decimal(2)]).tolist() == [digit, 2]


def test_integers_that_floats_round_are_counted_exactly_beside_them():
    # As a float it is 10^16.
    assert leading_digits([10**16 - 1, 0.5]).tolist() == [9, 5]
    assert leading_digits([10**30, 1]).tolist() == [1, 1]
    assert leading_digits(10**30 - 1) == 9


@pytest.mark.parametrize("seed", range(20))
def test_random_quotients_agree_with_long_division(seed):
    rng = np.random.default_rng(seed)
    with localcontext() as context:
        context.prec = 60
        for _ in range(50):
            a, b = (int(rng.integers(1, 2**62)) ** int(rng.integers(1, 6)) for _ in range(2))
            digit = next(d for d in (Decimal(a) / Decimal(b)).as_tuple().digits if d)
            assert leading_digits([Fraction(a, b)]).tolist() == [digit]


@pytest.mark.parametrize("name", ["float8_e4m3fn", "float8_e5m2"])
def test_floats_of_eight_bits_widen(name):
    patterns = np.arange(256, dtype=np.uint8).view(getattr(ml_dtypes, name))
    np.testing.assert_array_equal(leading_digits(patterns), oracle.leading_digits(patterns))


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        pytest.param(np.array([True]), TypeError, "received ndarray of dtype bool", id="bool"),
        pytest.param([True, False], TypeError, "received list of dtype bool", id="bool list"),
        pytest.param(np.array([1j]), TypeError, "of dtype complex128", id="complex"),
        pytest.param("0.1", TypeError, "received str of dtype <U3", id="string"),
        pytest.param(None, TypeError, "received NoneType of dtype object", id="None"),
        pytest.param({1.0: 2}, TypeError, "received dict of dtype object", id="dict"),
        pytest.param(np.array([1.0, "a"], object), TypeError, "of dtype object", id="objects"),
        pytest.param([Decimal(1), True], TypeError, "of dtype object", id="truth among objects"),
        pytest.param([Decimal(1), 1j], TypeError, "of dtype object", id="complex among objects"),
        pytest.param(
            np.zeros(2, np.longdouble), TypeError, "received ndarray of dtype", id="longdouble"
        ),
        pytest.param(np.zeros(2, "datetime64[s]"), TypeError, "of dtype datetime64", id="datetime"),
        pytest.param(
            np.ma.masked_invalid([1.0, np.nan]),
            TypeError,
            r"received a masked array; pass `values.compressed\(\)`",
            id="masked",
        ),
        pytest.param(
            [[1.0], [1.0, 2.0]], ValueError, "rows of equal length; received list", id="ragged"
        ),
    ],
)
def test_what_is_no_real_number_is_refused(values, error, message):
    for function in (leading_digits, digit_counts, tally):
        with pytest.raises(error, match=message) as caught:
            function(values)
        assert str(caught.value).startswith("expected ")
        assert "; " in str(caught.value)


def test_counts_add_over_chunks():
    values = np.random.default_rng(0).normal(0, 0.05, 3 * arrays.CHUNK + 17).astype(np.float32)
    parts = [tally(part) for part in np.array_split(values, 7)]
    np.testing.assert_array_equal(sum(parts), tally(values))


def test_the_sign_does_not_matter():
    values = np.random.default_rng(0).normal(size=1000)
    np.testing.assert_array_equal(leading_digits(values), leading_digits(-values))


@pytest.mark.parametrize("width", [32, 64])
def test_a_table_entry_tells_the_class_at_both_ends_of_its_bin(width):
    built = getattr(table, f"float{width}_table")()
    bins = np.arange(built.offsets.size) + built.first_bin
    lowest = bins.astype(built.offsets.dtype) << built.low_bits
    first = (lowest + built.offsets) >> built.low_bits
    last = (lowest + ((1 << built.low_bits) - 1) + built.offsets) >> built.low_bits
    assert set((last - first).tolist()) == {0, 1}
    assert {*first.tolist(), *last.tolist()} == set(range(table.N_CLASSES))
    assert built.offsets.nbytes == {32: 16 * 1024, 64: 8 * (32 * 1024 + 832)}[width]


def test_counting_arrays_loads_no_framework():
    code = (
        "import sys, numpy as np; from keras_benford.digits import digit_counts;"
        "digit_counts(np.ones(10)); digit_counts([1, 2]);"
        "print({'tensorflow', 'keras', 'numba'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_the_package_offers_the_public_names():
    assert keras_benford.digit_counts is digit_counts
    assert keras_benford.leading_digits is leading_digits
    assert set(digits.__all__) == {"digit_counts", "leading_digits", "tally"}


class TestNumba:
    @pytest.fixture
    def large(self, monkeypatch):
        """An array that counts as large, and a fresh decision about numba."""
        monkeypatch.setattr(arrays, "PAYS_FOR_NUMBA", 1000)
        monkeypatch.setattr(arrays, "PAYS_FOR_THREADS", 1000)
        _machine.compiled_loops.cache_clear()
        yield np.random.default_rng(0).normal(size=(100, 50))
        _machine.compiled_loops.cache_clear()

    def test_counts_any_contiguous_layout(self, large):
        pytest.importorskip("numba")
        expected = oracle.tally(large)
        read_only = large.copy()
        read_only.setflags(write=False)
        for values in (large, np.asfortranarray(large), read_only):
            np.testing.assert_array_equal(tally(values), expected)
        assert "keras_benford.digits.loops" in sys.modules

    @pytest.mark.parametrize(
        "view",
        [
            pytest.param(lambda a: a[:, ::2], id="strided"),
            pytest.param(lambda a: a.astype(">f8"), id="big-endian"),
            pytest.param(lambda a: a.astype(np.float16), id="float16"),
        ],
    )
    def test_leaves_other_layouts_to_numpy(self, large, view):
        np.testing.assert_array_equal(tally(view(large)), oracle.tally(view(large)))

    def test_missing_is_silent(self, large, monkeypatch):
        monkeypatch.delitem(sys.modules, "keras_benford.digits.loops", raising=False)
        monkeypatch.delattr(digits, "loops", raising=False)
        monkeypatch.setitem(sys.modules, "numba", None)
        np.testing.assert_array_equal(tally(large), oracle.tally(large))

    def test_broken_is_told_once_and_counting_goes_on(self, large, monkeypatch, tmp_path):
        (tmp_path / "numba.py").write_text("raise AttributeError('no such thing in NumPy')")
        for name in [m for m in sys.modules if m.partition(".")[0] == "numba"]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.delitem(sys.modules, "keras_benford.digits.loops", raising=False)
        monkeypatch.delattr(digits, "loops", raising=False)
        monkeypatch.syspath_prepend(tmp_path)
        with pytest.warns(RuntimeWarning, match="numba is installed but does not work"):
            counts = tally(large)
        np.testing.assert_array_equal(counts, oracle.tally(large))
        np.testing.assert_array_equal(tally(large), counts)
