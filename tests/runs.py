"""Runs for the tests of the runner, which looks them up by name in a process of its own."""

import os
import pathlib
import time


def run(setting):
    if setting["x"] == 13:
        raise ValueError("unlucky\nnumber")
    return {"double": 2 * setting["x"]}


def wait(setting):
    """Say which process this is, and wait for its end."""
    pathlib.Path(setting["said"]).write_text(str(os.getpid()))
    time.sleep(600)
