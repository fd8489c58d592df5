"""What was typed on the command line -> the saved models that it means."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable

from keras_benford.weights.folders import models_in


def expand(arguments: Iterable[str]) -> list[str]:
    """Files, folders and glob patterns as the paths of saved models, each once.

    A path that does not exist stays, and so does a folder without models: their errors come when
    they are read.
    """
    found = []
    for argument in arguments:
        matches = [argument]
        if not os.path.lexists(argument) and glob.has_magic(argument):
            matches = sorted(glob.glob(argument, recursive=True)) or [argument]
        for match in matches:
            inside = list(models_in(match)) if os.path.isdir(match) else []
            found.extend(inside or [match])
    return list(dict.fromkeys(found))
