"""A progress bar on stderr, which is quiet where that is no terminal."""

import contextlib
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def progress_bar(what: str, wanted: bool) -> Iterator[Callable]:
    """Show a progress bar, if wanted, while what is within runs.

    Args:
        what: what is being done.
        wanted: whether to show anything.

    Yields:
        A function of the number of steps, which gives a function that is to be called with how many
        steps have been made; from any thread.
    """
    console = _terminal() if wanted else None
    if console is None:
        yield lambda total: lambda steps=1: None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn(what), BarColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console) as progress:

        def track(total):
            task = progress.add_task("", total=total)
            return lambda steps=1: progress.advance(task, steps)

        yield track


def _terminal():
    from rich.console import Console

    console = Console(stderr=True)
    return console if console.is_terminal else None
