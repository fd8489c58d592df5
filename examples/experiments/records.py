"""Records of finished runs, one JSON object a line, appended as they end; and figures of them.

As a module it summarises a file: `python -m examples.experiments.records FILE`.
"""

import argparse
import importlib.metadata
import json
import os
import pathlib
import platform
import statistics
import sys
from collections import defaultdict

import numpy as np
from rich.console import Console
from rich.table import Table


def append(path, record):
    """Append a dict as one line, with the machine and the versions that made it if it has none."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps({"environment": environment()} | record) + "\n"
    with path.open("a") as file:
        file.write(line)


def read(path):
    """The records of a file, oldest first; none if it does not exist.

    Raises:
        ValueError: if a line is no record, as when its writer was killed.
    """
    path, found = pathlib.Path(path), []
    for number, line in enumerate(path.read_text().splitlines() if path.exists() else (), 1):
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError as error:
            raise ValueError(
                f"{path}: expected a record in line {number}; received {line[:40]!r} ({error}); "
                "do remove that line"
            ) from error
    return found


def environment():
    """The machine in kind, and the versions of what computes on it: also Keras, if it does."""
    packages = ["numpy"]
    if "keras" in sys.modules:
        packages += ["keras", sys.modules["keras"].config.backend()]
    return {
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    } | {package: importlib.metadata.version(package) for package in packages}


def mean_and_spread(values, digits=1):
    """`mean ± sample standard deviation`, or the one value there is."""
    mean = f"{statistics.mean(values):.{digits}f}"
    return mean if len(values) == 1 else f"{mean} ± {statistics.stdev(values):.{digits}f}"


def holm(p_values):
    """p-values, `(n,)` with NaN where there is none, corrected for how many by Holm's method."""
    p_values = np.asarray(p_values, float)
    order = np.argsort(p_values)
    n = np.isfinite(p_values).sum()
    factors = np.maximum(n - np.arange(len(p_values)), 1)
    corrected = np.empty_like(p_values)
    corrected[order] = np.minimum(np.maximum.accumulate(p_values[order] * factors), 1)
    return corrected


def summaries(records):
    """Tables of `early_stopping` records: one a setting, with a row a way of stopping.

    Figures are means and sample standard deviations over the seeds.
    """
    settings = defaultdict(lambda: defaultdict(list))
    for record in records:
        setting = record["dataset"], record["train_size"], record["label_noise"]
        settings[setting][record["way"]].append(record)
    for (dataset, train_size, label_noise), ways in settings.items():
        title = f"{dataset}, {train_size:,} training pictures, label noise {label_noise:g}"
        table = Table(title=title)
        table.add_column("way of stopping", no_wrap=True)
        for column in ("runs", "epochs run", "epoch restored", "test accuracy (%)"):
            table.add_column(column, justify="right")
        for way, runs in ways.items():
            accuracy = [100 * run["test_accuracy"] for run in runs]
            columns = ([run[key] for run in runs] for key in ("epochs", "restored_epoch"))
            figures = map(mean_and_spread, (*columns, accuracy))
            table.add_row(way, str(len(runs)), *figures)
        yield table


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Summarise recorded runs of early_stopping.")
    parser.add_argument("file", type=argparse.FileType())
    for table in summaries(map(json.loads, parser.parse_args().file)):
        Console().print(table)
