"""Tensors of every kind count as arrays do, and a whole model by one program."""

import functools
import gc
import weakref

import ml_dtypes
import numpy as np
import pytest
from keras import KerasTensor, layers, ops

from keras_benford import _backends
from keras_benford.digits import digit_counts, leading_digits, tally, tensors
from keras_benford.digits.tensors import tally_each, tally_ops
from tests.backends import (
    BACKEND,
    EVERY_COMPILER,
    array,
    holding,
    needs_tensorflow,
    not_under,
    tensor,
    variable,
)


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
NARROW = [each for each in MIXED if each.dtype != np.float64]


@pytest.fixture
def programs():
    """The cache of compiled programs that nobody owns, empty."""
    tensors._recent_program.cache_clear()
    return tensors._recent_program


@pytest.mark.slow
@pytest.mark.parametrize("count", [tally_each, tally_ops], ids=["compiled", "uncompiled"])
@pytest.mark.parametrize(
    ("pool", "smallest"),
    [(1 << 24, 5), (600, 5), (1 << 24, 99)],
    ids=["one pool", "several", "none"],
)
def test_any_mix_of_shapes_and_dtypes_counts_as_arrays_do(
    count, pool, smallest, monkeypatch, programs
):
    monkeypatch.setattr(tensors, "_POOL", pool)
    monkeypatch.setattr(tensors, "_SMALLEST_POOL", smallest)
    with holding(np.float64):
        counts = count([tensor(values) for values in MIXED])
        np.testing.assert_array_equal(array(counts), expected_rows(MIXED))
        assert array(counts).dtype == np.int64


@pytest.mark.parametrize("count", [tally_each, tally_ops], ids=["compiled", "uncompiled"])
def test_counts_are_of_64_bits_whatever_the_tensors_are(count):
    counts = count([tensor(values) for values in NARROW])
    np.testing.assert_array_equal(array(counts), expected_rows(NARROW))
    assert array(counts).dtype == np.int64


@pytest.mark.slow
@EVERY_COMPILER
@pytest.mark.parametrize("mix", [MIXED, NARROW], ids=["all widths", "up to 32 bits"])
def test_counting_inside_a_graph(compiled, mix):
    def step(values):
        return digit_counts(values[0]), leading_digits(values[0]), tally_ops(values)

    with holding(*(values.dtype for values in mix)):
        counts, digits, rows = compiled(step)([tensor(values) for values in mix])
        np.testing.assert_array_equal(array(counts), digit_counts(mix[0]))
        np.testing.assert_array_equal(array(digits), leading_digits(mix[0]))
        np.testing.assert_array_equal(array(rows), expected_rows(mix))


@pytest.mark.slow
@needs_tensorflow
@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "jit"])
@pytest.mark.parametrize("shape", [[None, 7], [None, None]], ids=str)
def test_shapes_unknown_to_the_graph(jit_compile, shape):
    import tensorflow as tf

    @tf.function(jit_compile=jit_compile, input_signature=[tf.TensorSpec(shape)])
    def step(values):
        return tally(values), leading_digits(values)

    for rows in (0, 1, 73, 512):
        values = normal((rows, 7))
        counts, digits = step(tf.constant(values))
        np.testing.assert_array_equal(counts, tally(values))
        np.testing.assert_array_equal(digits, leading_digits(values))


@pytest.mark.slow
@needs_tensorflow
def test_a_rank_unknown_to_the_graph():
    import tensorflow as tf

    step = tf.function(tally, input_signature=[tf.TensorSpec(None)])
    np.testing.assert_array_equal(step(tf.constant(MIXED[0])), tally(MIXED[0]))


@pytest.mark.parametrize("count", [tally_each, tally_ops], ids=["compiled", "uncompiled"])
def test_an_empty_list_has_no_rows(count):
    assert count([]).shape == (0, 11)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (1,), (512,), (4, 129)], ids=str)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64", "int64"])
def test_one_tensor_of_any_size(shape, dtype):
    exact = (normal(shape) * 1000).astype(dtype)
    with holding(dtype):
        values = tensor(exact)
        digits = leading_digits(values)
        assert digits.shape == shape
        assert array(digits).dtype.kind in "iu"
        np.testing.assert_array_equal(array(digits), leading_digits(exact))
        for counts in (tally(values), tally_each([values])[0]):
            np.testing.assert_array_equal(array(counts), tally(exact))


def kinds_of_variables():
    kinds = {"keras.Variable": variable}
    if BACKEND == "tensorflow":
        import tensorflow as tf

        kinds["tf.Variable"] = tf.Variable
    if BACKEND == "torch":
        import torch

        kinds["torch.nn.Parameter"] = lambda x: torch.nn.Parameter(torch.tensor(x))
    return [pytest.param(kind, id=name) for name, kind in kinds.items()]


@pytest.mark.slow
@pytest.mark.parametrize("kind", kinds_of_variables())
@EVERY_COMPILER
def test_variables_count_their_present_value(kind, compiled):
    held = kind(normal((40, 30)))
    for values in (normal((40, 30)), normal((40, 30), seed=9)):
        if hasattr(held, "assign"):
            held.assign(values)
        else:
            held.data[:] = tensor(values)
        np.testing.assert_array_equal(array(tally(held)), tally(values))
        np.testing.assert_array_equal(array(tally_each([held]))[0], tally(values))
        counts = compiled(lambda: tally(held))()
        np.testing.assert_array_equal(array(counts), tally(values))


@pytest.mark.parametrize(
    "dtype",
    ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32"],
)
@EVERY_COMPILER
def test_integer_tensors_are_counted_exactly(dtype, compiled):
    limits = np.iinfo(dtype)
    numbers = [d * 10**k + near for k in range(19) for d in range(1, 10) for near in (-1, 0, 1)]
    numbers += [-number for number in numbers] + [limits.min, limits.max, 2**53 + 1]
    exact = np.array([n for n in numbers if limits.min <= n <= limits.max], dtype)
    with holding(dtype):
        digits = compiled(leading_digits)(tensor(exact))
        np.testing.assert_array_equal(array(digits), leading_digits(exact))


@not_under("torch", "nothing in the host's memory is compiled")
def test_large_tensors_are_compiled_and_small_ones_are_not(programs):
    tally(ops.zeros(1000))
    assert programs.cache_info().currsize == 0
    large = normal(tensors._WORTH_COMPILING + 300)
    np.testing.assert_array_equal(array(tally(tensor(large))), tally(large))
    assert programs.cache_info().currsize == 1


@pytest.mark.slow
@not_under("torch", "nothing in the host's memory is compiled")
def test_200_shapes_are_one_program_traced_once(programs, monkeypatch):
    traces = []
    original = tensors.tally_ops
    monkeypatch.setattr(tensors, "tally_ops", lambda t: traces.append(len(t)) or original(t))
    arrays = [normal((3, n), seed=n) for n in range(1, 201)]
    for repeat in range(3):
        shifted = [each * np.float32(10.0**repeat) for each in arrays]
        rows = tally_each(map(variable, shifted))
        np.testing.assert_array_equal(array(rows), expected_rows(shifted))
    assert traces == [200]
    assert programs.cache_info().currsize == 1


@pytest.mark.slow
@not_under("torch", "nothing in the host's memory is compiled")
def test_many_models_in_one_process_bring_no_retracing_warning(programs, caplog):
    for size in range(1, 12):
        tally_each([ops.ones(size)])
    assert programs.cache_info().misses == 11
    assert "retracing" not in caplog.text


@pytest.mark.slow
def test_no_more_than_a_few_programs_are_kept_that_nobody_owns(programs):
    for size in range(1, 12):
        tally_each([ops.ones(size)])
    assert programs.cache_info().currsize == 8


@pytest.mark.slow
@pytest.mark.parametrize("count", [tally_each, tensors.moments_each], ids=lambda f: f.__name__)
def test_a_program_lives_as_long_as_what_it_is_compiled_for(count, programs, monkeypatch):
    made = []

    def compiled(function):
        made.append(weakref.ref(program := functools.partial(function)))
        return program

    monkeypatch.setattr(_backends, "compiled", compiled)
    monkeypatch.setattr(_backends, "compiled_count", compiled)
    model, other = layers.Dense(2), layers.Dense(2)
    for owner in (model, model, other):
        count([ops.ones(3), ops.ones(4)], owner)
    assert len(made) == 2
    del model, owner
    gc.collect()
    assert [program() is None for program in made] == [True, False]
    assert programs.cache_info().currsize == 0


def test_what_lies_in_the_hosts_memory_is_counted_without_a_program(monkeypatch):
    def compiled(function):
        raise AssertionError("compiled")

    monkeypatch.setattr(_backends, "compiled_count", compiled)
    tensor_list = [tensor(values) for values in NARROW]
    counts = tensors.tally_where_they_lie(tensor_list, layers.Dense(2))
    np.testing.assert_array_equal(counts, expected_rows(NARROW))


def test_a_variable_is_counted_where_it_lies():
    values = variable(normal((40, 50)))
    found = tensors.host_array(values)
    np.testing.assert_array_equal(found, normal((40, 50)))
    other = tensors.host_array(values)
    assert np.shares_memory(found, other)


def test_a_layer_can_count_what_passes_through_it():
    class Counting(layers.Layer):
        def call(self, inputs):
            return digit_counts(inputs)

        def compute_output_shape(self, input_shape):
            return (9,)

    values = normal((5, 40))
    np.testing.assert_array_equal(array(Counting()(tensor(values))), digit_counts(values))


def of_tensorflow(make):
    """A test case that makes what other backends have not."""

    def made():
        import tensorflow as tf

        return make(tf)

    return made


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(lambda: KerasTensor((2, 3)), "a symbolic KerasTensor; count", id="symbolic"),
        pytest.param(
            of_tensorflow(lambda tf: tf.ragged.constant([[1.0], [2.0, 3.0]])),
            "received a RaggedTensor",
            id="ragged",
            marks=needs_tensorflow,
        ),
        pytest.param(
            of_tensorflow(lambda tf: tf.sparse.from_dense([[0.0, 1.0]])),
            "received a SparseTensor",
            id="sparse",
            marks=needs_tensorflow,
        ),
        pytest.param(lambda: tensor([True]), "received a tensor of dtype bool", id="bool"),
        pytest.param(
            of_tensorflow(lambda tf: tf.constant(["1"])),
            "received a tensor of dtype string",
            id="string",
            marks=needs_tensorflow,
        ),
        pytest.param(
            lambda: tensor(np.array([1j], np.complex64)), "complex64; convert", id="complex"
        ),
        pytest.param(
            lambda: tensor(np.array([1], np.uint64)),
            "uint64; convert",
            id="uint64",
            marks=not_under("torch", "Keras makes them int64"),
        ),
        pytest.param(lambda: layers.Dense(3), "received Dense; pass its weights", id="layer"),
    ],
)
def test_tensors_without_real_numbers_are_refused(make, message):
    functions = (leading_digits, digit_counts, tally, lambda values: tally_each([values]))
    with holding("uint64" if "uint64" in message else "uint32"):
        for function in functions:
            with pytest.raises(TypeError, match=message) as caught:
                function(make())
            assert str(caught.value).startswith("expected `values`")
