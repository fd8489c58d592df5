"""Plain text for where it is printed: as wide as that is, and in characters that it has.

An encoding such as ASCII, or a Windows code page, lacks characters of tables and of names. What it
lacks of tables becomes ASCII, and of names an escape: printing never fails.
"""

from __future__ import annotations

import io
import shutil
import sys
from typing import Any

from rich.console import Console
from rich.text import Text

ANY_WIDTH = 1 << 20
_IN_ASCII = {"±": "+/-", "×": "x"}
_CUT = "…"


def encoding_of(file: Any) -> str:
    """The encoding of a text file; UTF-8 for one that takes any text."""
    return getattr(file, "encoding", None) or "utf-8"


def encodable(text: str, encoding: str) -> str:
    """A text in characters that an encoding has.

    >>> encodable("é/3×3 ± 1", "ascii")
    '\\\\xe9/3x3 +/- 1'
    """
    for mark, plain in _IN_ASCII.items():
        if mark in text and not _has(encoding, mark):
            text = text.replace(mark, plain)
    return text.encode(encoding, "backslashreplace").decode(encoding)


class PlainConsole(Console):
    """A console without links, which takes brackets and colons for what they are.

    Args:
        file: where to print.
        width: in columns; by default that of the terminal.
        colours: whether there may be colours, where the terminal has some.
    """

    def __init__(self, file: Any, width: int | None = None, *, colours: bool = False):
        super().__init__(
            file=file,
            width=width,
            color_system="auto" if colours else None,
            markup=False,
            highlight=False,
            emoji=False,
        )

    def on_broken_pipe(self) -> None:
        """Leave it to the command: rich would end the process with 1."""
        raise

    def render_str(self, text: str, **kwargs: Any) -> Text:
        """A text, or the cell of a table, before it is measured and laid out."""
        rendered = super().render_str(encodable(text, self.encoding), **kwargs)
        if not _has(self.encoding, _CUT):
            # Nothing could say that a cell is cut: it goes on in the next line instead.
            rendered.overflow, rendered.no_wrap = "fold", False
        return rendered


class TextConsole(PlainConsole):
    """A console that collects what is printed, for standard output: as wide as the terminal."""

    def __init__(self):
        self._printed = _ForStandardOutput()
        super().__init__(self._printed, shutil.get_terminal_size((ANY_WIDTH, 0)).columns)

    @property
    def text(self) -> str:
        """What was printed, without spaces at the ends of lines."""
        return "\n".join(line.rstrip() for line in self._printed.getvalue().splitlines())


class _ForStandardOutput(io.StringIO):
    @property
    def encoding(self):  # type: ignore[override]  # read-only in truth, not in its stub
        return encoding_of(sys.stdout)


def _has(encoding, character):
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
