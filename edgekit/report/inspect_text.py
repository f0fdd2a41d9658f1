"""An inspection as text: what it is in a line, the table of layers, then what is unusual."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from edgekit.inspector import InspectReport, LayerSummary, Port, Remark
from edgekit.report.layer_words import detail
from edgekit.report.table import text_table
from edgekit.report.terminal import Terminal, printable
from edgekit.units import NOT_AVAILABLE, counted, format_bytes, format_count, format_shape

_INDENT = 10
_MOST_NAMES = 4
_WIDEST_NAME = 28
_WIDEST_DETAIL = 30
_HEADERS = ("#", "layer", "type", "output", "", "params", "MACs", "weights", "module")
_LEFT = (1, 2, 3, 4, 8)
_NAME = 1
_SHORT_NAME = 12
_EXPENDABLE = (8, _NAME, 4, 7, 2)
_TITLES = {
    "file": "the file",
    "unknown": "layers that ncnn does not have",
    "parameter": "parameters that ncnn ignores or may misread",
    "weights": "weights",
    "dead": "computed for nothing",
    "shape": "shapes",
    "slow": "off the fast kernels",
    "unfused": "not fused",
}


def inspect_text(report: InspectReport, terminal: Terminal | None = None, *, layers: bool = True) -> str:
    """Return the whole summary; `layers` shows the table with a line for each layer."""
    terminal = terminal or Terminal()
    sections = (
        _head(report, terminal),
        _table(report.layers, terminal) if layers else [],
        _remarks(report.remarks, terminal),
    )
    return "\n\n".join("\n".join(section) for section in sections if section) + "\n"


def _head(report: InspectReport, terminal: Terminal) -> list[str]:
    totals = report.totals
    macs = "MACs unknown" if totals.macs is None else f"{format_count(totals.macs)} MACs"
    if totals.macs is not None and totals.macs_unknown:
        macs += f" without {counted(totals.macs_unknown, 'layer')} of unknown shape"
    parameters = format_count(totals.parameters)
    title = f"{printable(report.name)}: {totals.layers} layers, {parameters} parameters, {macs}"
    lines = [terminal.paint(line, "bold") for line in _wrapped(title, "", "  ", terminal)]
    for what, ports in (("input", report.inputs), ("output", report.outputs)):
        for number, port in enumerate(ports):
            lines += _fact(what if number == 0 else "", _port(port), terminal)
    lines += _fact("weights", _weights(report), terminal)
    lines += _fact("memory", _memory(report), terminal)
    masked = [layer for layer in report.layers if layer.turned_off]
    if masked:
        names = _listed([f"{layer.name} ({', '.join(layer.turned_off)})" for layer in masked])
        lines += _fact(
            "masked", f"{counted(len(masked), 'layer')} with features turned off: {names}", terminal
        )
    types = ", ".join(f"{printable(name)} {count}" for name, count in report.types.items())
    lines += _fact("types", types, terminal)
    if report.ncnn is not None:
        lines += _fact("ncnn", f"{report.ncnn} is installed", terminal)
    return lines


def _port(port: Port) -> str:
    name = port.blob if port.name in (None, port.blob) else f"{port.name} ({port.blob})"
    return f"{printable(name)} {_shape(port.shape)}"


def _shape(shape: tuple[int, ...] | None) -> str:
    return "?" if shape is None else format_shape(shape)


def _weights(report: InspectReport) -> str:
    if report.totals.bin_file_bytes is None and set(report.precision) <= {"fp32"}:
        return f"{format_bytes(report.totals.weight_bytes)} in fp32; there is no .bin"
    parts = [
        f"{format_count(share.parameters)} numbers in {name} ({format_bytes(share.bytes)})"
        for name, share in sorted(report.precision.items(), key=lambda item: -item[1].bytes)
    ]
    mix = f": {', '.join(parts)}" if parts else ""
    if report.totals.bin_file_bytes is None:
        return f"about {format_bytes(report.totals.weight_bytes)}, as the .param tells{mix}; there is no .bin"
    return f"{format_bytes(report.totals.bin_file_bytes)} in the .bin{mix}"


def _memory(report: InspectReport) -> str:
    peak = report.memory
    if peak is None:
        return f"{NOT_AVAILABLE}: not all shapes are known"
    return (
        f"blobs take about {format_bytes(peak.bytes_fp32)} at most ({format_bytes(peak.bytes_half)} in half "
        f"precision), at {printable(peak.name)}; an estimate, without inputs, weights and scratch memory"
    )


def _fact(title: str, text: str, terminal: Terminal) -> list[str]:
    return _wrapped(text, f"  {title:<{_INDENT - 2}}", " " * _INDENT, terminal)


def _wrapped(text: str, first: str, later: str, terminal: Terminal) -> list[str]:
    return textwrap.wrap(
        text, terminal.width, initial_indent=first, subsequent_indent=later, break_on_hyphens=False
    )


def _table(layers: Sequence[LayerSummary], terminal: Terminal) -> list[str]:
    """Return the table; on a narrow terminal without its last words, one column after the other."""
    rows = [_row(layer, terminal) for layer in layers]
    lines = text_table(_HEADERS, rows, left=_LEFT, indent="")
    for column in _EXPENDABLE:
        missing = max(map(len, lines)) - terminal.table_width
        if missing <= 0:
            break
        name_width = max(_SHORT_NAME, max(len(row[_NAME]) for row in rows) - int(missing))
        for row in rows:
            row[column] = "" if column != _NAME else terminal.shorten(row[column], name_width, keep_end=True)
        lines = text_table(_HEADERS, rows, left=_LEFT, indent="")
    return [terminal.paint(lines[0], "dim"), *lines[1:]]


def _row(layer: LayerSummary, terminal: Terminal) -> list[str]:
    shapes = ", ".join(_shape(shape) for shape in layer.output_shapes[:1])
    more = f" x{len(layer.output_shapes)}" if len(layer.output_shapes) > 1 else ""
    stored = "" if not layer.weight_bytes else format_bytes(layer.weight_bytes)
    if layer.precision not in (None, "fp32"):
        stored += f" {layer.precision}"
    return [
        str(layer.index),
        terminal.shorten(printable(layer.name), _WIDEST_NAME, keep_end=True),
        printable(layer.type) + ("" if layer.registered else " ?"),
        shapes + more,
        terminal.shorten(printable(detail(layer.type, layer.facts)), _WIDEST_DETAIL),
        format_count(layer.parameters) if layer.parameters else "",
        format_count(layer.macs) if layer.macs else "",
        stored,
        printable(layer.module or ""),
    ]


def _remarks(remarks: Sequence[Remark], terminal: Terminal) -> list[str]:
    """Return the remarks by kind, those that say the same of several layers in one line."""
    lines: list[str] = []
    for kind, title in _TITLES.items():
        chosen = [remark for remark in remarks if remark.kind == kind]
        if not chosen:
            continue
        lines += ([""] if lines else []) + [terminal.paint(title, "bold")]
        groups: dict[tuple[str, str | None], list[str]] = {}
        for remark in chosen:
            groups.setdefault((remark.message, remark.remedy), []).append(remark.name or "")
        for (message, remedy), names in groups.items():
            where = f"{_listed(names)}: " if any(names) else ""
            text = f"{where}{message}" + (f" -> {remedy}" if remedy else "")
            lines += _wrapped(printable(text), "  ", "    ", terminal)
    return lines


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMES])
    return shown + (f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else "")
