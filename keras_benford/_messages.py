"""Lists of names in errors and warnings, cut to what can be read."""

from collections.abc import Iterable

_MOST = 6


def listed(names: Iterable[str], most: int = _MOST) -> str:
    """Names with commas between them; of many the first ones, and how many there are more."""
    names = list(names)
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most:,} more"
