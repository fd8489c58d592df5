"""Scores -> a picture file: digits against Benford's law, and MLH by layer."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keras_benford import plots
from keras_benford.scoring import Score

_SUFFIXES = (".png", ".svg", ".pdf")


def save_picture(scores: Mapping[str, Score], path: str) -> None:
    """Draw digits and layers of all the scores and write them to a `.png`, `.svg` or `.pdf`.

    Raises:
        ValueError: if the path ends otherwise.
        ImportError: if matplotlib is not installed.
        OSError: if it cannot be written.
    """
    if Path(path).suffix.lower() not in _SUFFIXES:
        raise ValueError(f"{path}: expected a name that ends in {', '.join(_SUFFIXES)}")
    figure = _figure(scores)
    figure.savefig(path, dpi=150, bbox_inches="tight")


def svg_of(scores: Mapping[str, Score]) -> str:
    """The same as the text of an SVG element, for a web page."""
    text = io.StringIO()
    import matplotlib

    # Without a fixed salt, the same picture would have other ids each time.
    with matplotlib.rc_context({"svg.hashsalt": "keras-benford", "svg.fonttype": "path"}):
        _figure(scores).savefig(text, format="svg", bbox_inches="tight", metadata={"Date": None})
    return text.getvalue()[text.getvalue().index("<svg") :]


def _figure(scores) -> Any:
    _check_matplotlib()
    # No window: a figure of its own, which pyplot does not know.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    n_layers = max(len(score.layers) for score in scores.values())
    figure = Figure(figsize=(min(max(9, 0.22 * n_layers), 14), 9), layout="constrained")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1)
    plots.digits(dict(scores), ax=above)
    plots.layers(dict(scores), ax=below)
    return figure


def _check_matplotlib():
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "pictures take matplotlib; do `pip install keras-benford[plots]`"
        ) from error
