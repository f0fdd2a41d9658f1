"""Tables as values, and as aligned columns of plain text."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

Row = Sequence[str]


@dataclass(frozen=True, slots=True)
class Table:
    """Headers and rows of text; columns in `left` are flush left, the others hold numbers."""

    headers: Row
    rows: Sequence[Row]
    left: Collection[int] = (0,)

    @property
    def columns(self) -> list[int]:
        """The columns with any text in their rows: the others are not shown."""
        return [column for column in range(len(self.headers)) if any(row[column] for row in self.rows)]

    def lines(self, indent: str = "  ") -> list[str]:
        """Return the table as text, nothing for one without rows."""
        return text_table(self.headers, self.rows, left=self.left, indent=indent) if self.rows else []


def text_table(
    headers: Row, rows: Sequence[Row], *, left: Collection[int] = (0,), indent: str = "  "
) -> list[str]:
    """Return the lines of a table; columns in `left` are flush left, the others flush right.

    Columns without any text in their rows are left out.
    """
    kept = Table(headers, rows).columns
    widths = {column: max(len(headers[column]), *(len(row[column]) for row in rows)) for column in kept}

    def line(cells: Row) -> str:
        parts = [
            cells[column].ljust(widths[column]) if column in left else cells[column].rjust(widths[column])
            for column in kept
        ]
        return (indent + "  ".join(parts)).rstrip()

    return [line(headers), *(line(row) for row in rows)]
