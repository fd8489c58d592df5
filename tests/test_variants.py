"""The callbacks in the ways people train: loops of their own, tuners, trackers, other callbacks."""

import csv

import keras
import numpy as np
import pytest

import keras_benford as kb
from tests.training import Recorder, assert_same_weights, classifier, two_classes

pytestmark = pytest.mark.slow
BACKEND = keras.backend.backend()
others_warn = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def begin(stopping, model, epochs, steps=None):
    """Keras' own list, which calls callbacks in a training loop that is not `fit`."""
    callbacks = keras.callbacks.CallbackList([stopping], model=model, epochs=epochs, steps=steps)
    model.stop_training = False
    callbacks.on_train_begin()
    return callbacks


def test_a_loop_of_train_on_batch_stops_and_restores():
    x, y = two_classes()
    model, stopping = classifier(), kb.MLHEarlyStopping(patience=3)
    callbacks, weights = begin(stopping, model, epochs=50), []
    for epoch in range(50):
        callbacks.on_epoch_begin(epoch)
        accuracies = [
            model.train_on_batch(x[at : at + 20], y[at : at + 20], return_dict=True)["accuracy"]
            for at in range(0, 200, 20)
        ]
        weights.append(model.get_weights())
        callbacks.on_epoch_end(epoch, {"accuracy": np.mean(accuracies)})
        if model.stop_training:
            break
    callbacks.on_train_end()
    assert stopping.stopped_epoch == epoch == stopping.best_epoch + 3
    assert stopping.history["accuracy"][-1] == pytest.approx(np.mean(accuracies))
    assert_same_weights(model.get_weights(), weights[stopping.best_epoch])


def one_epoch(model, x, y):
    """An epoch in the backend's own manner, of a model that was never compiled; its accuracy."""
    loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    if BACKEND == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            loss = loss_of(y, model(x, training=True))
        for variable, gradient in zip(
            model.trainable_variables,
            tape.gradient(loss, model.trainable_variables),
            strict=True,
        ):
            variable.assign_sub(0.1 * gradient)
    elif BACKEND == "torch":
        import torch

        model.zero_grad()
        loss_of(y, model(x, training=True)).backward()
        with torch.no_grad():
            for variable in model.trainable_variables:
                variable.value.sub_(0.1 * variable.value.grad)
    else:
        import jax

        def loss(trainable, others):
            predicted, others = model.stateless_call(trainable, others, x, training=True)
            return loss_of(y, predicted), others

        values = [[v.value for v in model.trainable_variables]]
        values.append([v.value for v in model.non_trainable_variables])
        gradients, others = jax.grad(loss, has_aux=True)(*values)
        for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
            variable.assign(variable.value - 0.1 * gradient)
        for variable, value in zip(model.non_trainable_variables, others, strict=True):
            variable.assign(value)
    return float(np.mean(model.predict(x, verbose=0).argmax(axis=1) == y))


def own_network():
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [keras.Input((8,)), keras.layers.Dense(16, "relu"), keras.layers.Dense(2)]
    )


def test_a_training_loop_of_ones_own_stops_restores_and_goes_on(tmp_path):
    x, y = two_classes()

    def train(folder=None, kill_at=None):
        model = own_network()
        stopping = kb.MLHEarlyStopping(patience=3, backup_dir=folder)
        callbacks = begin(stopping, model, epochs=60)
        for epoch in range(stopping.initial_epoch, 60):
            if epoch == kill_at:
                return None
            callbacks.on_epoch_begin(epoch)
            callbacks.on_epoch_end(epoch, {"accuracy": one_epoch(model, x, y)})
            if model.stop_training:
                break
        callbacks.on_train_end()
        return stopping, model

    undisturbed, expected = train()
    assert undisturbed.stopped_epoch == undisturbed.best_epoch + 3
    assert kb.score(expected).mlh == undisturbed.history["mlh"][undisturbed.best_epoch]
    train(tmp_path, kill_at=1)
    train(tmp_path, kill_at=2)
    resumed, model = train(tmp_path)
    assert resumed.history == undisturbed.history
    assert_same_weights(model.get_weights(), expected.get_weights())


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.inner = keras.Sequential([keras.layers.Dense(16, "relu"), keras.layers.Dropout(0.1)])
        self.outer = keras.layers.Dense(2)

    def call(self, inputs, training=None):
        return self.outer(self.inner(inputs, training=training))


def functional():
    inputs = keras.Input((8,))
    return keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Dense(16, "relu")(inputs)))


def nested():
    inputs = keras.Input((8,))
    inner = keras.Sequential([keras.layers.Dense(16, "relu"), keras.layers.Dense(16)])
    top = keras.layers.Dense(2)
    return keras.Sequential([keras.Input((8,)), keras.Model(inputs, inner(inputs)), top])


@pytest.mark.parametrize("on_disk", [False, True], ids=["memory", "disk"])
@pytest.mark.parametrize("kind", [Subclassed, functional, nested], ids=lambda kind: kind.__name__)
def test_models_of_every_kind_get_their_best_weights_back(kind, on_disk, tmp_path):
    keras.utils.set_random_seed(0)
    model = kind()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    recorder = Recorder()
    stopping = kb.MLHEarlyStopping(backup_dir=tmp_path if on_disk else None)
    model.fit(*two_classes(), epochs=4, callbacks=[recorder, stopping], verbose=0)
    assert_same_weights(model.get_weights(), recorder.epoch_weights[stopping.best_epoch])


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "bfloat16"])
def test_other_precisions_come_back_from_disk(policy, tmp_path):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        model, recorder = classifier(), Recorder()
    finally:
        keras.config.set_dtype_policy(before)
    stopping = kb.MLHEarlyStopping(backup_dir=tmp_path)
    model.fit(*two_classes(), epochs=3, callbacks=[recorder, stopping], verbose=0)
    assert_same_weights(model.get_weights(), recorder.epoch_weights[stopping.best_epoch])
    assert kb.score(model).mlh == stopping.history["mlh"][stopping.best_epoch]
    assert kb.score(tmp_path / "best.weights.h5").mlh == kb.score(model).mlh


def test_a_csv_log_has_every_column_in_every_row(tmp_path):
    path = tmp_path / "log.csv"
    callbacks = [
        kb.BenfordMonitor(check_every=0.5, layers=True),
        kb.MLHEarlyStopping("eic", check_every=0.5),
        keras.callbacks.CSVLogger(path),
    ]
    history = classifier().fit(*two_classes(), epochs=3, callbacks=callbacks, verbose=0).history
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert {"mlh", "eic", "accuracy"} < rows[0].keys()
    assert sum(key.startswith("layer_mlh/") for key in rows[0]) == 2
    for key in ("mlh", "eic"):
        np.testing.assert_allclose([float(row[key]) for row in rows], history[key])


@others_warn
def test_a_tuner_can_minimise_a_criterion(tmp_path):
    kt = pytest.importorskip("keras_tuner", reason="needs keras-tuner")

    def build(hyperparameters):
        return classifier(keras.optimizers.Adam(hyperparameters.Float("rate", 1e-3, 1e-1)))

    objective = kt.Objective("eic", "min")
    tuner = kt.RandomSearch(build, objective, max_trials=2, directory=tmp_path, seed=0)
    stopping = kb.MLHEarlyStopping("eic", patience=2)
    tuner.search(*two_classes(), epochs=4, callbacks=[stopping], verbose=0)
    scores = [trial.score for trial in tuner.oracle.get_best_trials(2)]
    assert scores == sorted(scores)
    assert all(-2 <= score <= 1 for score in scores)


@others_warn
def test_mlflow_logs_it_as_it_logs_keras_own(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow", reason="needs mlflow")
    pytest.importorskip("sqlalchemy", reason="needs a database for mlflow")
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'runs.db'}")
    mlflow.tensorflow.autolog(log_models=False, log_datasets=False, checkpoint=False)
    try:
        with mlflow.start_run() as run:
            stopping = kb.MLHEarlyStopping("eic", patience=1)
            classifier().fit(*two_classes(), epochs=30, callbacks=[stopping], verbose=0)
    finally:
        mlflow.tensorflow.autolog(disable=True)
    data = mlflow.get_run(run.info.run_id).data
    assert (data.params["monitor"], data.params["patience"]) == ("eic", "1")
    assert data.metrics["stopped_epoch"] == stopping.stopped_epoch
    assert data.metrics["restored_epoch"] == stopping.best_epoch
