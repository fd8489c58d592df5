import math

import pytest

from keras_benford.callbacks.schedule import Schedule


def marks(schedule, steps, known=True, per_execution=1):
    schedule.begin_epoch(steps if known else None)
    ends = range(per_execution, steps + per_execution, per_execution)
    return [min(end, steps) for end in ends if schedule.is_due(min(end, steps))]


@pytest.mark.parametrize(
    ("check_every", "steps", "expected"),
    [
        pytest.param("epoch", 10, [], id="epoch"),
        pytest.param(1.0, 10, [], id="one-epoch-as-float"),
        pytest.param(0.7, 10, [], id="0.7-is-nearest-to-one-check"),
        pytest.param("batch", 3, [1, 2, 3], id="batch"),
        pytest.param(4, 10, [4, 8], id="every-4-batches"),
        pytest.param(5, 10, [5, 10], id="a-divisor-of-the-steps"),
        pytest.param(50, 10, [], id="more-batches-than-an-epoch-has"),
        pytest.param(0.5, 10, [5], id="half"),
        pytest.param(0.33, 98, [33, 65], id="the-paper's-third"),
        pytest.param(1 / 3, 99, [33, 66], id="exact-third"),
        pytest.param(0.1, 4, [1, 2, 3], id="more-checks-than-batches"),
        pytest.param(0.5, 1, [], id="one-batch-an-epoch"),
    ],
)
def test_checks_inside_an_epoch_fall_after_these_batches(check_every, steps, expected):
    assert marks(Schedule(check_every), steps) == expected


def test_every_epoch_is_planned_alike():
    schedule = Schedule(4)
    assert marks(schedule, 10) == marks(schedule, 10) == [4, 8]


def test_an_epoch_of_unknown_length_has_no_fractions():
    assert marks(Schedule(0.25), 12, known=False) == []


def test_batches_are_counted_in_an_epoch_of_unknown_length():
    assert marks(Schedule(5), 12, known=False) == [5, 10]


def test_an_execution_of_several_steps_is_checked_once_past_each_mark():
    assert marks(Schedule(3), 20, per_execution=7) == [7, 14, 20]
    assert marks(Schedule(0.25), 20, per_execution=7) == [7, 14, 20]


@pytest.mark.parametrize("check_every", ["epoch", 1.0, 0.9])
def test_no_checks_inside_an_epoch_unless_asked_for(check_every):
    assert not Schedule(check_every).inside_epoch


@pytest.mark.parametrize("check_every", ["batch", 2, 100, 0.5])
def test_checks_inside_an_epoch_are_known_before_fit(check_every):
    assert Schedule(check_every).inside_epoch


@pytest.mark.parametrize("check_every", [0, -1, 0.0, -0.5, 1.5, 2.0, math.nan, math.inf, "often"])
def test_a_value_out_of_range_is_refused(check_every):
    with pytest.raises(ValueError, match=r"`check_every`: expected .* received"):
        Schedule(check_every)


@pytest.mark.parametrize("check_every", [True, None, [1]])
def test_a_value_of_another_type_is_refused(check_every):
    with pytest.raises(TypeError, match=r"`check_every`: expected .* received"):
        Schedule(check_every)


def test_the_integer_1_warns_whoever_meant_an_epoch():
    with pytest.warns(UserWarning, match=r"every batch; pass 'epoch' or 1\.0"):
        schedule = Schedule(1)
    assert marks(schedule, 3) == [1, 2, 3]
