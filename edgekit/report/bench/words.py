"""Words that the sections of a bench report share."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from edgekit.bencher import BenchReport
from edgekit.units import counted

_WIDTH = 110


def label(report: BenchReport, key: tuple[str, int, str]) -> str:
    """Name a configuration by what tells it apart from the others of the report."""
    target, threads, precision = key
    parts = []
    if len({result.target for result in report.results}) > 1:
        parts.append(target)
    if len({result.threads for result in report.results}) > 1:
        parts.append(counted(threads, "thread"))
    if len({result.precision for result in report.results}) > 1:
        parts.append(precision)
    return ", ".join(parts) or target


def wrapped(text: str) -> list[str]:
    """Return a long sentence as indented lines."""
    return textwrap.wrap(text, _WIDTH, initial_indent="  ", subsequent_indent="      ")


def some(names: Sequence[str], most: int) -> str:
    """Return the first names, and how many there are beside them."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
