"""Churn against scikit-learn's kappa, hand-made tables and the definition of variance."""

import math
from fractions import Fraction

import numpy as np
import pytest

from keras_benford.predictions import Predictions, changed_variance, churn, churn_of


def drawn(seed, n_classes, n=200, same=0.8):
    """Predicted classes of unequal shares at two checks, of which a share is the same."""
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.ones(n_classes))
    before, after = rng.choice(n_classes, size=(2, n), p=shares)
    return before, np.where(rng.random(n) < same, before, after)


@pytest.mark.parametrize("n_classes", [2, 3, 10, 1000])
@pytest.mark.parametrize("seed", range(5))
def test_churn_is_one_less_cohens_kappa(seed, n_classes):
    metrics = pytest.importorskip("sklearn.metrics", reason="needs scikit-learn")
    before, after = drawn(seed, n_classes)
    assert churn(before, after) == pytest.approx(1 - metrics.cohen_kappa_score(before, after))


def test_churn_of_a_table_by_hand():
    # 4 of 10 differ; shares .5 .5 and .7 .3 agree by chance in half of the cases.
    before = [0] * 5 + [1] * 5
    after = [0, 0, 0, 0, 1, 0, 0, 0, 1, 1]
    assert churn(before, after) == pytest.approx(float(Fraction(4, 10) / Fraction(1, 2)))


def test_churn_does_not_depend_on_what_the_classes_are_called():
    before, after = drawn(0, 5)
    names = np.array([7, 200, 3, 0, 65_000])
    assert churn(names[before], names[after]) == pytest.approx(churn(before, after), rel=1e-12)


def test_the_same_predictions_have_no_churn_and_random_ones_about_1():
    before, after = drawn(0, 5, n=100_000, same=0)
    assert churn(before, before) == 0
    assert churn(before, after) == pytest.approx(1, abs=0.01)


def test_churn_of_one_class_only_is_undefined():
    assert math.isnan(churn([3, 3, 3], [3, 3, 3]))


@pytest.mark.parametrize(
    ("before", "after"), [([0, 1], [0, 1, 1]), ([], []), (0, 0)], ids=["sizes", "none", "scalars"]
)
def test_predictions_that_cannot_be_compared_are_refused(before, after):
    with pytest.raises(ValueError, match="expected predictions of the same examples"):
        churn(before, after)


def classes(values, n_classes):
    return Predictions("classes", np.array(values, "uint8"), n_classes)


def test_positions_are_all_counted():
    before, after = (each.reshape(20, 10) for each in drawn(0, 3))
    found = churn_of(classes(before, 3), classes(after, 3))
    assert found == churn(before.ravel(), after.ravel())


def test_the_churn_of_several_labels_is_their_mean():
    rng = np.random.default_rng(0)
    before, after = rng.random((2, 50, 3)) < 0.4
    found = churn_of(Predictions("labels", before, 2), Predictions("labels", after, 2))
    assert found == pytest.approx(np.mean([churn(before[:, i], after[:, i]) for i in range(3)]))


def test_a_label_that_is_never_there_is_left_out():
    before = np.array([[0, 0], [1, 0], [0, 0]], bool)
    after = np.array([[0, 0], [1, 0], [1, 0]], bool)
    found = churn_of(Predictions("labels", before, 2), Predictions("labels", after, 2))
    assert found == churn(before[:, 0], after[:, 0])


@pytest.mark.parametrize(
    ("minority", "shares", "is_told"),
    [
        (0.5, None, True),
        (0.05, None, True),
        (0.01, None, False),
        (0.1, (0.5, 0.5), False),
        (0.1, (0.9, 0.1), True),
        (0.02, (0.9, 0.1), False),
        (0.0, (0.9, 0.1), False),
    ],
)
@pytest.mark.parametrize("kind", ["classes", "labels"])
def test_predictions_that_have_collapsed_tell_no_churn(kind, minority, shares, is_told):
    values = (np.arange(1000) < 1000 * minority).astype("uint8")
    after = values.copy()
    after[:2] = 1 - after[:2]
    if kind == "labels":
        values, after = (each.astype(bool)[:, None] for each in (values, after))
    found = churn_of(Predictions(kind, values, 2), Predictions(kind, after, 2), shares)
    assert math.isnan(found) is not is_told


def test_of_many_classes_equal_shares_are_expected():
    before = np.arange(1000) % 10 * (np.arange(1000) < 200)
    after = np.where(np.arange(1000) == 1, 0, before)
    assert math.isnan(churn_of(classes(before, 10), classes(after, 10)))
    shares = np.bincount(before) / 1000
    assert churn_of(classes(before, 10), classes(after, 10), shares) == churn(before, after)


def test_changed_variance_is_a_share_of_the_variance():
    rng = np.random.default_rng(0)
    before, noise = rng.standard_normal((2, 100_000))
    assert changed_variance(before, before) == 0
    assert changed_variance(before, noise) == pytest.approx(1, abs=0.01)
    # Half of the variance is kept: r is the correlation, and 1 - r what is not.
    after = math.sqrt(0.5) * (before + noise)
    assert changed_variance(before, after) == pytest.approx(1 - math.sqrt(0.5), abs=0.01)
    assert changed_variance(100 * before + 7, 100 * after + 7) == pytest.approx(
        changed_variance(before, after), rel=1e-9
    )


def test_several_numbers_have_the_mean_of_their_churn_whatever_their_scale():
    rng = np.random.default_rng(0)
    before, after = rng.standard_normal((2, 50, 2)) * [1, 1000]
    single = [changed_variance(before[:, i], after[:, i]) for i in range(2)]
    assert changed_variance(before, after) == pytest.approx(np.mean(single))


def test_numbers_that_do_not_vary_tell_nothing():
    assert math.isnan(changed_variance([0.1, 0.1, 0.1], [0.1, 0.1, 0.1]))
    with_constant = np.array([[0.1, 1.0], [0.1, 2.0], [0.1, 3.0]])
    assert changed_variance(with_constant, with_constant) == 0
