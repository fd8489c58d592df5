"""Results -> tables, JSON or CSV on standard output, in whatever encoding that has.

JSON is an array with an object a file: `schema_version`, `file` and either `error`, or what
`Score.to_dict` gives, and with `--accuracy` the criteria. CSV has a row a file, or a row a weight
with `--per-layer`. JSON is exact whatever a file is called; elsewhere a name that would break a
line is shown with escapes.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from keras_benford._console import ANY_WIDTH, PlainConsole, encodable, encoding_of
from keras_benford._json import without_nan
from keras_benford._messages import printable
from keras_benford.cli.many import Result
from keras_benford.scoring import Comparison, Score, tables

SCHEMA_VERSION = 1
"""Of all that is printed as JSON: another one where a key goes or comes to mean something else."""


def as_dict(result: Result, accuracy: float | None = None) -> dict[str, Any]:
    """A result as plain dicts, lists, strings and numbers."""
    if result.score is None:
        return {"file": result.file, "error": result.error}
    return {"file": result.file} | result.score.to_dict() | _criteria(result.score, accuracy)


def versioned(content: Any) -> Any:
    """The same with `schema_version` first, in each object of a list."""
    if isinstance(content, list):
        return [versioned(each) for each in content]
    return {"schema_version": SCHEMA_VERSION} | content


def print_json(content: Any) -> None:
    """Plain data as indented JSON, in ASCII where the output is not in UTF-8."""
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    # Names of files may hold bytes that are no text, and that UTF-8 does not have either.
    if not _is_in_utf8() or encodable(text, "utf-8") != text:
        text = json.dumps(content, indent=2, allow_nan=False)
    print(text)


def print_page(page: str) -> None:
    """A web page, which says of itself that it is in UTF-8; in ASCII where the output is not."""
    print(page if _is_in_utf8() else page.encode("ascii", "xmlcharrefreplace").decode())


def print_text(text: str, end: str = "\n") -> None:
    """A text, with escapes for what the output cannot hold."""
    print(encodable(text, encoding_of(sys.stdout)), end=end)


def _is_in_utf8():
    return codecs.lookup(encoding_of(sys.stdout)).name == "utf-8"


def print_csv(results: Sequence[Result], accuracy: float | None, per_layer: bool) -> None:
    """A row for each file, or for each counted weight of each."""
    rows = []
    for result in results:
        if result.score is None:
            continue
        parts = result.score.layers if per_layer else [result.score]
        for part in parts:
            found = part.to_dict() | ({} if per_layer else _criteria(part, accuracy))
            counts = {f"digit_{d}": n for d, n in enumerate(found.pop("counts"), 1)}
            for key in ("layers", "skipped", "reading"):
                found.pop(key, None)
            rows.append({"file": result.file} | found | counts)
    print_rows(rows)


def print_rows(rows: Sequence[dict[str, Any]]) -> None:
    """Rows of the same keys as CSV, shapes as `3x3x64`."""
    if not rows:
        return
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        shape = {"shape": "x".join(map(str, row["shape"]))} if "shape" in row else {}
        file = {"file": printable(row["file"])} if "file" in row else {}
        writer.writerow(row | shape | file)
    print_text(text.getvalue(), end="")


def rows_of_comparison(comparison: Comparison) -> list[dict[str, Any]]:
    """A row for each pair of weights, and one for the models, for `print_rows`."""
    found = comparison.to_dict()
    rows = [{"path": ["all", "all"]} | found["all"]]
    rows += [{k: v for k, v in layer.items() if k != "shape"} for layer in found["layers"]]
    return [
        {
            name: value
            for key, values in row.items()
            for name, value in (
                ((f"{key}_a", values[0]), (f"{key}_b", values[1]))
                if isinstance(values, list)
                else ((key, values),)
            )
        }
        for row in rows
    ]


def print_tables(
    results: Sequence[Result], accuracy: float | None, per_layer: bool, verbose: bool
) -> None:
    """The figures of each file, with `per_layer` those of each weight and what they say."""
    console = console_for_tables()
    scored = [(printable(each.file), each.score) for each in results if each.score is not None]
    if per_layer:
        for file, score in scored:
            print_layers(console, file, score, accuracy, verbose)
    if scored and (not per_layer or len(scored) > 1):
        rows = []
        for file, score in scored:
            found = criteria_of(score, accuracy)
            criteria = {kind.title: f"{value:.4f}" for kind, value in found}
            cells = {"file": file, "looks": score.reading.looks}
            rows.append((cells | criteria, score))
        console.print(tables.table_of_scores(rows, console.width))
    if not per_layer:
        for file, score in scored:
            for fault in score.reading.faults:
                console.print(f"{file}: {fault}", style="red", soft_wrap=True)


def print_layers(
    console: Any, file: str, score: Score, accuracy: float | None, verbose: bool
) -> None:
    """The table of one file's weights, what they say, and what is not counted."""
    console.print(f"{file} ({score.format})", soft_wrap=True)
    console.print(tables.table_of_layers(score, console.width))
    for kind, value in criteria_of(score, accuracy):
        console.print(f"{kind.title} at accuracy {accuracy:g}: {value:.4f} (lower is better)")
    tables.print_below(console, score, verbose=verbose)


def print_comparison(comparison: Comparison, names: Sequence[str]) -> None:
    """The weights of two files beside each other."""
    console, names = console_for_tables(), [*map(printable, names)]
    console.print(tables.table_of_comparison(comparison, names, console.width))
    for line in lines_on(comparison, names):
        console.print(line, soft_wrap=True)


def lines_on(comparison: Comparison, names: Sequence[str]) -> list[str]:
    """How the weights were matched, where not by path, and which stand alone."""
    lines = []
    if comparison.matched_by == "position":
        lines.append("no path occurs in both: matched by position, as all shapes agree")
    alone = (comparison.only_in_first, comparison.only_in_second)
    for name, layers in zip(names, alone, strict=True):
        if layers:
            lines.append(f"only in {name}: {', '.join(layer.path for layer in layers)}")
    return lines


def print_information(reports: Mapping[str, Any], ranking: Any) -> None:
    """The reports on models by file as tables, and the order of the models unless it is None."""
    from keras_benford.information.tables import text_of_report

    # What all are to be read by is said once, below the last.
    last = len(reports) - 1
    parts = [
        f"{printable(file)}: {text_of_report(report, reading=i == last)}"
        for i, (file, report) in enumerate(reports.items())
    ]
    if ranking is not None:
        parts.append(str(ranking))
    if parts:
        print_text("\n\n".join(parts))


def console_for_tables() -> Any:
    """As wide as the terminal, or as wide as the table needs where there is none."""
    terminal = sys.stdout.isatty()
    colours = terminal and not os.environ.get("NO_COLOR")
    return PlainConsole(sys.stdout, None if terminal else ANY_WIDTH, colours=colours)


def _criteria(score, accuracy):
    if accuracy is None:
        return {}
    found = {kind.name: value for kind, value in criteria_of(score, accuracy)}
    return {"accuracy": accuracy} | without_nan(found)


def criteria_of(score: Score, accuracy: float | None) -> list[tuple[Any, float]]:
    """The criteria, as measures, and their values; none without an accuracy."""
    if accuracy is None:
        return []
    from keras_benford.measures import CRITERIA

    return [(kind, kind().of(accuracy, score.mlh)) for kind in CRITERIA.values()]
