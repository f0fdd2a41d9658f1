"""The table of layers: error in the whole run and alone side by side, folded to what matters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from edgekit.numerics.metrics import Finding, Metrics
from edgekit.report.table import text_table
from edgekit.report.terminal import Terminal, printable
from edgekit.report.verify import words
from edgekit.units import format_error
from edgekit.verifier import Label, LayerResult, Status, VerifyReport

_SHORTEST_FOLD = 3
_MOST_ROWS = 40
_NEAREST = 3
_FOLDED = {
    Label.CLEAN: "clean",
    Label.CREATED: "failing",
    Label.AMPLIFIED: "amplifying",
    Label.INHERITED: "inheriting",
    Label.ABSORBED: "absorbing",
}
_COLOURS = {Label.CREATED: ("red",), Label.AMPLIFIED: ("yellow",), Label.CLEAN: ("dim",)}
_HEADERS = ("#", "layer", "type", "entire", "single", "floor", "label", "module")
_TYPE, _MODULE = 2, 7
_WIDEST = {1: 24, 2: 20}
_SHORTEST_MODULE = 12

Row = LayerResult | Sequence[LayerResult]
"""A layer, or a run of layers in one line."""


def layer_table(report: VerifyReport, terminal: Terminal, *, everything: bool = False) -> list[str]:
    """Return the lines of the table.

    `entire` is the largest error of the layer's output in the whole run, `single` that of the layer alone on
    PyTorch's inputs, `floor` what rounding explains of it.
    """
    if not report.layers:
        return []
    if everything:
        return _render("", list(report.layers), terminal)
    if all(layer.label is Label.CLEAN and layer.status is Status.PASS for layer in report.layers):
        nearest = sorted(report.layers, key=lambda layer: -(words.excess(layer) or 0.0))
        return _render(
            "nearest to their floors",
            [layer for layer in nearest[:_NEAREST] if words.excess(layer)],
            terminal,
        )
    return _render("", _folded(report.layers), terminal)


def _folded(layers: Sequence[LayerResult]) -> list[Row]:
    """The most detailed of three foldings that fits into `_MOST_ROWS`."""
    notable: tuple[Callable[[LayerResult], bool], ...] = (
        lambda layer: layer.status is not Status.PASS or layer.label is Label.AMPLIFIED,
        lambda layer: layer.status is not Status.PASS,
        lambda layer: layer.status is Status.FAIL,
    )
    rows: list[Row] = []
    for each in notable:
        rows = list(_fold(layers, each))
        if len(rows) <= _MOST_ROWS:
            return rows
    return [*rows[:_MOST_ROWS], [layer for row in rows[_MOST_ROWS:] for layer in _members(row)]]


def _fold(layers: Sequence[LayerResult], notable: Callable[[LayerResult], bool]) -> Iterator[Row]:
    run: list[LayerResult] = []
    for layer in layers:
        if run and (notable(layer) or not _goes_with(layer, run)):
            yield from _short(run)
            run = []
        if notable(layer):
            yield layer
        else:
            run.append(layer)
    yield from _short(run)


def _goes_with(layer: LayerResult, run: Sequence[LayerResult]) -> bool:
    """Whether a layer has the label of a run; a constant, which nothing flows into, goes with any."""
    labels = {each.label for each in run if each.inputs}
    return not layer.inputs or not labels or layer.label in labels


def _short(run: list[LayerResult]) -> list[Row]:
    return [run] if len(run) >= _SHORTEST_FOLD else list(run)


def _members(row: Row) -> Sequence[LayerResult]:
    return (row,) if isinstance(row, LayerResult) else row


def _render(title: str, rows: Sequence[Row], terminal: Terminal) -> list[str]:
    if not rows:
        return []
    cells = [_cells(row, terminal) for row in rows if isinstance(row, LayerResult)]
    table = text_table(_HEADERS, _fit(cells, terminal), left=(1, 2, 6, 7), indent="") if cells else []
    lines = [*([title] if title else []), *table[:1]]
    body = iter(table[1:])
    for row in rows:
        if isinstance(row, LayerResult):
            lines.append(terminal.paint(next(body), *_COLOURS.get(row.label, ())))
        else:
            lines.append(terminal.paint(_fold_line(row, terminal), "dim"))
    return lines


def _fold_line(run: Sequence[LayerResult], terminal: Terminal) -> str:
    labels = {layer.label for layer in run if layer.inputs} or {layer.label for layer in run}
    what = f"{_FOLDED[labels.pop()]} " if len(labels) == 1 else ""
    return f"{terminal.ellipsis} {len(run)} {what}layers"


def _cells(layer: LayerResult, terminal: Terminal) -> list[str]:
    label = "unmatched" if layer.status is Status.UNMATCHED else layer.label.value
    return [
        str(layer.index),
        terminal.shorten(printable(layer.name), _WIDEST[1]),
        terminal.shorten(printable(layer.type), _WIDEST[2]),
        _error(layer.propagated, layer.propagated_finding),
        _error(layer.isolated, layer.finding),
        "" if layer.floor is None else format_error(layer.floor),
        label,
        "" if layer.source is None else printable(layer.source.module),
    ]


def _error(metrics: Metrics | None, finding: Finding | None) -> str:
    if metrics is not None:
        return format_error(metrics.max_abs)
    return "" if finding is None else finding.value


def _fit(rows: list[list[str]], terminal: Terminal) -> list[list[str]]:
    """Shorten the module paths, and leave out the types, where the terminal is narrow."""
    widths = [max(len(header), *(len(row[column]) for row in rows)) for column, header in enumerate(_HEADERS)]
    if not terminal.cuts:
        return rows
    room = terminal.width - sum(widths[:_MODULE]) - 2 * (len(widths) - 1)
    shortest = min(widths[_MODULE], _SHORTEST_MODULE)
    if room < min(widths[_MODULE], 2 * _SHORTEST_MODULE):
        room += widths[_TYPE] + 2
        rows = [["" if column == _TYPE else text for column, text in enumerate(row)] for row in rows]
    if room < shortest:
        return [[*row[:_MODULE], ""] for row in rows]
    return [[*row[:_MODULE], terminal.shorten(row[_MODULE], room, keep_end=True)] for row in rows]
