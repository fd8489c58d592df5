"""The callback that stops by how much predictions change."""

import copy
import csv
import itertools
import math
import pickle

import keras
import numpy as np
import pytest
from keras import layers

import keras_benford as kb
from keras_benford.predictions import changed_variance, churn
from tests.backends import BACKEND, needs_tensorflow
from tests.training import Recorder, assert_same_weights, classifier, two_classes

RNG = np.random.default_rng(0)
X, Y = two_classes(150)
UNSEEN, _ = two_classes(120, seed=1)
CROSSENTROPY = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


class Outputs(keras.callbacks.Callback):
    """Keeps what the model gives for some inputs after each epoch, and its weights."""

    def __init__(self, x):
        super().__init__()
        self.x = x

    def on_train_begin(self, logs=None):
        self.outputs, self.weights = [], []

    def on_epoch_end(self, epoch, logs=None):
        self.outputs.append(self.model.predict(self.x, verbose=0))
        self.weights.append(self.model.get_weights())


def network(*last, loss=CROSSENTROPY, hidden=16, shape=(8,)):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input(shape), layers.Dense(hidden, "relu"), *last])
    model.compile(keras.optimizers.Adam(0.01), loss, metrics=["accuracy"])
    return model


def histories(model, x, y, epochs=4, watched=None, **arguments):
    """The callback's history on training inputs, and the outputs that it is of."""
    arguments = {"unseen": None, "restore": "last", **arguments}
    stopping = kb.ChurnEarlyStopping(x if watched is None else watched, **arguments)
    outputs = Outputs(x)
    model.fit(x, y, epochs=epochs, verbose=0, callbacks=[outputs, stopping])
    assert stopping.history["churn"][0] is None
    return stopping.history["churn"][1:], outputs.outputs


def two_outputs(kind):
    """A model of a class and a number, and what to train it on."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8,))
    hidden = layers.Dense(16, "relu")(inputs)
    outputs = {"a": layers.Dense(2, name="a")(hidden), "b": layers.Dense(1, name="b")(hidden)}
    losses = {"a": CROSSENTROPY, "b": "mse"}
    y = {"a": Y, "b": X.sum(axis=1, keepdims=True)}
    if kind is list:
        outputs, losses, y = (list(each.values()) for each in (outputs, losses, y))
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.Adam(0.01), losses)
    return model, y


def pairs(values):
    return list(itertools.pairwise(values))


@pytest.mark.slow
class TestWhatIsPredicted:
    def test_classes_by_logits_are_compared_by_cohens_kappa(self):
        metrics = pytest.importorskip("sklearn.metrics", reason="needs scikit-learn")
        found, outputs = histories(network(layers.Dense(2)), X, Y)
        predicted = [each.argmax(axis=1) for each in outputs]
        expected = [1 - metrics.cohen_kappa_score(*pair) for pair in pairs(predicted)]
        np.testing.assert_allclose(found, expected)
        assert max(found) > 0

    def test_classes_by_softmax(self):
        model = network(layers.Dense(3, "softmax"), loss="categorical_crossentropy")
        y = keras.utils.to_categorical(RNG.integers(3, size=150), 3)
        found, outputs = histories(model, X, y)
        expected = [churn(*pair) for pair in pairs([each.argmax(axis=1) for each in outputs])]
        np.testing.assert_allclose(found, expected)

    @pytest.mark.parametrize(
        ("last", "loss", "threshold"),
        [
            (layers.Dense(1, "sigmoid"), "binary_crossentropy", 0.5),
            (layers.Dense(1), keras.losses.BinaryCrossentropy(from_logits=True), 0),
            (layers.Dense(1, "tanh"), "hinge", 0),
        ],
        ids=["sigmoid", "logit", "hinge"],
    )
    def test_yes_or_no(self, last, loss, threshold):
        found, outputs = histories(network(last, loss=loss), X, Y)
        expected = [churn(*pair) for pair in pairs([each > threshold for each in outputs])]
        np.testing.assert_allclose(found, expected)

    def test_several_labels_have_their_mean(self):
        y = np.stack([Y, 1 - Y, Y], axis=1)
        model = network(layers.Dense(3, "sigmoid"), loss="binary_crossentropy")
        found, outputs = histories(model, X, y)
        predicted = pairs([each > 0.5 for each in outputs])
        expected = [np.mean([churn(a[:, i], b[:, i]) for i in range(3)]) for a, b in predicted]
        np.testing.assert_allclose(found, expected)

    def test_positions_of_a_sequence(self):
        x = RNG.standard_normal((120, 5, 8)).astype("float32")
        y = (x.sum(axis=-1) > 0).astype("int32")
        found, outputs = histories(network(layers.Dense(2), shape=(5, 8)), x, y)
        predicted = [each.argmax(axis=-1).ravel() for each in outputs]
        np.testing.assert_allclose(found, [churn(*pair) for pair in pairs(predicted)])

    def test_numbers(self):
        model = network(layers.Dense(1), loss="mse")
        with pytest.warns(UserWarning, match="Epoch 1: the model predicts numbers, and") as warned:
            found, outputs = histories(model, X, X.sum(axis=1))
        assert sum("predicts numbers" in str(each.message) for each in warned) == 1
        expected = [changed_variance(*pair) for pair in pairs(outputs)]
        np.testing.assert_allclose(found, expected, rtol=1e-4)

    @pytest.mark.filterwarnings("ignore:.*the model predicts numbers:UserWarning")
    @pytest.mark.parametrize("kind", [dict, list])
    @pytest.mark.parametrize("output", ["a", "b", "mean"])
    def test_several_outputs(self, output, kind):
        model, y = two_outputs(kind)
        found, outputs = histories(model, X, y, output=output)
        by_name = [each if kind is dict else dict(zip("ab", each, strict=True)) for each in outputs]
        expected = {
            "a": [churn(*pair) for pair in pairs([each["a"].argmax(axis=1) for each in by_name])],
            "b": [changed_variance(*pair) for pair in pairs([each["b"] for each in by_name])],
        }
        expected["mean"] = np.mean(list(expected.values()), axis=0)
        np.testing.assert_allclose(found, expected[output], rtol=1e-4)

    def test_a_loss_of_ones_own_takes_a_task(self):
        def own(y_true, y_pred):
            return keras.losses.sparse_categorical_crossentropy(y_true, y_pred, from_logits=True)

        with pytest.raises(ValueError, match=r"`task`: expected a loss .*received own; pass"):
            histories(network(layers.Dense(2), loss=own), X, Y)
        found, outputs = histories(network(layers.Dense(2), loss=own), X, Y, task="classes")
        predicted = [each.argmax(axis=1) for each in outputs]
        np.testing.assert_allclose(found, [churn(*pair) for pair in pairs(predicted)])

    def test_the_last_activation_tells_where_the_loss_does_not(self):
        def own(y_true, y_pred):
            return keras.losses.sparse_categorical_crossentropy(y_true, y_pred)

        found, _ = histories(network(layers.Dense(2, "softmax"), loss=own), X, Y)
        assert len(found) == 3

    @pytest.mark.filterwarnings("ignore:.*the model predicts numbers:UserWarning")
    @pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
    @pytest.mark.parametrize("loss", [CROSSENTROPY, "mse"], ids=["classes", "numbers"])
    def test_other_precisions(self, policy, loss):
        keras.config.set_dtype_policy(policy)
        try:
            model = network(layers.Dense(2), loss=loss)
        finally:
            keras.config.set_dtype_policy("float32")
        found, _ = histories(model, X, Y if loss is CROSSENTROPY else X[:, :2])
        assert all(0 <= value < 2 for value in found)


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 3

    def __getitem__(self, i):
        return X[50 * i : 50 * i + 50], Y[50 * i : 50 * i + 50]


def loader():
    torch = pytest.importorskip("torch", reason="needs PyTorch")
    pairs = torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(Y))
    return torch.utils.data.DataLoader(pairs, batch_size=40)


def tf_dataset():
    tf = pytest.importorskip("tensorflow", reason="needs TensorFlow")
    return tf.data.Dataset.from_tensor_slices((X, Y)).batch(40)


@pytest.mark.slow
class TestInputs:
    @pytest.mark.parametrize(
        "source",
        [lambda: keras.ops.convert_to_tensor(X), Batches, loader, tf_dataset],
        ids=["tensor", "PyDataset", "DataLoader", "tf.data"],
    )
    def test_come_from_whatever_keras_trains_on(self, source):
        expected, _ = histories(classifier(), X, Y)
        found, _ = histories(classifier(), X, Y, watched=source())
        # Kappa does not depend on the order.
        np.testing.assert_allclose(found, expected)

    @pytest.mark.parametrize("kind", [dict, list])
    def test_of_several_inputs(self, kind):
        keras.utils.set_random_seed(0)
        inputs = {"a": keras.Input((3,), name="a"), "b": keras.Input((5,), name="b")}
        merged = layers.Concatenate()(list(inputs.values()))
        x = {"a": X[:, :3], "b": X[:, 3:]}
        if kind is list:
            inputs, x = list(inputs.values()), list(x.values())
        model = keras.Model(inputs, layers.Dense(2)(merged))
        model.compile("adam", CROSSENTROPY)
        stopping = kb.ChurnEarlyStopping(x)
        model.fit(x, Y, epochs=3, verbose=0, callbacks=[stopping])
        assert stopping.monitor == "unseen_churn"
        assert all(0 <= value < 1 for value in stopping.history["unseen_churn"][1:])

    def test_are_drawn_by_the_seed(self):
        sizes = {"probe_size": 100, "epochs": 3}
        one, two, other = (
            histories(classifier(), X, Y, seed=seed, **sizes)[0] for seed in (0, 0, 1)
        )
        assert one == two
        assert one != other

    def test_unseen_ones_are_watched_beside_them(self):
        stopping, outputs = kb.ChurnEarlyStopping(X, UNSEEN, restore="last"), Outputs(UNSEEN)
        classifier().fit(X, Y, epochs=4, verbose=0, callbacks=[outputs, stopping])
        predicted = pairs([each.argmax(axis=1) for each in outputs.outputs])
        assert stopping.history["unseen_churn"] == [None, *(churn(*pair) for pair in predicted)]

    def test_the_ratio_is_that_of_the_means_over_five_checks(self):
        stopping = kb.ChurnEarlyStopping(X, UNSEEN, restore="last")
        history = classifier().fit(X, Y, epochs=8, verbose=0, callbacks=[stopping]).history
        assert stopping.history["churn_ratio"][:5] == [None] * 5
        assert np.isnan(history["churn_ratio"][:5]).all()
        for last in (5, 6, 7):
            window = slice(last - 4, last + 1)
            means = [np.mean(stopping.history[key][window]) for key in ("unseen_churn", "churn")]
            assert stopping.history["churn_ratio"][last] == pytest.approx(means[0] / means[1])

    @pytest.mark.parametrize(
        ("x", "swapped"),
        [(X, False), (np.uint8(X > 0), False), (np.int32(X > 0), True)],
        ids=["floats", "bytes", "integers"],
    )
    def test_are_made_by_noise_where_they_are_no_symbols_and_else_by_swaps(self, x, swapped):
        stopping, seen = kb.ChurnEarlyStopping(x), []
        look = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda *_: seen.append(stopping._probes[1].inputs)
        )
        classifier().fit(x, Y, verbose=0, callbacks=[stopping, look])
        assert (stopping.monitor, stopping.patience) == ("unseen_churn", 8)
        assert np.isin(seen[0], x).all() == swapped

    def test_that_are_one_symbol_are_watched_alone_and_it_says_so(self):
        keras.utils.set_random_seed(0)
        tokens = RNG.integers(20, size=(150, 1)).astype("float32")
        model = keras.Sequential(
            [keras.Input((1,)), layers.Embedding(20, 4), layers.Flatten(), layers.Dense(2)]
        )
        model.compile("adam", CROSSENTROPY)
        stopping = kb.ChurnEarlyStopping(tokens)
        with pytest.warns(
            UserWarning, match="stand in for unseen inputs, as the layer embedding .* is one value"
        ):
            model.fit(tokens, Y, verbose=0, callbacks=[stopping])
        assert stopping.monitor == "churn"
        model.fit(tokens, Y, verbose=0, callbacks=[kb.ChurnEarlyStopping(tokens, unseen=None)])

    def test_of_fewer_than_a_hundred_examples_are_warned_of(self):
        with pytest.warns(UserWarning, match="`x`: expected hundreds of examples; received 50"):
            classifier().fit(X, Y, verbose=0, callbacks=[kb.ChurnEarlyStopping(X[:50], UNSEEN)])


def of_integers():
    model = keras.Sequential([keras.Input((8,)), layers.Lambda(lambda x: x > 0)])
    model.compile("adam", "mse")
    return model


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"x": None}, "`x`: expected training inputs; received None"),
            ({"x": (X, Y)}, "`x`: expected unlabelled examples; received a tuple of 2"),
            ({"x": X[:1]}, "`x`: expected two examples or more.*received 1"),
            ({"x": iter([X])}, "`x`: expected examples; received a .*iterator, which can be read"),
            ({"x": (each for each in [X])}, "received a generator, which can be read only once"),
            ({"x": [X, X[:9]]}, "`x`: expected arrays of equally many examples; received 9, 150"),
            ({"x": X[:, :5]}, r"`x`: expected inputs .*\(None, 8\); received of shape \(150, 5\)"),
            ({"unseen": UNSEEN[:, :5]}, r"`unseen`: expected inputs as the model takes them"),
            ({"unseen": "none"}, "`unseen`: expected inputs, 'auto', 'noisy', 'swapped' or None"),
            ({"unseen": UNSEEN[:1]}, "`unseen`: expected two examples or more"),
            ({"probe_size": 1}, "`probe_size`: expected 2 or more; received 1"),
            ({"batch_size": 0}, "`batch_size`: expected 1 or more; received 0"),
            ({"patience": -1}, "`patience`: expected a number of checks"),
            ({"restore": "mean"}, "`restore`: expected one of 'best', 'average', 'last'"),
            (
                {"restore": "best", "restore_best_weights": False},
                "`restore`: expected 'last', as `restore_best_weights` is False",
            ),
            ({"task": "class"}, "`task`: expected 'classes', 'labels', 'numbers' or None"),
            ({"output": "b"}, "`output`: expected the name of an output; received 'b'"),
            ({"class_shares": [0.5, 0.2]}, "`class_shares`: expected shares of all classes"),
            ({"class_shares": [0.5, 0.3, 0.2]}, "`class_shares`: expected 2 shares; received 3"),
        ],
        ids=lambda value: None if isinstance(value, str) else "-".join(value),
    )
    def test_arguments_that_make_no_sense(self, arguments, message):
        model = classifier()
        before = model.get_weights()

        def fit():
            stopping = kb.ChurnEarlyStopping(**{"x": X, **arguments})
            model.fit(X, Y, verbose=0, callbacks=[stopping])

        with pytest.raises((TypeError, ValueError), match=message):
            fit()
        assert_same_weights(model.get_weights(), before)

    def test_several_outputs_without_a_name(self):
        model, y = two_outputs(dict)
        with pytest.raises(
            ValueError, match=r"`output`: expected one of the model's outputs, a, b; received None;"
        ):
            model.fit(X, y, verbose=0, callbacks=[kb.ChurnEarlyStopping(X)])

    def test_an_output_that_is_neither_class_nor_number(self):
        with pytest.raises(
            TypeError, match=r"the model's output .*: expected floating-point scores"
        ):
            of_integers().fit(X, X, verbose=0, callbacks=[kb.ChurnEarlyStopping(X)])

    def test_a_single_score_taken_for_classes(self):
        model = network(layers.Dense(1), loss="mse")
        with pytest.raises(
            ValueError, match=r"expected scores of two classes.*received \(\d*, 1\)"
        ):
            model.fit(X, Y, verbose=0, callbacks=[kb.ChurnEarlyStopping(X, task="classes")])


class Still(keras.callbacks.Callback):
    """Has the model give the same for all inputs in some epochs."""

    def __init__(self, epochs, value=0.0):
        super().__init__()
        self.epochs, self.value = epochs, value

    def on_epoch_end(self, epoch, logs=None):
        if epoch in self.epochs:
            kernel = self.model.layers[-1].kernel
            kernel.assign(np.full(kernel.shape, self.value, "float32"))


def told(caught):
    """What our warnings say, others' left out."""
    return [str(each.message) for each in caught if each.category is UserWarning]


class TestChecksThatTellNothing:
    @pytest.mark.slow
    def test_are_in_the_history_as_such(self):
        stopping = kb.ChurnEarlyStopping(X, UNSEEN, restore="last")
        callbacks = [Still([0, 1, 2]), stopping]
        history = network(layers.Dense(2)).fit(X, Y, epochs=5, verbose=0, callbacks=callbacks)
        assert stopping.history["churn"][:3] == [None] * 3
        assert np.isnan(history.history["churn"][:3]).all()
        assert all(value >= 0 for value in stopping.history["churn"][3:])

    def test_are_warned_of_where_they_go_on(self):
        stopping = kb.ChurnEarlyStopping(X, UNSEEN)
        with pytest.warns(UserWarning, match="of one class|fewer in 20 checks") as caught:
            network(layers.Dense(2)).fit(
                X, Y, epochs=20, verbose=0, callbacks=[Still(range(20)), stopping]
            )
        first, second = told(caught)
        assert "nearly all predictions have been of one class for 8 checks" in first
        assert "received fewer in 20 checks, so no weights were the best" in second
        assert stopping.best is None
        assert stopping.stop_reason == "training ended before unseen_churn had a best value"

    def test_predictions_that_are_not_finite_stop_the_training(self):
        stopping = kb.ChurnEarlyStopping(X, UNSEEN, patience=3)
        callbacks = [Still(range(7, 30), math.nan), stopping]
        model = network(layers.Dense(2))
        with pytest.warns(UserWarning, match="expected finite predictions") as caught:
            history = model.fit(X, Y, epochs=30, verbose=0, callbacks=callbacks).history
        (said,) = told(caught)
        assert said.startswith("Epoch 8: expected finite predictions; received some")
        assert np.isnan(history["unseen_churn"][7:]).all()
        assert stopping.stopped_epoch == 9
        assert stopping.stop_reason == "predictions were not finite for 3 checks"
        assert all(np.isfinite(array).all() for array in model.get_weights())


class TestWhatComesBack:
    def trained(self, model=None, epochs=9, **arguments):
        model = model or network(layers.Dense(2))
        stopping, recorder = kb.ChurnEarlyStopping(X, UNSEEN, **arguments), Recorder()
        model.fit(X, Y, epochs=epochs, verbose=0, callbacks=[recorder, stopping])
        return model, stopping, recorder.epoch_weights

    @pytest.mark.slow
    def test_is_the_mean_of_the_last_five_checks_up_to_the_best(self):
        model, stopping, weights = self.trained()
        assert stopping.best_epoch >= 5
        last = weights[stopping.best_epoch - 4 : stopping.best_epoch + 1]
        expected = [
            np.mean(arrays, axis=0, dtype="float64").astype("float32")
            for arrays in zip(*last, strict=True)
        ]
        assert_same_weights(model.get_weights(), expected)
        assert_same_weights(stopping.best_weights, expected)

    @pytest.mark.slow
    def test_may_be_the_best_check(self):
        model, stopping, weights = self.trained(restore="best")
        assert_same_weights(model.get_weights(), weights[stopping.best_epoch])

    @pytest.mark.slow
    @pytest.mark.parametrize("arguments", [{"restore": "last"}, {"restore_best_weights": False}])
    def test_may_be_nothing(self, arguments):
        model, stopping, weights = self.trained(**arguments)
        assert_same_weights(model.get_weights(), weights[-1])
        assert stopping.best_weights is None

    def test_has_the_batch_norm_statistics_of_the_probe(self):
        model = network(layers.BatchNormalization(), layers.Dropout(0.5), layers.Dense(2))
        model, *_ = self.trained(model, batch_size=25)
        first, norm = model.layers[0], model.layers[1]
        kernel, bias = (keras.ops.convert_to_numpy(each) for each in first.weights)
        hidden = np.maximum(X @ kernel + bias, 0)
        np.testing.assert_allclose(norm.moving_mean, hidden.mean(axis=0), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(norm.moving_variance, hidden.var(axis=0), rtol=1e-4, atol=1e-5)
        assert norm.momentum == 0.99

    @pytest.mark.slow
    def test_leaves_the_statistics_of_frozen_batch_norm_alone(self):
        norm = layers.BatchNormalization()
        model = network(norm, layers.Dense(2))
        norm.trainable = False
        model.compile(keras.optimizers.Adam(0.01), CROSSENTROPY)
        model, *_ = self.trained(model)
        np.testing.assert_array_equal(norm.moving_mean, np.zeros(16))
        np.testing.assert_array_equal(norm.moving_variance, np.ones(16))

    @pytest.mark.slow
    def test_is_the_mean_of_averaged_weights_under_ema(self):
        optimizer = keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5)

        def averages(epochs):
            model = network(layers.Dense(2))
            model.compile(copy.deepcopy(optimizer), CROSSENTROPY)
            model.fit(X, Y, epochs=epochs, verbose=0)
            return model.get_weights()

        model = network(layers.Dense(2))
        model.compile(copy.deepcopy(optimizer), CROSSENTROPY)
        model, stopping, _ = self.trained(model)
        last = range(stopping.best_epoch - 3, stopping.best_epoch + 2)
        if BACKEND == "tensorflow":
            # After a seed it takes arrays in another order in each fit.
            assert np.isfinite(model.get_weights()[0]).all()
            return
        means = np.mean([averages(epochs)[0] for epochs in last], axis=0, dtype="float64")
        np.testing.assert_allclose(model.get_weights()[0], means, rtol=1e-5, atol=1e-6)

    @pytest.mark.slow
    def test_mlh_early_stopping_can_average_too(self):
        model, recorder = network(layers.Dense(2)), Recorder()
        stopping = kb.MLHEarlyStopping("mlh", restore="average", patience=99)
        model.fit(X, Y, epochs=6, verbose=0, callbacks=[recorder, stopping])
        last = recorder.epoch_weights[max(0, stopping.best_epoch - 4) : stopping.best_epoch + 1]
        expected = np.mean([arrays[0] for arrays in last], axis=0, dtype="float64")
        np.testing.assert_array_equal(model.get_weights()[0], expected.astype("float32"))


@pytest.mark.slow
class TestBesideTraining:
    def test_it_changes_nothing_about_the_training(self):
        plain, watched = network(layers.Dense(2)), network(layers.Dense(2))
        expected = plain.fit(X, Y, epochs=4, verbose=0).history["loss"]
        callbacks = [kb.ChurnEarlyStopping(X, restore="last")]
        found = network(layers.Dense(2)).fit(X, Y, epochs=4, verbose=0, callbacks=callbacks)
        assert found.history["loss"] == expected
        assert watched is not plain

    def test_a_model_that_its_first_batch_builds_is_watched(self):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([layers.Dense(4, "relu"), layers.Dense(2)])
        model.compile("adam", CROSSENTROPY)
        stopping = kb.ChurnEarlyStopping(X)
        model.fit(X, Y, epochs=3, verbose=0, callbacks=[stopping])
        assert len(stopping.history["churn"]) == 3

    def test_checks_may_lie_inside_an_epoch(self):
        stopping = kb.ChurnEarlyStopping(X, check_every=0.5)
        classifier().fit(X, Y, batch_size=15, epochs=3, verbose=0, callbacks=[stopping])
        assert stopping.history["step"] == [5, 10, 15, 20, 25, 30]

    def test_copies_share_the_inputs_and_train_alike(self):
        original = kb.ChurnEarlyStopping(X, UNSEEN)
        twin = copy.deepcopy(original)
        assert twin._x.x is X
        for callback in (original, twin, original):
            classifier().fit(X, Y, epochs=6, verbose=0, callbacks=[callback])
        assert original.history == twin.history
        assert pickle.loads(pickle.dumps(original)).history == original.history

    def test_a_csv_log_has_every_column_in_every_row(self, tmp_path):
        path = tmp_path / "log.csv"
        callbacks = [kb.ChurnEarlyStopping(X), keras.callbacks.CSVLogger(path)]
        classifier().fit(X, Y, epochs=3, verbose=0, callbacks=callbacks)
        with path.open() as file:
            rows = list(csv.DictReader(file))
        assert {"churn", "unseen_churn", "churn_ratio"} <= rows[0].keys()
        assert float(rows[2]["churn"]) == callbacks[0].history["churn"][2]

    def test_two_of_ours_stand_side_by_side(self):
        churned, weighed = kb.ChurnEarlyStopping(X), kb.MLHEarlyStopping("mlh", restore="last")
        history = classifier().fit(X, Y, epochs=3, verbose=0, callbacks=[churned, weighed]).history
        assert {"churn", "unseen_churn", "churn_ratio", "mlh"} <= history.keys()

    @needs_tensorflow
    def test_texts_are_watched_as_they_are(self):
        words = np.array([["good day"], ["bad night"], ["good night"], ["bad day"]] * 40)
        labels = np.array([0, 1, 1, 0] * 40)
        keras.utils.set_random_seed(0)
        vectorise = layers.TextVectorization(10, output_sequence_length=2)
        vectorise.adapt(words)
        model = keras.Sequential(
            [
                keras.Input((1,), dtype="string"),
                vectorise,
                layers.Embedding(10, 4),
                layers.Flatten(),
                layers.Dense(2),
            ]
        )
        model.compile("adam", CROSSENTROPY)
        import tensorflow as tf

        data = tf.data.Dataset.from_tensor_slices((words, labels)).batch(16)
        stopping = kb.ChurnEarlyStopping(data, unseen=None)
        model.fit(data, epochs=3, shuffle=False, verbose=0, callbacks=[stopping])
        assert len(stopping.history["churn"]) == 3
