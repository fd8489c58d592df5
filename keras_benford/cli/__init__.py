"""The command `keras-benford`: saved models against Benford's law, and what their neurons tell.

Results go to standard output, everything else to standard error. Of several exit codes that apply
the highest is given:

- 0: all is well, or who read the output has had enough, as `head` has.
- 1: some of several files could not be read.
- 2: none could, or the command line is wrong.
- 3: a file that was read lies below `--min-mlh`.
- 4: a file has infinite or NaN values, and `--fail-on-nonfinite` was given.
- 130: interrupted, as by Ctrl-C.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Sequence

# All else is imported in `main`, where an interrupt is caught.


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    try:
        with _noted_interrupts() as interrupts:
            try:
                code = _run(argv)
                sys.stdout.flush()
                return code
            except BrokenPipeError:
                _discard_the_rest()
                return 0
            except (ValueError, ImportError, OSError) as error:
                if not interrupts:
                    complain(" ".join(str(error).split()))
                    return 2
    except KeyboardInterrupt:
        pass
    complain("interrupted")
    return 130


@contextlib.contextmanager
def _noted_interrupts():
    """A list that an interrupt adds to.

    Libraries catch an interrupt that comes while they call back from C, say that they ignore it,
    and fail in another way.
    """
    noted: list[int] = []
    hook = sys.unraisablehook
    if threading.current_thread() is not threading.main_thread():
        yield noted
        return

    def note(number, frame):
        noted.append(number)
        sys.unraisablehook = lambda _: None
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, note)
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, before)
        sys.unraisablehook = hook


def _run(argv):
    from keras_benford.cli import options

    try:
        arguments = options.parser().parse_args(argv)
    finally:
        sys.stdout.flush()  # of a help
    # TensorFlow, where a checkpoint takes it, has much to say about the machine.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if arguments.command != "information" and _is_hdf5(arguments.files):
        from keras_benford import _isolation

        # It loads the HDF5 library while this process loads NumPy and the rest.
        _isolation.server("hdf5_index").start()
    from keras_benford.cli import commands

    return commands.COMMANDS[arguments.command](arguments)


def _discard_the_rest():
    """Nothing more is written where nobody reads, also as the process ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for file in (sys.stdout, sys.stderr):
        os.dup2(nowhere, file.fileno())


def complain(line: str) -> None:
    """Say something on standard error, in a line."""
    from keras_benford._messages import printable

    print(f"keras-benford: {printable(line)}", file=sys.stderr)


def _is_hdf5(files):
    """Whether this is one file, told by its name, that takes the HDF5 library."""
    return len(files) == 1 and files[0].endswith((".keras", ".h5", ".hdf5"))
