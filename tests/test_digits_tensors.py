"""Tensors of every kind count as arrays do, and a whole model by one program."""

import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf
from keras import KerasTensor, Variable, layers, ops

from keras_benford.digits import digit_counts, leading_digits, tally, tensors
from keras_benford.digits.tensors import tally_each, tally_ops


def normal(shape, dtype=np.float32, seed=0):
    return np.random.default_rng(seed).normal(0, 0.05, shape).astype(dtype)


def expected_rows(arrays):
    return np.array([tally(array) for array in arrays]).reshape(-1, 11)


MIXED = [
    normal((3, 3, 16, 33)),
    normal((700,), np.float64, seed=1),
    normal((), seed=2),
    normal((0, 5), seed=3),
    normal((511,), np.float16, seed=4),
    normal((512,), ml_dtypes.bfloat16, seed=5),
    normal((2, 513), np.float64, seed=6) * 1e-310,
    np.array([0.0, -0.0, np.nan, np.inf, -np.inf, 1e-40], np.float32),
    np.arange(-50, 600, dtype=np.int32),
    np.zeros((0,), np.float64),
]


@pytest.fixture
def programs():
    """The cache of compiled programs, empty."""
    tensors._program.cache_clear()
    return tensors._program


@pytest.mark.parametrize("count", [tally_each, tally_ops], ids=["compiled", "uncompiled"])
@pytest.mark.parametrize("pool", [1 << 24, 600, 0], ids=["one pool", "several", "none"])
def test_any_mix_of_shapes_and_dtypes_counts_as_arrays_do(count, pool, monkeypatch, programs):
    monkeypatch.setattr(tensors, "_POOL", pool)
    counts = count([tf.constant(array) for array in MIXED])
    np.testing.assert_array_equal(counts, expected_rows(MIXED))
    assert counts.dtype == tf.int64


@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "jit"])
def test_counting_inside_a_graph(jit_compile):
    @tf.function(jit_compile=jit_compile)
    def step(values):
        return digit_counts(values[0]), leading_digits(values[0]), tally_ops(values)

    counts, digits, rows = step([tf.constant(array) for array in MIXED])
    np.testing.assert_array_equal(counts, digit_counts(MIXED[0]))
    np.testing.assert_array_equal(digits, leading_digits(MIXED[0]))
    np.testing.assert_array_equal(rows, expected_rows(MIXED))


@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "jit"])
@pytest.mark.parametrize("shape", [[None, 7], [None, None]], ids=str)
def test_shapes_unknown_to_the_graph(jit_compile, shape):
    @tf.function(jit_compile=jit_compile, input_signature=[tf.TensorSpec(shape)])
    def step(values):
        return tally(values), leading_digits(values)

    for rows in (0, 1, 73, 512):
        values = normal((rows, 7))
        counts, digits = step(tf.constant(values))
        np.testing.assert_array_equal(counts, tally(values))
        np.testing.assert_array_equal(digits, leading_digits(values))


def test_a_rank_unknown_to_the_graph():
    step = tf.function(tally, input_signature=[tf.TensorSpec(None)])
    np.testing.assert_array_equal(step(tf.constant(MIXED[0])), tally(MIXED[0]))


@pytest.mark.parametrize("count", [tally_each, tally_ops], ids=["compiled", "uncompiled"])
def test_an_empty_list_has_no_rows(count):
    assert count([]).shape == (0, 11)


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (1,), (512,), (4, 129)], ids=str)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64", "int64"])
def test_one_tensor_of_any_size(shape, dtype):
    values = tf.cast(tf.constant(normal(shape) * 1000), dtype)
    digits = leading_digits(values)
    assert digits.shape == shape
    assert digits.dtype.is_integer
    np.testing.assert_array_equal(digits, leading_digits(values.numpy()))
    for counts in (tally(values), tally_each([values])[0]):
        np.testing.assert_array_equal(counts, tally(values.numpy()))


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(lambda array: Variable(array, dtype=array.dtype), id="keras.Variable"),
        pytest.param(tf.Variable, id="tf.Variable"),
        pytest.param(tf.constant, id="tf.Tensor"),
    ],
)
def test_variables_count_their_present_value(kind):
    values = kind(normal((40, 30)))
    for array in (normal((40, 30)), normal((40, 30), seed=9)):
        if hasattr(values, "assign"):
            values.assign(array)
        else:
            values = kind(array)
        np.testing.assert_array_equal(tally(values), tally(array))
        np.testing.assert_array_equal(tally_each([values])[0], tally(array))
        np.testing.assert_array_equal(tf.function(tally)(values), tally(array))


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32"])
@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "jit"])
def test_integer_tensors_are_counted_exactly(dtype, jit_compile):
    limits = np.iinfo(dtype)
    numbers = [d * 10**k + near for k in range(19) for d in range(1, 10) for near in (-1, 0, 1)]
    numbers += [-number for number in numbers] + [limits.min, limits.max, 2**53 + 1]
    array = np.array([n for n in numbers if limits.min <= n <= limits.max], dtype)
    digits = tf.function(leading_digits, jit_compile=jit_compile)(tf.constant(array))
    np.testing.assert_array_equal(digits, leading_digits(array))


def test_large_tensors_are_compiled_and_small_ones_are_not(programs):
    tally(tf.zeros(1000))
    assert programs.cache_info().currsize == 0
    large = normal(tensors._WORTH_COMPILING + 300)
    np.testing.assert_array_equal(tally(tf.constant(large)), tally(large))
    assert programs.cache_info().currsize == 1


def test_200_shapes_are_one_program_traced_once(programs, monkeypatch):
    traces = []
    original = tensors.tally_ops
    monkeypatch.setattr(tensors, "tally_ops", lambda t: traces.append(len(t)) or original(t))
    arrays = [normal((3, n), seed=n) for n in range(1, 201)]
    for repeat in range(3):
        shifted = [tf.Variable(array * 10.0**repeat) for array in arrays]
        rows = tally_each(shifted)
        np.testing.assert_array_equal(rows, [tally(variable.numpy()) for variable in shifted])
    assert traces == [200]
    assert programs.cache_info().currsize == 1


def test_many_models_in_one_process_bring_no_retracing_warning(programs, caplog):
    for size in range(1, 12):
        tally_each([tf.ones(size)])
    assert programs.cache_info().currsize == 11
    assert "retracing" not in caplog.text


def test_a_layer_can_count_what_passes_through_it():
    class Counting(layers.Layer):
        def call(self, inputs):
            return digit_counts(inputs)

        def compute_output_shape(self, input_shape):
            return (9,)

    values = normal((5, 40))
    np.testing.assert_array_equal(Counting()(ops.convert_to_tensor(values)), digit_counts(values))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(
            lambda: KerasTensor((2, 3)), "a symbolic KerasTensor; do count", id="symbolic"
        ),
        pytest.param(
            lambda: tf.ragged.constant([[1.0], [2.0, 3.0]]), "received a RaggedTensor", id="ragged"
        ),
        pytest.param(
            lambda: tf.sparse.from_dense([[0.0, 1.0]]), "received a SparseTensor", id="sparse"
        ),
        pytest.param(lambda: tf.constant([True]), "received a tensor of dtype bool", id="bool"),
        pytest.param(lambda: tf.constant(["1"]), "received a tensor of dtype string", id="string"),
        pytest.param(lambda: tf.constant([1j]), "of dtype complex128; do", id="complex"),
        pytest.param(lambda: tf.constant([1], tf.uint64), "of dtype uint64; do", id="uint64"),
        pytest.param(lambda: layers.Dense(3), "received Dense; do pass its weights", id="layer"),
    ],
)
def test_tensors_without_real_numbers_are_refused(make, message):
    for function in (leading_digits, digit_counts, tally, lambda values: tally_each([values])):
        with pytest.raises(TypeError, match=message) as caught:
            function(make())
        assert str(caught.value).startswith("expected `values`")
