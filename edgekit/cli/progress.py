"""A status line on stderr, only where a person watches: on a terminal."""

from __future__ import annotations

import os
import shutil
import sys
import time
from types import TracebackType
from typing import Self, TextIO

_MIN_REDRAW_INTERVAL_S = 0.05
_CLEAR_LINE = "\r\x1b[2K"


class StatusLine:
    """One line that is redrawn at each step and gone at the end; silent when stderr is no terminal.

    Call it with a step, and where known with how many of how many are done:

        with StatusLine("verify") as status:
            status("running ncnn")
            status("isolating layers", 3, 75)

    `NO_COLOR` turns the dim colour off, a `TERM` of `dumb` the whole line; characters that the terminal
    cannot show are replaced.
    """

    def __init__(self, title: str, stream: TextIO | None = None) -> None:
        self._title = title
        self._stream = sys.stderr if stream is None else stream
        self._visible = self._stream.isatty() and os.environ.get("TERM") != "dumb"
        self._colour = not os.environ.get("NO_COLOR")
        self._drawn_at_s = float("-inf")
        self._step = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.clear()

    def __call__(self, step: str, done: int | None = None, total: int | None = None) -> None:
        """Show `step`, with ` 3/75` behind it where numbers are given."""
        now_s = time.monotonic()
        if not self._visible or (step == self._step and now_s - self._drawn_at_s < _MIN_REDRAW_INTERVAL_S):
            return
        self._step, self._drawn_at_s = step, now_s
        counted = f" {done}/{total}" if done is not None and total is not None else ""
        line = f"{self._title}: {step}{counted}".replace("\n", " ")
        width = shutil.get_terminal_size().columns
        line = line if len(line) < width else line[: max(width - 4, 0)] + "..."
        encoding = self._stream.encoding or "ascii"
        line = line.encode(encoding, "replace").decode(encoding)
        self._write(_CLEAR_LINE + (f"\x1b[2m{line}\x1b[0m" if self._colour else line))

    def clear(self) -> None:
        """Take the line away, so that what follows starts on a clean one."""
        if self._visible and self._step:
            self._write(_CLEAR_LINE)
            self._step = ""

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
