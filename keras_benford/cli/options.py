"""The command line's arguments."""

from __future__ import annotations

import argparse

from keras_benford import __version__

SORT_KEYS = ("path", "mlh", "js", "mad", "size", "zeros", "nonfinite")
_FILES = "files, folders (all models in them) or glob patterns"
_EXIT_CODES = """\
exit codes, of those that apply the highest: 0 all is well; 1 some of several files could not be
read; 2 none could, or a wrong command line; 3 a file that was read lies below --min-mlh;
4 a file has infinite or NaN values, with --fail-on-nonfinite; 130 interrupted.
"""
_EPILOG = """\
formats: .keras, .weights.h5, .weights.json with shards, .h5/.hdf5 of Keras 1 to 3, .safetensors and
its index, model.json of TensorFlow.js layers models, TensorFlow SavedModel folders and checkpoints.
Nothing in a file is ever run, but by `information`, which loads models: see its help.
"""


def parser() -> argparse.ArgumentParser:
    """The parser of `keras-benford`."""
    top = argparse.ArgumentParser(
        prog="keras-benford",
        description="Benford's law in the weights of saved Keras models, and information in their "
        "neurons.",
        epilog=f"{_EPILOG}\n{_EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"keras-benford {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    score = commands.add_parser(
        "score",
        help="MLH (how close the digits are to Benford's law) and more, by file and by weight",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    score.add_argument("files", nargs="+", metavar="FILE", help=_FILES)
    score.add_argument("--format", choices=("table", "json", "csv", "html"), default="table")
    score.add_argument(
        "--per-layer",
        action=argparse.BooleanOptionalAction,
        help="a row for each weight (default: for a single file)",
    )
    score.add_argument(
        "--sort",
        choices=SORT_KEYS,
        help="files and weights by path, by mlh (lowest first) or another figure (largest first)",
    )
    score.add_argument(
        "--min-mlh", type=_mlh, metavar="X", help="exit with 3 if a file's MLH is lower"
    )
    score.add_argument(
        "--fail-on-nonfinite",
        action="store_true",
        help="exit with 4 if a counted weight has infinite or NaN values",
    )
    score.add_argument(
        "--accuracy",
        type=_accuracy,
        metavar="A",
        help="training accuracy in [0, 1]: adds EIC, made of it and MLH",
    )
    score.add_argument("--verbose", action="store_true", help="name the weights that do not count")
    score.add_argument("-o", "--output", metavar="OUT", help="write to this file instead")
    _add_selection(score)
    _add_workers(score)

    compare = commands.add_parser("compare", help="two models, weight by weight")
    for name in ("A", "B"):
        compare.add_argument("files", action="append", metavar=name, help="a file or folder")
    compare.add_argument("--format", choices=("table", "json", "csv", "html"), default="table")
    compare.add_argument("-o", "--output", metavar="OUT", help="write to this file instead")
    _add_selection(compare)
    _add_workers(compare)

    describe = commands.add_parser("describe", help="list the arrays in a file; computes nothing")
    describe.add_argument("files", nargs="+", metavar="FILE", help=_FILES)
    describe.add_argument("--format", choices=("table", "json", "csv"), default="table")

    plot = commands.add_parser("plot", help="a picture of the digits and of MLH by layer")
    plot.add_argument("files", nargs="+", metavar="FILE", help=_FILES + ", drawn over each other")
    plot.add_argument("-o", "--output", required=True, metavar="OUT", help=".png, .svg or .pdf")
    _add_selection(plot)
    _add_workers(plot)
    _add_information(commands)
    return top


_INFORMATION = """\
Entropy of a model's neurons and mutual information between them, on unlabelled examples.

The model is loaded and run. A .keras file is loaded in Keras' safe mode, which refuses code in the
file (Lambda layers). For HDF5 files (.h5) older versions of Keras ignore safe mode, so that loading
one can run whatever its maker put there: that takes --trust. Only pass files from people you trust.
"""


def _add_information(commands):
    command = commands.add_parser(
        "information",
        help="what a model's neurons tell on unlabelled examples; loads the model",
        description=_INFORMATION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("files", nargs="+", metavar="MODEL", help=".keras files")
    command.add_argument(
        "--data",
        required=True,
        metavar="X",
        help="a .npy of unlabelled examples as the model takes them, a thousand or more; a .npz "
        "with an array for each of several inputs, by name",
    )
    command.add_argument(
        "--looking-for",
        choices=("shortcuts", "memorization"),
        help="put several models in order, the one with the least of this fault first",
    )
    command.add_argument("--format", choices=("table", "json"), default="table")
    command.add_argument("-o", "--output", metavar="OUT", help="write to this file instead")
    command.add_argument("--plot", metavar="OUT", help="a picture as well: .png, .svg or .pdf")
    command.add_argument("--trust", action="store_true", help="load HDF5 models too, see above")
    command.add_argument(
        "--layers",
        action="append",
        metavar="GLOB",
        help="layers to look at, by name or pattern; repeatable (default: the hidden ones)",
    )
    command.add_argument(
        "--examples",
        type=_several,
        metavar="N",
        help="at most so many, drawn (default: 2,000, and it says so where there are more)",
    )
    command.add_argument(
        "--neurons", type=_count, default=512, help="at most so many, drawn (default: 512)"
    )
    command.add_argument(
        "--position",
        type=int,
        help="look at this place in sequences, as 0 for [CLS] (default: their average)",
    )
    command.add_argument(
        "--method",
        choices=("ksg", "bins"),
        default="ksg",
        help="how mutual information is estimated: nearest neighbours or bins (default: ksg)",
    )
    command.add_argument(
        "--k", type=_count, default=3, help="which neighbour, for ksg (default: 3)"
    )
    command.add_argument(
        "--scale",
        choices=("keep", "std"),
        default="keep",
        help="for ksg: std where scales of neurons differ tenfold and more (default: keep)",
    )
    command.add_argument(
        "--bins", type=_count, default=100, help="how many, for entropy (default: 100)"
    )
    command.add_argument(
        "--edges",
        choices=("shared", "neuron"),
        default="shared",
        help="bins that all neurons share, or each neuron's own (default: shared)",
    )
    command.add_argument(
        "--batch-size", type=_count, default=256, help="examples run at once (default: 256)"
    )
    command.add_argument("--seed", type=int, default=0, help="of the random draws (default: 0)")


def _add_selection(command):
    for name, what in (("include", "count exactly these weights"), ("exclude", "leave these out")):
        command.add_argument(
            f"--{name}",
            action="append",
            metavar="GLOB",
            help=f"{what}; a pattern on weight paths such as 'conv*/kernel'; repeatable",
        )


def _add_workers(command):
    command.add_argument(
        "--jobs",
        type=_count,
        metavar="N",
        help="cores to use (default: all)",
    )
    command.add_argument(
        "--ray", metavar="ADDRESS", help="score on a Ray cluster: its address, or local"
    )


def _count(text):
    return _checked(text, int, "a whole number of 1 or more", lambda n: n >= 1)


def _several(text):
    return _checked(text, int, "a whole number of 2 or more", lambda n: n >= 2)


def _mlh(text):
    return _checked(text, float, "a number in [-1, 1]", lambda x: -1 <= x <= 1)


def _accuracy(text):
    what = "a number in [0, 1] (a percentage divided by 100)"
    return _checked(text, float, what, lambda x: 0 <= x <= 1)


def _checked(text, kind, expected, is_right):
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not is_right(value):
        raise argparse.ArgumentTypeError(f"expected {expected}; received {text!r}")
    return value
