"""Reports and rankings as text tables."""

from __future__ import annotations

import numpy as np
from rich.table import Table

from keras_benford._console import TextConsole
from keras_benford._messages import counted, listed, printable
from keras_benford.information.ranking import HIGH_IS_GOOD, Ranking
from keras_benford.information.reports import READING, Report


def text_of_report(report: Report, *, reading: bool = True) -> str:
    """A row for each layer, one for all together, and how to read it unless that is not wanted."""
    samples = len(report.activations.values)
    neurons = _of_all(len(report.entropy), report.all_neurons)
    noun = "neuron" if neurons == "1" else "neurons"
    title = f"{report.name}: {neurons} {noun} on {counted(samples, 'example')}"
    table = Table()
    columns = ("layer", "neurons", "entropy", "mutual information", "dead", "duplicates")
    for column in columns:
        table.add_column(column, justify="left" if column == "layer" else "right")
    for layer in report.layers:
        table.add_row(
            layer.name,
            _of_all(layer.neurons, layer.all_neurons),
            f"{layer.entropy:.4f}",
            f"{layer.mutual_information:.4f}",
            f"{layer.dead:,}",
            f"{layer.duplicates:,}",
        )
    table.add_section()
    table.add_row(
        "all",
        neurons,
        f"{report.mean_entropy:.4f}",
        f"{report.mean_mutual_information:.4f}",
        f"{report.dead.sum():,}",
        f"{len(report.duplicates):,}",
    )
    lines = ["Means in nats; mutual information over pairs of neurons that are not dead."]
    if report.tied:
        lines.append(
            f"{counted(report.tied, 'neuron has', 'neurons have')} one value for many examples: "
            "noise of 1e-10 told them apart."
        )
    if reading and report.warning is not None:
        lines.append(report.warning)
    if reading:
        lines.append(READING)
    return _text(title, table, lines)


def text_of_ranking(ranking: Ranking) -> str:
    """Which model is the best, and a row for each, the best first."""
    title = f"by {ranking.by.replace('_', ' ')}, looking for {ranking.looking_for}"
    table = Table("place", "model")
    columns = {"entropy": ranking.entropy, "mutual information": ranking.mutual_information}
    for column in columns:
        table.add_column(column, justify="right")
    for i, name in enumerate(ranking.names):
        figures = (f"{values[i]:.4f}" for values in columns.values())
        table.add_row(f"{i + 1:,}", printable(name), *figures)
    return _text(f"{_best(ranking)}\n{title}", table, [])


def _best(ranking):
    """Which model comes first, and why, or that none does."""
    figures = ranking.figures
    if ranking.warning is not None:
        return f"Which model is the best cannot be told: {ranking.warning}."
    if np.isnan(figures[0]):
        return "No model is the best: none has a figure to go by."
    end = "highest" if HIGH_IS_GOOD[ranking.looking_for, ranking.by] else "lowest"
    least = {"shortcuts": "shortcuts", "memorization": "memorised labels"}[ranking.looking_for]
    why = f"the {end} {ranking.by.replace('_', ' ')}, the least sign of {least}"
    n = int((figures == figures[0]).sum())
    best = listed(map(printable, ranking.names[:n]))
    if n > 1:
        return f"Best, and alike, are {best}: {why}."
    return f"Best is {best}, which comes first: {why}."


def _of_all(n, n_all):
    """`512 of 768`, or the number alone where that is all, or not known."""
    return f"{n:,}" if n_all in (None, n) else f"{n:,} of {n_all:,}"


def _text(title: str, table: Table, lines: list[str]) -> str:
    console = TextConsole()
    for part in (title, table, *lines):
        console.print(part)
    return console.text
