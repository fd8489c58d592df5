"""One run, one Keras backend: `KERAS_BACKEND` chooses it."""

import functools
import importlib.metadata
import importlib.util
import os
import sys

import pytest

# Where tests run side by side they are told of a window of 80 columns, and tables leave some out.
os.environ.pop("COLUMNS", None)


class Unwanted:
    """Stands before Python's own finders, and lets TensorFlow be found but not imported.

    Keras imports it under every backend where it is installed, so as to seed it.
    """

    def find_spec(self, name, path=None, target=None):
        return importlib.util.spec_from_loader(name, self) if name == "tensorflow" else None

    def create_module(self, spec):
        raise ModuleNotFoundError(f"no {spec.name} in a test run under {backend()}")

    def exec_module(self, module):
        raise NotImplementedError


@functools.cache
def backend():
    """The name of Keras' backend; TensorFlow is not imported from here on under another."""
    import keras

    name = keras.backend.backend()
    if name != "tensorflow" and importlib.util.find_spec("tensorflow"):
        sys.meta_path.insert(0, Unwanted())
    return name


def only_deals_tests_out(config):
    """Whether pytest-xdist's workers run the tests: they need not wait for this one's Keras."""
    return config.getoption("dist", "no") != "no" and not hasattr(config, "workerinput")


def pytest_configure(config):
    if not only_deals_tests_out(config):
        backend()


def pytest_report_header(config):
    version = importlib.metadata.version
    if only_deals_tests_out(config):
        return f"keras {version('keras')}"
    return f"keras {version('keras')} on {backend()} {version(backend())}"


@pytest.fixture(scope="session", autouse=True)
def tensorflow_is_not_imported_under_another_backend():
    """Said, where it is not so, as an error of the last test."""
    yield
    assert backend() == "tensorflow" or "tensorflow" not in sys.modules
