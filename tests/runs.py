"""Runs for the tests of the runner, which looks them up by name in a process of its own."""

import os
import pathlib
import time

import threadpoolctl


def run(setting):
    if setting["x"] == 13:
        raise ValueError("unlucky\nnumber")
    return {"double": 2 * setting["x"]}


def wait(setting):
    """Say which process this is, and wait for its end."""
    pathlib.Path(setting["said"]).write_text(str(os.getpid()))
    time.sleep(600)


def cores_and_threads(setting):
    """How many cores this process may use, and the most threads that linear algebra starts."""
    time.sleep(0.5)  # so that the other process takes the other run
    threads = [pool["num_threads"] for pool in threadpoolctl.threadpool_info()]
    return {"usable": len(os.sched_getaffinity(0)), "threads": max(threads)}
