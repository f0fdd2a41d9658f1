"""A table of a text report as HTML, its columns sortable where a script is there to do it."""

from __future__ import annotations

from edgekit.report.markup import Markup, tag
from edgekit.report.table import Table


def html_table(table: Table) -> Markup:
    """Return a `table` element in a frame that scrolls; columns without any text are left out."""
    columns = table.columns
    head = [tag("th", table.headers[column], scope="col", class_=_kind(table, column)) for column in columns]
    rows = [
        tag("tr", *(tag("td", row[column], class_=_kind(table, column)) for column in columns))
        for row in table.rows
    ]
    content = tag("table", tag("thead", tag("tr", *head)), tag("tbody", *rows), class_="sortable")
    return tag("div", content, class_="scroll")


def _kind(table: Table, column: int) -> str | None:
    return None if column in table.left else "number"
