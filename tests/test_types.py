"""What type checkers see: of the package itself, and of it in the code of somebody else."""

import importlib.util
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import keras_benford

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]
needs_mypy = pytest.mark.skipif(
    importlib.util.find_spec("mypy") is None, reason="mypy is not installed"
)

# A comment that a line is wrong is itself wrong where mypy finds no such fault.
USER = """
from collections.abc import Iterator
from typing import Any

import numpy as np
from typing_extensions import assert_type

import keras_benford
from keras_benford import ChurnEarlyStoping  # type: ignore[attr-defined]
from keras_benford import ChurnEarlyStopping, LayerScore, MLHEarlyStopping, iter_weights, score
from keras_benford.information import activations, report
from keras_benford.rules import Memorising, Outcome, Patience, Rule, replay
from keras_benford.scoring import Comparison, compare
from keras_benford.weights import StoredArray

found = score("x.keras")
assert_type(found.mlh, float)
assert_type(found.counts, np.ndarray)
assert_type(found.layers, tuple[LayerScore, ...])
assert_type(found.layers[0].shape, tuple[int, ...])
assert_type(found.skipped[0].reason, str)
assert_type(found.reading.looks, str)
assert_type(found.to_dict(), dict[str, Any])
assert_type(compare(found, found), Comparison)
assert_type(iter_weights("x.keras"), Iterator[StoredArray])
assert_type(next(iter_weights("x.keras")).read(), np.ndarray)
score("x.keras", threads="2")  # type: ignore[arg-type]

x: Any = np.zeros((100, 3))
stopping = ChurnEarlyStopping(x, unseen="noisy", patience=3)
assert_type(stopping.best, float | None)
assert_type(stopping.best_epoch, int)
assert_type(stopping.best_step, int | None)
assert_type(stopping.stop_reason, str | None)
assert_type(stopping.history, dict[str, list[Any]])
assert_type(MLHEarlyStopping("eic", patience=3).wait, int)
assert_type(keras_benford.BenfordMonitor(0.5).history, dict[str, list[Any]])
assert_type(keras_benford.MLH().counts, np.ndarray)
ChurnEarlyStopping()  # type: ignore[call-arg]


class Telling(ChurnEarlyStopping):
    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        super().on_epoch_end(epoch, logs)


rules: list[Rule] = [Patience("mlh", "max", 8), Memorising(2000, 2000)]
assert_type(replay(rules[0], [{"mlh": 0.9}, {"mlh": None}]), Outcome)
assert_type(report(None, x).mean_entropy, float)
assert_type(activations(None, x).values, np.ndarray)
assert_type(keras_benford.measures.MEASURES["mlh"]().values(None), dict[str, float | None])
assert_type(keras_benford.context.gaussian_shares(0.0, 1.0), np.ndarray)
"""


def mypy(*arguments):
    """What mypy finds, from the root of the repository."""
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@needs_mypy
def test_the_package_agrees_with_its_own_types():
    mypy()


@needs_mypy
def test_code_that_uses_the_package_is_checked_strictly(tmp_path):
    told = "".join(f"\nreveal_type(keras_benford.{name})" for name in keras_benford.__all__)
    (tmp_path / "user.py").write_text(USER + told)
    strictly = ("--strict", "--config-file=", f"--cache-dir={os.devnull}")
    # An installed package is read for its types, and not checked itself.
    output = mypy(*strictly, "--follow-imports=silent", str(tmp_path / "user.py"))
    types = re.findall('Revealed type is "(.*)"', output)
    assert len(types) == len(keras_benford.__all__)
    assert "Any" not in types


def public_functions():
    """Functions of the public modules, and public methods of their classes, by name."""
    for module in filter(inspect.ismodule, map(keras_benford.__getattr__, keras_benford.__all__)):
        for name in getattr(module, "__all__", vars(module)):
            thing = getattr(module, name)
            found = {f".{name}": thing} if inspect.isfunction(thing) else {}
            if inspect.isclass(thing):
                found = {
                    f".{name}.{k}": v for k, v in inspect.getmembers(thing, inspect.isfunction)
                }
            for path, function in found.items():
                is_public = "._" not in path or path.endswith(("__init__", "__call__"))
                if is_public and function.__module__.startswith("keras_benford"):
                    yield f"{module.__name__}{path}", function


def test_public_functions_say_the_types_of_arguments_and_results():
    untyped = []
    for name, function in public_functions():
        signature = inspect.signature(function)
        told = [each.annotation for key, each in signature.parameters.items() if key != "self"]
        if inspect.Signature.empty in (*told, signature.return_annotation):
            untyped.append(name)
    assert untyped == []
