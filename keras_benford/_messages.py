"""Names in errors, warnings and tables: long lists are cut, and odd characters escaped."""

from collections.abc import Iterable

_MOST = 6


def listed(names: Iterable[str], most: int = _MOST) -> str:
    """Names with commas between them; of many the first ones, and how many there are more."""
    names = list(names)
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most:,} more"


def printable(text: str) -> str:
    """A file's name for something, with escapes for what would break a line or a terminal."""
    return text if text.isprintable() else repr(text)[1:-1]
