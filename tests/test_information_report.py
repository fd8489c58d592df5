"""Reports on a model's neurons, and rankings of models by them."""

import json

import keras
import numpy as np
import pytest
from keras import layers

from keras_benford.information import (
    activations,
    mutual_information,
    neuron_entropy,
    rank,
    report,
)

X = np.random.default_rng(0).standard_normal((200, 6)).astype("float32")


def mlp(seed=0, name=None):
    keras.utils.set_random_seed(seed)
    return keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(5, "relu", name="first"),
            layers.Dense(4, "relu", name="second"),
            layers.Dense(3, name="logits"),
        ],
        name=name,
    )


def with_kernel(model, layer, change):
    """The model, after a change to a layer's kernel."""
    kernel, bias = model.get_layer(layer).get_weights()
    change(kernel)
    model.get_layer(layer).set_weights([kernel, bias])
    return model


class TestReport:
    def test_has_the_entropy_and_the_information_of_the_activations(self):
        model = mlp()
        found, taken = report(model, X), activations(model, X)
        np.testing.assert_array_equal(found.activations.values, taken.values)
        np.testing.assert_array_equal(found.entropy, neuron_entropy(taken))
        # Examples for which no neuron of the first layer is active are alike in the second.
        expected = mutual_information(taken, ties="jitter" if found.tied else "keep")
        np.testing.assert_array_equal(found.mutual_information, expected)
        assert found.mean_entropy == pytest.approx(found.entropy.mean())
        off_diagonal = found.mutual_information[~np.eye(9, dtype=bool)]
        assert found.mean_mutual_information == pytest.approx(off_diagonal.mean())

    @pytest.mark.parametrize(
        ("method", "said"), [("ksg", "information come out too low"), ("bins", "too high")]
    )
    def test_of_few_examples_a_warning_says_what_they_do(self, method, said):
        with pytest.warns(UserWarning, match=f"Only 199 examples: .*{said}"):
            found = report(mlp(), X[:199], method=method)
        assert found.warning == found.to_dict()["warning"]
        assert found.warning in " ".join(repr(found).split())
        assert report(mlp(), X, method=method).warning is None

    def test_few_examples_lower_the_figures_as_the_warning_says(self):
        """On Gaussian neurons of correlation 0.6, not on the networks that it quotes."""
        rng = np.random.default_rng(0)
        common, own = rng.standard_normal((1000, 1)), rng.standard_normal((1000, 12))
        values = np.sqrt(0.6) * common + np.sqrt(0.4) * own
        pairs = np.triu_indices(12, 1)
        sizes = (5, 50, 200, 1000)
        entropies = [neuron_entropy(values[:n]).mean() for n in sizes]
        information = [mutual_information(values[:n])[pairs].mean() for n in sizes]
        assert entropies[0] < entropies[1] < entropies[2]
        assert entropies[2] == pytest.approx(entropies[3], rel=0.05)
        right = -0.5 * np.log(1 - 0.6**2)
        assert information[0] < 0.5 * right
        assert information[2:] == pytest.approx([right, right], rel=0.25)

    def test_neurons_that_were_drawn_are_told_from_all(self):
        found = report(mlp(), X, neurons=6)
        assert repr(found).startswith("sequential")
        assert ": 6 of 9 neurons on 200 examples\n" in repr(found)
        assert found.to_dict()["all_neurons"] == 9
        assert [layer.all_neurons for layer in found.layers] == [5, 4]
        first = next(line for line in repr(found).splitlines() if "│ first" in line)
        assert f" {found.layers[0].neurons} of 5 " in first

    def test_one_neuron_is_one(self):
        one = keras.Sequential([keras.Input((6,)), layers.Dense(1, "relu"), layers.Dense(3)])
        assert ": 1 neuron on 200 examples\n" in repr(report(one, X))

    def test_has_the_same_layer_by_layer(self):
        found = report(mlp(), X)
        first, second = found.layers
        assert (first.name, first.neurons, second.name, second.neurons) == ("first", 5, "second", 4)
        assert second.entropy == pytest.approx(found.entropy[5:].mean())
        within = found.mutual_information[5:, 5:][np.triu_indices(4, 1)]
        assert second.mutual_information == pytest.approx(within.mean())

    def test_counts_dead_neurons_and_leaves_them_out_of_pairs(self):
        def kill(kernel):
            kernel[:, 1] = 0

        found = report(with_kernel(mlp(), "first", kill), X)
        assert found.dead.tolist() == [False, True] + 7 * [False]
        assert [layer.dead for layer in found.layers] == [1, 0]
        alive = np.delete(np.delete(found.mutual_information, 1, 0), 1, 1)
        expected = alive[np.triu_indices(8, 1)].mean()
        assert found.mean_mutual_information == pytest.approx(expected)
        assert found.duplicates == []

    @pytest.mark.parametrize("scale", [1, -3, 1e-3])
    def test_counts_copies_scaled_ones_too(self, scale):
        def copy(kernel):
            kernel[:, 3] = scale * kernel[:, 1]
            kernel[:, 4] = kernel[:, 1]

        found = report(with_kernel(mlp(), "first", copy), X)
        assert found.duplicates == [(1, 3), (1, 4)]
        assert [layer.duplicates for layer in found.layers] == [2, 0]

    def test_of_one_neuron_has_no_pairs(self):
        model = keras.Sequential([keras.Input((6,)), layers.Dense(1), layers.Dense(2)])
        found = report(model, X)
        assert np.isnan(found.mean_mutual_information)
        assert found.to_dict()["mean_mutual_information"] is None
        json.loads(found.to_json())

    def test_tells_ties_apart_and_says_so(self):
        model = keras.Sequential(
            [keras.Input((6,)), layers.Dense(4), layers.ReLU(name="relu"), layers.Dense(2)]
        )
        found = report(model, X, "relu")
        assert found.tied == 4
        assert "4 neurons have one value for many examples" in repr(found)
        expected = mutual_information(found.activations, ties="jitter")
        np.testing.assert_array_equal(found.mutual_information, expected)

    def test_looks_at_a_part_of_many_neurons(self):
        found = report(mlp(), X, neurons=6, method="bins", bins=10)
        assert found.mutual_information.shape == (6, 6)
        assert found.to_dict()["bins"] == 10
        expected = mutual_information(found.activations, method="bins", bins=10)
        np.testing.assert_array_equal(found.mutual_information, expected)

    def test_shows_as_a_table_and_as_json(self):
        found = report(mlp(name="net"), X)
        text = repr(found)
        assert text.startswith("net: 9 neurons on 200 examples\n")
        assert f"{found.mean_entropy:.4f}" in text
        assert "by themselves say nothing" in text
        read = json.loads(found.to_json())
        assert read["model"] == "net"
        assert read["samples"] == 200
        assert [layer["name"] for layer in read["layers"]] == ["first", "second"]
        assert read["layers"][0]["entropy"] == pytest.approx(found.layers[0].entropy)


@pytest.fixture(scope="module")
def models():
    """From diverse neurons to ones that are all alike."""

    def alike(share):
        def change(kernel):
            kernel[:] = share * kernel[:, :1] + (1 - share) * kernel

        return change

    return {
        f"{share}": with_kernel(mlp(1), "first", alike(share)) for share in (0.5, 0.0, 0.9, 0.8)
    }


class TestRank:
    @pytest.mark.parametrize(
        ("looking_for", "expected"),
        [
            ("shortcuts", ("0.0", "0.5", "0.8", "0.9")),
            ("memorization", ("0.9", "0.8", "0.5", "0.0")),
        ],
    )
    def test_by_information_has_the_opposite_order_for_each_fault(
        self, models, looking_for, expected
    ):
        found = rank(models, X, looking_for=looking_for, layers="first")
        assert found.names == expected
        values = found.mutual_information
        assert list(values) == sorted(values, reverse=looking_for == "memorization")

    def test_by_entropy(self, models):
        found = rank(models, X, looking_for="shortcuts", by="entropy")
        assert list(found.entropy) == sorted(found.entropy, reverse=True)
        other = rank(models, X, looking_for="memorization", by="entropy")
        assert other.names == found.names[::-1]

    def test_takes_reports_that_are_there_already(self, models):
        reports = {name: report(model, X) for name, model in models.items()}
        found = rank(reports, looking_for="shortcuts")
        expected = rank(models, X, looking_for="shortcuts")
        assert found.to_json() == expected.to_json()
        assert json.loads(found.to_json())["models"][0] == {
            "name": found.names[0],
            "entropy": found.entropy[0],
            "mutual_information": found.mutual_information[0],
        }
        with pytest.raises(ValueError, match="expected nothing beside reports; received examples"):
            rank(reports, X, looking_for="shortcuts")
        with pytest.raises(ValueError, match="expected models or reports; received both"):
            rank({**reports, "0.0": models["0.0"]}, X, looking_for="shortcuts")

    @pytest.mark.parametrize(
        ("looking_for", "by", "end"),
        [
            ("shortcuts", "mutual_information", "lowest mutual information, the least sign of sho"),
            ("shortcuts", "entropy", "highest entropy, the least sign of shortcuts"),
            ("memorization", "entropy", "lowest entropy, the least sign of memorised labels"),
        ],
    )
    def test_says_first_which_model_is_the_best_and_why(self, models, looking_for, by, end):
        found = rank(models, X, looking_for=looking_for, by=by)
        assert repr(found).startswith(f"Best is {found.names[0]}, which comes first: the {end}")
        rows = [line.split("│") for line in repr(found).splitlines() if line.startswith("│")]
        assert [row[1].strip() for row in rows] == ["1", "2", "3", "4"]
        assert tuple(row[2].strip() for row in rows) == found.names

    def test_says_that_no_model_is_the_best_or_that_some_are_alike(self):
        same = rank(dict.fromkeys("abc", mlp()), X, looking_for="shortcuts")
        assert repr(same).startswith("Best, and alike, are a, b, c: ")
        dead = with_kernel(mlp(), "first", lambda kernel: kernel.fill(0))
        none = rank({"a": dead, "b": dead}, X, looking_for="shortcuts")
        assert repr(none).startswith("No model is the best: none has a figure to go by.")

    def test_warns_of_different_architectures(self):
        wide = keras.Sequential([keras.Input((6,)), layers.Dense(70, "relu"), layers.Dense(3)])
        with pytest.warns(UserWarning, match=r"received a \(2 layers, 9 neurons\), b \(1 layer, 7"):
            found = rank({"a": mlp(), "b": wide}, X, looking_for="shortcuts")
        assert found.to_dict()["warning"] == found.warning
        text = " ".join(repr(found).split())
        assert text.startswith("Which model is the best cannot be told: expected one architecture;")

    def test_warns_of_different_architectures_of_which_few_neurons_were_drawn(self):
        models = [
            keras.Sequential(
                [keras.Input((6,)), layers.Dense(n, "relu"), layers.Dense(3)], name=f"n{n}"
            )
            for n in (50, 60)
        ]
        with pytest.warns(UserWarning, match=r"n50 \(1 layer, 50 neurons\), n60 \(1 layer, 60 n"):
            rank(models, X, looking_for="shortcuts", neurons=5)

    def test_warns_of_reports_on_different_numbers_of_examples(self):
        reports = {"a": report(mlp(), X), "b": report(mlp(), np.tile(X, (2, 1)))}
        with pytest.warns(UserWarning, match=r"a \(200 examples\), b \(400 examples\)"):
            rank(reports, looking_for="shortcuts")

    def test_puts_a_model_without_a_figure_last(self, models):
        dead = mlp()
        dead.set_weights([np.zeros_like(weights) for weights in dead.get_weights()])
        given = {"dead": dead, **models}
        for looking_for in ("shortcuts", "memorization"):
            found = rank(given, X, looking_for=looking_for)
            assert found.names[-1] == "dead"
            record = json.loads(found.to_json())
            assert record["models"][-1]["mutual_information"] is None

    @pytest.mark.parametrize(
        ("arguments", "error", "said"),
        [
            ({"looking_for": "overfitting"}, ValueError, "expected 'shortcuts' or 'memorization'"),
            ({"by": "mlh"}, ValueError, "'mutual_information' or 'entropy'"),
            ({"models": [mlp(name="one")]}, ValueError, "expected two or more; received 1"),
            ({"models": [mlp(name="a"), mlp(name="a")]}, ValueError, "received a, a; pass a d"),
            ({"models": ["a.keras", "b.keras"]}, TypeError, "a Keras model; received 'a.keras'"),
            ({"x": iter([X])}, TypeError, "what can be read once"),
            ({"x": None}, TypeError, "expected arrays of examples, or batches; received None"),
        ],
        ids=[
            "fault",
            "measure",
            "one model",
            "one name",
            "files",
            "generator",
            "no examples",
        ],
    )
    def test_says_what_it_cannot_do(self, arguments, error, said):
        given = {"models": [mlp(name="a"), mlp(name="b")], "x": X, "looking_for": "shortcuts"}
        with pytest.raises(error, match=said):
            rank(**{**given, **arguments})
