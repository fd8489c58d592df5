import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
import scipy.stats

import keras_benford as kb
from tests.backends import BACKEND, EVERY_COMPILER, needs_tensorflow, tensor
from tests.training import classifier, two_classes


def pearson(counts):
    return scipy.stats.pearsonr(counts, np.log10(1 + 1 / np.arange(1, 10))).statistic


@pytest.fixture
def values():
    return np.random.default_rng(0).standard_normal(10_000).astype("float32")


def test_mlh_of_a_stream_is_that_of_all_its_values(values):
    metric = kb.MLH()
    for part in np.array_split(values, 7):
        metric.update_state(part)
    counts = np.bincount([int(f"{abs(v):e}"[0]) for v in values.astype(float)], minlength=10)[1:]
    np.testing.assert_array_equal(metric.counts, counts)
    assert float(metric.result()) == pytest.approx(pearson(counts), abs=1e-6)


def test_mlh_counts_stay_exact_beyond_float32(values):
    metric = kb.MLH()
    large = np.arange(1, 10, dtype="int64") + 2**40
    metric._counters.assign(np.stack([large & (2**24 - 1), large >> 24]))
    metric.update_state([1.0, 9.0])
    np.testing.assert_array_equal(metric.counts, large + np.eye(9)[[0, 8]].sum(axis=0))


def test_mlh_of_two_metrics_merges_into_that_of_all_values(values):
    whole, left, right = kb.MLH(), kb.MLH(), kb.MLH()
    whole.update_state(values)
    left.update_state(values[:3000])
    right.update_state(values[3000:])
    left.merge_state([right])
    np.testing.assert_array_equal(left.counts, whole.counts)


def test_mlh_is_nan_before_any_digit_and_after_a_reset(values):
    metric = kb.MLH()
    assert np.isnan(float(metric.result()))
    metric.update_state([0.0, np.nan, np.inf])
    assert np.isnan(float(metric.result()))
    metric.update_state(values)
    metric.reset_state()
    assert np.isnan(float(metric.result()))


def test_mlh_survives_serialisation(values):
    config = keras.metrics.serialize(kb.MLH(name="digits"))
    metric = keras.metrics.deserialize(config)
    metric.update_state(values)
    assert isinstance(metric, kb.MLH)
    assert metric.name == "digits"


@EVERY_COMPILER
def test_mlh_updates_inside_a_graph(values, compiled):
    metric = kb.MLH()

    def updated(state, values):
        return metric.stateless_update_state(state, values)

    (state,) = compiled(updated)([metric._counters.value], tensor(values))
    metric._counters.assign(state)
    np.testing.assert_array_equal(metric.counts, kb.digit_counts(values))


@pytest.mark.slow
@needs_tensorflow
@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "jit"])
def test_mlh_changes_its_state_inside_a_graph(values, jit_compile):
    import tensorflow as tf

    metric = kb.MLH()
    update = tf.function(metric.update_state, jit_compile=jit_compile)
    update(tf.constant(values))
    np.testing.assert_array_equal(metric.counts, kb.digit_counts(values))


EAGER = pytest.param({"run_eagerly": True}, id="eager")
GRAPH = pytest.param({"jit_compile": False}, id="graph")
JIT = pytest.param({"jit_compile": True}, id="jit")
SEVERAL_STEPS = pytest.param({"steps_per_execution": 3}, id="steps-per-execution")
# PyTorch takes a minute to compile such a step, see `test_backends` for a smaller one; and Keras
# trains by it step by step.
MODES = [EAGER, GRAPH] if BACKEND == "torch" else [EAGER, GRAPH, JIT, SEVERAL_STEPS]


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_weights_mlh_reports_the_weights_as_they_are_after_the_epoch(mode):
    x, y = two_classes()
    model = classifier()
    model.compile("adam", model.loss, metrics=["accuracy", kb.WeightsMLH(model)], **mode)
    for _ in range(2):
        history = model.fit(x, y, verbose=0).history
        assert history["mlh"][-1] == pytest.approx(kb.score(model).mlh, abs=1e-6)
    assert model.evaluate(x, y, verbose=0, return_dict=True)["mlh"] == pytest.approx(
        kb.score(model).mlh, abs=1e-6
    )


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_weights_mlh_follows_the_weights_within_an_epoch(mode):
    x, y = two_classes()
    model = classifier()
    model.compile("adam", model.loss, metrics=[kb.WeightsMLH(model)], **mode)
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append((logs["mlh"], kb.score(self.model).mlh))

    before = kb.score(model).mlh
    history = model.fit(x, y, callbacks=[Watch()], verbose=0).history
    reported, scored = np.transpose(seen)
    assert len(set(scored)) > 1
    if BACKEND == "jax":
        # A step is a function of the variables that Keras hands it, which are not the model's.
        np.testing.assert_allclose(reported, before, atol=1e-6)
    else:
        np.testing.assert_allclose(reported, scored, atol=1e-6)
    assert history["mlh"] == [pytest.approx(scored[-1], abs=1e-6)]


def test_weights_mlh_counts_what_it_is_told_to():
    model = classifier()
    path = next(w.path for w in model.weights if w.path.endswith("kernel"))
    metric = kb.WeightsMLH(model, include=path, name="first")
    assert float(metric.result()) == pytest.approx(kb.score(model, include=path).mlh, abs=1e-6)
    assert metric.get_config()["include"] == path


def test_weights_mlh_is_nan_as_soon_as_a_weight_is_not_finite():
    model = classifier()
    metric = kb.WeightsMLH(model)
    assert np.isfinite(float(metric.result()))
    kernel = model.layers[0].kernel
    values = keras.ops.convert_to_numpy(kernel).copy()
    values[0, 0] = np.nan
    kernel.assign(values)
    assert np.isnan(float(metric.result()))
    assert np.isfinite(kb.score(model).mlh)


def test_weights_mlh_follows_a_model_whose_weights_are_replaced():
    model = classifier()
    metric = kb.WeightsMLH(model)
    before = float(metric.result())
    model.layers[0].enable_lora(4)
    model.layers[0].lora_kernel_b.assign(np.full((4, 16), 0.1))
    assert float(metric.result()) == pytest.approx(kb.score(model).mlh, abs=1e-6)
    assert float(metric.result()) != before


@pytest.mark.slow
def test_weights_mlh_serves_a_model_with_several_outputs():
    inputs = keras.Input((8,))
    model = keras.Model(
        inputs, {"a": keras.layers.Dense(1)(inputs), "b": keras.layers.Dense(1)(inputs)}
    )
    model.compile("sgd", "mse", metrics={"a": [kb.WeightsMLH(model)], "b": ["mae"]})
    x, y = two_classes()
    history = model.fit(x, {"a": y, "b": y}, verbose=0).history
    assert history["a_mlh"][-1] == pytest.approx(kb.score(model).mlh, abs=1e-6)


@pytest.mark.slow
def test_weights_mlh_of_a_quantised_model_is_nan_and_evaluation_goes_on():
    # By names of their own, as Keras numbers layers on: the message is held to a length.
    dense = [keras.layers.Dense(2, name=f"dense_{i}_of_eight") for i in range(8)]
    model = keras.Sequential([keras.Input((8,)), *dense], name="model")
    x, y = two_classes(32)
    model.compile("sgd", "mse", metrics=[kb.WeightsMLH(model), "mae"])
    with pytest.warns(UserWarning, match="InputLayer does not have a `quantize` method"):
        model.quantize("int8")
    with pytest.warns(UserWarning, match="reports NaN: expected weights that count") as caught:
        found = model.evaluate(x, np.eye(2)[y], verbose=0, return_dict=True)
    assert np.isnan(found["mlh"])
    assert found["mae"] > 0
    (told,) = (warning for warning in caught if warning.category is UserWarning)
    assert len(str(told.message)) < 600


def test_weights_mlh_wants_a_model():
    with pytest.raises(TypeError, match="`model`: expected a Keras model; received str"):
        kb.WeightsMLH("model.keras")


def saved_model(path):
    model = classifier()
    model.compile("adam", model.loss, metrics=["accuracy", kb.WeightsMLH(model)])
    x, y = two_classes()
    model.fit(x, y, verbose=0)
    model.save(path)
    return model


@pytest.mark.slow
def test_a_loaded_model_reports_nan_with_one_warning_until_bound(tmp_path):
    saved = saved_model(tmp_path / "model.keras")
    model = keras.models.load_model(tmp_path / "model.keras")
    x, y = two_classes()
    with pytest.warns(UserWarning, match="expected a bound model"):
        logs = model.evaluate(x, y, verbose=0, return_dict=True)
    assert np.isnan(logs["mlh"])
    model.fit(x, y, verbose=0)
    model.set_weights(saved.get_weights())
    model.metrics[-1].metrics[-1].bind(model)
    logs = model.evaluate(x, y, verbose=0, return_dict=True)
    assert logs["mlh"] == pytest.approx(kb.score(saved).mlh, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("fits_before", [0, 1])
def test_a_callback_binds_the_metric_of_a_loaded_model(tmp_path, fits_before):
    saved_model(tmp_path / "model.keras")
    model = keras.models.load_model(tmp_path / "model.keras")
    x, y = two_classes()
    for _ in range(fits_before):
        with pytest.warns(UserWarning, match="expected a bound model"):
            model.fit(x, y, verbose=0)
    seen = []
    watch = keras.callbacks.LambdaCallback(on_train_batch_end=lambda _, logs: seen.append(logs))
    model.fit(x, y, callbacks=[kb.BenfordMonitor(), watch], verbose=0)
    assert np.isfinite([logs["mlh"] for logs in seen]).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    "imports",
    ["import keras, keras_benford", "from keras_benford import WeightsMLH; import keras"],
    ids=["package", "class"],
)
def test_a_saved_model_loads_in_a_process_that_imports(tmp_path, imports):
    saved_model(tmp_path / "model.keras")
    code = f"""
        {imports}
        import keras_benford
        model = keras.models.load_model({str(tmp_path / "model.keras")!r})
        print(keras_benford.score(model).counts.sum())
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) == 8 * 16 + 16 * 2
