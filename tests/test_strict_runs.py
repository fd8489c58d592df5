"""A run that stops at the slightest: at warnings, NumPy's floating-point errors, TensorFlow's NaN.

In a process of its own, as all of these are settings of a whole process.
"""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow
CODE = """
import tempfile
import warnings
import keras
import numpy as np
import keras_benford as kb
from keras_benford import information

np.seterr(all="raise")
warnings.simplefilter("error")
if keras.backend.backend() == "tensorflow":
    import tensorflow as tf

    tf.debugging.enable_check_numerics()
x = np.random.default_rng(0).random((128, 8), dtype=np.float32)
y = np.arange(128) % 3
for options in ({"run_eagerly": True}, {"jit_compile": keras.backend.backend() == "jax"}):
    inputs = keras.Input((8,))
    hidden = keras.layers.Dropout(0.1)(keras.layers.Dense(200, "relu")(inputs))
    hidden = keras.layers.BatchNormalization()(keras.layers.Dense(200, "relu")(hidden))
    model = keras.Model(inputs, keras.layers.Dense(3)(hidden))
    optimizer = keras.optimizers.Adam(0.01, use_ema=True)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, metrics=["accuracy", kb.WeightsMLH(model)], **options)
    with tempfile.TemporaryDirectory() as folder:
        callbacks = [
            kb.BenfordMonitor(0.5, layers=True),
            kb.InformationMonitor(np.resize(x, (200, *x.shape[1:])), neurons=8, every=2),
            kb.MLHEarlyStopping(check_every=0.5, backup_dir=folder),
            kb.ChurnEarlyStopping(x, "noisy", patience=9),
        ]
        history = model.fit(x, y, 32, 2, 0, callbacks=callbacks).history
    assert np.isfinite(history["mlh"]).all()
    assert np.isfinite(model.evaluate(x, y, verbose=0)).all()
score = kb.score(model)
assert score.to_dict() and repr(score)
metric = kb.MLH()
metric.update_state(x)
metric.update_state(keras.ops.convert_to_tensor(x))
assert np.isfinite(float(metric.result()))
counts = kb.digit_counts(np.array([1e-310, np.nan, np.inf, 1e308, 0.0]))
for statistic in (kb.mlh, kb.kl_divergence, kb.js_divergence, kb.chi_squared):
    statistic([30, 18, 12, 10, 8, 7, 6, 5, 0]), statistic([0] * 9), statistic([[1] * 9] * 2)
assert kb.symbolic_eic([0.9, 0.0, 1.0], [0.5, -1.0, 1.0]).shape == (3,)
kb.eic(1.0, 1.0), kb.scaled_eic(0.9, 0.95), kb.aic(-1e5, 10), kb.bic(-1e5, 10, 10)
str(information.report(model, np.resize(x, (200, *x.shape[1:])), neurons=8))
"""


def test_nothing_of_ours_stops_a_strict_run():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
