"""The statistics against SciPy, closed forms and the digit shares of known distributions.

A distribution's share of digit d is its probability of [d, d + 1) * 10^k summed over the decades k,
from the distribution function: no sampling, no floats' digits.
"""

import numpy as np
import pytest
from keras import Variable, backend, ops
from scipy import stats
from scipy.spatial.distance import jensenshannon

from keras_benford import digit_counts
from keras_benford.statistics import (
    BENFORD,
    CONFORMITY_FROM,
    chi_squared,
    conformity,
    js_divergence,
    kl_divergence,
    mean_absolute_deviation,
    mlh,
)
from tests.backends import EVERY_COMPILER, array, holding, needs_tensorflow, tensor

# The table in the authors' code.
ROUNDED = np.round(np.log10(1 + 1 / np.arange(1, 10)), 3)
ALL = [mlh, kl_divergence, js_divergence, mean_absolute_deviation, chi_squared]
EVERY_STATISTIC = pytest.mark.parametrize("statistic", ALL, ids=lambda f: f.__name__)

ORACLES = {
    mlh: lambda counts: stats.pearsonr(counts, np.log10(1 + 1 / np.arange(1, 10))).statistic,
    kl_divergence: lambda counts: stats.entropy(BENFORD, counts),
    js_divergence: lambda counts: jensenshannon(counts, BENFORD) ** 2,
    mean_absolute_deviation: lambda counts: np.abs(counts / counts.sum() - BENFORD).mean(),
    chi_squared: lambda counts: stats.chisquare(counts, BENFORD * counts.sum()).statistic,
}


def shares(distribution):
    """The digit shares of a non-negative distribution."""
    decades = 10.0 ** np.arange(-30, 20)
    edges = distribution.cdf(np.arange(1, 11)[:, None] * decades)
    return np.diff(edges, axis=0).sum(axis=1)


def normal(scale):
    return stats.halfnorm(scale=scale)


def uniform(bound):
    return stats.uniform(scale=bound)


# Kernels of the small AlexNet for 32 x 32 x 3 pictures and ten classes.
ALEXNET = [(11, 11, 3, 64), (5, 5, 64, 192), (192, 128), (128, 10)]


def fans(shape):
    field = np.prod(shape[:-2])
    return field * shape[-2], field * shape[-1]


def pooled_alexnet(bound_of):
    """Digit shares of all kernels together, each uniform in ±bound_of(fan_in, fan_out)."""
    sizes = [np.prod(shape) for shape in ALEXNET]
    return np.average([shares(uniform(bound_of(*fans(s)))) for s in ALEXNET], 0, sizes)


def pytorch_bound(fan_in, fan_out):
    return 1 / np.sqrt(fan_in)


def glorot_bound(fan_in, fan_out):
    return np.sqrt(6 / (fan_in + fan_out))


# The digit shares, MLH by the exact table, MLH by the authors' rounded one.
GOLDEN = [
    pytest.param(shares(normal(1)), 0.947684, 0.947720, id="normal, sigma 1"),
    pytest.param(shares(normal(0.02)), 0.988424, 0.988433, id="normal, sigma 0.02"),
    pytest.param(shares(normal(0.03)), 0.948499, 0.948488, id="normal, sigma 0.03"),
    pytest.param(shares(stats.expon()), 0.995139, 0.995148, id="exponential, rate 1"),
    pytest.param(shares(stats.expon(scale=1 / 2)), 0.997674, 0.997671, id="exponential, rate 2"),
    pytest.param(shares(uniform(0.2)), 0.864123, 0.864236, id="uniform to 0.2"),
    pytest.param(shares(uniform(0.5)), 0.732435, 0.732732, id="uniform to 0.5"),
    pytest.param(
        pooled_alexnet(pytorch_bound), 0.969726, 0.969681, id="small AlexNet, PyTorch's default"
    ),
    pytest.param(
        pooled_alexnet(glorot_bound), 0.903179, 0.903042, id="small AlexNet, glorot_uniform"
    ),
]


class TestKnownDistributions:
    @pytest.mark.parametrize(("digits", "exact", "rounded"), GOLDEN)
    def test_mlh_is_the_golden_value(self, digits, exact, rounded):
        assert mlh(digits) == pytest.approx(exact, abs=5e-7)

    @pytest.mark.parametrize(("digits", "exact", "rounded"), GOLDEN)
    def test_the_papers_figure_differs_by_its_rounded_table_only(self, digits, exact, rounded):
        assert np.corrcoef(digits, ROUNDED)[0, 1] == pytest.approx(rounded, abs=5e-7)
        assert abs(exact - rounded) < 3e-4

    def test_the_shares_of_a_normal_distribution_are_the_published_ones(self):
        published = ".35954 .12897 .08652 .08100 .07742 .07343 .06906 .06443 .05964"
        np.testing.assert_allclose(
            shares(normal(1)), [float(p) for p in published.split()], atol=6e-6
        )

    def test_digits_of_a_full_decade_of_integers_are_equal_and_mlh_undefined(self):
        counts = digit_counts(np.arange(1, 1000))
        assert counts.tolist() == [111] * 9
        assert np.isnan(mlh(counts))

    def test_a_gaussians_mlh_depends_on_its_scale(self):
        values = [mlh(shares(normal(10**exponent))) for exponent in np.linspace(0, 1, 200)]
        assert min(values) == pytest.approx(0.916, abs=1e-3)
        assert max(values) == pytest.approx(0.989, abs=1e-3)

    @pytest.mark.parametrize(
        ("initializer", "expected"),
        [
            # The spread of 96 such networks was 0.00028.
            pytest.param("pytorch_default", 0.969726, id="PyTorch's default"),
            pytest.param("glorot_uniform", 0.903179, id="glorot_uniform"),
        ],
    )
    def test_a_sampled_small_alexnet_comes_near(self, initializer, expected):
        models = pytest.importorskip("examples.experiments.models")
        import keras

        keras.utils.set_random_seed(0)
        if initializer == "pytorch_default":
            initializer = models.pytorch_default()
        network = models.small_alexnet((32, 32, 3), 10, initializer)
        kernels = [w.numpy() for w in network.weights if w.name == "kernel"]
        assert sorted(k.shape for k in kernels) == sorted(ALEXNET)
        assert mlh(sum(map(digit_counts, kernels))) == pytest.approx(expected, abs=0.0015)


class TestConformity:
    def test_has_no_word_for_few_values(self):
        words = {n: conformity(0.02, n) for n in (1, CONFORMITY_FROM - 1, CONFORMITY_FROM)}
        assert list(words.values()) == [None, None, "nonconforming"]
        assert conformity(0.02) == "nonconforming"

    @pytest.mark.parametrize(("n", "most"), [(CONFORMITY_FROM, 0.05), (CONFORMITY_FROM - 30, 0.08)])
    def test_of_one_perfect_sample_in_twenty_is_wrong_from_there_on(self, n, most):
        counts = np.random.default_rng(0).multinomial(n, BENFORD, size=50_000)
        share = np.mean([conformity(d) == "nonconforming" for d in mean_absolute_deviation(counts)])
        assert most - 0.03 < share < most


class TestTheLaw:
    def test_is_a_distribution_of_nine_digits(self):
        assert BENFORD.shape == (9,)
        assert BENFORD.dtype == np.float64
        assert BENFORD.sum() == pytest.approx(1, abs=1e-15)
        assert BENFORD[0] == np.log10(2)

    def test_cannot_be_changed(self):
        with pytest.raises(ValueError, match="read-only"):
            BENFORD[0] = 0.3

    @pytest.mark.parametrize(
        ("statistic", "expected"),
        [(mlh, 1), (kl_divergence, 0), (js_divergence, 0), (mean_absolute_deviation, 0)],
        ids=lambda x: getattr(x, "__name__", ""),
    )
    def test_is_at_no_distance_from_itself(self, statistic, expected):
        assert statistic(BENFORD) == pytest.approx(expected, abs=1e-15)
        assert float(statistic(ops.convert_to_tensor(BENFORD))) == pytest.approx(expected, abs=1e-6)

    @pytest.mark.parametrize(
        ("statistic", "expected"),
        [
            (kl_divergence, 0.203791),
            (mean_absolute_deviation, 0.059717),
            # sum (1/9 - P)^2 / P = sum 1 / (81 P) - 1, for each of the 900 values
            (chi_squared, 900 * ((1 / (81 * np.log10(1 + 1 / np.arange(1, 10)))).sum() - 1)),
        ],
        ids=lambda x: getattr(x, "__name__", ""),
    )
    def test_is_at_the_known_distance_from_uniform_digits(self, statistic, expected):
        assert statistic([100] * 9) == pytest.approx(expected, abs=5e-7)


COUNTS = np.random.default_rng(0).multinomial(
    10_000, [*[BENFORD] * 4, *np.random.default_rng(1).dirichlet(np.ones(9), 4)]
)


class TestAgainstSciPy:
    @EVERY_STATISTIC
    @pytest.mark.parametrize("counts", COUNTS, ids=range(len(COUNTS)))
    def test_arrays_agree_to_rounding(self, statistic, counts):
        found = statistic(counts)
        assert isinstance(found, float)
        assert found == pytest.approx(ORACLES[statistic](counts), rel=1e-12, abs=1e-14)

    @EVERY_STATISTIC
    @pytest.mark.parametrize("counts", COUNTS, ids=range(len(COUNTS)))
    def test_tensors_agree_to_float32(self, statistic, counts):
        found = statistic(ops.convert_to_tensor(counts))
        assert backend.standardize_dtype(found.dtype) == "float32"
        assert found.shape == ()
        # Near Benford's law divergences are differences of near equals: absolute error counts.
        assert float(found) == pytest.approx(ORACLES[statistic](counts), rel=2e-5, abs=1e-6)

    @EVERY_STATISTIC
    def test_a_digit_never_seen_is_no_obstacle_but_to_kl(self, statistic):
        counts = np.array([400, 200, 100, 0, 50, 40, 30, 0, 10])
        expected = ORACLES[statistic](counts)
        assert np.isinf(expected) == (statistic is kl_divergence)
        assert statistic(counts) == pytest.approx(expected, rel=1e-12)
        tensor = ops.convert_to_tensor(counts)
        assert float(statistic(tensor)) == pytest.approx(expected, rel=1e-5)

    @EVERY_STATISTIC
    def test_one_digit_only_is_the_farthest(self, statistic):
        counts = np.array([0, 0, 0, 0, 0, 0, 0, 0, 7])
        assert statistic(counts) == pytest.approx(ORACLES[statistic](counts), rel=1e-12)

    def test_mlh_of_the_laws_mirror_image_is_minus_one(self):
        assert mlh(1 - BENFORD) == pytest.approx(-1, abs=1e-12)


UNDEFINED = {
    "no digits": np.zeros(9),
    "NaN": np.array([1, 2, np.nan, 4, 5, 6, 7, 8, 9]),
    "one infinite": np.array([np.inf, 1, 1, 1, 1, 1, 1, 1, 1]),
    "all infinite": np.full(9, np.inf),
}


class TestUndefinedIsNaN:
    @EVERY_STATISTIC
    @pytest.mark.parametrize("counts", UNDEFINED.values(), ids=UNDEFINED)
    def test_for_arrays_and_tensors_without_a_warning(self, statistic, counts):
        assert np.isnan(statistic(counts))
        assert np.isnan(array(statistic(ops.convert_to_tensor(counts, "float32"))))

    @pytest.mark.parametrize(
        "counts",
        [[5] * 9, [1 / 9] * 9, [0.1] * 9, np.full(9, 2**62), np.full(9, 255, np.uint8)],
        ids=["counts", "ninths", "tenths", "large", "bytes"],
    )
    def test_mlh_of_equal_counts(self, counts):
        assert np.isnan(mlh(counts))
        counts = np.asarray(counts)
        with holding(counts.dtype):
            assert np.isnan(array(mlh(tensor(counts))))

    @EVERY_STATISTIC
    def test_in_one_row_leaves_the_others_alone(self, statistic):
        counts = np.stack([np.zeros(9), COUNTS[4], np.full(9, np.nan)])
        expected = [np.nan, ORACLES[statistic](COUNTS[4]), np.nan]
        np.testing.assert_allclose(statistic(counts), expected, rtol=1e-12)
        np.testing.assert_allclose(
            ops.convert_to_numpy(statistic(ops.convert_to_tensor(counts, "float32"))),
            expected,
            rtol=1e-5,
        )

    def test_chi_squared_of_equal_counts_is_defined(self):
        assert chi_squared([100] * 9) > 0


class TestShapes:
    @EVERY_STATISTIC
    def test_each_set_of_nine_gives_one_number(self, statistic):
        batch = COUNTS.reshape(2, 4, 9)
        expected = np.array([ORACLES[statistic](row) for row in COUNTS]).reshape(2, 4)
        np.testing.assert_allclose(statistic(batch), expected, rtol=1e-12, atol=1e-14)
        found = statistic(ops.convert_to_tensor(batch))
        assert found.shape == (2, 4)
        np.testing.assert_allclose(ops.convert_to_numpy(found), expected, rtol=2e-5, atol=1e-6)

    @EVERY_STATISTIC
    def test_no_sets_give_no_numbers(self, statistic):
        assert statistic(np.zeros((3, 0, 9))).shape == (3, 0)

    @EVERY_STATISTIC
    @pytest.mark.parametrize(
        "kind",
        [list, tuple, np.asarray, lambda c: np.asfortranarray(np.stack([c, c]))[0]],
        ids=["list", "tuple", "array", "strided array"],
    )
    def test_any_sequence_serves(self, statistic, kind):
        assert statistic(kind(COUNTS[0])) == statistic(COUNTS[0])

    @pytest.mark.slow
    @EVERY_STATISTIC
    @EVERY_COMPILER
    def test_a_graph_gives_what_eager_execution_gives(self, statistic, compiled):
        counts = ops.convert_to_tensor(COUNTS)
        found = array(compiled(statistic)(counts))
        np.testing.assert_allclose(found, array(statistic(counts)), rtol=2e-5, atol=1e-6)

    @EVERY_STATISTIC
    def test_variables_serve(self, statistic):
        found = statistic(Variable(COUNTS[4], dtype="int32", trainable=False))
        assert float(found) == pytest.approx(ORACLES[statistic](COUNTS[4]), rel=1e-5)

    @needs_tensorflow
    @EVERY_STATISTIC
    def test_tensorflows_own_variables_serve(self, statistic):
        import tensorflow as tf

        found = statistic(tf.Variable(COUNTS[4]))
        assert float(found) == pytest.approx(ORACLES[statistic](COUNTS[4]), rel=1e-5)


class TestPrecision:
    @pytest.mark.parametrize("total", [2**26, 2**40, 2**60], ids=["2^26", "2^40", "2^60"])
    @pytest.mark.parametrize("convert", [np.asarray, tensor], ids=["array", "tensor"])
    def test_mlh_sees_the_smallest_difference_of_large_counts(self, convert, total):
        """2^53 and 2^24 are where float64 and float32 stop telling integers apart."""
        differences = np.arange(9)
        with holding(np.int64):
            found = float(mlh(convert(total + differences)))
        assert found == pytest.approx(ORACLES[mlh](differences), abs=2e-6)

    @EVERY_STATISTIC
    @pytest.mark.parametrize(
        "counts",
        [
            np.array([2**31 - 1, *[2**30] * 8], np.int32),
            np.array([255, 250, 200, 100, 100, 50, 50, 30, 20], np.uint8),
            np.array([60_000, 30_000, 20_000, 10_000, 9_000, 8_000, 7_000, 6_000, 5_000], "f2"),
        ],
        ids=["int32", "uint8", "float16"],
    )
    def test_totals_beyond_the_counts_dtype_do_not_overflow(self, statistic, counts):
        expected = ORACLES[statistic](counts.astype(np.float64))
        assert statistic(counts) == pytest.approx(expected, rel=1e-12)
        found = float(statistic(ops.convert_to_tensor(counts)))
        assert found == pytest.approx(expected, rel=2e-5)

    @pytest.mark.parametrize("factor", [1e-6, 3, 2**40], ids=str)
    @pytest.mark.parametrize("statistic", ALL[:-1], ids=lambda f: f.__name__)
    def test_frequencies_serve_as_well_as_counts(self, statistic, factor):
        assert statistic(COUNTS[4] * factor) == pytest.approx(statistic(COUNTS[4]), rel=1e-12)

    def test_chi_squared_grows_with_the_number_of_values(self):
        assert chi_squared(COUNTS[4] * 10) == pytest.approx(10 * chi_squared(COUNTS[4]), rel=1e-12)


class TestErrors:
    @EVERY_STATISTIC
    @pytest.mark.parametrize("shape", [(), (8,), (10,), (9, 1), (2, 0)], ids=str)
    @pytest.mark.parametrize("zeros", [np.zeros, ops.zeros], ids=["array", "tensor"])
    def test_other_than_nine_on_the_last_axis_is_refused(self, statistic, zeros, shape):
        with pytest.raises(ValueError, match="nine entries on the last axis") as error:
            statistic(zeros(shape))
        assert f"received shape {shape}" in str(error.value)

    @EVERY_STATISTIC
    @pytest.mark.parametrize("counts", [[1] * 8 + [-1], [0.5] * 8 + [-1.0]], ids=["int", "float"])
    def test_a_negative_count_is_refused(self, statistic, counts):
        with pytest.raises(
            ValueError, match="`counts`: expected non-negative numbers; received -1"
        ):
            statistic(counts)

    @EVERY_STATISTIC
    @pytest.mark.parametrize(
        ("counts", "received"),
        [
            (["1"] * 9, "<U1"),
            ("123456789", "<U9"),
            ([True] * 9, "bool"),
            ([1j] * 9, "complex128"),
            ([None] * 9, "object"),
            (None, "object"),
            (tensor([True] * 9), "bool"),
            (tensor(np.zeros(9, np.complex64)), "complex64"),
        ],
        ids=[
            *("strings", "string", "booleans", "complex", "objects", "nothing"),
            *("boolean tensor", "complex tensor"),
        ],
    )
    def test_what_is_no_real_number_is_refused(self, statistic, counts, received):
        with pytest.raises(TypeError, match=f"expected real numbers.*received {received} values"):
            statistic(counts)

    @needs_tensorflow
    @EVERY_STATISTIC
    def test_a_tensor_of_strings_is_refused(self, statistic):
        import tensorflow as tf

        with pytest.raises(TypeError, match=r"expected real numbers.*received string values"):
            statistic(tf.constant(["1"] * 9))
