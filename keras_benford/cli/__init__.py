"""The command `keras-benford`: saved models against Benford's law, and what their neurons tell.

Results go to standard output, everything else to standard error. Exit codes: 0; 1 if some of
several files could not be scored; 2 if none could, or the command line is wrong; 3 if one lies
below `--min-mlh`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from keras_benford.cli import commands, options
from keras_benford.weights.hdf5 import printable


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    arguments = options.parser().parse_args(argv)
    # TensorFlow, where a checkpoint takes it, has much to say about the machine.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        code = commands.COMMANDS[arguments.command](arguments)
        sys.stdout.flush()
        return code
    except (ValueError, ImportError, OSError) as error:
        if isinstance(error, BrokenPipeError):
            # Whoever read this has had enough, as `head` has.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        print(f"keras-benford: {printable(' '.join(str(error).split()))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
