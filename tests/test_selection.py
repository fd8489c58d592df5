"""Which weights count: Keras' own layers, nested and shared models, custom layers, patterns.

The rule is held against `layer_cases` and against what random initialisation does: built with two
seeds, exactly the counted weights differ.
"""

import keras
import numpy as np
import pytest
from keras import layers

from keras_benford.selection import select
from tests.backends import BACKEND, array, needs_tensorflow
from tests.layer_cases import (
    CASES,
    OTHER_LAYERS,
    SEQUENCE,
    TOKENS,
    VECTORS,
    made_and_called,
)

# What a reason must say of a weight of this name.
REASONS = {
    "bias": "a bias",
    "gamma": "normalisation parameter",
    "beta": "normalisation parameter",
    "scale": "a scale",
    "concat_score_weight": "a scale",
    "alpha": "a slope",
    "moving_mean": "moving statistic",
    "moving_variance": "moving statistic",
    "moving_stddev": "moving statistic",
    "renorm_mean": "moving statistic",
    "renorm_stddev": "moving statistic",
    "mean": "statistic of the data",
    "variance": "statistic of the data",
    "count": "int64 values" if BACKEND == "tensorflow" else "int32 values",
    "vector_u": "spectral normalisation",
    "real_kernel": "Fourier",
    "imag_kernel": "Fourier",
    "lora_kernel_a": "LoRA",
    "lora_kernel_b": "LoRA",
    "lora_embeddings_a": "LoRA",
    "lora_embeddings_b": "LoRA",
}


EVERY_LAYER_WITH_WEIGHTS = pytest.mark.parametrize("case", CASES)


class Beside(keras.Layer):
    """A layer and a kernel that counts: select() refuses a model where nothing does."""

    def __init__(self, *others):
        super().__init__()
        self.others = others
        self.anchor = layers.Dense(1, use_bias=False, name="anchor")
        self.anchor.build((1, 1))
        self.built = True


def selected(layer):
    """Paths that count and the skipped ones, without the anchor."""
    selection = select(Beside(layer))
    counted = [w.path for w in selection.counted if not w.path.endswith("anchor/kernel")]
    assert len(counted) == len(selection.counted) - 1
    return counted, selection.skipped


@pytest.mark.slow
class TestKerasLayers:
    @EVERY_LAYER_WITH_WEIGHTS
    def test_kernels_count_and_nothing_else(self, case):
        counted, skipped = selected(case.build())
        assert sorted(counted) == sorted(case.counted.split())
        assert sorted(s.path for s in skipped) == sorted(case.skipped.split())

    @EVERY_LAYER_WITH_WEIGHTS
    def test_each_reason_names_the_weights_role(self, case):
        _, skipped = selected(case.build())
        for s in skipped:
            assert REASONS[s.path.rpartition("/")[2]] in s.reason

    @EVERY_LAYER_WITH_WEIGHTS
    def test_what_counts_is_what_random_seeds_change(self, case):
        first, second = case.build(seed=1), case.build(seed=2)
        changed = {
            a.path
            for a, b in zip(first.weights, second.weights, strict=True)
            if not np.array_equal(array(a), array(b))
        }
        assert changed == {*case.counted.split(), *case.random_though_skipped.split()}

    @EVERY_LAYER_WITH_WEIGHTS
    def test_shapes_dtypes_and_values_are_the_variables(self, case):
        layer = Beside(case.build())
        variables = {v.path: v for v in layer.weights}
        for weight in select(layer).counted:
            variable = variables[weight.path]
            assert (weight.shape, weight.dtype) == (tuple(variable.shape), variable.dtype)
            np.testing.assert_array_equal(array(weight.value()), array(variable))


@pytest.mark.slow
@needs_tensorflow  # a layer's weights are the same under each backend, and JAX takes long
@pytest.mark.parametrize("name", sorted(OTHER_LAYERS.values()))
def test_every_other_layer_of_keras_has_no_weights(name):
    """A layer with weights that a later Keras adds fails here until it is among the cases."""
    assert made_and_called(name).weights == []


@needs_tensorflow
def test_a_saved_models_weights_keep_their_roles_in_a_tfsm_layer(tmp_path):
    model = keras.Sequential(
        [
            keras.Input((6, 4)),
            layers.GRU(3, return_sequences=True, name="gru"),
            layers.LayerNormalization(axis=[1, 2], name="norm"),
            layers.SeparableConv1D(2, 2, name="conv"),
        ],
        name="model",
    )
    model.export(tmp_path / "saved", verbose=False)
    counted, skipped = selected(layers.TFSMLayer(tmp_path / "saved"))
    assert sorted(path.partition(":")[0] for path in counted) == [
        "model_conv_depthwise_kernel",
        "model_conv_pointwise_kernel",
        "model_gru_gru_cell_kernel",
        "model_gru_gru_cell_recurrent_kernel",
    ]
    assert {s.path.partition(":")[0]: s.reason.split(":")[0] for s in skipped} == {
        "model_conv_bias": "a bias",
        "model_gru_gru_cell_bias": "a bias",
        "model_norm_beta": "a normalisation parameter",
        "model_norm_gamma": "a normalisation parameter",
    }


def dense(units=4, name=None):
    return layers.Dense(units, name=name)


def sequential(*parts, name=None):
    return keras.Sequential([keras.Input((4,)), *parts], name=name)


def counted_paths(model, **patterns):
    return [weight.path for weight in select(model, **patterns).counted]


class TestSharingAndNesting:
    def test_a_layer_called_twice_counts_once(self):
        shared = dense(name="shared")
        inputs = keras.Input((4,))
        model = keras.Model(inputs, shared(shared(inputs)))
        assert counted_paths(model) == ["shared/kernel"]
        assert len(select(model).skipped) == 1

    def test_a_model_called_twice_counts_once(self):
        inner = sequential(dense(name="first"), dense(name="second"), name="inner")
        inputs = keras.Input((4,))
        model = keras.Model(inputs, layers.Add()([inner(inputs), inner(inner(inputs))]))
        assert counted_paths(model) == ["inner/first/kernel", "inner/second/kernel"]

    def test_a_layer_shared_by_two_models_counts_once(self):
        shared = dense(name="shared")
        inputs = keras.Input((4,))
        parts = [sequential(shared, name="one"), sequential(shared, dense(name="own"), name="two")]
        model = keras.Model(inputs, [part(inputs) for part in parts])
        paths = counted_paths(model)
        assert len(paths) == 2
        assert paths[1] == "two/own/kernel"

    def test_models_in_models_in_wrappers_are_searched(self):
        inner = sequential(dense(3, name="inmost"), name="inner")
        model = keras.Sequential(
            [keras.Input((5, 4)), layers.TimeDistributed(inner, name="each"), layers.LSTM(2)]
        )
        assert any(path.endswith("inmost/kernel") for path in counted_paths(model))
        assert len(counted_paths(model)) == 3

    def test_equally_named_layers_of_two_models_have_paths_of_their_own(self):
        inputs = keras.Input((4,))
        parts = [sequential(dense(name="same"), name=name) for name in ("one", "two")]
        model = keras.Model(inputs, [part(inputs) for part in parts])
        assert counted_paths(model) == ["one/same/kernel", "two/same/kernel"]

    def test_equal_paths_are_numbered(self):
        twins = [sequential(dense(name="same"), name="twin") for _ in range(3)]
        model = Beside(*twins)
        paths = counted_paths(model)
        kernel = paths[0]
        assert kernel.endswith("twin/same/kernel")
        assert paths[:3] == [kernel, f"{kernel}:2", f"{kernel}:3"]
        second = select(model, include=f"{kernel}:2").counted
        np.testing.assert_array_equal(array(second[0].value()), array(twins[1].weights[0]))

    def test_a_subclassed_models_layers_in_lists_and_dicts_are_found(self):
        class Subclassed(keras.Model):
            def __init__(self):
                super().__init__()
                self.stack = [dense(name="a"), dense(name="b")]
                self.by_name = {"head": dense(2, name="c")}

            def call(self, x):
                return self.by_name["head"](self.stack[1](self.stack[0](x)))

        model = Subclassed()
        model(VECTORS)
        assert [path.split("/")[-2:] for path in counted_paths(model)] == [
            ["a", "kernel"],
            ["b", "kernel"],
            ["c", "kernel"],
        ]

    def test_training_state_is_no_weight(self):
        model = sequential(dense(name="a"), layers.Dropout(0.5))
        before = select(model)
        model.compile("adam", "mse", metrics=["mae"])
        model.fit(VECTORS, VECTORS, verbose=0)
        after = select(model)
        assert [w.path for w in after.counted] == [w.path for w in before.counted]
        assert after.skipped == before.skipped


class TestLoRA:
    @pytest.mark.parametrize(
        ("layer", "inputs"),
        [
            pytest.param(lambda: layers.Dense(6, use_bias=False), np.eye(4), id="Dense"),
            pytest.param(lambda: layers.EinsumDense("ab,bc->ac", 6), np.eye(4), id="EinsumDense"),
            pytest.param(lambda: layers.Embedding(4, 6), np.arange(4), id="Embedding"),
            pytest.param(
                lambda: layers.Conv2D(6, 1, use_bias=False), np.eye(4)[None, None], id="Conv2D"
            ),
        ],
    )
    def test_the_kernel_that_the_layer_computes_with_counts(self, layer, inputs):
        layer = layer()
        inputs = inputs.astype("float32")
        layer(inputs)
        layer.enable_lora(2)
        for factor in layer.weights[-2:]:
            assert factor.name.startswith("lora_")
            factor.assign(np.random.default_rng(0).normal(size=factor.shape))
        (kernel,) = select(layer).counted
        # The layer's output for the unit vectors is its kernel.
        computed = np.reshape(array(layer(inputs)), kernel.shape)
        np.testing.assert_allclose(array(kernel.value()), computed, rtol=1e-5, atol=1e-6)
        stored = next(w for w in layer.weights if w.name in ("kernel", "embeddings"))
        assert np.abs(computed - array(stored)).max() > 0.1

    def test_an_untied_embeddings_way_back_is_not_merged(self):
        if not hasattr(layers, "ReversibleEmbedding"):
            pytest.skip("an older Keras")
        layer = layers.ReversibleEmbedding(4, 6, tie_weights=False)
        layer(TOKENS)
        layer.enable_lora(2)
        back = select(layer, include="*/reverse_embeddings").counted[0]
        np.testing.assert_array_equal(array(back.value()), array(layer.reverse_embeddings))


@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method")
class TestQuantisation:
    @pytest.mark.slow
    @pytest.mark.parametrize("mode", ["int8", "int4"])
    @pytest.mark.parametrize("rank", [None, 2], ids=["plain", "LoRA"])
    def test_quantised_kernels_are_skipped_and_say_so(self, mode, rank):
        model = sequential(dense(6, name="quantised"), layers.PReLU(name="p"))
        model.quantize(mode)
        if rank:
            model.layers[0].enable_lora(rank)
        counted, skipped = selected(model)
        assert counted == []
        reasons = {s.path.rpartition("/")[2]: s.reason for s in skipped}
        assert reasons["kernel"] == "int8 values: quantised or no weights"
        assert reasons["kernel_scale"] == "a quantisation scale, no weight"
        assert ("lora_kernel_a" in reasons) == bool(rank)

    def test_float8_training_keeps_the_kernel_and_skips_its_scales(self):
        layer = dense(6, name="d")
        layer(VECTORS)
        layer.quantize("float8")
        selection = select(layer)
        assert [w.path for w in selection.counted] == ["d/kernel"]
        assert len(selection.skipped) == 7
        assert all("quantisation" in s.reason for s in selection.skipped if "bias" not in s.path)

    def test_a_model_of_quantised_kernels_only_is_refused_with_the_reason(self):
        model = sequential(dense(6, name="quantised"))
        model.quantize("int8")
        with pytest.raises(ValueError, match=r"where none does: .*kernel \(int8 values"):
            select(model)


class Odd(keras.Layer):
    """Weights as people name them."""

    def __init__(self):
        super().__init__(name="odd")
        for name in ("w", "W_q", "attention_bias", "K[0]", "gamma"):
            self.add_weight(shape=(3, 4), name=name)
        for name in ("my_kernel", "log_sigma"):
            self.add_weight(shape=(3,), name=name)
        self.add_weight(shape=(), name="temperature")
        self.add_weight(shape=(3, 4), name="mask", dtype="bool", trainable=False)
        self.add_weight(shape=(3, 4), name="steps", dtype="int32", trainable=False)
        self.built = True


class TestCustomLayers:
    def test_unknown_matrices_count_and_unknown_vectors_do_not(self):
        assert counted_paths(Odd()) == ["odd/w", "odd/W_q", "odd/K[0]"]

    def test_each_reason_says_what_was_taken_for_granted(self):
        reasons = {s.path: s.reason for s in select(Odd()).skipped}
        assert reasons == {
            "odd/my_kernel": "unknown name and rank 1: taken for constant-initialised",
            "odd/log_sigma": "unknown name and rank 1: taken for constant-initialised",
            "odd/temperature": "unknown name and rank 0: taken for constant-initialised",
            "odd/attention_bias": "a bias: starts from a constant",
            "odd/gamma": "a normalisation parameter: starts from a constant",
            "odd/mask": "bool values",
            "odd/steps": "int32 values: quantised or no weights",
        }

    def test_only_what_no_name_tells_is_guessed(self):
        selection = select(Odd())
        guessed = [w.path for w in (*selection.counted, *selection.skipped) if w.guessed]
        matrices = ["odd/w", "odd/W_q", "odd/K[0]"]
        assert guessed == [*matrices, "odd/my_kernel", "odd/log_sigma", "odd/temperature"]
        assert not any(w.guessed for w in select(Odd(), include="*").counted)

    @pytest.mark.parametrize("name", ["mask", "kernel_mask"])
    @pytest.mark.parametrize("values", ["ones", "eye", "normal"])
    def test_a_mask_is_told_by_its_name_and_values(self, name, values):
        layer = keras.Layer(name="held")
        initializer = "identity" if values == "eye" else values
        layer.add_weight(shape=(4, 4), name=name, initializer=initializer)
        layer.built = True
        counted, skipped = selected(layer)
        if values == "normal":
            assert counted == [f"held/{name}"]
        else:
            assert [s.reason for s in skipped] == ["pruning state, no weight"]

    def test_a_fresh_matrix_of_zeros_counts(self):
        layer = keras.Layer(name="held")
        layer.add_weight(shape=(4, 4), name="positions", initializer="zeros")
        layer.built = True
        assert selected(layer)[0] == ["held/positions"]

    @pytest.mark.parametrize("name", ["kernel_1", "bias_2"])
    def test_a_number_behind_a_name_changes_no_role(self, name):
        layer = keras.Layer(name="held")
        layer.add_weight(shape=(4, 4), name=name)
        layer.built = True
        counted, skipped = selected(layer)
        assert (counted == [f"held/{name}"]) == (name == "kernel_1")
        assert not any(s.guessed for s in skipped)

    def test_a_nameless_matrix_counts(self):
        layer = keras.Layer(name="plain")
        layer.add_weight(shape=(3, 4))
        layer.built = True
        assert len(counted_paths(layer)) == 1

    def test_the_role_decides_not_the_initializer_nor_whether_it_trains(self):
        layer = layers.Dense(3, kernel_initializer="zeros", bias_initializer="normal", name="d")
        layer.trainable = False
        layer(VECTORS)
        assert counted_paths(layer) == ["d/kernel"]

    def test_a_subclass_of_a_keras_layer_keeps_its_roles(self):
        class Mine(layers.AdditiveAttention):
            pass

        layer = Mine(name="mine")
        layer([SEQUENCE, SEQUENCE])
        assert counted_paths(layer) == ["mine/scale"]


@pytest.fixture
def model():
    """Counted by default: encoder/a/kernel, encoder/b/kernel, head/kernel."""
    encoder = sequential(dense(name="a"), dense(name="b"), name="encoder")
    inputs = keras.Input((4,))
    return keras.Model(inputs, layers.Dense(2, name="head")(encoder(inputs)), name="whole")


class TestPatterns:
    @pytest.mark.parametrize(
        ("patterns", "expected"),
        [
            ({"include": "head/kernel"}, "head/kernel"),
            ({"include": "encoder/*/kernel"}, "encoder/a/kernel encoder/b/kernel"),
            ({"include": ["head/*", "*/a/kernel"]}, "encoder/a/kernel head/kernel head/bias"),
            ({"include": "*bias"}, "encoder/a/bias encoder/b/bias head/bias"),
            ({"include": "*/[ab]/kernel"}, "encoder/a/kernel encoder/b/kernel"),
            ({"include": "head/????"}, "head/bias"),
            ({"exclude": "head/*"}, "encoder/a/kernel encoder/b/kernel"),
            ({"exclude": ("*/a/*", "*/b/*")}, "head/kernel"),
            ({"include": "*kernel", "exclude": "encoder/*"}, "head/kernel"),
            ({"exclude": []}, "encoder/a/kernel encoder/b/kernel head/kernel"),
        ],
        ids=str,
    )
    def test_choose_weights_in_the_models_order(self, model, patterns, expected):
        assert counted_paths(model, **patterns) == expected.split()

    def test_those_left_out_are_skipped_for_that_reason(self, model):
        skipped = select(model, include="*kernel", exclude="head/*").skipped
        assert {s.path: s.reason for s in skipped} == {
            "encoder/a/bias": "does not match `include`",
            "encoder/b/bias": "does not match `include`",
            "head/kernel": "matches `exclude`",
            "head/bias": "matches `exclude`",
        }

    @pytest.mark.parametrize("argument", ["include", "exclude"])
    @pytest.mark.parametrize("patterns", ["encodr/*", ["head/*", "encodr/*"], "kernel"], ids=str)
    def test_a_pattern_without_a_match_is_refused_with_the_paths(self, model, argument, patterns):
        with pytest.raises(ValueError, match=f"^`{argument}`: .*matches none of: ") as error:
            select(model, **{argument: patterns})
        paths = "encoder/a/kernel, encoder/a/bias, encoder/b/kernel, encoder/b/bias, head/kernel"
        assert paths in str(error.value)

    @pytest.mark.parametrize(
        ("patterns", "reason"),
        [({"exclude": "*"}, "matches `exclude`"), ({"include": []}, "does not match `include`")],
        ids=str,
    )
    def test_leaving_nothing_is_refused_with_the_reasons(self, model, patterns, reason):
        with pytest.raises(ValueError, match="expected weights that count; received 'whole'") as e:
            select(model, **patterns)
        assert f"encoder/b/kernel and 3 more ({reason})" in str(e.value)

    @pytest.mark.parametrize("pattern", [None, 3, b"head/*"], ids=str)
    def test_other_than_strings_are_refused(self, model, pattern):
        with pytest.raises(TypeError, match="`include`: expected glob patterns on weight paths"):
            select(model, include=["*", pattern])

    @pytest.mark.parametrize(
        "pattern", ["odd/K[0]", "odd/K[[]0]", "odd/K*"], ids=["the path", "escaped", "wildcard"]
    )
    def test_a_path_with_brackets_can_be_named(self, pattern):
        assert counted_paths(Odd(), include=pattern) == ["odd/K[0]"]

    def test_integers_cannot_be_included(self):
        selection = select(Odd(), include=["odd/steps", "odd/w"])
        assert [w.path for w in selection.counted] == ["odd/w"]
        reasons = {s.path: s.reason for s in selection.skipped}
        assert reasons["odd/steps"] == "int32 values: quantised or no weights"


class TestErrors:
    @pytest.mark.parametrize(
        ("model", "received"),
        [
            ("model.keras", "str"),
            (np.ones(3), "ndarray"),
            ([layers.Dense(3)], "list"),
            (None, "NoneType"),
            (layers.Dense, "type"),
            (keras.metrics.Mean(), "Mean"),
            (keras.optimizers.SGD(), "SGD"),
        ],
        ids=["path", "array", "list", "None", "class", "metric", "optimizer"],
    )
    def test_what_is_no_model_is_refused(self, model, received):
        expected = f"`model`: expected a Keras model or layer; received {received}"
        with pytest.raises(TypeError, match=expected):
            select(model)

    @pytest.mark.parametrize(
        "model",
        [
            lambda: keras.Sequential([layers.Dense(3)], name="late"),
            lambda: layers.Dense(3, name="late"),
            lambda: keras.Sequential([keras.Input((3,)), layers.ReLU()], name="late"),
        ],
        ids=["model", "layer", "weightless"],
    )
    def test_a_model_without_weights_is_refused(self, model):
        with pytest.raises(ValueError, match="expected a built model; received 'late', which has"):
            select(model())

    def test_a_model_where_nothing_counts_is_refused_with_the_reasons(self):
        model = sequential(layers.BatchNormalization(name="bn"), name="flat")
        with pytest.raises(ValueError, match="received 'flat', where none does: ") as error:
            select(model)
        assert "bn/beta (a normalisation parameter: starts from a constant)" in str(error.value)
        assert str(error.value).endswith("; name floating-point weights to count in `include`.")
        assert len(select(model, include="*gamma").counted) == 1


@pytest.mark.parametrize("pattern", ["small/first/kernel", "first/kernel", "first/*", "small/fir*"])
def test_a_pattern_matches_before_and_after_a_model_is_saved(pattern, tmp_path):
    model = keras.Sequential(
        [keras.Input((3,)), layers.Dense(2, name="first"), layers.Dense(1, name="second")],
        name="small",
    )
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for each in (model, loaded):
        (weight, *_) = select(each, include=pattern).counted
        assert weight.path.endswith("first/kernel")


def test_a_pattern_that_is_no_string_is_refused():
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    with pytest.raises(TypeError, match=r"`include`: expected glob patterns .*; received 3"):
        select(model, include=3)
