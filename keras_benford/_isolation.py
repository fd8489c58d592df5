"""A process of its own for a library that may crash, hang or worse on a damaged file.

It is asked by a line of JSON and answers by one, then perhaps with bytes. It is started when first
asked or before, serves until this process ends, and is started anew after it was lost.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import subprocess
import sys
import threading
from typing import Any

_MOST_LINE = 1 << 26


class LostError(Exception):
    """The process `failed: signal 11`, say, or `found nothing within 10 s`."""


class Server:
    """A process that runs the `serve` of a module of this package.

    Args:
        module: the module's name in `weights`, such as `"hdf5_index"`.
        **environment: what it has in its environment beside what this process has.
    """

    def __init__(self, module: str, **environment: str) -> None:
        self._module = module
        self._environment = environment
        # A `subprocess.Popen`, whose type does not know that it has pipes.
        self._process: Any = None
        self._lock = threading.Lock()

    def start(self) -> None:
        """Start the process, which then loads its library while this one does something else."""
        with self._lock:
            self._running()

    def ask(self, request: dict[str, Any], seconds: float) -> tuple[dict[str, Any], bytes, int]:
        """Ask, and wait so long for the answer.

        Returns:
            The answer, the bytes that follow it (as many as its `"bytes"` says), and the length of
            its line.

        Raises:
            LostError: if the process was lost over it.
        """
        with self._lock:
            process = self._running()
            timer = threading.Timer(seconds, process.kill)
            timer.start()
            line = content = b""
            whole = False
            try:
                process.stdin.write(json.dumps(request).encode() + b"\n")
                process.stdin.flush()
                line = process.stdout.readline(_MOST_LINE)
                if line.endswith(b"\n"):
                    answer = json.loads(line)
                    content = process.stdout.read(answer.get("bytes", 0))
                    whole = len(content) == answer.get("bytes", 0)
            except OSError:  # It has ended.
                pass
            finally:
                timed_out = not timer.is_alive()
                timer.cancel()
                # Also where this is interrupted: the answer must not be taken for the next one.
                if timed_out or not whole:
                    self.stop()
        if whole:
            return answer, content, len(line)
        if timed_out:
            raise LostError(f"found nothing within {seconds:.0f} s")
        code = process.returncode
        raise LostError(f"failed: signal {-code}" if code < 0 else "failed: it ended")

    def stop(self) -> None:
        """End the process; the next question starts another."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            process.stdout.close()
            with contextlib.suppress(OSError):  # It may hold a request that was not taken.
                process.stdin.close()

    @property
    def pid(self) -> int | None:
        """The process's number, while there is one."""
        return None if self._process is None else self._process.pid

    def _running(self):
        if self._process is None or self._process.poll() is not None:
            self.stop()
            self._process = self._started()
        return self._process

    def _started(self):
        code = (
            "import sys; sys.path[:] = sys.argv[2:]; import importlib; "
            "importlib.import_module('keras_benford.weights.' + sys.argv[1]).serve()"
        )
        return subprocess.Popen(
            [sys.executable, "-c", code, self._module, *sys.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", **self._environment},
        )


SERVERS: dict[tuple[int, str], Server] = {}
"""Those of this process, and of those that it was forked from, which it must not use."""


def server(module: str, **environment: str) -> Server:
    """This process's own `Server` for a module."""
    key = os.getpid(), module
    if key not in SERVERS:
        SERVERS[key] = started = Server(module, **environment)
        atexit.register(started.stop)
    return SERVERS[key]
