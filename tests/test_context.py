"""Expected digits against SciPy and golden values, the spread of MLH against simulation."""

import math

import numpy as np
import pytest
from scipy import stats

from keras_benford import BENFORD, context, mlh


def shares_by_scipy(distribution):
    """Digit shares of a SciPy distribution, summed over 60 decades by its survival functions."""
    shares = np.zeros(9)
    for k in range(-30, 30):
        for d in range(1, 10):
            low, high = d * 10.0**k, (d + 1) * 10.0**k
            shares[d - 1] += distribution.cdf(high) - distribution.cdf(low)
            shares[d - 1] += distribution.cdf(-low) - distribution.cdf(-high)
    return shares


MOMENTS = [(0.0, 1.0), (0.0, 0.02), (0.3, 0.1), (-5.0, 2.0), (1e-8, 3e-7), (0.0, 4e12)]


SHARES = [context.gaussian_shares, context.truncated_gaussian_shares, context.uniform_shares]


@pytest.mark.slow
@pytest.mark.parametrize(("mean", "std"), MOMENTS)
def test_gaussian_shares_are_those_of_scipys_distribution(mean, std):
    expected = shares_by_scipy(stats.norm(mean, std))
    np.testing.assert_allclose(context.gaussian_shares(mean, std), expected, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize(("mean", "std"), MOMENTS)
def test_uniform_shares_are_those_of_scipys_distribution(mean, std):
    half = math.sqrt(3) * std
    expected = shares_by_scipy(stats.uniform(mean - half, 2 * half))
    np.testing.assert_allclose(context.uniform_shares(mean, std), expected, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize(("mean", "std"), MOMENTS)
def test_truncated_gaussian_shares_are_those_of_scipys_distribution(mean, std):
    scale = std / stats.truncnorm(-2, 2).std()
    expected = shares_by_scipy(stats.truncnorm(-2, 2, mean, scale))
    np.testing.assert_allclose(context.truncated_gaussian_shares(mean, std), expected, atol=1e-12)


@pytest.mark.parametrize("shares", SHARES)
@pytest.mark.parametrize(("mean", "std"), MOMENTS)
def test_shares_sum_to_one(shares, mean, std):
    assert shares(mean, std).sum() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(
    ("std", "expected"), [(1.0, 0.947684), (0.02, 0.988424), (0.03, 0.948499)], ids=str
)
def test_the_mlh_of_a_gaussian_is_the_published_one(std, expected):
    assert mlh(context.gaussian_shares(0.0, std)) == pytest.approx(expected, abs=6e-7)


@pytest.mark.parametrize(("high", "expected"), [(0.2, 0.864123), (0.5, 0.732435)], ids=str)
def test_the_mlh_of_a_uniform_distribution_is_the_published_one(high, expected):
    shares = context.uniform_shares(high / 2, high / math.sqrt(12))
    assert mlh(shares) == pytest.approx(expected, abs=6e-7)


@pytest.mark.parametrize("std", [0.0, -1.0, math.nan, math.inf])
def test_without_a_spread_there_is_nothing_to_expect(std):
    for shares in SHARES:
        assert np.isnan(shares(0.5, std)).all()


class TestSpread:
    @pytest.mark.parametrize(
        "shares",
        [
            BENFORD,
            context.gaussian_shares(0, 1.0),
            context.gaussian_shares(0, 0.02),
            context.uniform_shares(0, 0.05),
        ],
        ids=["Benford", "N(0, 1)", "N(0, 0.02)", "uniform"],
    )
    @pytest.mark.parametrize("n", [1000, 10_000, 1_000_000])
    def test_is_the_scatter_of_simulated_samples(self, shares, n):
        samples = np.random.default_rng(1).multinomial(n, shares / shares.sum(), size=20_000)
        assert context.mlh_spread(shares * n) == pytest.approx(mlh(samples).std(), rel=0.1)

    def test_falls_with_the_square_root_of_the_size_away_from_the_law(self):
        counts = np.array([500, 90, 60, 60, 60, 60, 60, 60, 50])
        ratio = context.mlh_spread(counts) / context.mlh_spread(100 * counts)
        assert ratio == pytest.approx(10, rel=0.01)

    @pytest.mark.parametrize("counts", [[0] * 9, [7] * 9, [math.nan] * 9], ids=str)
    def test_is_nan_where_mlh_is(self, counts):
        assert math.isnan(context.mlh_spread(counts))
