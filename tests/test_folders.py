"""Which saved models a folder holds: every one of them once, whatever else has their names."""

import io
import json
import os
import zipfile

import h5py
import numpy as np
import pytest

import keras_benford as kb
from keras_benford.cli.files import expand
from keras_benford.weights import open_model
from tests import oracle
from tests.backends import needs_tensorflow

W = np.random.default_rng(7).normal(size=(8, 3)).astype("float32")
CONFIG = {
    "class_name": "Sequential",
    "config": {"name": "s", "layers": [{"class_name": "Dense", "config": {"name": "mine"}}]},
}


def weights(path, scale=1):
    with h5py.File(path, "w") as file:
        file["layers/dense/vars/0"] = W * scale
        file["layers/dense/vars/1"] = W[0]
    return path


def archive(path):
    file = io.BytesIO()
    weights(file)
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr("config.json", json.dumps(CONFIG))
        opened.writestr("model.weights.h5", file.getvalue())


def unzipped(folder):
    folder.mkdir(parents=True, exist_ok=True)
    weights(folder / "model.weights.h5")
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "metadata.json").write_text("{}")


def index(prefix):
    """Stands for a checkpoint where only names are looked at."""
    prefix.parent.mkdir(parents=True, exist_ok=True)
    for ending in (".index", ".data-00000-of-00001"):
        (prefix.parent / f"{prefix.name}{ending}").touch()


def saved_model(folder):
    index(folder / "variables" / "variables")
    (folder / "saved_model.pb").touch()


@pytest.fixture
def rows(tmp_path):
    """The paths that the folder `runs` expands to, without it."""
    runs = tmp_path / "runs"
    runs.mkdir()

    def rows():
        return [os.path.relpath(path, runs) for path in expand([str(runs)])]

    return runs, rows


class TestFolders:
    def test_a_file_of_weights_hides_no_other_model(self, rows):
        runs, found = rows
        (runs / "later").mkdir()
        weights(runs / "model.weights.h5")
        archive(runs / "first.keras")
        archive(runs / "later" / "second.keras")
        assert found() == ["first.keras", "model.weights.h5", "later/second.keras"]
        scores = [kb.score(runs / name) for name in found()]
        assert {tuple(score.counts) for score in scores} == {tuple(oracle.tally(W)[:9])}

    def test_an_unzipped_keras_model_is_one_beside_others(self, rows):
        runs, found = rows
        unzipped(runs)
        archive(runs / "b.keras")
        unzipped(runs / "inner")
        assert found() == [".", "b.keras", "inner"]
        # Its configuration is read with it.
        assert [layer.path for layer in kb.score(runs).layers] == ["mine/kernel"]

    def test_a_saved_model_is_one_beside_others(self, rows):
        runs, found = rows
        saved_model(runs)
        saved_model(runs / "export" / "1")
        archive(runs / "a.keras")
        archive(runs / "assets.keras")
        (runs / "variables" / "extra").mkdir()
        weights(runs / "variables" / "extra" / "b.weights.h5")
        index(runs / "variables" / "other")
        assert found() == [
            ".",
            "a.keras",
            "assets.keras",
            "export/1",
            "variables/other",
            "variables/extra/b.weights.h5",
        ]

    def test_a_saved_model_beside_an_unzipped_one_leaves_its_weights_a_file(self, rows):
        runs, found = rows
        saved_model(runs)
        unzipped(runs)
        assert found() == [".", "model.weights.h5"]

    def test_the_variables_of_a_saved_model_that_are_asked_for_are_found(self, rows):
        runs, found = rows
        index(runs / "variables")
        assert found() == ["variables"]

    @pytest.mark.parametrize("name", ["a.keras", "a.h5", "a.hdf5", "a.h5f", "a.safetensors"])
    def test_models_are_known_by_these_suffixes(self, rows, name):
        runs, found = rows
        (runs / name).touch()
        assert found() == [name]

    def test_a_checkpoint_goes_by_its_index_where_its_prefix_is_taken(self, rows):
        runs, found = rows
        for name in ("checkpoint", "best", "free"):
            index(runs / name)
        (runs / "checkpoint").write_text('model_checkpoint_path: "checkpoint"\n')
        (runs / "best").mkdir()
        assert found() == ["best.index", "checkpoint.index", "free"]

    def test_one_model_of_a_folder_is_opened_and_of_several_none(self, tmp_path):
        weights(tmp_path / "model.weights.h5")
        assert kb.score(tmp_path).counts.tolist() == oracle.tally(W)[:9].tolist()
        archive(tmp_path / "b.keras")
        with pytest.raises(ValueError, match="holds several models; pass one: b"):
            kb.score(tmp_path)


@needs_tensorflow
class TestCheckpoints:
    @pytest.fixture
    def write(self, tmp_path):
        import tensorflow as tf

        def write(prefix):
            variable = tf.Variable(W, name="dense/kernel")
            tf.train.Checkpoint(kernel=variable).write(str(tmp_path / prefix))
            return tmp_path / prefix

        return write

    def test_a_checkpoint_called_as_the_list_of_checkpoints_is_read(self, write, tmp_path):
        prefix = write("trial/checkpoint")
        prefix.write_text('model_checkpoint_path: "checkpoint"\n')
        (row,) = expand([str(tmp_path / "trial")])
        for path in (row, prefix, f"{prefix}.index", prefix.parent):
            assert kb.score(path).counts.tolist() == oracle.tally(W)[:9].tolist()

    def test_a_checkpoint_called_as_a_folder_beside_it_is_read(self, write, tmp_path):
        prefix = write("best")
        prefix.mkdir()
        (row,) = expand([str(tmp_path)])
        for path in (row, prefix, f"{prefix}.index", f"{prefix}.data-00000-of-00001"):
            assert kb.score(path).counts.tolist() == oracle.tally(W)[:9].tolist()

    def test_a_checkpoint_called_as_a_model_beside_it_leaves_that_alone(self, write, tmp_path):
        prefix = write("a.h5")
        weights(prefix, scale=3)
        assert [os.path.basename(row) for row in expand([str(tmp_path)])] == ["a.h5", "a.h5.index"]
        assert kb.score(prefix).counts.tolist() == oracle.tally(W * np.float32(3))[:9].tolist()
        assert kb.score(f"{prefix}.index").counts.tolist() == oracle.tally(W)[:9].tolist()

    def test_the_graph_of_a_saved_model_stands_for_its_folder(self, tmp_path, monkeypatch):
        import tensorflow as tf

        module = tf.Module()
        module.kernel = tf.Variable(W, name="dense/kernel")
        tf.saved_model.save(module, str(tmp_path / "saved"))
        model = open_model(tmp_path / "saved" / "saved_model.pb")
        assert model.format == "tf-savedmodel"
        monkeypatch.chdir(tmp_path / "saved")
        assert kb.score("saved_model.pb").counts.tolist() == oracle.tally(W)[:9].tolist()
