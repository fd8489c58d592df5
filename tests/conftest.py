"""One run, one Keras backend: `KERAS_BACKEND` chooses it."""

import importlib.metadata
import importlib.util
import os
import sys

import keras
import pytest

BACKEND = keras.backend.backend()
# Where tests run side by side they are told of a window of 80 columns, and tables leave some out.
os.environ.pop("COLUMNS", None)


class Unwanted:
    """Stands before Python's own finders, and lets TensorFlow be found but not imported.

    Keras imports it under every backend where it is installed, so as to seed it.
    """

    def find_spec(self, name, path=None, target=None):
        return importlib.util.spec_from_loader(name, self) if name == "tensorflow" else None

    def create_module(self, spec):
        raise ModuleNotFoundError(f"no {spec.name} in a test run under {BACKEND}")

    def exec_module(self, module):
        raise NotImplementedError


if BACKEND != "tensorflow" and importlib.util.find_spec("tensorflow"):
    sys.meta_path.insert(0, Unwanted())


def pytest_report_header():
    return f"keras {keras.__version__} on {BACKEND} {importlib.metadata.version(BACKEND)}"


@pytest.fixture(scope="session", autouse=True)
def tensorflow_is_not_imported_under_another_backend():
    """Said, where it is not so, as an error of the last test."""
    yield
    assert BACKEND == "tensorflow" or "tensorflow" not in sys.modules
