"""`keras-benford information`: models that are loaded, and examples -> what their neurons tell.

This is the one command that runs a model. Files of other kinds than `.keras` are loaded only where
the user says that they can be trusted.
"""

from __future__ import annotations

import os
import warnings
import zipfile
import zlib
from typing import Any

import numpy as np

from keras_benford import weights
from keras_benford.cli.many import one_line

_NPY, _ZIP = b"\x93NUMPY", b"PK\x03\x04"

OPTIONS = (
    "layers",
    "examples",
    "neurons",
    "position",
    "method",
    "k",
    "scale",
    "bins",
    "edges",
    "batch_size",
    "seed",
)
"""What of the command line goes to `information.report`, by the same names."""


def report_on(path: str, x: Any, *, trust: bool, **options: Any) -> Any:
    """The report on the model in a file.

    Args:
        path: a `.keras` file, or an HDF5 one of a whole model with `trust`.
        x: unlabelled examples, see `activations`.
        trust: whether to load files whose code Keras would run.
        options: of `information.report`.

    Raises:
        ValueError, OSError, ImportError: in one line that starts with the path.
    """
    from keras_benford.information import report

    model = _load(path, trust)
    try:
        with warnings.catch_warnings():
            # The table has it, too.
            warnings.filterwarnings("ignore", "Only .* examples: ", UserWarning)
            return report(model, x, **options, progress=True)
    except Exception as error:  # of many classes: layers and backends have their own
        raise ValueError(one_line(path, error)) from error


def read_examples(path: str) -> Any:
    """Examples of a `.npy` file; of a `.npz` its array, or its arrays by name if it has several.

    Raises:
        ValueError, OSError: in one line that starts with the path.
    """
    found = None
    try:
        with open(path, "rb") as file:
            start = file.read(len(_NPY))
            file.seek(0)
            if start == _NPY:
                wrong = _wrong_in_header(file)
                found = None if wrong else np.load(path, allow_pickle=False, mmap_mode="r")
            elif start.startswith(_ZIP):
                wrong = _wrong_in_archive(path)
                found = None if wrong else dict(np.load(path, allow_pickle=False))
            else:
                wrong = "a file of another kind; convert it: np.save('x.npy', array), where "
                wrong += "np.loadtxt('x.csv', delimiter=',') gives the array of a .csv"
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: there is no such file") from None
    except OSError as error:
        raise OSError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        wrong = f"a damaged file ({error!s:.200})"
    except MemoryError:
        wrong = "more than fits into memory; save fewer examples"
    if wrong:
        raise ValueError(
            f"{path}: expected an array of numbers in a .npy, or arrays in a .npz; received {wrong}"
        )
    if isinstance(found, dict) and len(found) == 1:
        (found,) = found.values()
    return found


def draw_examples(x: Any, path: str, examples: int | None, seed: int) -> tuple[Any, str | None]:
    """Those of the examples that are looked at, and a line that says so where it is not all.

    Args:
        x: what `read_examples` gives.
        path: of their file.
        examples: how many, or None, see `information.report`.
        seed: draws them.

    Raises:
        ValueError: in one line that starts with the path.
    """
    from keras_benford import inputs

    n = len(next(iter(x.values())) if isinstance(x, dict) else x)
    line = None
    if examples is None and n > inputs.EXAMPLES:
        examples = inputs.EXAMPLES
        line = (
            f"{path}: {examples:,} of {n:,} examples are looked at, drawn at random; pass "
            "--examples to say how many"
        )
    try:
        return inputs.enough(x, examples, seed), line
    except ValueError as error:
        raise ValueError(one_line(path, error)) from error


def _wrong_in_archive(path):
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if not names:
            return "an archive without arrays"
        for name in names:
            if not name.endswith(".npy"):
                return f"an archive of something else ({name!r:.100})"
            with archive.open(name) as file:
                wrong = _wrong_in_header(file)
            if wrong:
                return f"{wrong} ({name!r:.100})"
    return None


def _wrong_in_header(file):
    """What is wrong with an array, as a phrase, told before any of it is read; None if nothing."""
    version = np.lib.format.read_magic(file)
    of_version = np.lib.format.read_array_header_1_0
    if version != (1, 0):
        of_version = np.lib.format.read_array_header_2_0
    shape, _, dtype = of_version(file)
    if dtype.hasobject:
        return "Python objects, which may hold code and are never loaded; save numbers"
    if dtype.kind not in "fiubUS":  # text is for models that take it
        return f"{dtype} values; save real numbers"
    if not shape:
        return "a single value; save an array of examples, (n, ...)"
    if 0 in shape:
        return f"an array without values, of shape {shape}"
    return None


def _load(path, trust):
    """The model in a file, once it is known what Keras would do with it."""
    kind = weights.open_model(path).format  # which refuses what is damaged
    as_archive = path.endswith(".keras") and os.path.isfile(path) and zipfile.is_zipfile(path)
    if kind == "keras" and not as_archive:
        raise ValueError(
            f"{path}: expected a zip file with a name that ends in .keras; save it as one"
        )
    if kind not in ("keras", "keras-legacy"):
        raise ValueError(
            f"{path}: expected a whole model in .keras; received its weights only ({kind}); "
            "load it in Python, and call `information.report`"
        )
    if kind == "keras-legacy" and not trust:
        raise ValueError(
            f"{path}: Keras may run code from such a file (HDF5); pass --trust if you know who "
            "made it, or have it saved as .keras"
        )
    import keras

    try:
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # of many classes, as the configuration may go wrong anywhere
        raise ValueError(
            f"{path}: Keras cannot load it ({' '.join(str(error).split())[:300]}); load it in "
            "Python, where its own classes and functions are known, and call `information.report`"
        ) from error
