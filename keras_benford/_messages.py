"""Words of messages and tables: long lists are cut, odd characters escaped, nouns counted."""

from collections.abc import Iterable

_MOST = 6


def listed(names: Iterable[str], most: int = _MOST) -> str:
    """Names with commas between them; of many the first ones, and how many there are more."""
    names = list(names)
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most:,} more"


def counted(n: int, one: str, many: str | None = None) -> str:
    """A number of things: `1 neuron`, `1,000 neurons`; `many` where it takes more than an s."""
    return f"{n:,} {one}" if n == 1 else f"{n:,} {many or one + 's'}"


def printable(text: str) -> str:
    """A file's name for something, with escapes for what would break a line or a terminal."""
    return text if text.isprintable() else repr(text)[1:-1]
