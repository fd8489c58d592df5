"""Examples are drawn from what users have, noise is added, and a model is run in batches."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_benford import inference
from keras_benford.callbacks import Monitor
from keras_benford.callbacks.probes import draw, noisy, swapped, why_not_noisy
from keras_benford.inputs import Given
from keras_benford.inputs import draw as draw_inputs
from tests.training import classifier, two_classes

NUMBERS = np.arange(1000, dtype="float32")


class Batches(keras.utils.PyDataset):
    """Batches of ten numbers; without an end unless one is given."""

    def __init__(self, num_batches=None):
        super().__init__()
        self._num_batches = num_batches

    @property
    def num_batches(self):
        return self._num_batches

    def __getitem__(self, i):
        first = 10 * i % 1000
        return NUMBERS[first : first + 10]


class Stream:
    """The same, one after the other, counting those that were taken."""

    taken = 0

    def __iter__(self):
        for first in range(0, 1000, 10):
            self.taken += 1
            yield NUMBERS[first : first + 10], None


def numbers(x, n, seed=0):
    return draw_inputs(x, n, np.random.default_rng(seed))


@pytest.mark.parametrize("source", [NUMBERS, Batches(100), Batches(), Stream()], ids=type)
def test_examples_are_drawn_without_replacement_and_alike_with_one_seed(source):
    found = numbers(source, 50)
    assert len(set(found.tolist())) == 50
    assert set(found.tolist()) <= set(NUMBERS.tolist())
    np.testing.assert_array_equal(found, numbers(source, 50))
    assert (numbers(source, 50, seed=1) != found).any()


@pytest.mark.parametrize("source", [NUMBERS, Batches(100), Stream()], ids=type)
def test_all_examples_are_taken_where_there_are_no_more(source):
    assert sorted(numbers(source, 5000).tolist()) == NUMBERS.tolist()


@pytest.mark.slow
def test_each_example_of_a_stream_is_as_likely_as_any_other():
    # Of 160 numbers, 10 each time: every hundredth of 2,000 draws has each number 125 times.
    drawn = np.concatenate([numbers(Stream(), 10, seed) for seed in range(2000)])
    counts = np.bincount(drawn.astype(int))
    assert len(counts) == 160
    assert abs(counts - 125).max() < 5 * np.sqrt(125)


def test_a_long_stream_is_not_read_to_its_end():
    stream = Stream()
    numbers(stream, 10)
    assert stream.taken == 16


def test_several_inputs_stay_together():
    x = {"a": NUMBERS, "b": [[2 * number] for number in NUMBERS.tolist()]}
    with pytest.raises(ValueError, match="equally many"):
        draw_inputs({"a": NUMBERS, "b": NUMBERS[:5]}, 10, np.random.default_rng(0))
    found = draw_inputs({**x, "b": np.array(x["b"])}, 10, np.random.default_rng(0))
    np.testing.assert_array_equal(found["b"][:, 0], 2 * found["a"])


def test_arrays_of_a_file_are_read_where_they_are_drawn(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["x"] = NUMBERS
        np.testing.assert_array_equal(numbers(file["x"], 50), numbers(NUMBERS, 50))


def test_a_table_is_drawn_by_its_rows():
    pandas = pytest.importorskip("pandas", reason="needs pandas")
    table = pandas.DataFrame({"a": NUMBERS, "b": -NUMBERS}, index=NUMBERS[::-1].astype(int))
    found = numbers(table, 50)
    np.testing.assert_array_equal(found[:, 0], numbers(NUMBERS, 50))
    np.testing.assert_array_equal(found[:, 1], -found[:, 0])


def test_noise_is_half_the_spread_of_each_feature():
    x = np.random.default_rng(0).normal([5, 0, 3], [2, 0.1, 0], (400, 3)).astype("float32")
    found = noisy(draw(Given(x), 400, 0, "x"), 20_000, seed=1).inputs
    assert found.dtype == "float32"
    np.testing.assert_allclose(found.mean(axis=0), x.mean(axis=0), atol=0.1)
    # The noise adds a quarter to the variance.
    np.testing.assert_allclose(found.std(axis=0), np.sqrt(1.25) * x.std(axis=0), rtol=0.02)
    assert (found[:, 2] == 3).all()


def test_several_inputs_are_of_the_same_examples():
    x = np.arange(50, dtype="float32")[:, None] * 1000
    found = noisy(draw(Given({"a": x, "b": 2 * x}), 50, 0, "x"), 80, seed=1).inputs
    plain = np.array([*found["a"], *found["b"] / 2]).reshape(2, 80)
    assert np.corrcoef(plain)[0, 1] > 0.7


def test_bytes_get_noise_as_numbers():
    probe = draw(Given(np.array([[0], [255]] * 20, "uint8")), 40, 0, "x")
    found = noisy(probe, 100, seed=1).inputs
    assert found.dtype == "float32"
    assert found.min() < 0 < 255 < found.max()


def test_missing_values_stay_missing_and_spoil_no_others():
    x = np.ones((40, 2), "float32")
    x[::2] = np.nan, 3
    found = noisy(draw(Given(x), 40, 0, "x"), 60, seed=1).inputs
    assert np.isnan(found[:, 0]).any()
    assert np.isfinite(found[:, 0]).any()
    assert np.isfinite(found[:, 1]).all()


def test_words_get_no_noise():
    probe = draw(Given(np.array(["a", "b"] * 20)), 40, 0, "x")
    with pytest.raises(TypeError, match="`unseen`: expected inputs of numbers to add noise to"):
        noisy(probe, 100, seed=1)


@pytest.mark.parametrize("dtype", ["int32", "float16", "<U4"])
def test_three_in_ten_values_come_from_the_same_place_in_another(dtype):
    x = np.arange(40 * 7).reshape(40, 7).astype(dtype)
    found = swapped(draw(Given(x), 40, 0, "x"), 3000, seed=1).inputs
    assert (found.dtype, found.shape) == (x.dtype, (3000, 7))
    rows, columns = np.divmod(found.astype(float), 7)
    assert (columns == np.arange(7)).all()
    counts = np.sort([np.unique(row, return_counts=True)[1].max() for row in rows])
    assert {len(np.unique(row)) for row in rows} == {1, 2}
    first = np.median(rows, axis=1)
    # Of seven values four or more are the first input's in 97 % of cases: Binomial(7, 0.3).
    assert np.mean(rows != first[:, None]) == pytest.approx(0.29, abs=0.02)
    assert counts[0] == 4


def test_steps_are_swapped_whole_and_several_inputs_each_by_itself():
    steps = np.arange(30)[:, None, None] + np.zeros((1, 5, 2))
    one = np.arange(30)
    probe = draw(Given({"steps": steps, "one": one}), 30, 0, "x")
    found = swapped(probe, 500, seed=1).inputs
    assert (found["steps"][..., 0] == found["steps"][..., 1]).all()
    # The one is a second example's in 0.3 of cases, most of the five steps in 0.16.
    apart = found["one"] != np.median(found["steps"][..., 0], axis=1)
    assert np.mean(apart) == pytest.approx(0.3 * 0.84 + 0.7 * 0.16, abs=0.06)


def test_inputs_of_one_value_are_not_swapped():
    for x in (np.arange(40), np.array([["a"], ["b"]] * 20)):
        with pytest.raises(
            ValueError, match="`unseen`: expected inputs of several values, to swap"
        ):
            swapped(draw(Given(x), 40, 0, "x"), 100, seed=1)


@pytest.mark.parametrize(
    ("x", "layer", "reason"),
    [
        (NUMBERS, layers.Dense(2), None),
        (NUMBERS.astype("uint8"), layers.Dense(2), None),
        (NUMBERS.astype("int64"), layers.Dense(2), "the inputs are int64 values"),
        (NUMBERS.astype(bool), layers.Dense(2), "the inputs are bool values"),
        (NUMBERS, layers.Embedding(9, 2, name="tokens"), "the layer tokens takes symbols"),
        (
            NUMBERS,
            layers.Masking(name="mask"),
            "the layer mask marks values that are missing",
        ),
    ],
    ids=["floats", "bytes", "integers", "truths", "embedding", "masking"],
)
def test_what_stands_for_things_gets_no_noise(x, layer, reason):
    model = keras.Sequential([keras.Input((1,)), layer])
    assert why_not_noisy(draw(Given(x), 10, 0, "x"), model) == reason


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", [7, 64, 1000])
def test_a_model_is_run_in_batches_of_one_size(batch_size):
    model = classifier()
    x, _ = two_classes(150)
    traced = []

    def then(outputs):
        traced.append(tuple(outputs.shape))
        return [outputs, outputs[:, 0]]

    run = inference.program(model, then)
    found = inference.in_batches(run, x, batch_size, keras.ops.convert_to_numpy)
    expected = model.predict(x, verbose=0)
    np.testing.assert_allclose(found[0], expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(found[1], found[0][:, 0])
    assert {shape[0] for shape in traced} <= {batch_size, None}
    # It reads the weights anew.
    model.set_weights([0 * weights for weights in model.get_weights()])
    found = inference.in_batches(run, x, batch_size, keras.ops.convert_to_numpy)
    np.testing.assert_array_equal(found[0], np.zeros((150, 2)))


@pytest.mark.slow
def test_a_monitor_takes_measures_by_name():
    monitor = Monitor(["mlh", "eic", "scaled_eic"], check_every=0.5)
    history = classifier().fit(*two_classes(), epochs=2, verbose=0, callbacks=[monitor]).history
    assert {"mlh", "eic", "scaled_eic"} <= history.keys()
    names = ["epoch", "step", "mlh", "eic", "scaled_eic", "accuracy"]
    assert {name: len(values) for name, values in monitor.history.items()} == dict.fromkeys(
        names, 4
    )
