"""Aligned columns of plain text."""

from __future__ import annotations

from collections.abc import Sequence


def text_table(
    headers: Sequence[str], rows: Sequence[Sequence[str]], *, left: Sequence[int] = (0,), indent: str = "  "
) -> list[str]:
    """Return the lines of a table; columns in `left` are flush left, the others flush right.

    Columns without any text in their rows are left out.
    """
    kept = [column for column in range(len(headers)) if any(row[column] for row in rows)]
    widths = {column: max(len(headers[column]), *(len(row[column]) for row in rows)) for column in kept}

    def line(cells: Sequence[str]) -> str:
        parts = [
            cells[column].ljust(widths[column]) if column in left else cells[column].rjust(widths[column])
            for column in kept
        ]
        return (indent + "  ".join(parts)).rstrip()

    return [line(headers), *(line(row) for row in rows)]
