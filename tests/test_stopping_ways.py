"""Ways of stopping on records that were worked out by hand, and how they are compared."""

import numpy as np
import pytest
from scipy import stats

from examples.stopping import compared, ways
from keras_benford.rules import Outcome


def record(held_out=0.0, **checks):
    n = len(next(iter(checks.values())))
    checks = {"loss": [1.0] * n, "test_score": np.linspace(0, 1, n).tolist()} | checks
    sizes = {"probe": 2000, "unseen": 2000}
    setting = {"task": "letter-2000", "seed": 0, "held_out": held_out}
    return {"setting": setting, "sizes": sizes, "checks": checks}


class TestRules:
    def test_keras_rule_on_a_value_with_patience_and_over_the_whole(self):
        values = record(val_loss=[5.0, 3.0, 4.0, 4.0, 1.0])
        assert ways.monitored("val_loss", "min", 2)(values) == Outcome(3, 1)
        assert ways.monitored("val_loss", "min")(values) == Outcome(None, 4)

    def test_to_the_end(self):
        assert ways.to_the_end(record(loss=[1.0, 1.0, 1.0])) == Outcome(None, 2)

    def test_label_wave_takes_the_lowest_mean_of_three(self):
        found = record(changes=[9.0, 6.0, 3.0, 3.0, 0.0, 9.0, 9.0])
        assert ways.label_wave(found["checks"]) == [None, None, 6.0, 4.0, 2.0, 4.0, 6.0]
        assert ways.monitored(ways.label_wave, "min", 2)(found) == Outcome(6, 4)

    def test_alignment_is_the_mean_over_the_kurtosis(self):
        found = record(gwa_mean=[0.3, 0.6, 0.1], gwa_kurtosis=[0.3, 1.8, -2.0])
        assert ways.alignment(found["checks"]) == pytest.approx([0.2, 0.2, 2.0])

    def test_gradient_disparity_stops_at_the_fifth_increase_in_all(self):
        rising = [5.0, 6.0, 4.0, 5.0, 5.0, 6.0, 7.0, 8.0, 9.0]
        # It increases at checks 1, 3, 5, 6 and 7.
        assert ways.after_increases("disparity", 5)(record(disparity=rising)) == Outcome(7, 7)
        assert ways.after_increases("disparity", 5)(record(disparity=rising[:7])) == Outcome(
            None, 6
        )

    def test_evidence_stops_at_the_first_check_above_zero(self):
        rule = ways.above_zero("evidence")
        assert rule(record(evidence=[-2.0, -0.1, 0.2, -1.0])) == Outcome(2, 2)
        assert rule(record(evidence=[-2.0, -0.1])) == Outcome(None, 1)

    def test_canaries_are_judged_by_the_mean_of_five_checks_and_the_last_of_the_lowest(self):
        rule = ways.monitored(ways.canaries, "min", 3)
        shares = [0.2] + [0.0] * 8 + [0.5] * 4
        # Means from the sixth check on: 0, 0, 0, 0, 0.1, 0.2, 0.3.
        assert rule(record(val_score=shares)) == Outcome(11, 8)

    def test_criteria_are_those_of_the_library(self):
        checks = record(accuracy=[0.5, 1.0], mlh=[0.8, 0.9])["checks"]
        assert ways.criterion("eic")(checks) == pytest.approx([-1.3, -1.9])

    def test_churn_is_replayed_by_the_rule_of_the_callback(self):
        unseen = [None, *[0.5] * 5, *[0.1] * 5, *[0.2] * 20]
        training = [None, *[0.5] * 5, *[0.1] * 5, *[0.0] * 20]
        found = record(churn_training=training, churn_unseen=unseen)
        outcome = ways.churn(patience=8)(found)
        # The mean of five is lowest at check 10; the next shows memorising already.
        assert outcome == Outcome(18, 10)
        assert ways.settling(patience=3)(found) == Outcome(18, 15)


class TestChosen:
    def test_held_out_labels_cost_what_they_do_not_train_on(self):
        way = ways.Way("v", "held-out labels", ways.monitored("val_loss", "min", 2), held_out=0.2)
        beside = record(0.2, val_loss=[5.0, 3.0, 4.0, 4.0, 1.0])
        shares = {0.0: record(loss=[1.0] * 5), 0.2: beside}
        assert ways.chosen(way, shares) == ways.Chosen(0.25, pytest.approx(0.8 * 4 / 5), 1, 3)

    def test_canaries_cost_a_training_on_all_labels(self):
        rule = ways.monitored("val_score", "min", 2)
        way = ways.Way("canaries", "training labels", rule, held_out=0.05, canaries=True)
        watched = record(0.05, val_score=[0.4, 0.1, 0.2, 0.3, 0.0])
        shares = {0.0: record(loss=[1.0] * 5), ways.CANARIES: watched}
        assert ways.chosen(way, shares) == ways.Chosen(0.25, pytest.approx(4 / 5), 1, 3)

    @pytest.mark.parametrize(("unit", "epochs"), [("epochs", 4), ("updates", 3)])
    def test_a_refit_trains_anew_on_all_labels(self, unit, epochs):
        rule = ways.monitored("val_loss", "min")
        way = ways.Way("refit", "held-out labels", rule, ways.MEAN, held_out=0.2, refit=unit)
        whole = record(mean_test_score=[0.1, 0.2, 0.7, 0.9, 0.5])
        shares = {0.0: whole, 0.2: record(0.2, val_loss=[5.0, 4.0, 3.0, 2.0, 4.0])}
        found = ways.chosen(way, shares)
        assert found.score == whole["checks"]["mean_test_score"][epochs - 1]
        assert found.cost == pytest.approx(0.8 + epochs / 5)

    def test_the_oracles_check_is_found_on_one_half_and_scored_on_the_other(self):
        found = record(oracle_score=[0.2, 0.9, 0.3], test_score=[0.5, 0.6, 0.8])
        assert ways.oracle({0.0: found}) == 0.6


class TestCompared:
    def test_regrets_of_the_tasks_that_are_complete(self):
        end = ways.Way("end", "nothing", ways.to_the_end)
        accurate = ways.Way("a", "training labels", ways.monitored("accuracy", "max"))
        first = record(oracle_score=[0.0, 1.0, 0.0], test_score=[0.5, 0.75, 0.25])
        second = {**first, "setting": {**first["setting"], "task": "vowel-400"}}
        found = compared.regrets([end, accurate], [first, second])
        assert found.tasks == ["letter-2000", "vowel-400"]
        assert found.points["end"].tolist() == [[50.0], [50.0]]
        assert np.isnan(found.points["a"]).all()
        without_share = {**first, "setting": {**first["setting"], "seed": 1, "held_out": 0.1}}
        assert compared.regrets([end], [first, without_share]).tasks == []

    def test_a_task_may_have_fewer_seeds_than_others(self):
        end = ways.Way("end", "nothing", ways.to_the_end)
        first = record(oracle_score=[0.0, 1.0, 0.0], test_score=[0.5, 0.75, 0.25])
        again = {**first, "setting": {**first["setting"], "seed": 1}}
        second = {**again, "setting": {**again["setting"], "task": "vowel-400"}}
        found = compared.regrets([end], [second, again, first])
        assert found.tasks == ["letter-2000", "vowel-400"]
        np.testing.assert_array_equal(found.points["end"], [[50.0, 50.0], [50.0, np.nan]])
        assert compared.of_tasks(found.points["end"]).tolist() == [50.0, 50.0]

    def test_seeds_that_are_missing_are_not_drawn(self):
        points = np.random.default_rng(0).normal(size=(20, 1)).repeat(3, axis=1)
        fewer = points.copy()
        fewer[::2, 1:] = np.nan
        assert compared.interval(fewer) == pytest.approx(compared.interval(points))

    def test_the_interval_is_that_of_scipys_bootstrap_over_tasks(self):
        points = np.random.default_rng(0).normal(1, 2, size=(20, 1))
        low, high = compared.interval(points)
        expected = stats.bootstrap(
            (points[:, 0],), np.mean, method="percentile", n_resamples=4000, rng=1
        ).confidence_interval
        assert (low, high) == pytest.approx(tuple(expected), abs=0.1)

    def test_ranks_and_their_critical_difference(self):
        # Demšar (2006): for 5 ways on 30 tasks q is 2.728.
        points = {str(k): np.full((30, 2), float(k)) for k in range(5)}
        means, difference = compared.ranks(points)
        assert means == {"0": 1.0, "1": 2.0, "2": 3.0, "3": 4.0, "4": 5.0}
        assert difference == pytest.approx(2.728 * np.sqrt(5 * 6 / (6 * 30)), abs=1e-3)

    def test_worst_quarter_and_wilcoxon(self):
        points = np.array([[1.0], [2.0], [3.0], [8.0], [4.0], [10.0], [0.0], [np.nan]])
        assert compared.worst_quarter(points) == 9.0
        assert compared.of_tasks(points).tolist() == [1.0, 2.0, 3.0, 8.0, 4.0, 10.0, 0.0]
        assert np.isnan(compared.p_value(points, points))
        others = points + np.arange(8.0)[:, None] + 1
        assert compared.p_value(points, others) == pytest.approx(2 / 2**7)
