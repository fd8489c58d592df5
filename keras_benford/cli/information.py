"""`keras-benford information`: models that are loaded, and examples -> what their neurons tell.

This is the one command that runs a model. Files of other kinds than `.keras` are loaded only where
the user says that they can be trusted.
"""

from __future__ import annotations

import os
import zipfile
from typing import Any

import numpy as np

from keras_benford import weights
from keras_benford.cli.many import one_line

OPTIONS = (
    "layers",
    "neurons",
    "position",
    "method",
    "k",
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
        return report(model, x, **options, progress=True)
    except (ValueError, TypeError) as error:
        raise ValueError(one_line(path, error)) from error


def read_examples(path: str) -> Any:
    """Examples of a `.npy` file; of a `.npz` its array, or its arrays by name if it has several.

    Raises:
        ValueError, OSError: in one line that starts with the path.
    """
    try:
        found = np.load(path, allow_pickle=False, mmap_mode="r")
        if isinstance(found, np.ndarray):
            return found
        with found:
            arrays = dict(found)
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: there is no such file") from None
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path}: expected an array of numbers in a .npy, or arrays in a .npz ({error})"
        ) from error
    if not arrays or not all(isinstance(array, np.ndarray) for array in arrays.values()):
        raise ValueError(f"{path}: expected an array of numbers in a .npy, or arrays in a .npz")
    return arrays if len(arrays) > 1 else next(iter(arrays.values()))


def _load(path, trust):
    """The model in a file, once it is known what Keras would do with it."""
    kind = weights.open_model(path).format  # which refuses what is damaged
    as_archive = path.endswith(".keras") and os.path.isfile(path) and zipfile.is_zipfile(path)
    if kind == "keras" and not as_archive:
        raise ValueError(f"{path}: expected a file, with a name that ends in .keras")
    if kind not in ("keras", "keras-legacy"):
        raise ValueError(
            f"{path}: expected a whole model in .keras; received its weights only ({kind}); do "
            "load it in Python, and call `information.report`"
        )
    if kind == "keras-legacy" and not trust:
        raise ValueError(
            f"{path}: Keras may run code from such a file (HDF5); do pass --trust if you know who "
            "made it, or have it saved as .keras"
        )
    import keras

    try:
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # of many classes, as the configuration may go wrong anywhere
        raise ValueError(
            f"{path}: Keras cannot load it ({' '.join(str(error).split())[:300]}); do load it in "
            "Python, where its own classes and functions are known, and call `information.report`"
        ) from error
