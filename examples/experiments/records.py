"""Records of finished runs: one JSON object a line, appended as the runs end.

As a module it summarises a file: `python -m examples.experiments.records FILE`.
"""

import argparse
import importlib.metadata
import json
import os
import pathlib
import platform
import statistics
from collections import defaultdict

from rich.console import Console
from rich.table import Table


def append(path, record):
    """Append a dict as one line, with the machine and the versions that made it."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps(record | {"environment": environment()}) + "\n"
    with path.open("a") as file:
        file.write(line)


def read(path):
    """The records of a file, oldest first; none if it does not exist."""
    path = pathlib.Path(path)
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def environment():
    versions = {p: importlib.metadata.version(p) for p in ("keras", "tensorflow", "numpy")}
    return {
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    } | versions


def mean_and_spread(values):
    """`mean ± sample standard deviation`, or the one value there is."""
    if len(values) == 1:
        return f"{values[0]:.1f}"
    return f"{statistics.mean(values):.1f} ± {statistics.stdev(values):.1f}"


def summary(records):
    """A table of `early_stopping` records: a row a way of stopping, means over the seeds."""
    ways = defaultdict(list)
    for record in records:
        ways[record["way"]].append(record)
    table = Table()
    table.add_column("way of stopping")
    for column in ("runs", "epochs run", "epoch restored", "seconds", "test accuracy (%)"):
        table.add_column(column, justify="right")
    for way, runs in ways.items():
        accuracy = [100 * run["test_accuracy"] for run in runs]
        columns = ([run[k] for run in runs] for k in ("epochs", "restored_epoch", "seconds"))
        table.add_row(
            way, str(len(runs)), *map(mean_and_spread, columns), mean_and_spread(accuracy)
        )
    return table


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Summarise recorded runs of early_stopping.")
    parser.add_argument("file", type=pathlib.Path)
    Console().print(summary(read(parser.parse_args().file)))
