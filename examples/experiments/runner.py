"""Many runs -> a record each, appended to a file as they end; what is recorded is not run again.

A run is a function of a setting, a dict of what JSON can hold, which gives a dict of results. Runs
go side by side in processes of their own, each on its share of the cores, or on a Ray cluster.
"""

import importlib
import json
import logging
import multiprocessing
import os
import pathlib
import threading
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import connection

import threadpoolctl
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from examples.experiments import records


def run_missing(settings, function, path, *, jobs=1, ray=None):
    """Run the settings that a file has no record of, and append theirs.

    Args:
        settings: list of dicts; the order in which to run them.
        function: `"module:name"` of a function from a setting to a dict of results.
        path: the file of records, see `records`.
        jobs: number of processes.
        ray: address of a Ray cluster to use instead, `"local"` for one on this machine.

    Returns:
        A line for each reason for which runs failed; such a run has no record.
    """
    done = {_key(record["setting"]) for record in records.read(path)}
    missing = [setting for setting in settings if _key(setting) not in done]
    failures = {}
    in_turn = _on_ray(missing, function, ray) if ray else _in_processes(missing, function, jobs)
    with progress(pathlib.Path(path).stem) as bar:
        for setting, result in bar.track(in_turn, total=len(missing)):
            if isinstance(result, dict):
                records.append(path, {"setting": setting, **result})
            else:
                failures.setdefault(result, []).append(_key(setting))
    return [
        f"{why} ({len(keys)} of {len(missing)} runs, the first: {keys[0]})"
        for why, keys in failures.items()
    ]


def recorded(settings, path):
    """The records of these settings in a file, in the order of the settings."""
    found = {_key(record["setting"]): record for record in records.read(path)}
    return [found[_key(setting)] for setting in settings if _key(setting) in found]


def run(function, setting):
    """The results of one run, with its seconds and what it ran on; or a line on why it failed."""
    # TensorFlow warns of a program for each network, which is what many runs make, and urllib3 of
    # each try to download what cannot be had, which is one line in the end.
    for noisy in ("tensorflow", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    module, name = function.split(":")
    began = time.perf_counter()
    try:
        result = getattr(importlib.import_module(module), name)(setting)
    except Exception as error:  # one run must not end the others
        return f"{type(error).__name__}: {' '.join(str(error).split())}"
    seconds = round(time.perf_counter() - began, 1)
    return {**result, "seconds": seconds, "environment": records.environment()}


def progress(what):
    """A progress bar on stderr, quiet when that is no terminal."""
    console = Console(stderr=True)
    return Progress(
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )


def _key(setting):
    return json.dumps(setting, sort_keys=True)


def _in_processes(settings, function, jobs):
    if not settings:
        return
    context = multiprocessing.get_context("spawn")
    shares = context.Queue()
    for share in _shares_of_cores(jobs):
        shares.put(share)
    with ProcessPoolExecutor(jobs, context, initializer=_begin, initargs=(shares,)) as pool:
        futures = {pool.submit(run, function, setting): setting for setting in settings}
        try:
            for future in as_completed(futures):
                error = future.exception()
                yield futures[future], future.result() if error is None else repr(error)
        finally:
            # Where this is interrupted, the runs that wait are not made first.
            pool.shutdown(cancel_futures=True)


def _shares_of_cores(jobs):
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(cores) < jobs:
        return [cores] * jobs
    return [cores[job::jobs] for job in range(jobs)]


def _begin(shares):
    """What a process does first: every backend starts as many threads as the cores it finds.

    NumPy's linear algebra is there by then, with threads for all cores, which would wait for each
    other on one.
    """
    threading.Thread(target=_end_with_the_script, daemon=True).start()
    share = shares.get()
    if share:
        os.sched_setaffinity(0, share)
        threadpoolctl.threadpool_limits(len(share))


def _end_with_the_script():
    """Without it a run would go on for nobody, where its script was killed."""
    connection.wait([multiprocessing.parent_process().sentinel])
    os._exit(1)


def _on_ray(settings, function, address):
    try:
        import ray
    except ImportError as error:
        raise ImportError("`--ray` takes the package ray; `pip install ray`") from error
    import keras_benford

    folders = [pathlib.Path(keras_benford.__file__).parent, pathlib.Path(__file__).parents[1]]
    ray.init(
        address=None if address == "local" else address,
        runtime_env={"py_modules": [str(folder) for folder in folders]},
        log_to_driver=False,
        logging_level=logging.ERROR,
    )
    try:
        task = ray.remote(num_cpus=1, max_calls=1)(run)
        waiting = {task.remote(function, setting): setting for setting in settings}
        while waiting:
            (reference,), _ = ray.wait(list(waiting))
            setting = waiting.pop(reference)
            try:
                yield setting, ray.get(reference)
            except ray.exceptions.RayError as error:
                yield setting, repr(error)
    finally:
        ray.shutdown()
