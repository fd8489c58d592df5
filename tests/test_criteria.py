"""The criteria against their printed equations, worked by hand."""

import math

import numpy as np
import pytest
from scipy import stats

from keras_benford.criteria import MLH_RANGE, aic, bic, eic, scaled_eic, symbolic_eic

OF_ACCURACY_AND_MLH = pytest.mark.parametrize(
    "criterion", [eic, scaled_eic, symbolic_eic], ids=lambda f: f.__name__
)

EQUATIONS = {
    eic: lambda a, m: -a - m,
    scaled_eic: lambda a, m: -a - (m - 0.9462) / 0.0537,
    symbolic_eic: lambda a, m: -math.log(m) / a,
}


@OF_ACCURACY_AND_MLH
@pytest.mark.parametrize(
    ("accuracy", "mlh"),
    [(0.5, 0.98), (1.0, 1.0), (0.1, 0.9462), (1e-3, 0.01), (0.75, 0.9999)],
    ids=str,
)
def test_each_is_its_equation(criterion, accuracy, mlh):
    found = criterion(accuracy, mlh)
    assert type(found) is float
    assert found == pytest.approx(EQUATIONS[criterion](accuracy, mlh), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(
    ("criterion", "expected"),
    [(eic, -1.48), (scaled_eic, -0.5 - 0.0338 / 0.0537), (symbolic_eic, 0.040405)],
    ids=lambda x: getattr(x, "__name__", ""),
)
def test_half_the_answers_right_at_mlh_098(criterion, expected):
    assert criterion(0.5, 0.98) == pytest.approx(expected, abs=1e-6)


@OF_ACCURACY_AND_MLH
@pytest.mark.parametrize(
    ("worse", "better"),
    [((0.5, 0.97), (0.5, 0.98)), ((0.5, 0.97), (0.6, 0.97))],
    ids=["higher MLH", "higher accuracy"],
)
def test_lower_is_better(criterion, worse, better):
    assert criterion(*better) < criterion(*worse)


@OF_ACCURACY_AND_MLH
def test_arrays_broadcast(criterion):
    accuracy, mlh = np.array([[0.25], [0.5], [1.0]]), np.array([0.9, 0.95])
    expected = [[EQUATIONS[criterion](a, m) for m in mlh] for a in accuracy[:, 0]]
    np.testing.assert_allclose(criterion(accuracy, mlh), expected, rtol=1e-12)
    np.testing.assert_allclose(criterion(accuracy.tolist(), 0.95), np.array(expected)[:, 1:])


@OF_ACCURACY_AND_MLH
@pytest.mark.parametrize(
    ("accuracy", "mlh"),
    [(math.nan, 0.9), (0.5, math.nan), (math.nan, math.nan)],
    ids=["accuracy", "MLH", "both"],
)
def test_nan_gives_nan_without_a_warning(criterion, accuracy, mlh):
    assert math.isnan(criterion(accuracy, mlh))


@pytest.mark.parametrize(
    ("accuracy", "mlh"),
    [(0.0, 0.9), (0.5, 0.0), (0.5, -0.2), (0.0, -1.0)],
    ids=["accuracy 0", "MLH 0", "negative MLH", "both"],
)
def test_symbolic_eic_is_undefined_without_accuracy_or_positive_mlh(accuracy, mlh):
    assert math.isnan(symbolic_eic(accuracy, mlh))
    assert math.isfinite(eic(accuracy, mlh))
    assert math.isfinite(scaled_eic(accuracy, mlh))


def test_undefined_entries_leave_the_others_alone():
    found = symbolic_eic([0.0, 0.5, 0.5, math.nan], [0.9, 0.0, 0.9, 0.9])
    np.testing.assert_allclose(found, [math.nan, math.nan, -2 * math.log(0.9), math.nan])


def test_a_perfect_symbolic_eic_is_plain_zero():
    assert math.copysign(1, symbolic_eic(1.0, 1.0)) == 1


@OF_ACCURACY_AND_MLH
@pytest.mark.parametrize(
    ("accuracy", "received"),
    [(58.6, "58.6"), (-0.1, "-0.1"), (math.inf, "inf"), ([0.5, 97.0], "97")],
    ids=["percentage", "negative", "infinite", "one of two"],
)
def test_what_is_no_accuracy_is_refused(criterion, accuracy, received):
    with pytest.raises(ValueError, match=rf"`accuracy`: .*\[0, 1\]; received {received};") as error:
        criterion(accuracy, 0.9)
    assert "divide a percentage by 100" in str(error.value)


@OF_ACCURACY_AND_MLH
@pytest.mark.parametrize("mlh", [1.01, -1.5, -math.inf, [0.9, 98.0]], ids=str)
def test_what_is_no_mlh_is_refused(criterion, mlh):
    with pytest.raises(ValueError, match=r"`mlh`: expected numbers in \[-1, 1\]"):
        criterion(0.5, mlh)


class TestMLHRange:
    def test_defaults_to_the_papers(self):
        assert MLH_RANGE == (0.9462, 0.9999)

    @pytest.mark.parametrize(
        "mlh_range",
        [(-0.5, 0.5), [0.2, 0.8], np.array([0.0, 1.0]), ("0.1", "0.9")],
        ids=["tuple", "list", "array", "texts"],
    )
    def test_maps_its_ends_to_zero_and_one(self, mlh_range):
        ends = scaled_eic(0.0, [float(bound) for bound in mlh_range], mlh_range=mlh_range)
        np.testing.assert_allclose(ends, [0, -1], atol=1e-12)

    @pytest.mark.parametrize(
        "mlh_range",
        [
            (0.9, 0.9),
            (0.99, 0.9),
            (math.nan, 1),
            (0, math.nan),
            (-math.inf, 1),
            (0, math.inf),
            (0.9,),
            (0.1, 0.5, 0.9),
            0.9,
            None,
            "wide",
            (None, 1),
        ],
        ids=str,
    )
    def test_of_other_than_two_ascending_finite_numbers_is_refused(self, mlh_range):
        with pytest.raises(ValueError, match=r"`mlh_range`: expected two finite numbers") as error:
            scaled_eic(0.5, 0.9, mlh_range=mlh_range)
        assert f"received {mlh_range!r}" in str(error.value)


class TestLikelihoodCriteria:
    """A Gaussian's log-likelihood is known in closed form."""

    DATA = np.random.default_rng(0).normal(1.5, 2.0, 400)

    def log_likelihood(self):
        return stats.norm(self.DATA.mean(), self.DATA.std()).logpdf(self.DATA).sum()

    def test_aic_is_the_closed_form(self):
        n, variance = len(self.DATA), self.DATA.var()
        expected = n * (math.log(2 * math.pi * variance) + 1) + 2 * 2
        assert aic(self.log_likelihood(), 2) == pytest.approx(expected, rel=1e-12)

    def test_bic_is_the_standard_one_without_the_papers_stray_factor_2(self):
        n, variance = len(self.DATA), self.DATA.var()
        expected = n * (math.log(2 * math.pi * variance) + 1) + 2 * math.log(n)
        assert bic(self.log_likelihood(), 2, n) == pytest.approx(expected, rel=1e-12)

    def test_both_broadcast(self):
        parameters = np.array([1, 10, 100])
        np.testing.assert_allclose(aic(-50.0, parameters), [102, 120, 300])
        np.testing.assert_allclose(bic(-50.0, parameters, math.e**2), [102, 120, 300])

    def test_one_sample_costs_nothing_in_bic(self):
        assert bic(-3.0, 7, 1) == 6.0

    @pytest.mark.parametrize("value", [aic(math.nan, 3), bic(math.nan, 3, 10)], ids=["aic", "bic"])
    def test_nan_likelihood_gives_nan(self, value):
        assert math.isnan(value)

    @pytest.mark.parametrize(
        ("criterion", "arguments", "message"),
        [
            (aic, (-1.0, -1), "`n_parameters`: expected 0 or more; received -1"),
            (bic, (-1.0, -1, 10), "`n_parameters`: expected 0 or more; received -1"),
            (bic, (-1.0, 1, 0), "`n_samples`: expected 1 or more; received 0"),
            (bic, (-1.0, 1, [10, 0.5]), "`n_samples`: expected 1 or more; received 0.5"),
            (aic, (-1.0, math.nan), "`n_parameters`: expected 0 or more; received nan"),
        ],
        ids=["aic", "bic", "no samples", "half a sample", "NaN parameters"],
    )
    def test_what_is_no_count_is_refused(self, criterion, arguments, message):
        with pytest.raises(ValueError, match=message):
            criterion(*arguments)


@pytest.mark.parametrize("value", [None, "0.5", 0.5j, True], ids=repr)
@pytest.mark.parametrize("criterion", [eic, scaled_eic, symbolic_eic])
def test_what_is_no_real_number_is_refused(criterion, value):
    with pytest.raises(TypeError, match="`accuracy`: expected real numbers; received"):
        criterion(value, 0.95)
    with pytest.raises(TypeError, match="`mlh`: expected real numbers; received"):
        criterion(0.5, value)
