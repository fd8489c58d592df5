"""Scores as text tables."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from keras_benford.scoring.results import Score

FIGURES = {
    "values": lambda part: f"{part.size:,}",
    "MLH": lambda part: f"{part.mlh:.4f}",
    "±": lambda part: f"{part.mlh_spread:.4f}",
    "if Gaussian": lambda part: f"{part.mlh_if_gaussian:.4f}",
    "if uniform": lambda part: f"{part.mlh_if_uniform:.4f}",
    "JS (nats)": lambda part: f"{part.js_divergence:.5f}",
    "MAD": lambda part: f"{part.mean_absolute_deviation:.4f} {part.conformity or ''}".rstrip(),
    "zeros": lambda part: percentage(part.zeros, part.size),
    "not finite": lambda part: percentage(part.nonfinite, part.size),
}
"""Column -> how a score or a layer's score shows there."""


def table_of_layers(score: Score) -> Table:
    """A row for each counted weight, and one for all together."""
    table = Table(
        title=f"{score.name}: MLH {score.mlh:.4f} over {score.size:,} weights", title_justify="left"
    )
    table.add_column("weight", overflow="fold")
    table.add_column("shape", no_wrap=True)
    for column in FIGURES:
        table.add_column(column, justify="right", no_wrap=True)
    for layer in score.layers:
        path = f"{layer.path} (guessed)" if layer.guessed else layer.path
        table.add_row(path, "×".join(map(str, layer.shape)), *_cells(layer))
    table.add_section()
    table.add_row("all", "", *_cells(score))
    return table


def table_of_scores(scores: Sequence[tuple[str, Score]]) -> Table:
    """A row for each score, under the name that is given with it."""
    table = Table()
    table.add_column("file", overflow="fold")
    for column in FIGURES:
        table.add_column(column, justify="right", no_wrap=True)
    for name, score in scores:
        table.add_row(name, *_cells(score))
    return table


def lines_of_skipped(score: Score) -> list[str]:
    """For each reason a line with the weights that are not counted for it."""
    reasons = dict.fromkeys(skipped.reason for skipped in score.skipped)
    return [
        f"not counted, {reason}: "
        + ", ".join(skipped.path for skipped in score.skipped if skipped.reason == reason)
        for reason in reasons
    ]


def text_of(score: Score) -> str:
    """The table of a score's layers and what is not counted, wide enough for the longest path."""
    text = io.StringIO()
    width = 200 + max(len(layer.path) for layer in score.layers)
    console = plain_console(text, width)
    console.print(table_of_layers(score))
    for line in lines_of_skipped(score):
        console.print(line, soft_wrap=True)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines())


def plain_console(file: Any, width: int) -> Console:
    """A console that writes neither colours nor links, and takes brackets for what they are."""
    return Console(
        file=file, width=width, color_system=None, markup=False, highlight=False, emoji=False
    )


def percentage(part: int, whole: int) -> str:
    """A share as a percentage that is 0 or 100 only where it is exactly that."""
    if part in (0, whole):
        return "0 %" if part == 0 else "100 %"
    share = 100 * part / whole
    digits = (
        2 if 0.01 <= share <= 99.99 else max(2, 1 - math.floor(math.log10(min(share, 100 - share))))
    )
    return f"{share:.{min(digits, 9)}f} %"


def _cells(part):
    return [show(part) for show in FIGURES.values()]
