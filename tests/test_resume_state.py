"""The folder of a training: what is in it, when it is refused, what is said of it."""

import keras
import pytest

import keras_benford as kb
from keras_benford.callbacks.resume import Backup
from tests.test_resume import KillAt, network, train
from tests.training import assert_same_weights, two_classes

only_jax = pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="other backends assign in place"
)


@pytest.mark.slow
def test_the_best_weights_stay_on_disk_when_training_has_ended(tmp_path):
    stopping, model = train(tmp_path)
    assert stopping.best_weights is None
    assert [path.name for path in tmp_path.iterdir()] == ["best.weights.h5"]
    loaded = network()
    with pytest.warns(UserWarning, match="Skipping variable loading for optimizer"):
        loaded.load_weights(tmp_path / "best.weights.h5")
    assert_same_weights(loaded.get_weights(), model.get_weights())
    assert kb.score(tmp_path / "best.weights.h5").mlh == kb.score(model).mlh


@only_jax
def test_the_last_step_s_arrays_are_freed_as_the_best_weights_come_back(tmp_path):
    """Not the views of them that somebody took, nor those of a file that cannot be read."""

    class Look(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.arrays = [weight.value for weight in self.model.weights]
            self.views = self.model.get_weights()
            self.copies = [view.copy() for view in self.views]

    look = Look()
    stopping, model = train(tmp_path, callbacks=[None, look])
    assert stopping.best_epoch < stopping.stopped_epoch
    assert all(array.is_deleted() for array in look.arrays)
    assert_same_weights(look.views, look.copies)

    last = model.get_weights()
    (tmp_path / "damaged.weights.h5").write_bytes(b"")
    with pytest.raises(OSError, match="file"):
        Backup(tmp_path).load_weights("damaged.weights.h5", model)
    assert_same_weights(model.get_weights(), last)
    model.set_weights(look.copies)
    assert_same_weights(model.get_weights(), look.copies)


def test_it_says_where_it_goes_on(tmp_path, capsys):
    train(tmp_path, KillAt(1))
    train(tmp_path, verbose=1)
    assert "MLHEarlyStopping: goes on after epoch 1." in capsys.readouterr().out


@pytest.mark.slow
def test_the_state_of_another_model_is_refused(tmp_path):
    train(tmp_path, KillAt(2))
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["accuracy"])
    stopping = kb.MLHEarlyStopping(backup_dir=tmp_path)
    with pytest.raises(ValueError, match="`backup_dir`: expected the state of a training with"):
        model.fit(*two_classes(), callbacks=[stopping], verbose=0)
    assert (tmp_path / "state.json").exists()


@pytest.mark.slow
def test_a_model_without_weights_yet_is_refused(tmp_path):
    train(tmp_path, KillAt(2))
    model = keras.Sequential([keras.layers.Dense(2)])
    with pytest.raises(ValueError, match="`backup_dir`: expected a built model to go on with"):
        Backup(tmp_path).read(model, "symbolic_eic")


@pytest.mark.slow
def test_the_state_of_another_monitor_is_refused(tmp_path):
    train(tmp_path, KillAt(2))
    with pytest.raises(ValueError, match="monitor mlh; received one with symbolic_eic"):
        train(tmp_path, monitor="mlh")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}"])
def test_something_else_in_the_place_of_the_state_is_refused(tmp_path, text):
    (tmp_path / "state.json").write_text(text)
    with pytest.raises(
        ValueError, match=r"`backup_dir`: expected the state of a training.*; remove"
    ):
        train(tmp_path)
