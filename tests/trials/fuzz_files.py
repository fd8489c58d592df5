"""Damaged files by the thousand: each must be refused by one clear line, or scored right.

    python -m tests.trials.fuzz_files --count 100000 --seed 0

Real writers make small files once. Case `number` of a seed changes one of them, always in the same
way (`--seed 0 --case 1234` does that one alone), and a process that may crash without harm scores
it. What is scored is held against another road: h5py or safetensors read the same file in yet
another process, and `tests.oracle` counts the digits. The record, by default
`tests/trials/results/fuzz.jsonl`, gets a line for every 1,000 cases, and those that it has are not
done again. A case that is BAD stays in `runs/fuzz/`.
"""

import argparse
import collections
import importlib.metadata
import json
import os
import pathlib
import re
import shutil
import sys
import tempfile
import time
import warnings
from multiprocessing import connection

import h5py
import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

import keras_benford as kb
from keras_benford import _isolation, weights
from keras_benford.weights import hdf5
from tests.trials.damaged_files import BLOCK, damaged, load_samples
from tests.trials.other_road import FORK, OtherRoad

SECONDS = 1.0
"""The limit on listing an HDF5 file: short, so that what hangs costs little."""
MARGIN = 15.0
"""The limit on a case, four times as much for a checkpoint: TensorFlow takes seconds to load."""
MOST_MEMORY = 300  # MB above what the process had before the case
HELPER = 50  # MB that the process with the HDF5 library takes when it has read nothing
CONTAINED = {
    "HDF5 library failed": "refused, library crashed",
    "found nothing within": "refused, library hung",
}
OUTCOMES = ("refused", *CONTAINED.values(), "right", "unchecked", "BAD")
KEPT = pathlib.Path("runs/fuzz")


def outcome_of(kind, path, other_road, expected):
    """What came of scoring a file: one of `OUTCOMES`, after `BAD` what is."""
    try:
        score = kb.score(path, threads=1)
        arrays = weights.open_model(path).arrays
    except (ValueError, OSError, ImportError) as error:
        text = str(error)
        if not text.startswith(f"{path}: "):
            return f"BAD: the message does not start with the path: {text[:300]!r}"
        if not text.isprintable():
            return f"BAD: not one line: {text[:300]!r}"
        contained = re.search("HDF5 library failed|found nothing within", text)
        return CONTAINED[contained[0]] if contained else "refused"
    except Exception as error:
        return f"BAD: {type(error).__name__}: {str(error)[:300]!r}"
    layers = [
        (layer.shape, [*layer.counts, layer.zeros, layer.nonfinite]) for layer in score.layers
    ]
    if [*score.counts, score.zeros, score.nonfinite] != np.sum([t for _, t in layers], 0).tolist():
        return "BAD: the model's counts are not the sum of its layers'"
    if len(layers) + len(score.skipped) != sum(a.kind in ("weight", "other") for a in arrays):
        return "BAD: a weight is neither counted nor listed"
    if kind == "checkpoint":
        same = score.counts.tolist() == expected
        return "right" if same else "BAD: other counts although TensorFlow has checksums"
    truth = other_road.arrays(kind, path)
    if truth is None:
        return "right" if score.counts.tolist() == expected else "unchecked"
    if sorted(shape for shape, _ in truth) != sorted(array.shape for array in arrays):
        return "BAD: other arrays than the file has"
    left = collections.Counter(truth)
    for shape, tally in layers:
        if left[shape, tuple(map(int, tally))]:
            left[shape, tuple(map(int, tally))] -= 1
        elif left[shape, False]:
            return "unchecked"
        else:
            return "BAD: wrong counts"
    return "right"


def highest_memory(pid):
    """The most memory that a process had since this was last asked, in MB."""
    try:
        with open(f"/proc/{pid}/status") as status:
            highest = int(re.search(r"VmHWM:\s+(\d+)", status.read())[1]) // 1024
        with open(f"/proc/{pid}/clear_refs", "w") as clear:
            clear.write("5")
        return highest
    except (OSError, TypeError):  # No such system, or it has ended.
        return 0


def work(samples, seed, pipe):
    """Do the cases whose numbers come through the pipe."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    KEPT.mkdir(parents=True, exist_ok=True)
    with open(KEPT / "stderr.log", "a") as log:
        os.dup2(log.fileno(), 2)
    usual = hdf5.SECONDS
    other_road, expected = OtherRoad(), {}
    other_road.arrays("weights", "nothing")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="fuzz", dir=_fast_folder()))
    pipe.send(str(folder))
    parent = os.getppid()
    while os.getppid() == parent:
        if not pipe.poll(5):
            continue
        if (number := pipe.recv()) is None:
            break
        kind, entry, files = damaged(samples, seed, number)
        if kind not in expected:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of what TensorFlow imports
                hdf5.SECONDS = usual
                path = placed(folder, entry, samples[kind][1])
                expected[kind] = kb.score(path, threads=1).counts.tolist()
        hdf5.SECONDS = SECONDS
        path = placed(folder, entry, files)
        highest_memory(os.getpid())
        before, start = highest_memory(os.getpid()), time.monotonic()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            outcome = outcome_of(kind, path, other_road, expected[kind])
        seconds = time.monotonic() - start
        helper = _isolation.server("hdf5_index").pid
        memory = highest_memory(os.getpid()) - before
        memory += max(highest_memory(helper) - HELPER, 0) if helper else 0
        if seconds > MARGIN * (4 if kind == "checkpoint" else 1):
            outcome = f"BAD: took {seconds:.0f} s"
        if memory > MOST_MEMORY:
            outcome = f"BAD: took {memory} MB"
        pipe.send((kind, outcome, seconds, memory))
    other_road.stop()
    shutil.rmtree(folder)


def _fast_folder():
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def placed(folder, entry, files):
    """Write the files of a case; the path to score."""
    folder = folder / "case"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return str(folder if entry == "." else folder / entry)


class Worker:
    """A process that does cases, a new one where the last has crashed or hung."""

    def __init__(self, samples, seed):
        self._samples, self._seed, self._process, self.number = samples, seed, None, None

    def begin(self, number):
        if self._process is None:
            self.pipe, theirs = FORK.Pipe()
            self._process = FORK.Process(target=work, args=(self._samples, self._seed, theirs))
            self._process.start()
            theirs.close()
            self._folder = self.pipe.recv()
        self.number, self.deadline = number, time.monotonic() + 5 * MARGIN
        self.pipe.send(number)

    def result(self):
        """`(kind, outcome, seconds, memory)`; waits no longer than until the deadline."""
        try:
            if self.pipe.poll(max(self.deadline - time.monotonic(), 0)):
                return self.pipe.recv()
            why = "BAD: hung"
        except (EOFError, OSError):
            self._process.join(5)
            why = f"BAD: crashed with {self._process.exitcode}"
        self.stop(kill=True)
        return damaged(self._samples, self._seed, self.number)[0], why, 0.0, 0

    def stop(self, kill=False):
        if self._process is not None:
            if kill:
                self._process.kill()
            else:
                self.pipe.send(None)
            self._process.join()
            self.pipe.close()
            shutil.rmtree(self._folder, ignore_errors=True)
            self._process = None


def run(samples, seed, numbers, processes=1, advance=lambda: None):
    """Do cases; yields `(number, kind, outcome, seconds, memory)` of each as it is done."""
    numbers = iter(numbers)
    workers = [Worker(samples, seed) for _ in range(processes)]
    try:
        busy = [w for w, number in zip(workers, numbers, strict=False) if not w.begin(number)]
        while busy:
            soonest = min(worker.deadline for worker in busy) - time.monotonic()
            ready = connection.wait([worker.pipe for worker in busy], max(soonest, 0))
            now = time.monotonic()
            for worker in [w for w in busy if w.pipe in ready or w.deadline <= now]:
                number, result = worker.number, worker.result()
                following = next(numbers, None)
                if following is None:
                    busy.remove(worker)
                else:
                    worker.begin(following)
                yield number, *result
    finally:
        for worker in workers:
            worker.stop(kill=sys.exc_info()[0] is not None)


def keep(samples, seed, number, outcome):
    """Keep the files of a case that is BAD; how to do it again."""
    _, entry, files = damaged(samples, seed, number)
    folder = KEPT / f"{seed}-{number}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    again = f"python -m tests.trials.fuzz_files --seed {seed} --case {number}"
    return f"{outcome}\n  {folder / entry}; do it again with `{again}`"


def versions():
    """The versions of what reads the files."""
    names = ("h5py", "keras", "numpy", "safetensors", "tensorflow")
    found = {name: importlib.metadata.version(name) for name in names}
    return found | {"hdf5": h5py.version.hdf5_version, "python": sys.version.split()[0]}


def campaign(samples, args, console):
    """Do all blocks that the record lacks, a line for each."""
    done = {line["block"] for line in _lines(args.record) if line["seed"] == args.seed}
    blocks = [block for block in range(args.count // BLOCK) if block not in done]
    with Progress(console=console, disable=not console.is_terminal, auto_refresh=False) as progress:
        task = progress.add_task("cases", total=len(blocks) * BLOCK)
        for block in blocks:
            outcomes, seconds, highest, start = collections.Counter(), 0.0, 0, time.monotonic()
            cases = range(block * BLOCK, (block + 1) * BLOCK)
            for number, kind, outcome, took, memory in run(
                samples, args.seed, cases, args.processes
            ):
                if outcome.startswith("BAD"):
                    console.print(keep(samples, args.seed, number, f"{kind}: {outcome}"))
                outcomes[kind, outcome.partition(":")[0]] += 1
                seconds, highest = max(seconds, took), max(highest, memory)
                progress.update(task, advance=1, refresh=number % 50 == 0)
            by_kind = collections.defaultdict(dict)
            for (kind, outcome), n in sorted(outcomes.items()):
                by_kind[kind][outcome] = n
            line = {
                "seed": args.seed,
                "block": block,
                "cases": BLOCK,
                "formats": by_kind,
                "seconds": round(time.monotonic() - start, 1),
                "longest_seconds": round(seconds, 2),
                "highest_mb": highest,
                "versions": versions(),
            }
            args.record.parent.mkdir(parents=True, exist_ok=True)
            with args.record.open("a") as file:
                file.write(json.dumps(line) + "\n")


def _lines(record):
    return list(map(json.loads, record.read_text().splitlines())) if record.exists() else []


def table_of(lines):
    """Outcomes by format of all recorded cases."""
    total = collections.Counter()
    for line in lines:
        for kind, outcomes in line["formats"].items():
            for outcome, n in outcomes.items():
                total[kind, outcome] += n
    highest = max((line["highest_mb"] for line in lines), default=0)
    longest = max((line["longest_seconds"] for line in lines), default=0)
    title = f"{sum(total.values()):,} damaged files; at most {highest} MB and {longest} s each"
    table = Table("format", *OUTCOMES, title=title)
    for kind in sorted({kind for kind, _ in total}):
        table.add_row(kind, *(f"{total[kind, name]:,}" for name in OUTCOMES))
    table.add_row(
        "all", *(f"{sum(n for (_, o), n in total.items() if o == x):,}" for x in OUTCOMES)
    )
    return table


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument(
        "--record", type=pathlib.Path, default=pathlib.Path("tests/trials/results/fuzz.jsonl")
    )
    parser.add_argument("--case", type=int, help="do this one alone, and say what came of it")
    args = parser.parse_args()
    samples = load_samples()
    if args.case is not None:
        ((_, kind, outcome, seconds, memory),) = run(samples, args.seed, [args.case])
        print(f"{keep(samples, args.seed, args.case, f'{kind}: {outcome}')}")
        return print(f"{seconds:.2f} s, {memory} MB")
    campaign(samples, args, Console(stderr=True))
    lines = [line for line in _lines(args.record) if line["seed"] == args.seed]
    Console().print(table_of(lines))


if __name__ == "__main__":
    main()
