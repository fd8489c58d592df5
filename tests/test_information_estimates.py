"""Entropy and mutual information of neurons, against plain definitions and other libraries."""

import warnings

import numpy as np
import pytest
from scipy import special, stats
from sklearn.feature_selection import mutual_info_regression

from keras_benford.information import engines as engines_module
from keras_benford.information import mutual_information, neuron_entropy


def golden_pair():
    rng = np.random.default_rng(0)
    return rng.standard_normal(500), rng.standard_normal(500)


@pytest.fixture(params=["numba", "keras"])
def engine(request):
    if request.param == "numba":
        pytest.importorskip("numba")
    return request.param


def plain_ksg(x, y, k=3):
    """Estimator 1 of Kraskov et al. for one pair, word for word."""
    dx, dy = (np.abs(values[:, None] - values) for values in (x, y))
    distance = np.maximum(dx, dy)
    np.fill_diagonal(distance, np.inf)
    radius = np.nextafter(np.sort(distance, axis=1)[:, k - 1], 0)[:, None]
    n_x, n_y = ((d <= radius).sum(axis=1) - 1 for d in (dx, dy))
    n = len(x)
    psi = special.digamma
    return psi(n) + psi(k) - psi(n_x + 1).mean() - psi(n_y + 1).mean()


def plain_matrix(values, others, k=3):
    return np.array([[plain_ksg(x, y, k) for y in others.T] for x in values.T])


def relu(x):
    return np.maximum(x, 0)


class TestGoldenValues:
    @pytest.mark.parametrize(
        ("of", "expected"),
        [
            (lambda a, b: (a, a), 5.290823),
            (lambda a, b: (a, b), 0.046471),
            (lambda a, b: (a, a / 2 + np.sqrt(3 / 4) * b), 0.232719),
        ],
        ids=["itself", "independent", "correlated"],
    )
    def test_of_gaussians(self, of, expected, engine):
        assert mutual_information(*of(*golden_pair()), engine=engine) == pytest.approx(
            expected, abs=5e-7
        )

    def test_of_relus_is_negative_and_said_to_be(self, engine):
        a, b = map(relu, golden_pair())
        with pytest.warns(UserWarning, match=r"2 neurons have one value .* as low as -1\.09 nats"):
            found = mutual_information(a, b, engine=engine)
        assert found == pytest.approx(-1.086238, abs=5e-7)


# Values that meet what the fast ways treat apart: ties, blocks of 8 examples and of 32 neurons.
RANDOM = np.random.default_rng(1)
N = 68
CASES = {
    "Gaussian": RANDOM.standard_normal((N, 5)),
    "ReLU": relu(RANDOM.standard_normal((N, 5))),
    "few values": RANDOM.integers(0, 3, (N, 5)).astype(float),
    "float16": RANDOM.standard_normal((N, 5)).astype(np.float16),
    "float32": RANDOM.standard_normal((N, 5)).astype(np.float32),
    "of all sizes": RANDOM.standard_normal((N, 5)) * 10.0 ** RANDOM.integers(-30, 30, (N, 5)),
    "tiny": RANDOM.integers(-9, 9, (N, 5)) * 1e-300,
    "copies": np.repeat(RANDOM.standard_normal((N, 1)), 5, axis=1),
    "far off": RANDOM.standard_normal((N, 5)) + 1e8,
    "one neuron": RANDOM.standard_normal((N, 1)),
    "k + 1 examples": RANDOM.standard_normal((4, 5)),
}


@pytest.mark.slow
class TestAgreement:
    @pytest.mark.parametrize("values", CASES.values(), ids=CASES)
    def test_with_the_plain_definition_within_rounding(self, values, engine):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            found = mutual_information(values, engine=engine)
        wide = values.astype(np.float64)
        np.testing.assert_allclose(found, plain_matrix(wide, wide), rtol=0, atol=1e-12)
        np.testing.assert_array_equal(found, found.T)

    @pytest.mark.parametrize("k", [1, 5])
    def test_for_other_neighbours(self, k, engine):
        values = np.random.default_rng(k).standard_normal((6, 3))
        np.testing.assert_allclose(
            mutual_information(values, k=k, engine=engine),
            plain_matrix(values, values, k),
            rtol=0,
            atol=1e-12,
        )

    def test_beyond_one_block_of_neurons(self):
        values = np.random.default_rng(15).standard_normal((30, 35))
        found = mutual_information(values)
        np.testing.assert_allclose(found, plain_matrix(values, values), rtol=0, atol=1e-12)

    @pytest.mark.parametrize("n", [1240, 1300])
    @pytest.mark.parametrize("change", [lambda x: x, relu], ids=["Gaussian", "ReLU"])
    def test_beyond_one_block_of_marks(self, n, change):
        x, y = change(np.random.default_rng(n).standard_normal((2, n)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            found = mutual_information(x, y)
        assert found == pytest.approx(plain_ksg(x, y), abs=1e-12)

    def test_of_a_block_of_two_layers(self, engine):
        values, others = (np.random.default_rng(i).standard_normal((N, 4)) for i in (0, 1))
        found = mutual_information(values, others, engine=engine)
        np.testing.assert_allclose(found, plain_matrix(values, others), rtol=0, atol=1e-12)

    def test_with_scikit_learn(self, engine):
        values = np.random.default_rng(2).standard_normal((N, 5))
        values[:, 1] += values[:, 0]
        values[:, 3] = values[:, 2] ** 2
        # It scales the values, adds noise of 1e-10 and gives 0 for what is negative.
        scaled = values / values.std(axis=0)
        theirs = [
            mutual_info_regression(values, column, n_neighbors=3, random_state=0)
            for column in values.T
        ]
        ours = np.maximum(mutual_information(scaled, engine=engine), 0)
        off_diagonal = ~np.eye(5, dtype=bool)
        np.testing.assert_allclose(
            ours[off_diagonal], np.array(theirs)[off_diagonal], rtol=0, atol=1e-6
        )

    def test_is_the_truth_on_average(self):
        # Of Gaussians with correlation r it is -ln(1 - r^2) / 2.
        rng, r = np.random.default_rng(3), 0.6
        common, noise = rng.standard_normal((2, 400, 60))
        found = mutual_information(common, r * common + np.sqrt(1 - r**2) * noise)
        truth = -np.log(1 - r**2) / 2
        assert np.diag(found).mean() == pytest.approx(truth, abs=0.02)
        assert found[~np.eye(60, dtype=bool)].mean() == pytest.approx(0, abs=0.005)


class TestScale:
    @pytest.mark.parametrize("scale", [1e-200, 1, 100, 1e200])
    def test_std_is_what_scikit_learn_does_at_any_scale(self, scale):
        rng = np.random.default_rng(16)
        x, noise = rng.standard_normal((2, 300))
        y = x + noise
        (expected,) = mutual_info_regression(x[:, None], y, n_neighbors=3, random_state=0)
        found = mutual_information(x, scale * y, scale="std")
        assert found == pytest.approx(expected, abs=1e-6)

    def test_it_is_nearer_to_the_truth_where_scales_differ(self):
        rng, r = np.random.default_rng(17), 0.9
        common, noise = rng.standard_normal((2, 500, 10))
        truth = -np.log(1 - r**2) / 2
        others = 100 * (r * common + np.sqrt(1 - r**2) * noise)
        kept, scaled = (
            np.diag(mutual_information(common, others, scale=scale)).mean()
            for scale in ("keep", "std")
        )
        assert scaled == pytest.approx(truth, abs=0.03)
        assert kept < truth - 0.2

    def test_a_constant_neuron_tells_nothing(self):
        values = np.random.default_rng(18).standard_normal((N, 3)) * [1, 0, 0] + [0, 0, 1e-200]
        found = mutual_information(values, scale="std")
        np.testing.assert_array_equal(found[1:], 0)


class TestTies:
    def test_a_constant_neuron_tells_nothing(self, engine):
        values = np.random.default_rng(4).standard_normal((N, 5))
        values[:, 1] = 7
        found = mutual_information(values, engine=engine)
        np.testing.assert_array_equal(found[1], 0)
        np.testing.assert_array_equal(found[:, 1], 0)
        assert found[0, 0] > 1
        assert not mutual_information(values[:, :4], values[:, 1:], engine=engine)[:, 0].any()

    def test_jitter_settles_them_and_repeats_itself(self, engine):
        a, b = map(relu, golden_pair())
        found = [
            mutual_information(a, b, ties="jitter", seed=seed, engine=engine) for seed in (0, 0, 1)
        ]
        assert found[0] == found[1] != found[2]
        # The pair that they were made of has 0.046, and independent numbers 0.
        assert found[0] == pytest.approx(0, abs=0.1)

    @pytest.mark.parametrize("scale", [1e-20, 1e20])
    def test_jitter_minds_the_scale(self, scale):
        a, b = golden_pair()
        plain = mutual_information(a, b)
        assert mutual_information(a * scale, b, ties="jitter") != plain or scale > 1
        same_scale = mutual_information(a * scale, b * scale, ties="jitter")
        assert same_scale == pytest.approx(plain, abs=1e-9)

    def test_mask_gives_nan_for_tied_neurons_only(self):
        a, b = golden_pair()
        found = mutual_information(np.stack([a, relu(a), b], axis=1), ties="mask")
        assert np.isnan(found).tolist() == [
            [False, True, False],
            [True, True, True],
            [False, True, False],
        ]

    def test_small_negative_estimates_of_continuous_values_are_no_reason_to_warn(self):
        values = np.random.default_rng(6).standard_normal((100, 10))
        assert mutual_information(values).min() < 0


class TestBins:
    @pytest.fixture(params=["numba", "numpy"])
    def loops(self, request, monkeypatch):
        if request.param == "numba":
            pytest.importorskip("numba")
        else:
            monkeypatch.setattr(engines_module, "compiled_loops", lambda: None)

    @pytest.mark.parametrize("edges", ["shared", "neuron"])
    def test_agree_with_histograms(self, edges, loops):
        values = np.random.default_rng(7).standard_normal((200, 4)) * [1, 2, 3, 0]
        values[::3, 1] = 0
        bins = 10

        def span(x):
            low, high = (values.min(), values.max()) if edges == "shared" else (x.min(), x.max())
            return (low, high) if low < high else (low - 1, high + 1)

        def entropy(*columns):
            edges_of = [np.linspace(*span(x), bins + 1) for x in columns]
            counts, _ = np.histogramdd(columns, edges_of)
            return stats.entropy(counts.ravel())

        found = mutual_information(values, method="bins", bins=bins, edges=edges)
        expected = [[entropy(x) + entropy(y) - entropy(x, y) for y in values.T] for x in values.T]
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
        block = mutual_information(values, values[:, :2], method="bins", bins=bins, edges=edges)
        np.testing.assert_allclose(block, found[:, :2], rtol=0, atol=1e-12)

    def test_tell_of_a_neuron_itself_its_entropy(self, loops):
        values = np.random.default_rng(8).standard_normal((300, 5))
        found = np.diag(mutual_information(values, method="bins"))
        np.testing.assert_allclose(found, neuron_entropy(values), rtol=0, atol=1e-12)


class TestEntropy:
    @pytest.mark.parametrize("edges", ["shared", "neuron"])
    def test_agrees_with_scipy_on_histograms(self, edges):
        values = np.random.default_rng(10).standard_normal((500, 6)) * np.arange(1, 7)
        span = (values.min(), values.max()) if edges == "shared" else None
        expected = [stats.entropy(np.histogram(x, 100, span)[0]) for x in values.T]
        found = neuron_entropy(values, edges=edges)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)

    def test_counts_values_on_edges_as_a_histogram_does(self):
        values = np.repeat(np.arange(11.0)[:, None], 2, axis=1)
        expected = stats.entropy(np.histogram(values[:, 0], 10)[0])
        assert neuron_entropy(values, bins=10) == pytest.approx([expected] * 2, abs=1e-12)

    def test_of_a_constant_neuron_is_0(self):
        values = np.random.default_rng(11).standard_normal((50, 3))
        values[:, 1] = 0.3
        for edges in ("shared", "neuron"):
            assert neuron_entropy(values, edges=edges)[1] == 0
        assert neuron_entropy(np.full(50, 0.3)) == 0

    @pytest.mark.parametrize("k", [1, 3, 10])
    def test_by_neighbours_is_that_of_the_density(self, k):
        n = 20_000
        rng = np.random.default_rng(12)
        values = np.stack([rng.standard_normal(n), 5 * rng.random(n), rng.exponential(2, n)], 1)
        expected = [stats.norm.entropy(), np.log(5), stats.expon.entropy(scale=2)]
        assert neuron_entropy(values, method="knn", k=k) == pytest.approx(expected, abs=0.03)

    def test_by_neighbours_finds_the_kth_of_each(self):
        values = np.random.default_rng(13).standard_normal(30)
        distances = np.sort(np.abs(values[:, None] - values), axis=1)
        for k in (1, 4, 29):
            expected = special.digamma(30) - special.digamma(k)
            expected += np.log(2 * distances[:, k]).mean()
            assert neuron_entropy(values, method="knn", k=k) == pytest.approx(expected, abs=1e-12)

    def test_by_neighbours_is_without_bound_for_ties_unless_they_are_told_apart(self):
        values = relu(np.random.default_rng(14).standard_normal(100))
        with pytest.warns(UserWarning, match=r"1 neuron has one value for more than k = 3 .* -inf"):
            assert neuron_entropy(values, method="knn") == -np.inf
        assert np.isfinite(neuron_entropy(values, method="knn", ties="jitter"))


class TestRefusals:
    @pytest.mark.parametrize(
        ("call", "error", "said"),
        [
            (lambda: mutual_information(np.ones((3, 2))), ValueError, "more than k = 3 examples; "),
            (lambda: neuron_entropy(np.ones(3), method="knn"), ValueError, "received 3"),
            (lambda: mutual_information(np.ones((9, 2)), k=0), ValueError, "`k`: expected an int"),
            (lambda: mutual_information(np.ones((9, 2)), k=2.0), ValueError, "received 2.0"),
            (lambda: neuron_entropy(np.ones((9, 2)), bins=0), ValueError, "`bins`: expected"),
            (lambda: neuron_entropy([]), ValueError, "received (0,)"),
            (lambda: neuron_entropy(np.ones((2, 3, 4))), ValueError, "received (2, 3, 4); pool"),
            (lambda: neuron_entropy(["a"]), TypeError, "expected real numbers; received <U1"),
            (lambda: neuron_entropy(np.ones(3, complex)), TypeError, "received complex128"),
            (lambda: neuron_entropy([1.0], method="ksg"), ValueError, "expected 'bins' or 'knn'"),
            (lambda: neuron_entropy([1.0], edges="own"), ValueError, "`edges`: expected 'shared'"),
            (lambda: mutual_information([1.0], ties="drop"), ValueError, "'jitter' or 'mask'"),
            (lambda: mutual_information([1.0], scale="max"), ValueError, "'keep' or 'std'"),
            (lambda: mutual_information([1.0], engine="gpu"), ValueError, "'numba' or 'keras'"),
            (
                lambda: mutual_information(np.ones((9, 2)), np.ones((8, 2))),
                ValueError,
                "the same examples in `values` and `others`; received 9 and 8",
            ),
            (
                lambda: mutual_information(np.ones((9, 2)), np.full((9, 2), np.inf)),
                ValueError,
                "`others`: expected finite numbers; received inf in neuron 0, example 0",
            ),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_say_what_came_and_what_to_do(self, call, error, said):
        with pytest.raises(error) as raised:
            call()
        assert said in str(raised.value)

    def test_of_nan_name_neuron_and_example(self):
        values = np.ones((5, 4))
        values[3, 2] = np.nan
        with pytest.raises(ValueError, match="received nan in neuron 2, example 3; leave"):
            neuron_entropy(values)

    def test_a_missing_numba_is_named_where_it_was_asked_for(self, monkeypatch):
        monkeypatch.setattr(engines_module, "compiled_loops", lambda: None)
        with pytest.raises(ImportError, match="run `pip install numba`, or pass engine='keras'"):
            mutual_information(np.random.default_rng(0).random((9, 2)), engine="numba")
