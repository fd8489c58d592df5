"""Checkpoints, graphs and SavedModels from strangers: each is refused by one clear line."""

import re
import subprocess
import sys

import pytest

import keras_benford as kb
from tests.backends import needs_tensorflow
from tests.strange_files import COUNTS, Refused, W, fifo, refusal

# TensorFlow writes most of these files, and reads them.
pytestmark = [needs_tensorflow, pytest.mark.slow]
refused = Refused()


@pytest.mark.parametrize(("make", "message"), refused)
def test_refuses_by_one_line(make, message, tmp_path):
    assert re.fullmatch(message, refusal(make(tmp_path)))


def flipped(content, at):
    return content[:at] + bytes([content[at] ^ 8]) + content[at + 1 :]


@refused(r"a frozen TensorFlow 1 graph; expected a SavedModel folder, a checkpoint or a .keras")
def frozen_graph(folder):
    import tensorflow as tf

    with tf.Graph().as_default() as graph:
        x = tf.compat.v1.placeholder("float32", (None, 8), "x")
        tf.matmul(x, tf.constant(W, name="kernel"), name="y")
    (folder / "a.pb").write_bytes(graph.as_graph_def().SerializeToString())
    return folder / "a.pb"


@refused(r"the graph of a SavedModel; pass its folder")
def saved_model_pb_by_another_name(folder):
    import tensorflow as tf

    tf.saved_model.save(tf.Module(), str(folder / "saved"))
    return (folder / "saved" / "saved_model.pb").rename(folder / "graph.pb")


@refused(r"a SavedModel without variables/variables.index: no weights")
def saved_model_without_variables(folder):
    (folder / "saved_model.pb").touch()
    return folder


@refused(r".*/a.data-00000-of-00001: expected a file; received a folder, a pipe or a device")
def checkpoint_with_a_pipe_for_data(folder):
    (folder / "a.index").touch()
    fifo(folder / "a.data-00000-of-00001")
    return folder / "a"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    import tensorflow as tf

    prefix = tmp_path_factory.mktemp("checkpoint") / "a"
    layer = tf.Module()
    layer.kernel = tf.Variable(W, name="dense/kernel")
    tf.train.Checkpoint(layer=layer).write(str(prefix))
    assert kb.score(prefix).counts.tolist() == COUNTS
    return prefix


INDEX, DATA = "a.index", "a.data-00000-of-00001"
BROKEN_CHECKPOINTS = {
    "data missing": {DATA: None},
    "index missing": {INDEX: None},
    "data cut": {DATA: lambda content: content[:200]},
    "data cut in the tree": {DATA: lambda content: content[:-50]},
    "data empty": {DATA: lambda content: b""},
    "index cut": {INDEX: lambda content: content[: len(content) // 2]},
    "index empty": {INDEX: lambda content: b""},
    "value flipped": {DATA: lambda content: flipped(content, content.index(W.tobytes()) + 9)},
    "index flipped": {INDEX: lambda content: flipped(content, 20)},
}


@pytest.mark.parametrize("how", BROKEN_CHECKPOINTS)
def test_refuses_broken_checkpoints(how, checkpoint, tmp_path):
    changes = BROKEN_CHECKPOINTS[how]
    for name in (INDEX, DATA):
        change = changes.get(name, lambda content: content)
        if change is not None:
            (tmp_path / name).write_bytes(change((checkpoint.parent / name).read_bytes()))
    for path in (tmp_path / "a", tmp_path / INDEX, tmp_path / DATA):
        refusal(path)


@pytest.mark.parametrize("name", ["a", INDEX])
def test_names_a_broken_checkpoint_once(name, checkpoint, tmp_path):
    (tmp_path / INDEX).write_bytes((checkpoint.parent / INDEX).read_bytes())
    (tmp_path / DATA).write_bytes(b"")
    assert str(tmp_path) not in refusal(tmp_path / name)


@pytest.mark.parametrize("name", ["a", INDEX])
def test_a_checkpoint_without_tensorflow_is_one_clear_line(name, checkpoint, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    path = checkpoint.parent / name
    with pytest.raises(ImportError) as caught:
        kb.score(path)
    assert str(caught.value) == (
        f"{path}: reading a TensorFlow checkpoint takes TensorFlow; "
        "run `pip install tensorflow`, or save the model as .keras"
    )


DAMAGE_INDEX = """
import os, pathlib, random, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras_benford
from tests.trials.damaged_files import table_with_checksum
prefix = pathlib.Path(sys.argv[1])
index = prefix.with_name("a.index")
content = index.read_bytes()
for seed in range(12):
    index.write_bytes(table_with_checksum(random.Random(seed), content, b""))
    try:
        keras_benford.score(prefix)
    except (ValueError, OSError):
        pass
"""


def test_an_index_of_right_checksum_does_not_end_the_process(checkpoint, tmp_path):
    for name in (INDEX, DATA):
        (tmp_path / name).write_bytes((checkpoint.parent / name).read_bytes())
    command = [sys.executable, "-c", DAMAGE_INDEX, str(tmp_path / "a")]
    subprocess.run(command, capture_output=True, timeout=120, check=True)
