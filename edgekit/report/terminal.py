"""What a terminal can show: its width, colours, characters; and text made safe and short for it."""

from __future__ import annotations

import math
import os
import shutil
import textwrap
from dataclasses import dataclass
from typing import Self, TextIO

_NARROWEST = 40
_CODES = {"red": "31", "green": "32", "yellow": "33", "bold": "1", "dim": "2"}


@dataclass(frozen=True, slots=True)
class Terminal:
    """Columns, whether it has colours and more than ASCII, and whether tables have to fit it.

    In a file or a pipe a row is as long as it is: who searches it finds whole names.
    """

    width: int = 80
    colour: bool = False
    unicode: bool = False
    cuts: bool = True

    @classmethod
    def of(cls, stream: TextIO) -> Self:
        """Return what `stream` can show; `NO_COLOR`, `TERM=dumb` and `COLUMNS` have their usual say."""
        colour = stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        width = max(_NARROWEST, shutil.get_terminal_size((80, 24)).columns)
        cuts = stream.isatty() or bool(os.environ.get("COLUMNS"))
        return cls(width, colour, (stream.encoding or "").lower().replace("-", "").startswith("utf"), cuts)

    @property
    def table_width(self) -> float:
        """How long a row of a table may be."""
        return self.width if self.cuts else math.inf

    @property
    def ellipsis(self) -> str:
        """Three dots, in one character where there is one."""
        return "\N{HORIZONTAL ELLIPSIS}" if self.unicode else "..."

    def paint(self, text: str, *styles: str) -> str:
        """Return `text` in the styles (red, green, yellow, bold, dim) that the terminal has."""
        if not self.colour or not styles or not text:
            return text
        codes = ";".join(_CODES[style] for style in styles)
        return f"\x1b[{codes}m{text}\x1b[0m"

    def wrap(self, text: str, first: str = "", later: str = "") -> list[str]:
        """Return the lines of `text` at the width, `first` before the first, `later` before the others."""
        return textwrap.wrap(
            printable(text), self.width, initial_indent=first, subsequent_indent=later, break_on_hyphens=False
        )

    def shorten(self, text: str, width: int, *, keep_end: bool = False) -> str:
        """Return `text` in at most `width` columns, dots in place of its end or its beginning."""
        if len(text) <= width:
            return text
        kept = max(width - len(self.ellipsis), 0)
        if keep_end:
            return (self.ellipsis + text[len(text) - kept :])[:width]
        return (text[:kept] + self.ellipsis)[:width]


def printable(text: str) -> str:
    """Return `text` on one line without control characters, which a file's names may hold."""
    return "".join(character if character.isprintable() else "?" for character in " ".join(text.split()))
