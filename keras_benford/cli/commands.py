"""What each command does: arguments to an exit code."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import math
import warnings

from keras_benford._machine import available_cores
from keras_benford._messages import printable
from keras_benford._progress import progress_bar
from keras_benford.cli import complain, output
from keras_benford.cli.files import expand
from keras_benford.cli.many import score_many

_SORTED_BY = {
    "mlh": lambda part: part.mlh,
    "js": lambda part: -part.js_divergence,
    "mad": lambda part: -part.mean_absolute_deviation,
    "size": lambda part: -part.size,
    "zeros": lambda part: -part.zeros / max(part.size, 1),
    "nonfinite": lambda part: -part.nonfinite / max(part.size, 1),
}


def score(arguments) -> int:
    """`keras-benford score`."""
    _check_page(arguments)
    results = _sorted(_results(arguments, expand(arguments.files)), arguments.sort)
    per_layer = arguments.per_layer
    if per_layer is None:
        per_layer = len(results) == 1 and arguments.format != "csv"
    with _standard_output_to(arguments.output):
        if arguments.format == "json":
            found = [output.as_dict(result, arguments.accuracy) for result in results]
            output.print_json(output.versioned(found))
        elif arguments.format == "csv":
            output.print_csv(results, arguments.accuracy, per_layer)
        elif arguments.format == "html":
            from keras_benford.cli.page import page

            output.print_page(page(results, arguments.accuracy))
        else:
            output.print_tables(results, arguments.accuracy, per_layer, arguments.verbose)
    return max(_exit_code(results), *_checks(results, arguments))


def compare(arguments) -> int:
    """`keras-benford compare`."""
    from keras_benford.scoring import compare as compare_scores

    _check_page(arguments)
    results = _results(arguments, arguments.files)
    scores = [result.score for result in results]
    if None in scores:
        return 2
    comparison = compare_scores(*scores)
    with _standard_output_to(arguments.output):
        if arguments.format == "json":
            output.print_json(output.versioned({"files": arguments.files} | comparison.to_dict()))
        elif arguments.format == "csv":
            output.print_rows(output.rows_of_comparison(comparison))
        elif arguments.format == "html":
            from keras_benford.cli.page import page_of_comparison

            output.print_page(page_of_comparison(comparison, arguments.files))
        else:
            output.print_comparison(comparison, arguments.files)
    return 0


def describe(arguments) -> int:
    """`keras-benford describe`."""
    from keras_benford.cli.description import described, print_description

    paths = expand(arguments.files)
    found, errors = [], 0
    for path in paths:
        about = described(path)
        found.append(about)
        if "error" in about:
            errors += 1
            complain(about["error"])
        elif arguments.format == "table":
            print_description(about, output.console_for_tables())
    if arguments.format == "json":
        output.print_json(output.versioned(found))
    elif arguments.format == "csv":
        output.print_rows(
            [{"file": about["file"]} | row for about in found for row in about.get("arrays", ())]
        )
    return 0 if errors == 0 else 1 if errors < len(paths) else 2


def plot(arguments) -> int:
    """`keras-benford plot`."""
    from keras_benford.cli.pictures import check_can_be_drawn, check_not_too_many, save_picture

    check_can_be_drawn(arguments.output)
    paths = expand(arguments.files)
    check_not_too_many(len(paths))
    results = _results(arguments, paths)
    scores = {printable(r.file): r.score for r in results if r.score is not None}
    if scores:
        save_picture(scores, arguments.output)
    return _exit_code(results)


def information(arguments) -> int:
    """`keras-benford information`."""
    from keras_benford.cli import pictures
    from keras_benford.cli.information import OPTIONS, draw_examples, read_examples, report_on

    if arguments.plot is not None:
        pictures.check_can_be_drawn(arguments.plot, pictures.FOR_REPORTS)
        pictures.check_not_too_many(len(set(arguments.files)))
    if arguments.looking_for is not None and len(set(arguments.files)) < 2:
        raise ValueError(
            "`--looking-for`: expected two models or more to put in order; received 1; name "
            "more, or leave it out"
        )
    x = read_examples(arguments.data)
    x, line = draw_examples(x, arguments.data, arguments.examples, arguments.seed)
    if line is not None:
        complain(line)
    options = {name: getattr(arguments, name) for name in OPTIONS}
    reports, errors = {}, {}
    for path in dict.fromkeys(arguments.files):
        try:
            reports[path] = report_on(path, x, trust=arguments.trust, **options)
        except (ValueError, OSError, ImportError) as error:
            errors[path] = str(error)
            complain(errors[path])
    ranking = None
    if arguments.looking_for is not None and len(reports) > 1:
        from keras_benford.information import rank

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # The table has it, too.
            ranking = rank(reports, looking_for=arguments.looking_for)
    with _standard_output_to(arguments.output):
        if arguments.format == "json":
            models = [
                {"file": file} | (reports[file].to_dict() if file in reports else {"error": why})
                for file, why in {**dict.fromkeys(arguments.files), **errors}.items()
            ]
            order = None if ranking is None else ranking.to_dict()
            asked = arguments.looking_for is not None
            content = {"models": models, "ranking": order} if asked else models
            output.print_json(output.versioned(content))
        else:
            output.print_information(reports, ranking)
    if arguments.plot is not None and reports:
        named = {printable(file): report for file, report in reports.items()}
        pictures.save_picture_of_reports(named, arguments.plot)
    return 0 if not errors else 1 if reports else 2


COMMANDS = {
    "score": score,
    "compare": compare,
    "describe": describe,
    "plot": plot,
    "information": information,
}


def _check_page(arguments):
    """Say before the work if the page that is asked for cannot have its pictures."""
    if arguments.format == "html":
        from keras_benford.cli.pictures import check_installed

        check_installed()


def _results(arguments, paths):
    """The results of all files, in their order, with a progress bar and errors on stderr."""
    patterns = {"include": arguments.include, "exclude": arguments.exclude}
    results = []
    # A bar of one file's values, or of many files.
    many = len(paths) > 1
    what = "scoring {task.completed:.0f} of {task.total:.0f} files" if many else "scoring"
    with progress_bar(what) as track:
        done = track(len(paths)) if many else lambda: None
        for result in score_many(
            paths,
            patterns,
            jobs=arguments.jobs or available_cores(),
            ray=arguments.ray,
            track=track,
        ):
            results.append(result)
            done()
    for result in results:
        if result.error is not None:
            complain(result.error)
    return results


@contextlib.contextmanager
def _standard_output_to(path):
    """Collect what is printed and write it to a file at the end, or print it as it comes."""
    if path is None:
        yield
        return
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        yield
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.getvalue())


def _sorted(results, key):
    if key is None:
        return results
    if key == "path":
        return [
            _with_layers(result, sorted(result.score.layers, key=lambda part: part.path))
            for result in sorted(results, key=lambda result: result.file)
        ]

    def rank(part):
        value = math.nan if part is None else _SORTED_BY[key](part)
        return (math.isnan(value), value)

    return [
        _with_layers(result, [] if result.score is None else sorted(result.score.layers, key=rank))
        for result in sorted(results, key=lambda result: rank(result.score))
    ]


def _with_layers(result, layers):
    if result.score is None:
        return result
    score = dataclasses.replace(result.score, layers=tuple(layers))
    return dataclasses.replace(result, score=score)


def _exit_code(results):
    failed = sum(result.score is None for result in results)
    return 0 if failed == 0 else 1 if failed < len(results) else 2


def _checks(results, arguments):
    """The exit codes of what was asked for and does not hold, 0 where it does."""
    lowest = arguments.min_mlh
    for result in results:
        file = printable(result.file)
        if lowest is not None and result.score is not None and not result.score.mlh >= lowest:
            complain(f"{file}: MLH {result.score.mlh:.6f} lies below {lowest:g}")
            yield 3
        if arguments.fail_on_nonfinite and result.nonfinite:
            complain(f"{file}: {result.nonfinite:,} of the counted values are infinite or NaN")
            yield 4
    yield 0
