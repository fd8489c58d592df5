"""Reports and rankings as text tables."""

from __future__ import annotations

from rich.table import Table

from keras_benford._console import TextConsole
from keras_benford._messages import printable
from keras_benford.information.ranking import Ranking
from keras_benford.information.report import READING, Report


def text_of_report(report: Report, *, reading: bool = True) -> str:
    """A row for each layer, one for all together, and how to read it unless that is not wanted."""
    samples = len(report.activations.values)
    title = f"{report.name}: {len(report.entropy):,} neurons on {samples:,} examples"
    table = Table()
    columns = ("layer", "neurons", "entropy", "mutual information", "dead", "duplicates")
    for column in columns:
        table.add_column(column, justify="left" if column == "layer" else "right")
    for layer in report.layers:
        table.add_row(
            layer.name,
            f"{layer.neurons:,}",
            f"{layer.entropy:.4f}",
            f"{layer.mutual_information:.4f}",
            f"{layer.dead:,}",
            f"{layer.duplicates:,}",
        )
    table.add_section()
    table.add_row(
        "all",
        f"{len(report.entropy):,}",
        f"{report.mean_entropy:.4f}",
        f"{report.mean_mutual_information:.4f}",
        f"{report.dead.sum():,}",
        f"{len(report.duplicates):,}",
    )
    lines = ["Means in nats; mutual information over pairs of neurons that are not dead."]
    if report.tied:
        lines.append(
            f"{report.tied:,} neurons have one value for many examples: noise of 1e-10 told them "
            "apart."
        )
    if reading:
        lines.append(READING)
    return _text(title, table, lines)


def text_of_ranking(ranking: Ranking) -> str:
    """A row for each model, the most promising first, and how well the ranking does."""
    title = f"by {ranking.by.replace('_', ' ')}, looking for {ranking.looking_for}"
    table = Table("model")
    columns = {"entropy": ranking.entropy, "mutual information": ranking.mutual_information}
    if ranking.accuracies is not None:
        columns["accuracy"] = ranking.accuracies
    for column in columns:
        table.add_column(column, justify="right")
    for i, name in enumerate(ranking.names):
        table.add_row(printable(name), *(f"{values[i]:.4f}" for values in columns.values()))
    lines = []
    if ranking.accuracies is not None:
        lines.append(
            f"Kendall's tau-b {ranking.kendall:.3f}, Spearman's rho {ranking.spearman:.3f}, "
            f"regret {ranking.regret:.4f}"
        )
    return _text(title, table, lines)


def _text(title: str, table: Table, lines: list[str]) -> str:
    console = TextConsole()
    for part in (title, table, *lines):
        console.print(part)
    return console.text
