"""Every Keras backend counts alike: each is held against the same digits, one backend a run.

What lies in the host's memory may be counted by NumPy, what lies elsewhere is counted by the kernel
in `keras.ops`. Elsewhere is a GPU: here the road there is taken by hiding that the memory is near.
"""

import functools
import json
from pathlib import Path

import keras
import ml_dtypes
import numpy as np
import pytest
from keras import backend, ops

import keras_benford as kb
from keras_benford import _backends
from keras_benford.digits import leading_digits, tally, tensors
from tests import oracle
from tests.backends import BACKEND, EVERY_COMPILER, array, holding, tensor
from tests.test_digits_exact import hard_cases

pytestmark = pytest.mark.slow
FILES = Path(__file__).parent / "files"

only_jax = pytest.mark.skipif(BACKEND != "jax", reason="JAX has 64 bits only if told to")
only_torch = pytest.mark.skipif(BACKEND != "torch", reason="PyTorch's own")


@pytest.fixture(params=["near", "elsewhere"])
def place(request, monkeypatch):
    """Where tensors seem to lie."""
    if request.param == "elsewhere":
        monkeypatch.setattr(_backends, "host_array", lambda tensor: None)
        # Programs that were made for another place.
        tensors._recent_program.cache_clear()
    return request.param


def integers(dtype):
    """The ends of the type's range, and every digit's edge in it with its neighbours."""
    limits = np.iinfo(dtype)
    edges = [d * 10**k + near for k in range(19) for d in range(1, 10) for near in (-1, 0, 1)]
    numbers = [0, *edges, *(-edge for edge in edges), limits.min, limits.max]
    numbers += [sign * (2**53 + near) for sign in (-1, 1) for near in range(-3, 4)]
    return np.array([n for n in numbers if limits.min <= n <= limits.max], dtype)


def every_pattern_of(dtype):
    return np.arange(1 << 16, dtype=np.uint16).view(dtype)


@functools.cache
def values_and_digits(name):
    """Numbers of a dtype, and their digits by the oracle."""
    if "int" in name:
        values = integers(name)
        return values, np.array([oracle.integer_digit(int(value)) for value in values])
    halves = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16}
    values = every_pattern_of(halves[name]) if name in halves else hard_cases(np.dtype(name))
    return values, oracle.leading_digits(values)


def expected_tally(values, digits):
    counts = np.bincount(digits, minlength=10)
    n_not_finite = np.count_nonzero(~np.isfinite(values.astype(np.float64)))
    return [*counts[1:], counts[0] - n_not_finite, n_not_finite]


EVERY_DTYPE = pytest.mark.parametrize(
    "dtype",
    [
        *("float16", "bfloat16", "float32", "float64"),
        *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32"),
    ],
)
COUNTS = {
    "tally": tally,
    "tally_each": lambda values: tensors.tally_each([values])[0],
    "tally_ops": lambda values: tensors.tally_ops([values])[0],
    "tally_each of many": lambda values: tensors.tally_each([values] * 6)[5],
    "tally_ops of many": lambda values: tensors.tally_ops([values] * 6)[5],
}


@EVERY_DTYPE
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
class TestTheOraclesDigits:
    @pytest.mark.parametrize("count", COUNTS.values(), ids=COUNTS)
    def test_are_counted_one_for_one(self, dtype, count, place):
        values, digits = values_and_digits(dtype)
        with holding(dtype):
            assert array(count(tensor(values))).tolist() == expected_tally(values, digits)

    def test_are_given_for_each_value(self, dtype, place):
        values, digits = values_and_digits(dtype)
        with holding(dtype):
            np.testing.assert_array_equal(array(leading_digits(tensor(values))), digits)

    @EVERY_COMPILER
    def test_are_counted_inside_a_graph(self, dtype, compiled):
        values, digits = values_and_digits(dtype)
        with holding(dtype):
            found = array(compiled(tally)(tensor(values)))
            assert found.tolist() == expected_tally(values, digits)
            np.testing.assert_array_equal(array(compiled(leading_digits)(tensor(values))), digits)


def test_counts_of_a_tensor_are_as_wide_as_the_backends_integers():
    counts = kb.digit_counts(ops.ones(3))
    assert backend.standardize_dtype(counts.dtype) == ("int32" if BACKEND == "jax" else "int64")
    with holding("int64"):
        counts = kb.digit_counts(ops.ones(3))
        assert backend.standardize_dtype(counts.dtype) == "int64"


class TestAFileThatWasTrainedOnce:
    """`tests/files/write_trained.py` wrote it, and what the digits of its weights are."""

    PATH = FILES / "trained.keras"
    EXPECTED = json.loads((FILES / "trained.json").read_text())

    @pytest.fixture(params=["file", "model"])
    def score(self, request, place):
        if request.param == "file":
            return kb.score(self.PATH)
        return kb.score(keras.models.load_model(self.PATH))

    def test_has_the_digits_that_its_weights_had(self, score):
        found = {
            layer.path: {
                "shape": list(layer.shape),
                "counts": layer.counts.tolist(),
                "zeros": layer.zeros,
                "nonfinite": layer.nonfinite,
            }
            for layer in score.layers
        }
        moments = ("mean", "std")
        assert found == {
            path: {key: value for key, value in about.items() if key not in moments}
            for path, about in self.EXPECTED.items()
        }

    def test_has_the_moments_that_its_weights_had(self, score):
        for layer in score.layers:
            expected = self.EXPECTED[layer.path]
            assert layer.std == pytest.approx(expected["std"], rel=1e-5)
            assert layer.mean == pytest.approx(expected["mean"], abs=1e-5 * expected["std"])

    def test_has_the_same_score_as_the_model_loaded_from_it(self):
        file, model = kb.score(self.PATH), kb.score(keras.models.load_model(self.PATH))
        found, expected = file.to_dict(), model.to_dict()
        for layer, other in zip(found["layers"], expected["layers"], strict=True):
            # Which a file does not say.
            assert (layer.pop("frozen"), other.pop("frozen")) == (None, False)
        assert {**found, "format": None} == {**expected, "format": None}


@pytest.mark.parametrize("start", [2**24 - 5, 2**31 - 5, 2**32 - 5, 2**40 - 5], ids=hex)
@EVERY_COMPILER
def test_the_counters_of_mlh_carry_on_past_what_32_bits_hold(start, compiled):
    low = 2**24 - 1
    metric = kb.MLH()
    before = start + np.arange(9)
    metric._counters.assign(np.stack([before & low, before >> 24]))
    metric.update_state([float(d) for d in range(1, 10)] * 7)
    np.testing.assert_array_equal(metric.counts, before + 7)
    update = compiled(metric.stateless_update_state)
    (state,) = update([metric._counters.value], tensor(np.arange(1, 10, dtype="float32")))
    metric._counters.assign(state)
    np.testing.assert_array_equal(metric.counts, before + 8)
    metric.merge_state([metric])
    np.testing.assert_array_equal(metric.counts, 2 * (before + 8))
    assert float(metric.result()) == pytest.approx(kb.mlh(2 * (before + 8)), abs=1e-6)


@only_jax
class TestWithoutIntegersOf64Bits:
    @pytest.fixture(autouse=True)
    def _huge(self, monkeypatch):
        """Tensors say that they have 2^31 values."""
        monkeypatch.setattr(tensors, "_static_size", lambda tensor: 1 << 31)

    @pytest.mark.parametrize("count", [kb.digit_counts, tally], ids=["digit_counts", "tally"])
    def test_counts_that_32_bits_may_not_hold_are_refused(self, count):
        with pytest.raises(ValueError, match=r"^expected fewer than 2\^31 values") as caught:
            count(ops.ones(3))
        assert "received 2,147,483,648; count parts" in str(caught.value)
        assert "jax_enable_x64" in str(caught.value)

    def test_they_are_counted_as_soon_as_there_are_64(self):
        with holding("int64"):
            assert array(kb.digit_counts(ops.ones(3))).tolist() == [3, 0, 0, 0, 0, 0, 0, 0, 0]


@only_jax
def test_a_float64_tensor_is_counted_exactly_where_there_are_no_64_bits_any_more(place):
    values = np.array([0.1, 0.3, 9.999999999999, 5e-324, np.nan])
    with holding("float64"):
        wide = tensor(values)
    assert array(leading_digits(wide)).tolist() == [1, 2, 9, 4, 0]
    for count in COUNTS.values():
        assert array(count(wide)).tolist() == tally(values).tolist()


@only_torch
class TestPyTorch:
    @pytest.mark.parametrize(
        "function",
        [tally, leading_digits, lambda values: tensors.tally_ops([values])],
        ids=["tally", "leading_digits", "tally_ops"],
    )
    def test_traces_the_kernel_into_a_graph_of_its_own(self, function):
        import torch

        # Without its compiler, which takes half a minute.
        compiled = torch.compile(function, backend="eager")
        values = torch.linspace(-1, 1, 1000)
        assert torch.equal(compiled(values), function(values))

    @pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
    def test_keeps_the_metric_of_the_weights_in_a_training_step_that_it_compiles(self, monkeypatch):
        import torch

        monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="eager"))
        model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4)])
        model.compile("sgd", "mse", metrics=[kb.WeightsMLH(model)], jit_compile=True)
        history = model.fit(np.ones((20, 8)), np.ones((20, 4)), verbose=0).history
        assert history["mlh"] == [pytest.approx(kb.score(model).mlh, abs=1e-6)]
        assert not kb.BENFORD.flags.writeable

    @pytest.mark.parametrize("n_values", [5, 1000])
    def test_counts_on_the_device_where_the_values_lie(self, n_values):
        """On the one that has no values at all, nothing can be read back on the way."""
        import torch

        with keras.device("meta"):
            counts = tensors.tally_ops([torch.zeros(n_values, device="meta")])
        assert counts.shape == (1, 11)
        assert counts.device.type == "meta"

    def test_counts_what_it_differentiates(self):
        import torch

        parameter = torch.nn.Parameter(torch.tensor([0.5, 20.0, 0.0]))
        expected = [0, 1, 0, 0, 1, 0, 0, 0, 0, 1, 0]
        for count in COUNTS.values():
            counts = count(parameter)
            assert counts.tolist() == expected
            assert not counts.requires_grad
