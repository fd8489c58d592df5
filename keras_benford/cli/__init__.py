"""The command `keras-benford`: saved models against Benford's law, and what their neurons tell.

Results go to standard output, everything else to standard error. Exit codes: 0; 1 if some of
several files could not be scored; 2 if none could, or the command line is wrong; 3 if one lies
below `--min-mlh`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from keras_benford import _isolation
from keras_benford.cli import options


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    arguments = options.parser().parse_args(argv)
    # TensorFlow, where a checkpoint takes it, has much to say about the machine.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if arguments.command != "information" and _is_hdf5(arguments.files):
        # It loads the HDF5 library while this process loads NumPy and the rest.
        _isolation.server("hdf5_index").start()
    from keras_benford.cli import commands

    try:
        code = commands.COMMANDS[arguments.command](arguments)
        sys.stdout.flush()
        return code
    except (ValueError, ImportError, OSError) as error:
        if isinstance(error, BrokenPipeError):
            # Whoever read this has had enough, as `head` has.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        from keras_benford._messages import printable

        print(f"keras-benford: {printable(' '.join(str(error).split()))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _is_hdf5(files):
    """Whether this is one file, told by its name, that takes the HDF5 library."""
    return len(files) == 1 and files[0].endswith((".keras", ".h5", ".hdf5"))
