"""The layers of a bench as text: by kind, one by one, and why the slow ones are slow."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.bencher import BenchReport, Result
from edgekit.bencher.result import LayerTiming
from edgekit.report.bench.emulated import kinds_text
from edgekit.report.bench.words import label, some, wrapped
from edgekit.report.table import Table
from edgekit.units import format_bytes, format_count, format_duration, format_percent, format_shape

_SHOWN_POINTS = (5, 10, 20, 50, 100, 200, 500)
_NAMED_LAYERS = 4


def layers_text(report: BenchReport) -> list[str]:
    """Return the layers of every result that has them."""
    lines: list[str] = []
    for result in report.results:
        if not result.layers:
            continue
        whole = ""
        if result.layer_sum_ratio is not None:
            whole = f": their sum is {format_percent(result.layer_sum_ratio)} of the whole net"
        lines += [
            "",
            f"layers of {label(report, result.key)}{whole}",
            *kind_table(result.layers).lines(),
            "",
            *layer_table(result.layers).lines(),
            *(line for text in layer_notes(report, result) for line in wrapped(text)),
        ]
    return lines[1:]


def kind_table(layers: Sequence[LayerTiming]) -> Table:
    """Return the layers summed up by kind, the most expensive first."""
    kinds: dict[str, list[LayerTiming]] = {}
    for layer in layers:
        kinds.setdefault(layer.kind, []).append(layer)
    rows = []
    for kind, members in sorted(kinds.items(), key=lambda item: -_total(item[1], "share")):
        seconds, macs = _total(members, "latency_s"), _total(members, "macs")
        instructions = _total(members, "instructions")
        rows.append(
            [
                kind,
                str(len(members)),
                format_duration(seconds) if seconds else "",
                format_percent(_total(members, "share")) if seconds else "",
                format_count(macs) if macs else "",
                f"{macs / seconds / 1e9:.1f}" if macs and seconds else "",
                format_duration(_total(members, "gain_s")) if seconds else "",
                format_count(instructions) if instructions else "",
            ]
        )
    headers = ["kind", "layers", "time", "share", "MACs", "GMAC/s", "to gain", "instructions"]
    return Table(headers, rows)


def _total(layers: Sequence[LayerTiming], name: str) -> float:
    """The sum of a field over the layers that have it."""
    return float(sum(getattr(layer, name) or 0 for layer in layers))


def layer_table(layers: Sequence[LayerTiming]) -> Table:
    """Return a row for every layer, in file order."""
    rows = [
        [
            str(layer.index),
            layer.name,
            layer.kind,
            format_shape(layer.shape) if layer.shape else "",
            "" if layer.latency_s is None else format_duration(layer.latency_s),
            "" if layer.share is None else format_percent(layer.share),
            "" if layer.macs is None else format_count(layer.macs),
            "" if layer.bytes is None else format_bytes(layer.bytes),
            "" if layer.intensity is None else f"{layer.intensity:.1f}",
            layer.bound or "",
            "" if layer.of_limit is None else f"{layer.of_limit * 100:.0f} %",
            "" if layer.gain_s is None else format_duration(layer.gain_s),
            "" if layer.instructions is None else format_count(layer.instructions),
            kinds_text(layer.simd, layer.instructions),
            layer.module or "",
        ]
        for layer in layers
    ]
    headers = [
        "#", "layer", "kind", "output", "time", "share", "MACs", "bytes", "MAC/byte", "bound", "of limit",
        "to gain", "instructions", "vector arithmetic", "module",
    ]  # fmt: skip
    return Table(headers, rows, left=(1, 2, 3, 9, 13, 14))


def layer_notes(report: BenchReport, result: Result) -> list[str]:
    """Return what has to be said beside the tables: the limits, the model, and why slow layers are slow."""
    return [*_peaks(report, result), *_ridge(result), *_reasons(result.layers)]


def _reasons(layers: Sequence[LayerTiming]) -> list[str]:
    """Why layers are slow, each reason once with its layers, the most expensive reason first."""
    concerned: dict[str, list[LayerTiming]] = {}
    for layer in layers:
        if layer.reason:
            concerned.setdefault(layer.reason, []).append(layer)
    lines = []
    for reason, members in sorted(concerned.items(), key=lambda item: -_total(item[1], "share")):
        names = [layer.module or layer.name for layer in members]
        share = _total(members, "share")
        cost = f" ({format_percent(share)} of the time)" if share else ""
        lines.append(f"{reason}{cost}: {some(names, _NAMED_LAYERS)}")
    return lines


def _peaks(report: BenchReport, result: Result) -> list[str]:
    """The limits against which the layers of a result are held."""
    lines = []
    for peaks in report.peaks:
        if (peaks.threads, peaks.precision) == (result.threads, result.precision):
            widths = ", ".join(
                f"{each.bytes_per_s / 1e9:.1f} GB/s at {format_bytes(each.working_set_bytes)}"
                for each in peaks.memory
            )
            lines += [
                f"limits: {peaks.macs_per_s / 1e9:.1f} GMAC/s ({peaks.method}); copying {widths}",
                f"of limit: the least time by those limits over the measured one{_fewer(result.layers)}",
            ]
    return lines


def _fewer(layers: Sequence[LayerTiming]) -> str:
    """Say how a layer can need less than its MACs at the peak."""
    above = any(layer.bound == "compute" and (layer.of_limit or 0) > 1 for layer in layers)
    return (
        "; winograd does a 3x3 convolution with fewer multiplications than MACs are counted" if above else ""
    )


def _ridge(result: Result) -> list[str]:
    """The cost on hardware of other balances, in units of the cost where memory is free."""
    macs = result.ridge[0][1] if result.ridge else 0.0
    if not macs:
        return []
    shown = [f"{cost / macs:.2f} at {point:g}" for point, cost in result.ridge if point in _SHOWN_POINTS]
    return [f"roofline model, time by ridge point in MAC/byte (1: compute alone): {', '.join(shown)}"]
