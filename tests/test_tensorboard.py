import keras
import pytest

import keras_benford as kb
from tests.backends import needs_tensorflow
from tests.training import classifier, two_classes

pytestmark = [needs_tensorflow, pytest.mark.slow]  # which writes TensorBoard's files
event_accumulator = pytest.importorskip(
    "tensorboard.backend.event_processing.event_accumulator", reason="needs tensorboard"
)
tensor_util = pytest.importorskip("tensorboard.util.tensor_util", reason="needs tensorboard")


def scalars(folder, tag):
    """The numbers that TensorBoard's own reader finds under a tag."""
    events = event_accumulator.EventAccumulator(str(folder))
    events.Reload()
    return [tensor_util.make_ndarray(event.tensor_proto).item() for event in events.Tensors(tag)]


def test_mlh_and_the_criterion_are_scalars_of_each_epoch(tmp_path):
    callbacks = [kb.MLHEarlyStopping(), keras.callbacks.TensorBoard(tmp_path)]
    history = classifier().fit(*two_classes(), epochs=3, callbacks=callbacks, verbose=0).history
    for key in ("mlh", "symbolic_eic"):
        assert scalars(tmp_path / "train", f"epoch_{key}") == pytest.approx(history[key], rel=1e-6)


def test_layers_and_checks_inside_an_epoch_are_scalars_too(tmp_path):
    monitor = kb.BenfordMonitor(check_every=0.5, layers=True)
    callbacks = [monitor, keras.callbacks.TensorBoard(tmp_path, update_freq=1)]
    model = classifier()
    model.fit(*two_classes(), batch_size=20, callbacks=callbacks, verbose=0)
    assert scalars(tmp_path / "train", "batch_mlh") == pytest.approx(monitor.history["mlh"][:1])
    key = f"layer_mlh/{kb.score(model).layers[0].path}"
    assert scalars(tmp_path / "train", f"epoch_{key}") == pytest.approx(monitor.history[key][1:])


def test_the_compiled_metric_reaches_tensorboard_in_any_order(tmp_path):
    model = classifier()
    model.compile("adam", model.loss, metrics=[kb.WeightsMLH(model)])
    callbacks = [keras.callbacks.TensorBoard(tmp_path)]
    model.fit(*two_classes(), callbacks=callbacks, verbose=0)
    assert scalars(tmp_path / "train", "epoch_mlh") == pytest.approx([kb.score(model).mlh])
