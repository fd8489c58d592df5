"""Scores and comparisons as text tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from rich.table import Table

from keras_benford._console import TextConsole
from keras_benford._messages import counted
from keras_benford.scoring.comparison import Comparison
from keras_benford.scoring.results import Score

FIGURES = {
    "values": lambda part: f"{part.size:,}",
    "MLH": lambda part: f"{part.mlh:.4f}",
    "±": lambda part: f"{part.mlh_spread:.4f}",
    "if Gaussian": lambda part: f"{part.mlh_if_gaussian:.4f}",
    "if uniform": lambda part: f"{part.mlh_if_uniform:.4f}",
    "JS (nats)": lambda part: f"{part.js_divergence:.5f}",
    "MAD": lambda part: f"{part.mean_absolute_deviation:.4f}",
    "zeros": lambda part: percentage(part.zeros, part.size),
    "not finite": lambda part: percentage(part.nonfinite, part.size),
}
"""Column -> how a score or a layer's score shows there."""
_TEXTS = ("shape", "dtype", "what it is", "counted", "looks")
_FEW_NAMES = 3
# What a narrow window does without, first to last; the first two only where all of it is zero.
_DISPENSABLE = (
    *("not finite", "zeros", "MAD", "if uniform", "JS (nats)", "JS A", "JS B", "shape"),
    *("if Gaussian", "± (chance)"),
)


def table_of_layers(score: Score, width: int) -> Table:
    """A row for each counted weight, and one for all together, for a window of so many columns."""
    rows = [
        {
            "weight": marked_path(layer),
            "shape": shape_text(layer.shape),
            **figures(layer),
        }
        for layer in score.layers
    ]
    rows.append({"weight": "all", "shape": "", **figures(score)})
    title = f"{score.name}: MLH {score.mlh:.4f} over {counted(score.size, 'weight')}"
    return table_of_rows(rows, width, title, section_before_last=True)


def table_of_scores(scores: Sequence[tuple[dict[str, str], Score]], width: int) -> Table:
    """A row for each score, behind the cells that are given with it."""
    return table_of_rows([cells | figures(score) for cells, score in scores], width, None)


def table_of_comparison(comparison: Comparison, names: Sequence[str], width: int) -> Table:
    """A row for each pair of weights, and one for the models."""
    rows = rows_of_comparison(comparison)
    return table_of_rows(rows, width, f"A: {names[0]}\nB: {names[1]}", section_before_last=True)


def rows_of_comparison(comparison: Comparison) -> list[dict[str, str]]:
    """The cells of `table_of_comparison`, by column."""
    pairs = [
        *((comparison.name_of(pair), *pair) for pair in comparison.pairs),
        ("all", comparison.first, comparison.second),
    ]
    return [
        {
            "weight": name,
            "values": f"{a.size:,}" if a.size == b.size else f"{a.size:,} | {b.size:,}",
            "MLH A": f"{a.mlh:.4f}",
            "MLH B": f"{b.mlh:.4f}",
            "B - A": "same digits" if (a.counts == b.counts).all() else f"{b.mlh - a.mlh:+.4f}",
            "± (chance)": f"{math.hypot(a.mlh_spread, b.mlh_spread):.4f}",
            "JS A": f"{a.js_divergence:.5f}",
            "JS B": f"{b.js_divergence:.5f}",
        }
        for name, a, b in pairs
    ]


def marked_path(layer: Any) -> str:
    """A weight's path, and whether it is guessed to count, or frozen."""
    marks = [mark for mark in ("guessed", "frozen") if getattr(layer, mark)]
    return f"{layer.path} ({', '.join(marks)})" if marks else layer.path


def skipped_by_reason(score: Score) -> dict[str, list[str]]:
    """For each reason, as `not counted, a bias: starts from a constant`, the paths it is of."""
    paths: dict[str, list[str]] = {}
    for skipped in score.skipped:
        paths.setdefault(f"not counted, {skipped.reason}", []).append(skipped.path)
    return paths


def print_below(console: Any, score: Score, *, verbose: bool = False) -> None:
    """What a score says, its faults in red, and how many weights are not counted, and why.

    Args:
        console: where to.
        score: the score.
        verbose: whether to name all weights that are not counted; else where they are few.
    """
    console.print(" ".join(score.reading.sentences), soft_wrap=True)
    for fault in score.reading.faults:
        console.print(fault, style="red", soft_wrap=True)
    for reason, paths in skipped_by_reason(score).items():
        what = counted(len(paths), "weight")
        if verbose or len(paths) <= _FEW_NAMES:
            what = f"{', '.join(paths)} ({what})"
        console.print(f"{reason}: {what}", soft_wrap=True)


def figures(part: Any) -> dict[str, str]:
    """The cells of a `Score` or `LayerScore`, by column."""
    return {column: show(part) for column, show in FIGURES.items()}


def shape_text(shape: Sequence[int]) -> str:
    """A shape as `3×3×64`."""
    return "×".join(map(str, shape)) or "scalar"


def text_of(score: Score) -> str:
    """The table of a score's layers and what it says, as wide as the terminal, if any."""
    console = TextConsole()
    console.print(table_of_layers(score, console.width))
    print_below(console, score)
    return console.text


def percentage(part: int, whole: int) -> str:
    """A share as a percentage that says 0 or 100 only where it is exactly that."""
    if part in (0, whole):
        return "0 %" if part == 0 else "100 %"
    share = 100 * part / whole
    digits = 1 - math.floor(math.log10(min(share, 100 - share)))
    return f"{share:.{min(max(digits, 1), 9)}f} %"


def table_of_rows(
    rows: Sequence[dict[str, str]],
    width: int,
    title: str | None,
    *,
    section_before_last: bool = False,
) -> Table:
    """A table of rows that all have the same columns, without some of them where it is narrow."""
    columns = {column: max(len(column), *(len(row[column]) for row in rows)) for column in rows[0]}
    first = next(iter(columns))
    columns[first] = min(columns[first], 24)
    for column in _DISPENSABLE:
        if sum(columns.values()) + 3 * len(columns) + 1 <= width:
            break
        if column in ("zeros", "not finite") and any(row[column] != "0 %" for row in rows):
            continue
        columns.pop(column, None)
    left_out = [column for column in rows[0] if column not in columns]
    table = Table(title=title, title_justify="left", caption_justify="left")
    if left_out:
        all_zero = {"zeros": "zeros (all 0 %)", "not finite": "not finite (all 0 %)"}
        names = ", ".join(all_zero.get(column, column) for column in left_out)
        table.caption = f"no room for: {names}"
    for column in columns:
        if column == first:
            table.add_column(column, overflow="fold", min_width=columns[first])
        else:
            table.add_column(column, justify="left" if column in _TEXTS else "right", no_wrap=True)
    for i, row in enumerate(rows):
        if section_before_last and i == len(rows) - 1:
            table.add_section()
        table.add_row(*(row[column] for column in columns))
    return table
