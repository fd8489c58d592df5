"""One run, one Keras backend: `KERAS_BACKEND` chooses it. Under another than TensorFlow there is no
TensorFlow, whether it is installed or not: Keras would import it to seed it.
"""

import importlib.metadata
import sys

import keras
import pytest

BACKEND = keras.backend.backend()
if BACKEND != "tensorflow":
    assert "tensorflow" not in sys.modules
    sys.modules["tensorflow"] = None


def pytest_report_header():
    return f"keras {keras.__version__} on {BACKEND} {importlib.metadata.version(BACKEND)}"


@pytest.fixture(scope="session", autouse=True)
def tensorflow_is_not_imported_under_another_backend():
    """Said, where it is not so, as an error of the last test."""
    yield
    imported = {name for name in sys.modules if name.partition(".")[0] == "tensorflow"}
    assert BACKEND == "tensorflow" or imported == {"tensorflow"}
    assert BACKEND == "tensorflow" or sys.modules["tensorflow"] is None
