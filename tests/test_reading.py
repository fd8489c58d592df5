"""What a score says in plain words, on weights whose history is known."""

import math

import keras
import numpy as np
import pytest
from keras import layers
from scipy import stats

import keras_benford as kb
from keras_benford.scoring import LayerScore, Score
from keras_benford.scoring.reading import judge

UNIFORM = stats.uniform(-0.3, 0.6)
NORMAL = stats.norm(0, 0.06)
TRUNCATED = stats.truncnorm(-2, 2, 0, 0.06)
# Where both have nearly the same digits.
EITHER = stats.uniform(-1.37, 2.74)
LAPLACE = stats.laplace(0, 0.06)


def drawn(distribution, n=20_000, seed=0):
    return distribution.rvs(n, random_state=seed).astype("float32")


def weight(values, path="dense/kernel"):
    finite = values[np.isfinite(values)].astype(np.float64)
    return LayerScore(
        counts=np.asarray(kb.digit_counts(values)),
        size=values.size,
        zeros=int((values == 0).sum()),
        nonfinite=values.size - finite.size,
        path=path,
        shape=values.shape,
        dtype="float32",
        mean=finite.mean() if finite.size else math.nan,
        std=finite.std() if finite.size else math.nan,
    )


def reading(*arrays):
    parts = [weight(values, f"w{i}") for i, values in enumerate(arrays)]
    sums = {key: sum(getattr(p, key) for p in parts) for key in ("size", "zeros", "nonfinite")}
    counts = sum(part.counts for part in parts)
    return Score(counts=counts, **sums, name="m", layers=tuple(parts), skipped=()).reading


@pytest.mark.parametrize(
    ("values", "verdict", "kind"),
    [
        (drawn(UNIFORM), "random", "uniform"),
        (drawn(stats.uniform(-0.05, 0.1)), "random", "uniform"),
        (drawn(UNIFORM) + np.float32(0.01), "between", "uniform"),
        (drawn(NORMAL), "normal", "Gaussian"),
        (drawn(TRUNCATED), "normal", "truncated Gaussian"),
        (drawn(LAPLACE), "other", None),
        (drawn(stats.t(3, 0, 0.06)), "other", None),
        (np.concatenate([drawn(UNIFORM), drawn(UNIFORM) / 10]), "other", None),
        (drawn(UNIFORM, 999), "few", None),
        (drawn(UNIFORM) * (np.arange(20_000) % 50 > 0), "zeros", None),
        (np.full(20_000, 0.5, "float32"), "constant", None),
        (np.full(20_000, np.nan, "float32"), "few", None),
        (np.zeros(20_000, "float32"), "few", None),
    ],
    ids=[
        *("uniform", "uniform up to a digit's edge", "shifted", "Gaussian", "truncated"),
        *("Laplace", "Student", "mixture", "few", "pruned", "constant", "NaN", "zeros"),
    ],
)
def test_a_weight_is_judged_by_where_its_values_come_from(values, verdict, kind):
    found = judge(weight(values))
    assert found.verdict == verdict
    assert kind in (None, found.kind)


def test_the_distance_is_in_units_of_the_spread_that_the_table_shows():
    found = judge(weight(drawn(UNIFORM)))
    part = found.layer
    expected = (part.mlh - part.mlh_if_uniform) / part.mlh_spread
    assert found.distance == pytest.approx(expected, rel=1e-9)


def test_random_numbers_are_hardly_ever_taken_for_anything_else():
    """300 draws of 1,000 to 30,000 values; `between` is what chance may say."""
    found = [
        judge(weight(drawn(UNIFORM if seed % 2 else NORMAL, 1000 + 100 * seed, seed))).verdict
        for seed in range(300)
    ]
    assert found.count("other") == 0
    assert found.count("between") <= 3


def test_what_half_precision_rounds_off_is_no_training():
    values = drawn(stats.uniform(-0.0442, 0.0884), 3_000_000).astype(np.float16)
    assert judge(weight(values.astype(np.float32))).verdict == "random"


def network(initializer):
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(32, 3, activation="relu", kernel_initializer=initializer),
            layers.Conv2D(64, 3, activation="relu", kernel_initializer=initializer),
            layers.Flatten(),
            layers.Dense(128, activation="relu", kernel_initializer=initializer),
            layers.Dense(10, kernel_initializer=initializer),
        ],
        name="cnn",
    )


@pytest.mark.parametrize(
    ("initializer", "looks"),
    [
        ("glorot_uniform", "untrained"),
        ("he_uniform", "untrained"),
        ("he_normal", "cannot be told"),
        ("truncated_normal", "cannot be told"),
        ("orthogonal", "cannot be told"),
    ],
)
def test_a_fresh_network_is_never_taken_for_a_trained_one(initializer, looks):
    found = kb.score(network(initializer)).reading
    assert found.looks == looks
    assert "trained" in found.sentences[0]
    assert found.faults == ()


@pytest.mark.slow
@pytest.mark.parametrize("initializer", ["glorot_uniform", "he_uniform"])
def test_a_network_that_learned_looks_trained(initializer):
    model = network(initializer)
    rng = np.random.default_rng(0)
    x, y = rng.random((512, 8, 8, 1), np.float32), rng.integers(0, 10, 512)
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    model.layers[-1].activation = keras.activations.softmax
    model.fit(x, y, epochs=4, batch_size=64, verbose=0)
    found = kb.score(model).reading
    assert found.looks == "trained"
    assert "kernel lies farthest: its MLH is" in str(found)


class TestSentences:
    def test_an_untrained_model_says_how_near_it_lies_and_what_that_means(self):
        found = reading(drawn(UNIFORM), drawn(UNIFORM, seed=1), drawn(UNIFORM, 100))
        assert found.looks == "untrained"
        first, second = found.sentences
        assert first == (
            "Looks untrained, by its digits: 2 of 3 weights have those of random numbers (uniform)."
        )
        assert second.endswith("a network that has hardly learned looks the same.")

    def test_a_trained_model_names_the_weight_that_stands_out_and_those_that_do_not(self):
        found = reading(drawn(UNIFORM), drawn(LAPLACE, 50_000), drawn(LAPLACE, 9_000))
        assert found.looks == "trained"
        assert found.sentences[0] == (
            "Looks trained, by its digits: 2 of 3 weights have other digits than random numbers of "
            "the same spread."
        )
        assert "w1 lies farthest: its MLH is " in found.sentences[1]
        assert found.sentences[2] == "Weights that still look untrained: w0."

    def test_of_few_weights_it_is_said_how_much_they_hold(self):
        small = [drawn(UNIFORM, 9_000), drawn(UNIFORM, 9_000, seed=1)]
        found = reading(*small, drawn(LAPLACE, 60_000))
        assert found.looks == "trained"
        assert "1 of 3 weights (77 % of the values) has other digits" in found.sentences[0]

    def test_where_mlh_is_near_by_chance_the_digits_tell(self):
        values = np.concatenate([drawn(UNIFORM), drawn(NORMAL)])
        found = reading(values)
        assert abs(judge(weight(values)).distance) < 5
        assert found.sentences[1].endswith("numbers; shares of single digits lie farther.")

    def test_a_head_that_was_trained_on_random_features_is_told(self):
        assert reading(drawn(UNIFORM, 90_000), drawn(LAPLACE)).looks == "trained in part"

    @pytest.mark.parametrize(
        ("arrays", "why"),
        [
            ([drawn(NORMAL, 50)], ": 1 weight has fewer than 1,000 digits"),
            (
                [drawn(NORMAL), drawn(TRUNCATED)],
                "2 weights have the digits of Gaussian random numbers, as",
            ),
            ([drawn(UNIFORM) + np.float32(0.01)], "1 weight has digits that may be random or not"),
            ([np.full(2000, 0.5, "float32")], "1 weight has one value throughout"),
            (
                [drawn(EITHER, 1000)],
                "1 weight has digits that uniform and Gaussian random numbers both",
            ),
        ],
        ids=["few", "Gaussian", "between", "constant", "either"],
    )
    def test_what_cannot_be_told_says_why(self, arrays, why):
        found = reading(*arrays)
        assert found.looks == "cannot be told"
        assert why in found.sentences[0]

    def test_values_that_are_not_finite_and_many_zeros_are_faults(self):
        broken = drawn(UNIFORM)
        broken[:3] = np.nan, np.inf, -np.inf
        pruned = drawn(UNIFORM) * (np.arange(20_000) % 2)
        few = drawn(UNIFORM)
        few[:5] = 0
        assert reading(broken, pruned, few).faults == (
            "Infinite or NaN: 3 of 60,000 values, in w0.",
            "Zero: 10,005 of 60,000 values, most of them in w1.",
        )

    def test_names_of_many_weights_are_cut_and_of_strangers_escaped(self):
        broken = drawn(UNIFORM)
        broken[0] = np.nan
        assert str(reading(*[broken] * 9)).endswith("w0, w1, w2, w3, w4, w5 and 3 more.")
        part = weight(broken, "a\nb")
        score = Score(
            counts=part.counts, size=part.size, zeros=0, nonfinite=1, name="m", layers=(part,),
            skipped=(),
        )  # fmt: skip
        assert "a\\nb" in str(score.reading)
        assert "\n" not in str(score.reading)
