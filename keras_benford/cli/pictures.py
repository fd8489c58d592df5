"""Scores and reports on neurons -> a picture file."""

from __future__ import annotations

import importlib.util
import io
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keras_benford import plots
from keras_benford.plots import looks
from keras_benford.scoring import Score

_MOST = len(looks.COLORS) * len(looks.MARKERS)
_SUFFIXES = (".png", ".svg", ".pdf")

FOR_SCORES = {"matplotlib": "matplotlib"}
FOR_REPORTS = {"matplotlib": "matplotlib", "sklearn": "scikit-learn"}
"""Modules that pictures take, and the packages that have them."""


def save_picture(scores: Mapping[str, Score], path: str) -> None:
    """Draw digits and layers of all the scores and write them to a `.png`, `.svg` or `.pdf`.

    Raises an OSError if it cannot be written. What else may be wrong `check_can_be_drawn` says.
    """
    _save(_figure(scores), path, dpi=150)


def save_picture_of_reports(reports: Mapping[str, Any], path: str) -> None:
    """Draw entropy and mutual information of all the reports, and the map of a single one.

    Raises: as `save_picture`.
    """
    if len(reports) == 1:
        figure = _empty_figure(14, 7)
        left, right = figure.subfigures(1, 2)
        plots.mutual_information_map(next(iter(reports.values())), ax=right.subplots())
    else:
        figure = left = _empty_figure(9, 8)
    above, below = left.subplots(2, 1)
    plots.entropy(dict(reports), ax=above)
    plots.mutual_information(dict(reports), ax=below)
    _save(figure, path, dpi=150)


def check_can_be_drawn(path: str, packages: Mapping[str, str] = FOR_SCORES) -> None:
    """Say before long work what would keep its picture from being drawn.

    Raises:
        ValueError: if this is no name of a picture.
        ImportError: if a package that it takes is not installed.
    """
    if Path(path).suffix.lower() not in _SUFFIXES:
        raise ValueError(f"{path}: expected a name that ends in {', '.join(_SUFFIXES)}")
    check_installed(packages)


def check_installed(packages: Mapping[str, str] = FOR_SCORES) -> None:
    """Name the first of these modules that is not installed, in an ImportError."""
    for module, package in packages.items():
        if importlib.util.find_spec(module) is None:
            raise ImportError(f"pictures take {package}; run `pip install {package}`")


def check_not_too_many(n: int) -> None:
    """Say before long work that so many models in one picture could not be told apart."""
    if n > _MOST:
        raise ValueError(
            f"expected at most {_MOST} models in one picture; received {n:,}; plot fewer, or "
            "`keras-benford score`, which gives each a row"
        )


def svg_of(scores: Mapping[str, Score]) -> str:
    """The same as the text of an SVG element, for a web page."""
    text = io.StringIO()
    import matplotlib

    # Without a fixed salt, the same picture would have other ids each time.
    with matplotlib.rc_context({"svg.hashsalt": "keras-benford", "svg.fonttype": "path"}):
        _save(_figure(scores), text, format="svg", metadata={"Date": None})
    return text.getvalue()[text.getvalue().index("<svg") :]


def _save(figure, file, **options):
    with warnings.catch_warnings():
        # A name in a script that the font lacks shows as boxes.
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        figure.savefig(file, bbox_inches="tight", **options)


def _figure(scores) -> Any:
    n_layers = max(len(score.layers) for score in scores.values())
    figure = _empty_figure(min(max(9, 0.22 * n_layers), 14), 9)
    above, below = figure.subplots(2, 1)
    plots.digits(dict(scores), ax=above)
    plots.layers(dict(scores), ax=below)
    return figure


def _empty_figure(width, height) -> Any:
    """A figure of its own, which pyplot does not know: no window opens."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure
