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
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not wanted or not console.is_terminal:
        yield lambda total: lambda steps=1: None
        return
    columns = TextColumn(what), BarColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console) as progress:

        def track(total):
            task = progress.add_task("", total=total)
            return lambda steps=1: progress.advance(task, steps)

        yield track
