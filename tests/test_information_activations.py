"""What is taken as the activations of a model's neurons."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_benford.information import activations
from keras_benford.information.recording import Recorder
from tests.backends import needs_tensorflow

X = np.random.default_rng(0).standard_normal((50, 6)).astype("float32")
IMAGES = np.random.default_rng(1).random((20, 8, 8, 3)).astype("float32")
TOKENS = np.random.default_rng(2).integers(0, 30, (20, 5))


def relu(values):
    return np.maximum(values, 0)


def mlp(**last):
    return keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(5, "relu", name="first"),
            layers.Dense(4, "tanh", name="second"),
            layers.Dense(3, name="logits", **last),
        ]
    )


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.first = layers.Dense(5, "relu", name="first")
        self.second = layers.Dense(4, "tanh", name="second")
        self.logits = layers.Dense(3, name="logits")

    def call(self, x):
        return self.logits(self.second(self.first(x)))


def dense_values(model, x, name):
    kernel, bias = (ops.convert_to_numpy(weight) for weight in model.get_layer(name).weights)
    return x @ kernel + bias


def outputs_of(model, name, x):
    part = keras.Model(model.inputs, model.get_layer(name).output)
    return part.predict(x, verbose=0)


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


class TestWhatIsTaken:
    @pytest.mark.parametrize("activation", [None, "softmax"])
    def test_dense_layers_before_their_activation_and_no_logits(self, activation):
        model = mlp(activation=activation)
        found = activations(model, X)
        assert found.layers.tolist() == ["first"] * 5 + ["second"] * 4
        assert found.neurons.tolist() == [0, 1, 2, 3, 4, 0, 1, 2, 3]
        assert found.layer_names == ["first", "second"]
        assert found.values.dtype == np.float32
        first = dense_values(model, X, "first")
        close(found.values, np.hstack([first, dense_values(model, relu(first), "second")]))

    def test_dense_layers_after_their_activation_where_asked_for(self):
        model = mlp()
        found = activations(model, X, "first", before_activation=False)
        close(found.values, relu(dense_values(model, X, "first")))

    def test_the_same_of_a_subclassed_model(self):
        model, twin = mlp(), Subclassed()
        twin(X)
        twin.set_weights(model.get_weights())
        found, of_twin = activations(model, X), activations(twin, X)
        close(of_twin.values, found.values)
        assert of_twin.layers.tolist() == found.layers.tolist()

    def test_convolutions_after_their_non_linearity_averaged_over_space(self):
        model = keras.Sequential(
            [
                keras.Input((8, 8, 3)),
                layers.Conv2D(4, 3, activation="relu", name="conv"),
                layers.Conv2D(5, 3, name="linear"),
                layers.BatchNormalization(),
                layers.ReLU(name="relu"),
                layers.DepthwiseConv2D(2, name="last_maps"),
                layers.GlobalAveragePooling2D(),
                layers.Dense(2),
            ]
        )
        found = activations(model, IMAGES)
        assert found.layer_names == ["conv", "relu", "last_maps"]
        expected = [outputs_of(model, name, IMAGES).mean((1, 2)) for name in found.layer_names]
        close(found.values, np.hstack(expected))

    @pytest.mark.slow
    def test_of_sequences_their_average_or_a_position(self):
        inputs = keras.Input((5,))
        x = layers.Embedding(30, 8)(inputs)
        x = layers.LSTM(6, return_sequences=True, name="lstm")(x)
        x = layers.MultiHeadAttention(2, 4, name="attention")(x, x)
        x = layers.Bidirectional(layers.GRU(3), name="gru")(x)
        model = keras.Model(inputs, layers.Dense(2)(x))
        sequences = [outputs_of(model, name, TOKENS) for name in ("lstm", "attention")]
        last = outputs_of(model, "gru", TOKENS)
        found = activations(model, TOKENS)
        assert found.layer_names == ["lstm", "attention", "gru"]
        close(found.values, np.hstack([*(part.mean(1) for part in sequences), last]))
        at_first = activations(model, TOKENS, position=0)
        close(at_first.values, np.hstack([*(part[:, 0] for part in sequences), last]))
        with pytest.raises(ValueError, match="`position`: expected one of 5; received 5"):
            activations(model, TOKENS, position=5)

    def test_a_block_that_holds_attention_as_one(self):
        class Block(layers.Layer):
            def __init__(self, **kwargs):
                super().__init__(**kwargs)
                self.attention = layers.MultiHeadAttention(2, 4)
                self.dense = layers.Dense(8, "gelu", name="mlp")

            def build(self, shape):
                self.attention.build(shape, shape)
                self.dense.build(shape)

            def call(self, x):
                return self.dense(x + self.attention(x, x))

        inputs = keras.Input((5,))
        x = Block(name="block")(layers.Embedding(30, 8)(inputs))
        model = keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling1D()(x)))
        found = activations(model, TOKENS)
        assert found.layer_names == ["block"]
        assert activations(model, TOKENS, "*mlp").values.shape == (20, 8)

    def test_layers_by_name_and_pattern_in_the_order_of_their_calls(self):
        model = mlp()
        assert activations(model, X, ["logits", "f*"]).layer_names == ["first", "logits"]
        inner = keras.Sequential([keras.Input((6,)), layers.Dense(4, name="hidden")], name="inner")
        outer = keras.Sequential([keras.Input((6,)), inner, layers.Dense(2)])
        for pattern in ("inner/*", "hidden", "*/hidden"):
            assert activations(outer, X, pattern).layer_names == ["inner/hidden"]

    def test_each_call_of_a_shared_layer(self):
        inputs, shared = keras.Input((6,)), layers.Dense(6, "relu", name="shared")
        once = shared(inputs)
        model = keras.Model(inputs, layers.Dense(2)(shared(once)))
        found = activations(model, X)
        assert found.layer_names == ["shared", "shared (call 2)"]
        first = dense_values(model, X, "shared")
        close(found.values, np.hstack([first, dense_values(model, relu(first), "shared")]))

    def test_a_drawn_subset_of_the_neurons(self):
        model = mlp()
        every, some = activations(model, X), activations(model, X, neurons=4, seed=1)
        at = [
            list(zip(every.layers, every.neurons, strict=True)).index(each)
            for each in zip(some.layers, some.neurons, strict=True)
        ]
        assert len(at) == 4
        assert at == sorted(at)
        np.testing.assert_array_equal(some.values, every.values[:, at])
        again = activations(model, X, neurons=4, seed=1)
        np.testing.assert_array_equal(again.values, some.values)
        other = activations(model, X, neurons=4, seed=2)
        assert not np.array_equal(other.values, some.values)
        assert activations(model, X, neurons=99).values.shape == (50, 9)

    def test_half_precision_as_float32(self):
        model = keras.Sequential(
            [keras.Input((6,)), layers.Dense(4, dtype="mixed_float16"), layers.Dense(2)]
        )
        assert activations(model, X).values.dtype == np.float32


class TestTheModel:
    @staticmethod
    def everything(model):
        return [
            (layer.name, {name: id(value) for name, value in vars(layer).items()})
            for layer in model._flatten_layers()
        ]

    def test_is_the_same_afterwards(self):
        model = mlp()
        model.compile("sgd", "mse")
        predicted = model.predict(X, verbose=0)
        before, weights = self.everything(model), model.get_weights()
        activations(model, X, "*")
        assert self.everything(model) == before
        for after, weight in zip(model.get_weights(), weights, strict=True):
            np.testing.assert_array_equal(after, weight)
        np.testing.assert_array_equal(model.predict(X, verbose=0), predicted)
        model.fit(X, np.zeros((50, 3)), verbose=0)

    def test_is_the_same_after_an_error(self):
        model = mlp()
        model(X)
        before = self.everything(model)
        with pytest.raises(ValueError, match="received nan"):
            activations(model, np.full_like(X, np.nan))
        assert self.everything(model) == before

    def test_drops_nothing_out(self):
        model = keras.Sequential(
            [keras.Input((6,)), layers.Dropout(0.5), layers.Dense(4), layers.Dense(2)]
        )
        first, second = activations(model, X), activations(model, X)
        np.testing.assert_array_equal(first.values, second.values)


class TestARecorder:
    def test_sees_the_weights_as_they_are(self):
        model = mlp()
        recorder = Recorder(model)
        first = recorder(X)
        model.set_weights([2 * weight for weight in model.get_weights()])
        second, expected = recorder(X), activations(model, X)
        np.testing.assert_array_equal(second.values, expected.values)
        assert second.layers.tolist() == first.layers.tolist() == expected.layers.tolist()
        assert not np.array_equal(second.values, first.values)

    def test_goes_on_after_an_error(self):
        model = mlp()
        recorder = Recorder(model)
        with pytest.raises(ValueError, match="received nan"):
            recorder(np.full_like(X, np.nan))
        np.testing.assert_array_equal(recorder(X).values, activations(model, X).values)

    @pytest.mark.skipif(keras.backend.backend() != "jax", reason="only JAX's models are compiled")
    def test_compiles_once(self):
        traced = []

        class Counted(layers.Layer):
            def call(self, x):
                traced.append(x.shape)
                return x

        model = keras.Sequential([keras.Input((6,)), Counted(), layers.Dense(4), layers.Dense(2)])
        traced.clear()
        recorder = Recorder(model)
        for _ in range(3):
            recorder(X, batch_size=20)
        # Of the whole batches, and of the last one.
        assert traced == [(20, 6), (10, 6)]


class TestExamples:
    @pytest.mark.parametrize("batch_size", [1, 7, 50, 999])
    def test_of_an_array_come_in_batches_of_any_size(self, batch_size):
        model = mlp()
        close(activations(model, X, batch_size=batch_size).values, activations(model, X).values)

    @pytest.mark.parametrize("kind", [list, dict])
    def test_of_several_inputs(self, kind):
        inputs = [keras.Input((6,), name="a"), keras.Input((2,), name="b")]
        hidden = layers.Dense(4, name="hidden")(layers.Concatenate()(inputs))
        named = dict(zip("ab", inputs, strict=True))
        model = keras.Model(named if kind is dict else inputs, layers.Dense(1)(hidden))
        arrays = [X, X[:, :2]]
        x = dict(zip("ab", arrays, strict=True)) if kind is dict else arrays
        close(
            activations(model, x, batch_size=9).values,
            dense_values(model, np.hstack(arrays), "hidden"),
        )

    def test_of_a_generator_and_a_py_dataset_without_their_labels(self):
        class Data(keras.utils.PyDataset):
            num_batches = 5

            def __getitem__(self, i):
                return X[10 * i : 10 * i + 10], np.zeros(10)

        model, data = mlp(), Data()
        expected = activations(model, X).values
        close(activations(model, data).values, expected)
        close(activations(model, (data[i] for i in range(5))).values, expected)
        close(activations(model, (data[i][0] for i in range(5))).values, expected)
        Data.num_batches = None
        with pytest.raises(ValueError, match="expected a PyDataset that has an end; received"):
            activations(model, data)

    @needs_tensorflow
    def test_of_a_tf_data_set(self):
        import tensorflow as tf

        model = mlp()
        data = tf.data.Dataset.from_tensor_slices((X, np.zeros(50))).batch(16)
        close(activations(model, data).values, activations(model, X).values)

    @pytest.mark.skipif(keras.backend.backend() != "torch", reason="PyTorch's own")
    def test_of_a_data_loader(self):
        import torch

        model = mlp()
        data = torch.utils.data.TensorDataset(torch.from_numpy(X), torch.zeros(50))
        loader = torch.utils.data.DataLoader(data, batch_size=16)
        close(activations(model, loader).values, activations(model, X).values)

    def test_of_tensors_and_lists(self):
        model = mlp()
        expected = activations(model, X).values
        close(activations(model, ops.convert_to_tensor(X)).values, expected)


class TestRefusals:
    @pytest.mark.parametrize(
        ("x", "error", "said"),
        [
            ((X, np.zeros(50)), TypeError, "expected unlabelled examples; received a tuple of 2"),
            (
                np.zeros(50),
                ValueError,
                r"shape \(None, 6\), as the model takes them; received \(50",
            ),
            (X[:, :5], ValueError, r"received \(50, 5\); pass examples, no labels"),
            (X[:0], ValueError, "`x`: expected examples; received none"),
            (iter(()), ValueError, "`x`: expected examples; received none"),
            ([X, X[:9]], ValueError, "equally many examples; received 9, 50 of them"),
            ("x.npy", TypeError, "expected arrays of examples, or batches; received 'x.npy'"),
        ],
        ids=[
            "labels too",
            "labels",
            "another shape",
            "none",
            "an empty data set",
            "two lengths",
            "a file",
        ],
    )
    def test_of_examples(self, x, error, said):
        with pytest.raises(error, match=said):
            activations(mlp(), x)

    def test_of_a_name_that_matches_nothing_list_the_layers(self):
        said = "received 'fist', which matches none; there are first, second, logits"
        with pytest.raises(ValueError, match=said):
            activations(mlp(), X, "fist")

    def test_of_models_without_hidden_layers(self):
        linear = keras.Sequential([keras.Input((6,)), layers.Dense(3)])
        with pytest.raises(ValueError, match="expected a model with hidden layers"):
            activations(linear, X)
        with pytest.raises(ValueError, match="a model that is not built"):
            activations(keras.Sequential([layers.Dense(3)]), X)

    def test_of_an_activation_that_is_not_finite_name_layer_neuron_and_example(self):
        x = X.copy()
        x[33] = np.inf
        model = mlp()
        kernel, bias = model.get_layer("first").get_weights()
        kernel = np.zeros_like(kernel)
        kernel[:, 2] = 1
        model.get_layer("first").set_weights([kernel, bias])
        said = "received inf in layer first, neuron 2, example 33"
        # 0 times infinity is NaN: of the other neurons only this one is looked at.
        with pytest.raises(ValueError, match="in layer first, neuron 0, example 33"):
            activations(model, x)
        x[33] = np.finfo("float32").max
        with pytest.raises(ValueError, match=said):
            activations(model, x)

    @pytest.mark.parametrize("option", ["neurons", "batch_size"])
    def test_of_numbers_below_1(self, option):
        with pytest.raises(ValueError, match=f"`{option}`: expected 1 or more; received 0"):
            activations(mlp(), X, **{option: 0})

    @needs_tensorflow
    def test_of_what_is_called_in_a_compiled_function(self):
        import tensorflow as tf

        class Compiled(Subclassed):
            @tf.function
            def call(self, x):
                return super().call(x)

        model = Compiled()
        model(X)
        with pytest.raises(ValueError, match="none that can be seen; choose by `layers`"):
            activations(model, X)
