"""Many files -> their scores, one after the other, in processes or on a Ray cluster.

The same function scores each file everywhere, and results come in the order of the files, so no way
of running changes what is said. A file that cannot be scored, even one that kills the process that
reads it, gives a line of error and leaves the others alone.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import re
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

from keras_benford._messages import printable
from keras_benford.digits import streams
from keras_benford.scoring import Score, score_file

Track = Callable[[int], Callable[[int], None]] | None


@dataclass(frozen=True, eq=False)
class Result:
    """A file and its score, or one line that says why it has none.

    Attributes:
        file, score, error: these.
        nonfinite: how many of its values are infinite or NaN, where it was read; also if all are,
            so that it has no score.
    """

    file: str
    score: Score | None = None
    error: str | None = None
    nonfinite: int = 0


def score_one(path: str, options: dict, track: Track = None) -> Result:
    """The result of one file; `options` go to `score_file`."""
    try:
        found = score_file(path, **options, track=track)
    except FileNotFoundError:
        return Result(path, error=one_line(path, "there is no such file or folder"))
    except OSError as error:
        return Result(path, error=one_line(path, f"cannot be read ({error.strerror or error})"))
    except (ValueError, ImportError, TypeError, MemoryError) as error:
        return Result(path, error=one_line(path, error))
    if found.counts.sum() == 0:
        what = "zero" if found.nonfinite == 0 else "zero, infinite or NaN"
        what = f"all {found.size:,} counted values are {what}: no MLH"
        return Result(path, error=one_line(path, what), nonfinite=found.nonfinite)
    return Result(path, found, nonfinite=found.nonfinite)


def score_many(
    paths: Sequence[str], patterns: dict, *, jobs: int, ray: str | None = None, track: Track
) -> Iterator[Result]:
    """The results of all files, in their order.

    Args:
        paths: the files.
        patterns: `include` and `exclude` of `score`.
        jobs: how many cores to use: processes, or threads for a single file.
        ray: the address of a Ray cluster to use instead, `"local"` for one on this machine.
        track: for a single file, see `score_file`.
    """
    if ray is not None:
        yield from _on_ray(paths, patterns | {"threads": 1}, ray)
    elif len(paths) == 1:
        yield score_one(paths[0], patterns | {"threads": jobs}, track)
    else:
        jobs = min(jobs, len(paths))
        # Each process loads numba once for all its files.
        compiled = sum(map(_size, paths)) / 4 / jobs >= streams.PAYS_FOR_NUMBA
        options = patterns | {"threads": 1, "compiled": compiled}
        if jobs > 1:
            yield from _in_processes(paths, options, jobs)
        else:
            yield from (score_one(path, options) for path in paths)


def _size(path):
    try:
        return os.path.getsize(path)
    except OSError:
        return 0


def _in_processes(paths, options, jobs):
    with _processes(jobs) as pool:
        try:
            with _interrupts_held_back():
                futures = [pool.submit(score_one, path, options) for path in paths]
            for path, future in zip(paths, futures, strict=True):
                try:
                    yield future.result()
                except BrokenProcessPool:
                    yield _alone(path, options)
        finally:
            # Where this is interrupted, the files that wait are not scored first.
            pool.shutdown(wait=False, cancel_futures=True)


def _alone(path, options):
    """A file's result after the processes broke: by one of its own, so that it is clear whose."""
    with _processes(1) as pool:
        try:
            with _interrupts_held_back():
                future = pool.submit(score_one, path, options)
            return future.result()
        except BrokenProcessPool:
            what = (
                "the process that read it was killed, perhaps for want of memory; pass fewer --jobs"
            )
            return Result(path, error=one_line(path, what))


def _processes(n):
    # Started afresh rather than forked: that is safe beside threads, and the same everywhere.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(n, mp_context=context, initializer=_end_quietly_when_interrupted)


def _end_quietly_when_interrupted():
    """In a process of the pool: the command says that it was interrupted, and nobody else."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])


@contextlib.contextmanager
def _interrupts_held_back():
    """They come when this ends; in processes that are started meanwhile, when these are ready."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # As it starts it would let them through.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])


def _on_ray(paths, options, address):
    try:
        import ray
    except ImportError as error:
        raise ImportError("`--ray` takes the package ray; run `pip install ray`") from error
    _check_address(address)
    ray.init(
        address=None if address == "local" else address,
        runtime_env={"py_modules": [os.path.dirname(os.path.dirname(__file__))]},
        log_to_driver=False,
        logging_level=logging.ERROR,
    )
    try:
        task = ray.remote(num_cpus=1)(score_one)
        waiting = [task.remote(path, options) for path in paths]
        for path, reference in zip(paths, waiting, strict=True):
            try:
                yield ray.get(reference)
            except ray.exceptions.RayError as error:
                yield Result(path, error=one_line(path, error))
    finally:
        ray.shutdown()


def _check_address(address):
    """Fail at once where nothing answers: Ray itself tries for many minutes."""
    place = re.fullmatch(r"(?:ray://)?([^:/]+):(\d+)", address)
    if place is None:
        return
    try:
        socket.create_connection((place[1], int(place[2])), timeout=10).close()
    except OSError as error:
        raise ConnectionError(
            f"`--ray`: expected the address of a Ray cluster; nothing answers at {address} "
            f"({error.strerror or error}); start one with `ray start --head`"
        ) from None


def one_line(path: str, error: Exception | str) -> str:
    """An error as one line that starts with the path."""
    path = printable(path)
    text = " ".join(str(error).removeprefix(f"{path}: ").split()) or type(error).__name__
    return text if text.startswith(path) else f"{path}: {text}"
