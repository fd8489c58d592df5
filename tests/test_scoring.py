"""A model's score, held against the decimal expansions of its weights, and its renderings."""

import json
import math
import sys

import keras
import ml_dtypes
import numpy as np
import pytest
from keras import layers
from scipy import stats

import keras_benford as kb
from tests import oracle
from tests.backends import array, holding


def decimal_counts(values):
    """Digit counts of an array, one value at a time, from decimal expansions."""
    digits = [oracle.decimal_digit(float(value)) for value in np.ravel(values)]
    return np.bincount(digits, minlength=10)[1:].tolist()


def small_model(dtype=None, name="small"):
    keras.utils.set_random_seed(3)
    return keras.Sequential(
        [
            keras.Input((6, 6, 2), dtype=dtype),
            layers.Conv2D(4, 3, name="conv", dtype=dtype),
            layers.BatchNormalization(name="bn", dtype=dtype),
            layers.Flatten(name="flat", dtype=dtype),
            layers.Dense(5, name="hidden", dtype=dtype),
            layers.Dense(2, name="head", dtype=dtype),
        ],
        name=name,
    )


def kernels(model):
    return {layer.path: layer.kernel for layer in model.layers if hasattr(layer, "kernel")}


@pytest.fixture(scope="module")
def model():
    return small_model()


@pytest.fixture(scope="module")
def score(model):
    return kb.score(model)


class TestCounts:
    def test_each_layers_are_those_of_its_decimal_expansions(self, model, score):
        expected = [decimal_counts(array(kernel)) for kernel in kernels(model).values()]
        assert [layer.counts.tolist() for layer in score.layers] == expected

    def test_the_models_are_the_sum_of_its_layers(self, score):
        layers_counts = [layer.counts for layer in score.layers]
        assert score.counts.tolist() == np.sum(layers_counts, axis=0).tolist()
        assert score.counts.dtype == np.int64
        assert score.size == sum(layer.size for layer in score.layers) == 72 + 320 + 10

    def test_layers_say_what_they_are_in_the_models_order(self, model, score):
        assert [layer.path.split("/")[-2] for layer in score.layers] == ["conv", "hidden", "head"]
        assert [layer.shape for layer in score.layers] == [(3, 3, 2, 4), (64, 5), (5, 2)]
        assert {layer.dtype for layer in score.layers} == {"float32"}
        assert [layer.size for layer in score.layers] == [72, 320, 10]

    def test_what_does_not_count_is_listed(self, model, score):
        skipped = [s.path.split("/")[-2:] for s in score.skipped]
        assert len(skipped) == len(model.weights) - 3
        assert ["bn", "gamma"] in skipped
        assert ["conv", "bias"] in skipped

    @pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
    def test_every_float_dtype_is_counted_exactly(self, dtype):
        with holding(dtype):
            model = small_model(dtype)
            score = kb.score(model)
            values = [array(kernel) for kernel in kernels(model).values()]
        assert {layer.dtype for layer in score.layers} == {dtype}
        assert {value.dtype for value in values} == {np.dtype(getattr(ml_dtypes, dtype, dtype))}
        assert [layer.counts.tolist() for layer in score.layers] == list(
            map(decimal_counts, values)
        )

    def test_a_model_of_mixed_dtypes_is_counted_exactly(self):
        with holding("float64"):
            model = keras.Sequential([keras.Input((4,))])
            for dtype in ("float64", "float16", "mixed_float16", "bfloat16", "float32", "float64"):
                model.add(layers.Dense(4, dtype=dtype))
            score = kb.score(model)
            kernels = [array(part.kernel) for part in model.layers]
        expected = ["float64", "float16", "float32", "bfloat16", "float32", "float64"]
        assert [layer.dtype for layer in score.layers] == expected
        for layer, kernel in zip(score.layers, kernels, strict=True):
            assert layer.counts.tolist() == decimal_counts(kernel)

    @pytest.mark.slow
    def test_two_hundred_kernels_of_different_shapes(self):
        widths = np.random.default_rng(0).permutation(np.arange(2, 202)).tolist()
        # JAX would take a minute to draw numbers of so many shapes.
        dense = {"use_bias": False, "kernel_initializer": "zeros"}
        model = keras.Sequential([layers.Dense(units, **dense) for units in widths])
        model.build((None, 7))
        for seed, variable in enumerate(model.weights):
            variable.assign(np.random.default_rng(seed).normal(size=variable.shape))
        score = kb.score(model)
        assert len({layer.shape for layer in score.layers}) == 200
        for layer, variable in zip(score.layers, model.weights, strict=True):
            assert layer.counts.tolist() == oracle.tally(array(variable))[:9].tolist()

    def test_a_kernel_under_lora_is_counted_merged(self):
        layer = layers.Dense(5)
        layer.build((None, 4))
        layer.enable_lora(2)
        layer.lora_kernel_b.assign(np.ones((2, 5)))
        assert kb.score(layer).counts.tolist() == decimal_counts(array(layer.kernel))

    def test_weights_are_only_read(self, model):
        before = [array(w).copy() for w in model.weights]
        kb.score(model)
        for old, new in zip(before, model.weights, strict=True):
            np.testing.assert_array_equal(old, array(new))

    def test_training_changes_the_score(self):
        model = small_model()
        before = kb.score(model)
        model.compile(keras.optimizers.SGD(1.0), "mse")
        x = np.random.default_rng(0).normal(size=(4, 6, 6, 2))
        model.fit(x, np.zeros((4, 2)), verbose=0)
        after = kb.score(model)
        assert after.counts.tolist() != before.counts.tolist()
        assert after.counts.sum() == before.counts.sum()


class TestStatistics:
    def test_mlh_is_that_of_all_weights_pooled_not_the_mean(self, score):
        expected = stats.pearsonr(score.counts, kb.BENFORD).statistic
        assert score.mlh == pytest.approx(expected, rel=1e-12)
        assert abs(score.mlh - np.mean([layer.mlh for layer in score.layers])) > 0.01

    @pytest.mark.parametrize("name", ["mlh", "js_divergence", "mean_absolute_deviation"])
    def test_layers_and_models_have_the_same_figures_of_their_counts(self, score, name):
        for part in (score, *score.layers):
            assert getattr(part, name) == getattr(kb, name)(part.counts)


class TestValuesWithoutDigits:
    @pytest.fixture
    def holed(self):
        model = small_model()
        kernel = model.get_layer("hidden").kernel
        values = array(kernel).copy()
        values[0] = [np.nan, np.inf, -np.inf, 0.0, -0.0]
        values[1, 0] = 1e-40  # subnormal
        kernel.assign(values)
        return model

    def test_are_counted_apart_and_mlh_is_that_of_the_rest(self, holed):
        score = kb.score(holed)
        layer = score.layers[1]
        assert (layer.size, layer.zeros, layer.nonfinite) == (320, 3, 3)
        assert (score.size, score.zeros, score.nonfinite) == (402, 3, 3)
        rest = array(holed.get_layer("hidden").kernel).ravel()[6:]
        assert layer.counts.tolist() == decimal_counts(rest)
        assert math.isfinite(layer.mlh)
        assert math.isfinite(score.mlh)

    @pytest.mark.parametrize("value", [0.0, np.nan, -np.inf], ids=str)
    def test_alone_leave_the_figures_undefined(self, model, value):
        layer = layers.Dense(5)
        layer.build((None, 4))
        layer.kernel.assign(np.full((4, 5), value))
        score = kb.score(layer)
        assert score.counts.tolist() == [0] * 9
        assert score.zeros + score.nonfinite == score.size == 20
        assert math.isnan(score.mlh)
        assert math.isnan(score.js_divergence)
        assert "nan" in str(score)


class TestToDict:
    def test_is_json_without_nan(self):
        model = small_model()
        model.get_layer("head").kernel.assign(np.zeros((5, 2)))
        score = kb.score(model)
        text = json.dumps(score.to_dict(), allow_nan=False)
        read = json.loads(text)
        assert read["layers"][2]["mlh"] is None
        assert read["layers"][2]["js_divergence"] is None
        assert read["layers"][2]["zeros"] == 10
        assert read["mlh"] == score.mlh
        assert json.loads(score.to_json(indent=2, sort_keys=True)) == read

    def test_says_everything(self, score):
        found = score.to_dict()
        assert found["model"] == "small"
        assert found["counts"] == score.counts.tolist()
        assert (found["size"], found["zeros"], found["nonfinite"]) == (402, 0, 0)
        assert found["mean_absolute_deviation"] == score.mean_absolute_deviation
        assert [layer["path"] for layer in found["layers"]] == [la.path for la in score.layers]
        assert found["layers"][0]["shape"] == [3, 3, 2, 4]
        assert found["layers"][0]["dtype"] == "float32"
        assert found["layers"][0]["counts"] == score.layers[0].counts.tolist()
        assert [s["reason"] for s in found["skipped"]] == [s.reason for s in score.skipped]


class TestToDataframe:
    def test_has_a_row_for_each_counted_weight(self, score):
        pandas = pytest.importorskip("pandas")
        frame = score.to_dataframe()
        assert isinstance(frame, pandas.DataFrame)
        assert list(frame.columns) == [
            *("path", "shape", "dtype", "size", "mlh", "mlh_spread"),
            *("mlh_if_gaussian", "mlh_if_uniform", "js_divergence"),
            *("mean_absolute_deviation", "conformity", "zeros", "nonfinite", "mean", "std"),
            *(f"digit_{d}" for d in range(1, 10)),
        ]
        assert frame["path"].tolist() == [layer.path for layer in score.layers]
        assert frame["mlh"].tolist() == [layer.mlh for layer in score.layers]
        assert frame.filter(like="digit_").sum().tolist() == score.counts.tolist()
        assert frame["size"].sum() == score.size

    def test_without_pandas_is_an_import_error(self, score, monkeypatch):
        monkeypatch.setitem(sys.modules, "pandas", None)
        with pytest.raises(ImportError, match="pandas"):
            score.to_dataframe()


class TestTable:
    def test_shows_every_weight_with_its_figures(self, score):
        lines = str(score).splitlines()
        assert f"small: MLH {score.mlh:.4f} over 402 weights" in lines[0]
        for layer in score.layers:
            (line,) = [line for line in lines if f" {layer.path} " in line]
            assert "×".join(map(str, layer.shape)) in line
            assert f"{layer.mlh:.4f}" in line
            assert f"{layer.js_divergence:.5f}" in line
        assert any(line.startswith("│ all ") and "402" in line for line in lines)

    def test_names_every_skipped_weight_under_its_reason(self, score):
        text = str(score)
        for skipped in score.skipped:
            (line,) = [
                line
                for line in text.splitlines()
                if line.startswith(f"not counted, {skipped.reason}:")
            ]
            assert skipped.path in line

    def test_sums_up_many_skipped_weights(self):
        four = [layers.Dense(3, name=f"dense_{i}") for i in range(4)]
        lines = str(kb.score(keras.Sequential([keras.Input((4,)), *four]))).splitlines()
        assert lines[-1] == "not counted, a bias: starts from a constant: 4 weights"

    @pytest.mark.parametrize(
        "name", ["x" * 300, "[bold]ringed", "Schicht ä"], ids=["long", "markup", "non-ASCII"]
    )
    def test_prints_any_path_in_full_and_its_figures(self, name):
        model = keras.Sequential([keras.Input((4,)), layers.Dense(3, name=name)])
        score = kb.score(model)
        (line,) = [line for line in str(score).splitlines() if f" {score.layers[0].path} " in line]
        assert "4×3" in line
        assert f"{score.mlh:.4f}" in line

    def test_has_no_escape_codes_nor_trailing_blanks(self, score):
        assert "\x1b" not in str(score)
        assert all(line == line.rstrip() for line in str(score).splitlines())


class TestSaving:
    def test_a_saved_and_loaded_model_has_the_same_score(self, tmp_path):
        inputs = keras.Input((4,))
        outputs = layers.Dense(3, name="head")(layers.Dense(5, name="hidden")(inputs))
        model = keras.Model(inputs, outputs, name="functional")
        model.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras")
        assert kb.score(loaded).to_dict() == kb.score(model).to_dict()

    def test_a_sequential_model_too_but_keras_may_name_it_otherwise(self, model, score, tmp_path):
        """Keras puts the model's name before the paths of one and not of the other."""
        model.save(tmp_path / "model.keras")
        loaded = kb.score(keras.saving.load_model(tmp_path / "model.keras"))
        for before, after in zip(score.layers, loaded.layers, strict=True):
            assert after.counts.tolist() == before.counts.tolist()
            assert before.path.endswith(after.path)
        assert loaded.mlh == score.mlh

    def test_so_has_one_whose_weights_are_loaded(self, model, score, tmp_path):
        model.save_weights(tmp_path / "model.weights.h5")
        other = keras.models.clone_model(model)
        assert kb.score(other).counts.tolist() != score.counts.tolist()
        other.load_weights(tmp_path / "model.weights.h5")
        assert kb.score(other).counts.tolist() == score.counts.tolist()


class TestArguments:
    def test_include_and_exclude_choose_weights(self, model, score):
        head = score.layers[2]
        assert kb.score(model, include="*head/kernel").counts.tolist() == head.counts.tolist()
        rest = kb.score(model, exclude="*head/*")
        assert (rest.counts + head.counts).tolist() == score.counts.tolist()
        assert "matches `exclude`" in {s.reason for s in rest.skipped}

    def test_a_bias_can_be_included(self, model):
        score = kb.score(model, include="*bias")
        assert [layer.zeros for layer in score.layers] == [4, 5, 2]

    def test_a_layer_has_a_score_too(self, model, score):
        head = kb.score(model.get_layer("head"))
        assert head.name == "head"
        assert head.counts.tolist() == score.layers[2].counts.tolist()

    def test_a_subclassed_model_has_a_score(self):
        class Subclassed(keras.Model):
            def __init__(self):
                super().__init__(name="subclassed")
                self.dense = layers.Dense(3)

            def call(self, x):
                return self.dense(x)

        model = Subclassed()
        with pytest.raises(ValueError, match="received 'subclassed', which has no weights yet"):
            kb.score(model)
        model(np.ones((1, 4)))
        assert kb.score(model).size == 12

    @pytest.mark.parametrize(
        ("model", "received"),
        [(np.ones((3, 3)), "ndarray"), (None, "NoneType")],
        ids=["array", "None"],
    )
    def test_what_is_no_model_is_refused(self, model, received):
        with pytest.raises(
            TypeError, match=f"expected a Keras model or layer; received {received}"
        ):
            kb.score(model)

    def test_a_pattern_without_a_match_is_refused(self, model):
        with pytest.raises(ValueError, match=r"`exclude`: .*'heat/'.* matches none of: "):
            kb.score(model, exclude="heat/")

    def test_a_model_where_nothing_counts_is_refused(self):
        model = keras.Sequential([keras.Input((4,)), layers.BatchNormalization()])
        with pytest.raises(ValueError, match="expected weights that count"):
            kb.score(model)

    def test_a_score_cannot_be_changed(self, score):
        with pytest.raises(AttributeError):
            score.size = 0
