"""What the scripts share: a command line, which runs what is missing and then draws.

A script gives its settings, the function that makes a run of one, and the function that draws. Runs
are recorded in `NAME.jsonl` of the folder `results` beside the script; tables and pictures are
drawn from there alone, as `NAME.md` and `NAME.png`.
"""

import argparse
import pathlib
import sys

from examples.experiments import runner

QUICK = "**A quick try of the script, on less: its figures stand for nothing.**\n\n"
TRAIN = "examples.experiments.training:train"
_EXAMPLES = pathlib.Path(__file__).parents[1]


def arguments(script, doc, seeds=None):
    """A parser of the arguments that all scripts take: `--draw`, `--quick` and `--out`.

    Args:
        script: the script as a module, such as `"examples.paper.table1"`; its table and picture
            have the last part of it as their name.
        doc: its docstring.
        seeds: how many seeds there are by default, of a script that takes `--seeds`.
    """
    _, package, name = script.split(".")
    parser = argparse.ArgumentParser(
        prog=f"python -m {script}",
        description=doc,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--draw", action="store_true", help="draw what is recorded, run nothing")
    parser.add_argument(
        "--quick", action="store_true", help=f"a try of seconds, into runs/{package}"
    )
    parser.add_argument(
        "--out", type=pathlib.Path, help=f"folder (default: {shown(results(package))})"
    )
    if seeds is not None:
        parser.add_argument(
            "--seeds", type=positive, default=seeds, help=f"how many (default: {seeds})"
        )
    parser.set_defaults(package=package, name=name)
    return parser


def positive(text):
    """An argument that is an integer of 1 or more."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more; received {text}")
    return number


def seed(text):
    """An argument that Keras takes for a seed."""
    if not (text.isdecimal() and int(text) < 2**32):
        raise argparse.ArgumentTypeError(f"expected an integer from 0 to 2^32 - 1; received {text}")
    return int(text)


def run_and_draw(parser, stages, draw=None, argv=None):
    """Make the missing runs of a script, and draw those that are recorded.

    Args:
        parser: that of the script, see `arguments`; here it gets `--jobs` and `--ray`.
        stages: function of the arguments that gives or yields the stages, which run one after the
            other: for each the file of records, `"module:name"` of what makes a run, and the
            settings, see `runner`. A quick try has two seeds.
        draw: function of the records of each stage, and of the picture's path, which it writes;
            gives a text. None if the script draws nothing.
        argv: arguments; those of the process if None.
    """
    parser.add_argument(
        "--jobs",
        type=positive,
        default=1,
        help="runs side by side, which share the cores (default: 1)",
    )
    parser.add_argument(
        "--ray", metavar="ADDRESS", help='run on this Ray cluster, or on "local" one (extra `ray`)'
    )
    make_and_draw(parser, lambda args: _made(stages(args), args), draw, argv)


def make_and_draw(parser, make, draw=None, argv=None):
    """Parse the arguments of a script that makes its records by itself, and draw them.

    Args:
        parser, draw, argv: see `run_and_draw`.
        make: function of the arguments, of which `out` is the folder of results, there by then.
            Gives what `draw` takes before the path, as a list whose first item is empty where there
            is nothing to draw, and a line for each failure.
    """
    args = parser.parse_args(argv)
    default = pathlib.Path("runs") / args.package if args.quick else results(args.package)
    args.out = args.out or default
    if args.quick:
        args.seeds = 2
    try:
        # First of all, so that no run is lost for the want of it.
        args.out.mkdir(parents=True, exist_ok=True)
        found, failures = make(args)
    except (OSError, ValueError, ImportError) as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        print("interrupted: what is recorded stays, and the next start goes on", file=sys.stderr)
        sys.exit(130)
    if not found[0] and not failures:
        failures = [f"{args.out}: expected records; received none; run without --draw"]
    if found[0] and draw:
        path = args.out / args.name
        text = (QUICK if args.quick else "") + draw(*found, path.with_suffix(".png"))
        path.with_suffix(".md").write_text(text, encoding="utf-8")
        print(f"{text}\nwritten: {shown(path)}.md and .png")
    for failure in failures:
        print(failure, file=sys.stderr)
    sys.exit(1 if failures else 0)


def _made(stages, args):
    """The records of each stage, once its missing runs are made, and a line for each failure."""
    found, failures = [], []
    for path, function, settings in stages:
        if not args.draw:
            # A run that reads records is made where they lie.
            ray = None if any("records" in setting for setting in settings) else args.ray
            failures += runner.run_missing(settings, function, path, jobs=args.jobs, ray=ray)
        found.append(runner.recorded(settings, path))
        print(f"{len(found[-1])} of {len(settings)} runs are recorded in {shown(path)}")
    return found, failures


def results(package):
    """The folder of results of the scripts of a package of examples, such as `"paper"`."""
    return _EXAMPLES / package / "results"


def markdown(header, rows):
    """A Markdown table; the first column stands left, the others right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def shown(path):
    """A path as text, from where the script was started if it lies below."""
    path = path.resolve()
    here = pathlib.Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
