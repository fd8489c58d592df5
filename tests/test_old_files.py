"""Files of old versions of Keras and of TensorFlow.js: every weight has its value and its role.

What `tests/files` holds was written by these programs themselves, beside the truth about the live
models, see `tests/files/truth.py`. All weights of a model differ: their bits tell which is which.
"""

import hashlib
import json
import re
import zipfile
from pathlib import Path

import pytest

import keras_benford as kb
from keras_benford.weights import open_model
from tests import oracle
from tests.backends import needs_tensorflow

pytestmark = pytest.mark.slow
FILES = Path(__file__).parent / "files"
EXPECTED = json.loads((FILES / "expected.json").read_text())
RANDOM_AT_FIRST = (
    r"(depthwise_|pointwise_|recurrent_)?kernel|embeddings"
    # Keras 1: input and recurrent matrices, in one or one a gate.
    r"|[WU](_\w+)?"
)
KERAS_1 = {"W": "kernel", "U": "recurrent_kernel", "b": "bias", "alphas": "alpha"}
KERAS_1 |= {"running_mean": "moving_mean", "running_std": "moving_variance"}
# One file of those that a checkpoint or a folder consists of.
WHOLE = (".h5", ".keras", ".ckpt.index", "saved_model.pb", "model.json")
FORMATS = {
    ".weights.h5": "keras-weights",
    ".h5": "keras-legacy",
    ".keras": "keras",
    ".ckpt.index": "tf-checkpoint",
    "saved_model.pb": "tf-savedmodel",
    "model.json": "tensorflowjs",
}
BY_TENSORFLOW = (".ckpt.index", "saved_model.pb")
# Keras' legacy whole-model files, whatever they are called.
FORMAT_OF = {"tensorflow-2.12.1.keras": "keras-legacy"}

# Their files of weights do not hold the layers' names.
WITHOUT_NAMES = ("keras-3.0.5", "keras-3.3.3", "tensorflow-2.12.1", "tensorflow-2.13.1")
WITHOUT_NAMES += ("tf_keras-2.21.0",)


def _saved_models():
    for version, about in EXPECTED.items():
        for file in about["files"]:
            if file.endswith(WHOLE):
                folder = f"-{Path(file).parent}" if file.endswith(".json") else ""
                yield pytest.param(
                    version,
                    file,
                    id=version + folder if "/" in file else file,
                    marks=[needs_tensorflow] * file.endswith(BY_TENSORFLOW),
                )


SAVED_MODELS = list(_saved_models())


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    """Folders of the unpacked archives, by the version."""
    folder = tmp_path_factory.mktemp("old")
    for version in EXPECTED:
        with zipfile.ZipFile(FILES / f"{version}.zip") as archive:
            archive.extractall(folder / version)
    return folder


def path_of(unpacked, version, file):
    path = unpacked / version / file
    return path.parent if path.name == "saved_model.pb" else path


def digest(array):
    values = array.read()
    little_endian = values.astype(values.dtype.newbyteorder("<"))
    return hashlib.sha256(little_endian.tobytes()).hexdigest()


def is_counted(weight):
    """Whether a weight is random at first, and no quantised integers."""
    return re.fullmatch(RANDOM_AT_FIRST, weight["role"]) and "float" in weight["dtype"]


@pytest.mark.parametrize(("version", "file"), SAVED_MODELS)
class TestEachOldFile:
    def test_holds_each_weight_of_the_live_model_once_bit_for_bit(self, unpacked, version, file):
        arrays = list(kb.iter_weights(path_of(unpacked, version, file)))
        found = {digest(array): (array.shape, array.dtype) for array in arrays}
        assert len(found) == len(arrays)
        assert found == {
            weight["values_hex_sha256"]: (tuple(weight["shape"]), weight["dtype"])
            for weight in EXPECTED[version]["weights"]
        }

    def test_counts_what_is_random_at_first_and_nothing_else(self, unpacked, version, file):
        path = path_of(unpacked, version, file)
        digests = {array.path: digest(array) for array in kb.iter_weights(path)}
        score = kb.score(path)
        assert {digests[layer.path] for layer in score.layers} == {
            weight["values_hex_sha256"]
            for weight in EXPECTED[version]["weights"]
            if is_counted(weight)
        }
        assert {digests[part.path] for part in score.skipped} == {
            weight["values_hex_sha256"]
            for weight in EXPECTED[version]["weights"]
            if not is_counted(weight)
        }

    def test_calls_each_weight_by_its_role(self, unpacked, version, file):
        roles = {weight["values_hex_sha256"]: weight for weight in EXPECTED[version]["weights"]}
        for array in kb.iter_weights(path_of(unpacked, version, file)):
            role = roles[digest(array)]["role"]
            role = KERAS_1.get(re.sub(r"^([WUb])_\w+", r"\1", role), role)
            # Keras 3 calls that of a DepthwiseConv2D just kernel.
            found = {array.role, "depthwise_" + array.role}
            assert array.guessed or role in found

    def test_has_the_digits_of_the_values(self, unpacked, version, file):
        path = path_of(unpacked, version, file)
        values = {array.path: array.read() for array in kb.iter_weights(path)}
        for layer in kb.score(path).layers:
            tally = [*layer.counts, layer.zeros, layer.nonfinite]
            assert tally == oracle.tally(values[layer.path]).tolist()

    def test_tells_every_role_but_what_a_wrapper_holds_in_a_nameless_file(
        self, unpacked, version, file
    ):
        score = kb.score(path_of(unpacked, version, file))
        guesses = [part.path for part in (*score.layers, *score.skipped) if part.guessed]
        nameless = file.endswith(".weights.h5") and version in WITHOUT_NAMES
        wrapped = ["time_distributed/layer/0", "time_distributed/layer/1"]
        assert guesses == (wrapped if nameless else [])

    def test_is_what_its_content_says(self, unpacked, version, file):
        ending = next(ending for ending in FORMATS if file.endswith(ending))
        model = open_model(path_of(unpacked, version, file))
        assert model.format == FORMAT_OF.get(file, FORMATS[ending])


@pytest.mark.parametrize(("version", "file"), SAVED_MODELS)
def test_what_is_no_weight_is_state(unpacked, version, file):
    arrays = open_model(path_of(unpacked, version, file)).arrays
    live = {weight["values_hex_sha256"] for weight in EXPECTED[version]["weights"]}
    others = [array for array in arrays if array.kind not in ("weight", "copy")]
    assert {array.kind for array in others} <= {"optimizer", "metric", "random seed"}
    assert live.isdisjoint(map(digest, others))
