"""What MLH cannot tell is told in time: frozen weights, few weights, an undefined criterion."""

import math

import keras
import numpy as np
import pytest
from keras import layers

import keras_benford as kb
from tests.training import Scripted, classifier, two_classes

pytestmark = pytest.mark.slow
X, Y = two_classes()
CROSSENTROPY = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def backbone(frozen=True):
    """A network of which all but the last layer may be frozen."""
    keras.utils.set_random_seed(0)
    below = keras.Sequential([keras.Input((8,)), layers.Dense(64), layers.Dense(16)], name="below")
    below.trainable = not frozen
    model = keras.Sequential([keras.Input((8,)), below, layers.Dense(2, name="head")])
    model.compile("adam", CROSSENTROPY, metrics=["accuracy", kb.WeightsMLH(model, name="metric")])
    return model


def head_of(model):
    return kb.mlh(kb.digit_counts(keras.ops.convert_to_numpy(model.layers[-1].kernel)))


@pytest.mark.parametrize("kind", [kb.BenfordMonitor, lambda: kb.MLHEarlyStopping("mlh")])
def test_frozen_weights_do_not_count_in_training(kind):
    model = backbone()
    history = model.fit(X, Y, verbose=0, callbacks=[kind()]).history
    assert history["mlh"] == [head_of(model)]
    assert history["metric"][0] == pytest.approx(head_of(model), abs=1e-6)
    assert kb.score(model).mlh != head_of(model)


def test_frozen_weights_count_where_they_are_included():
    model = backbone()
    monitor = kb.BenfordMonitor(include="*kernel")
    history = model.fit(X, Y, verbose=0, callbacks=[monitor]).history
    assert history["mlh"] == [kb.score(model).mlh]


def test_what_trains_again_counts_again():
    model = backbone()
    model.layers[0].trainable = True
    model.compile("adam", CROSSENTROPY)
    history = model.fit(X, Y, verbose=0, callbacks=[kb.BenfordMonitor()]).history
    assert history["mlh"] == [kb.score(model).mlh]


def test_a_score_marks_frozen_weights():
    score = kb.score(backbone())
    assert [layer.frozen for layer in score.layers] == [True, True, False]
    assert [layer["frozen"] for layer in score.to_dict()["layers"]] == [True, True, False]
    assert str(score).count("(frozen)") == 2
    assert "(frozen)" not in str(kb.score(backbone(frozen=False)))


def test_a_file_does_not_say_what_is_frozen(tmp_path):
    backbone().save(tmp_path / "model.keras")
    assert {layer.frozen for layer in kb.score(tmp_path / "model.keras").layers} == {None}


def test_the_kernel_under_trained_lora_factors_counts():
    model = backbone(frozen=False)
    model.layers[-1].enable_lora(1)
    monitor = kb.BenfordMonitor(layers=True)
    model.compile("adam", CROSSENTROPY)
    history = model.fit(X, Y, verbose=0, callbacks=[monitor]).history
    assert any(key.endswith("head/kernel") for key in history)
    assert [layer.frozen for layer in kb.score(model).layers][-1] is False


def test_a_model_of_which_all_is_frozen_is_told_before_training():
    model = backbone()
    model.layers[-1].trainable = False
    model.compile("adam", CROSSENTROPY)
    with pytest.raises(ValueError, match=r"expected weights that count; .*frozen: training does"):
        model.fit(X, Y, verbose=0, callbacks=[kb.BenfordMonitor()])


def test_the_metric_of_a_frozen_model_is_nan_and_evaluation_goes_on():
    model = backbone()
    model.trainable = False
    with pytest.warns(UserWarning, match=r"reports NaN: expected weights that count; .*\(frozen: "):
        found = model.evaluate(X, Y, verbose=0, return_dict=True)
    assert math.isnan(found["metric"])
    assert 0 <= found["accuracy"] <= 1


def test_so_few_weights_that_mlh_is_chance_are_warned_of():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((13,)), layers.Dense(3)])
    model.compile("adam", CROSSENTROPY, metrics=["accuracy"])
    x, y = np.random.default_rng(0).random((60, 13)), np.arange(60) % 3
    callbacks = [kb.MLHEarlyStopping("eic")]
    with pytest.warns(UserWarning, match=r"MLH of 39 weights scatters by ± 0\.\d+ .*ChurnEarly"):
        model.fit(x, y, verbose=0, callbacks=callbacks)
    with pytest.warns(UserWarning, match=r"MLH of 39 weights scatters by ± 0\.\d+ .*ChurnEarly"):
        model.fit(x, y, verbose=0, callbacks=[kb.BenfordMonitor()])


@pytest.mark.filterwarnings("error:MLH of")
def test_many_weights_are_not_warned_of():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((64,)), layers.Dense(128), layers.Dense(10)])
    model.compile("adam", CROSSENTROPY, metrics=["accuracy"])
    x = np.repeat(X, 8, axis=1)
    model.fit(x, Y, verbose=0, callbacks=[kb.MLHEarlyStopping()])


def test_the_number_in_the_warning_is_how_mlh_scatters():
    rng = np.random.default_rng(0)
    found = [kb.mlh(kb.digit_counts(rng.uniform(-0.6, 0.6, 39))) for _ in range(2000)]
    counts = kb.digit_counts(rng.uniform(-0.6, 0.6, 10**6)) * 39 / 10**6
    assert kb.context.mlh_spread(counts) == pytest.approx(np.std(found), rel=0.25)


def test_weights_that_come_back_from_too_early_are_warned_of():
    stopping = kb.MLHEarlyStopping("mlh", patience=99)
    stopping.measures[0] = Scripted("mlh", [0.99, *[0.9] * 29])
    model = classifier(keras.optimizers.Adam(0.003))
    with pytest.warns(UserWarning, match=r"epoch 1 come back, with a training accuracy of \d\d %"):
        history = model.fit(X, Y, epochs=30, verbose=0, callbacks=[stopping]).history
    assert history["accuracy"][0] < history["accuracy"][-1] - 0.25


def test_an_undefined_criterion_is_told_once_and_never_the_best():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((8,)), layers.Dense(2, kernel_initializer="ones", name="of_ones")]
    )
    # All weights lead with a 9: MLH is negative.
    model.set_weights([np.full((8, 2), 0.95, "float32"), np.zeros(2, "float32")])
    model.compile(keras.optimizers.SGD(0.0), CROSSENTROPY, metrics=["accuracy"])
    stopping = kb.MLHEarlyStopping(patience=2)
    with pytest.warns(
        UserWarning, match=r"undefined where MLH is not positive|no weights were"
    ) as said:
        history = model.fit(X, Y, epochs=5, verbose=0, callbacks=[stopping]).history
    assert sum("undefined where MLH" in str(each.message) for each in said) == 1
    assert np.isnan(history["symbolic_eic"]).all()
    assert history["mlh"][0] < 0
    assert stopping.best is None
