"""A progress bar on stderr: quiet where that is no terminal, and gone when all is done."""

import contextlib
import sys
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def progress_bar(what: str, wanted: bool = True) -> Iterator[Callable]:
    """Show a progress bar, if wanted, while what is within runs.

    Args:
        what: what is being done; `task` in it is rich's, as in `"{task.completed} of 9"`.
        wanted: whether to show anything.

    Yields:
        A function of the number of steps, which gives a function that is to be called with how many
        steps have been made; from any thread.
    """
    if not wanted or sys.stderr is None or not sys.stderr.isatty():
        yield lambda total: lambda steps=1: None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from keras_benford._console import PlainConsole

    columns = TextColumn(what), BarColumn(), TimeRemainingColumn()
    with Progress(*columns, console=PlainConsole(sys.stderr), transient=True) as progress:

        def track(total):
            task = progress.add_task("", total=total)
            return lambda steps=1: progress.advance(task, steps)

        yield track
