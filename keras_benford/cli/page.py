"""Results -> one web page that holds everything, to send to somebody.

Names come from strangers' files: all of them are escaped, pictures are embedded as images, and the
page itself forbids scripts and anything from outside.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

from keras_benford import __version__
from keras_benford._messages import counted, printable
from keras_benford.cli import output
from keras_benford.cli.many import Result
from keras_benford.cli.pictures import svg_of
from keras_benford.measures import CRITERIA
from keras_benford.scoring import Comparison, tables

_PICTURES_OF_EACH_UP_TO = 20
_TOGETHER_UP_TO = 6
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 1150px; padding: 0 1em;
       color: #1a1a1a; background: #fff; }
h1 { font-size: 1.5em; } h2 { font-size: 1.2em; margin-top: 2.5em; overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.87em; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid #ddd; padding: 0.3em 0.7em; text-align: right;
         white-space: nowrap; }
th { border-bottom: 2px solid #888; vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; white-space: normal; overflow-wrap: anywhere;
                                 min-width: 12em; }
tr.all td { border-top: 2px solid #888; font-weight: 600; }
img { max-width: 100%; height: auto; margin: 1em 0; }
.error { color: #a40000; } .note { color: #555; font-size: 0.9em; overflow-wrap: anywhere; }
dt { font-weight: 600; } dd { margin: 0 0 0.5em 1.5em; }
"""
_LEGEND = {
    "MLH": "correlation of the leading digits with Benford's law, -1 to 1; higher is closer",
    "±": "how far MLH scatters by chance at this number of values (one standard deviation)",
    "if Gaussian, if uniform": "MLH to expect of random numbers with the same mean and standard "
    "deviation: what a network has before it learned anything",
    "JS": "Jensen-Shannon divergence from Benford's law in nats; lower is closer",
    "MAD": "mean absolute deviation of the digits' shares from the law",
}


def page(results: Sequence[Result], accuracy: float | None = None) -> str:
    """The page of some results: a summary, then for each file its picture and its weights.

    Raises:
        ImportError: if matplotlib is not installed.
    """
    scored = [(printable(each.file), each.score) for each in results if each.score is not None]
    parts = [f"<h1>{counted(len(results), 'saved model')} against Benford's law</h1>"]
    parts += [
        f'<p class="error">{escape(printable(result.error))}</p>'
        for result in results
        if result.error
    ]
    if len(scored) > 1:
        rows = [[file, score.reading.looks, *_cells(score, accuracy)] for file, score in scored]
        parts.append(_table(["file", "looks", *_columns(accuracy)], rows))
        if len(scored) <= _TOGETHER_UP_TO:
            parts.append(_picture(dict(scored)))
    for file, score in scored:
        parts += _section(file, score, accuracy, len(scored) <= _PICTURES_OF_EACH_UP_TO)
    return _whole(parts)


def page_of_comparison(comparison: Comparison, names: Sequence[str]) -> str:
    """The page of two models beside each other.

    Raises:
        ImportError: if matplotlib is not installed.
    """
    names = [printable(name) for name in names]
    rows = tables.rows_of_comparison(comparison)
    scores = {f"A: {names[0]}": comparison.first, f"B: {names[1]}": comparison.second}
    parts = [
        "<h1>Two saved models against Benford's law</h1>",
        *(f"<p>{escape(name)}</p>" for name in scores),
        _picture(scores),
        _table(list(rows[0]), [list(row.values()) for row in rows], last_is_all=True),
        *(f'<p class="note">{escape(line)}</p>' for line in output.lines_on(comparison, names)),
    ]
    return _whole(parts)


def _whole(parts):
    terms = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in _LEGEND.items())
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>keras-benford</title><style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(parts)
        + f'\n<h2>How to read it</h2><dl class="note">{terms}</dl>\n'
        '<p class="note">A high MLH is no certificate: compare a network with itself over its '
        f"training. Made by keras-benford {__version__}.</p>\n</body></html>"
    )


def _section(name, score, accuracy, with_picture):
    rows = [
        [
            tables.marked_path(layer),
            tables.shape_text(layer.shape),
            *tables.figures(layer).values(),
        ]
        for layer in score.layers
    ]
    rows.append(["all", "", *tables.figures(score).values()])
    about = f"format {score.format}, model {score.name}"
    for kind, value in output.criteria_of(score, accuracy):
        about += f"; {kind.title} {value:.4f} at accuracy {accuracy:g}"
    return [
        f"<h2>{escape(name)}</h2>",
        f'<p class="note">{escape(about)}</p>',
        _picture({name: score}) if with_picture else "",
        _table(["weight", "shape", *tables.FIGURES], rows, last_is_all=True),
        f"<p>{escape(' '.join(score.reading.sentences))}</p>",
        *(f'<p class="error">{escape(fault)}</p>' for fault in score.reading.faults),
        *(
            f'<details class="note"><summary>{escape(reason)}: {counted(len(paths), "weight")}'
            f"</summary>{escape(', '.join(paths))}</details>"
            for reason, paths in tables.skipped_by_reason(score).items()
        ),
    ]


def _columns(accuracy):
    criteria = [] if accuracy is None else [kind.title for kind in CRITERIA.values()]
    return [*tables.FIGURES, *criteria]


def _cells(score, accuracy):
    criteria = (f"{value:.4f}" for _, value in output.criteria_of(score, accuracy))
    return [*tables.figures(score).values(), *criteria]


def _table(columns, rows, *, last_is_all=False):
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = [
        ('<tr class="all">' if last_is_all and i == len(rows) - 1 else "<tr>")
        + "".join(f"<td>{escape(cell)}</td>" for cell in row)
        + "</tr>"
        for i, row in enumerate(rows)
    ]
    return f'<div class="wide"><table><tr>{head}</tr>\n' + "\n".join(body) + "</table></div>"


def _picture(scores):
    data = base64.b64encode(svg_of(scores).encode()).decode()
    names = escape(", ".join(scores), quote=True)
    return f'<img alt="Digits and MLH by layer: {names}" src="data:image/svg+xml;base64,{data}">'
