"""What the scripts share: a command line, which runs what is missing and then draws.

Runs are recorded in `NAME.jsonl` of the folder `results` beside the script; tables and pictures are
drawn from there alone, as `NAME.md` and `NAME.png`.
"""

import argparse
import pathlib
import sys

from examples.experiments import runner

QUICK = "**A quick try of the script, on less: its figures stand for nothing.**\n\n"
TRAIN = "examples.experiments.training:train"
_EXAMPLES = pathlib.Path(__file__).parents[1]


def run_and_draw(script, doc, stages, draw, *, runs, argv=None):
    """Parse the arguments of a script, make its missing runs, and draw.

    Args:
        script: the script as a module, such as `"examples.paper.table1"`; its table and picture
            have the last part of it as their name.
        doc: its docstring.
        stages: function of a number of seeds, whether it is a quick try, and the folder of
            results, that gives or yields the stages, which run one after the other: for each the
            file of records, `"module:name"` of what makes a run, and the settings, see `runner`.
        draw: function of the records of each stage, and of the picture's path, which it writes;
            gives a text.
        runs: how many seeds there are by default.
        argv: arguments; those of the process if None.
    """
    parser = arguments(script, doc)
    parser.add_argument(
        "--runs", type=runner.positive, default=runs, help=f"seeds (default: {runs})"
    )
    args = runner.add_arguments(parser).parse_args(argv)
    try:
        out = folder(args)
        found, failures = _made(stages(2 if args.quick else args.runs, args.quick, out), args)
    except (OSError, ValueError, ImportError) as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        print("interrupted: what is recorded stays, and the next start goes on", file=sys.stderr)
        sys.exit(130)
    if found[0]:
        name = script.rpartition(".")[2]
        write(name, draw(*found, out / f"{name}.png"), out, args)
    for failure in failures:
        print(failure, file=sys.stderr)
    sys.exit(1 if failures or not found[0] else 0)


def arguments(script, doc):
    """A parser of the arguments that all scripts take: `--draw`, `--quick` and `--out`."""
    package = script.split(".")[-2]
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
    parser.set_defaults(package=package)
    return parser


def add_seed(parser, of):
    """The argument `--seed`, of what is random."""
    parser.add_argument("--seed", type=_seed, default=0, help=f"of {of} (default: 0)")


def results(package):
    """The folder of results of the scripts of a package of examples, such as `"paper"`."""
    return _EXAMPLES / package / "results"


def folder(args):
    """The folder to write to; it is made, so that no run is lost for the want of it."""
    default = pathlib.Path("runs") / args.package if args.quick else results(args.package)
    out = args.out or default
    out.mkdir(parents=True, exist_ok=True)
    return out


def write(name, text, out, args):
    """Write a script's text beside its picture, and print it."""
    text = (QUICK if args.quick else "") + text
    (out / f"{name}.md").write_text(text, encoding="utf-8")
    print(f"{text}\nwritten: {shown(out / name)}.md and .png")


def _seed(text):
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected an integer from 0 on; received {text}")
    return int(text)


def _made(stages, args):
    """The records of each stage, once its missing runs are made, and a line for each failure."""
    found, failures = [], []
    for path, function, settings in stages:
        if not args.draw:
            # What is no training reads the records, which lie here.
            ray = args.ray if function == TRAIN else None
            failures += runner.run_missing(settings, function, path, jobs=args.jobs, ray=ray)
        found.append(runner.recorded(settings, path))
        print(f"{len(found[-1])} of {len(settings)} runs are recorded in {shown(path)}")
    return found, failures


def markdown(header, rows):
    """A Markdown table; the first column stands left, the others right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def subject(found):
    """What records of trainings are of, for a title."""
    setting = found[0]["setting"]
    return f"{setting['network']} on {setting['dataset']}"


def shown(path):
    """A path as text, from where the script was started if it lies below."""
    path = path.resolve()
    here = pathlib.Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
