"""A bench report as text: the finding first, then latency, memory, layers, and what speaks against it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from edgekit.bencher import BenchReport, Comparison, Latency, Result
from edgekit.bencher.result import Caveat, LayerTiming
from edgekit.report.bench_suite_text import suite_text
from edgekit.report.table import text_table
from edgekit.units import (
    format_bytes,
    format_count,
    format_duration,
    format_percent,
    format_shape,
)

_WIDTH = 110
_SHOWN_POINTS = (5, 10, 20, 50, 100, 200, 500)


def bench_text(report: BenchReport) -> str:
    """Return the whole report."""
    return "\n\n".join("\n".join(section) for section in bench_sections(report)) + "\n"


def bench_sections(report: BenchReport) -> list[list[str]]:
    """Return the lines of every section that has something to say, the finding first."""
    makers = (_finding, _device, _latencies, suite_text, _comparisons, _memory, _layers, _warnings, _end)
    return [lines for make in makers if (lines := make(report))]


def _end(report: BenchReport) -> list[str]:
    return ["interrupted: run the same command again to measure the rest"] if report.interrupted else []


def threads_text(threads: int) -> str:
    """Return `1 thread` or `4 threads`."""
    return "1 thread" if threads == 1 else f"{threads} threads"


def label(report: BenchReport, key: tuple[str, int, str]) -> str:
    """Name a configuration by what tells it apart from the others of the report."""
    target, threads, precision = key
    parts = []
    if len({result.target for result in report.results}) > 1:
        parts.append(target)
    if len({result.threads for result in report.results}) > 1:
        parts.append(threads_text(threads))
    if len({result.precision for result in report.results}) > 1:
        parts.append(precision)
    return ", ".join(parts) or target


def _finding(report: BenchReport) -> list[str]:
    if report.against is not None:
        slower = sum(each.verdict == "slower" for each in report.comparisons)
        if slower:
            return [f"{slower} of {len(report.comparisons)} got slower than in {report.against}"]
        return [f"nothing got slower than in {report.against} ({len(report.comparisons)} compared)"]
    if report.comparisons:
        return [_sentence(report, each) for each in report.comparisons]
    timed = [result for result in report.results if result.latency is not None]
    if not timed:
        return ["no times: the device is emulated"]
    if len(timed) > 4:
        names = {str(result.facts["suite"]) for result in timed if "suite" in result.facts}
        title = f"{', '.join(sorted(names))}: " if names else ""
        return [f"{title}{len(timed)} configurations, {_range(timed)}"]
    return [
        f"{result.target}: {_median(result.latency)} per inference with {threads_text(result.threads)}, "
        f"{result.precision}, grade {result.validity.grade}"
        for result in timed
    ]


def _range(results: Sequence[Result]) -> str:
    medians = sorted(result.latency.median_s for result in results if result.latency is not None)
    return f"{format_duration(medians[0])} to {format_duration(medians[-1])} per inference"


def _sentence(report: BenchReport, comparison: Comparison) -> str:
    baseline, candidate = label(report, comparison.baseline), label(report, comparison.candidate)
    noise = f"A/A noise {format_percent(comparison.noise)}"
    if comparison.verdict == "no difference":
        return f"{candidate} against {baseline}: {comparison.finding}, {noise}"
    return f"{candidate} is {comparison.finding} than {baseline}, {noise}"


def _median(latency: Latency | None) -> str:
    return format_duration(None if latency is None else latency.median_s)


def _device(report: BenchReport) -> list[str]:
    device = report.device
    first = report.results[0]
    openmp = {name: value for name, value in first.conditions.openmp.items() if name.startswith("OMP_")}
    threaded = any(result.threads > 1 for result in report.results)
    processes = len(first.conditions.rounds)
    lines = [
        f"device   {device.kind}: {device.cpu}, {device.arch}, {device.cores} cores, ncnn {device.ncnn}",
        f"mode     {report.mode}: {_count(processes, 'process')} each, in turns; seed {report.seed}",
    ]
    if threaded and openmp:
        lines.append("OpenMP   " + ", ".join(f"{name}={value}" for name, value in openmp.items()))
    random = sorted({result.target for result in _single(report) if result.weights != "file"})
    if random:
        shown = ", ".join(random[:3]) + (f" and {len(random) - 3} more" if len(random) > 3 else "")
        lines.append(f"weights  random: there is no .bin beside {shown}")
    return lines


def _count(number: int, noun: str) -> str:
    return f"1 {noun}" if number == 1 else f"{number} {noun}es"


def _latencies(report: BenchReport) -> list[str]:
    rows = []
    for result in _single(report):
        latency = result.latency
        spread = None if latency is None else latency.std_s / latency.mean_s
        rows.append(
            [
                result.target,
                str(result.threads),
                result.precision,
                _median(latency),
                "" if latency is None else _interval(latency),
                format_duration(None if latency is None else latency.p90_s),
                format_duration(None if latency is None else latency.min_s),
                "" if spread is None else format_percent(spread),
                format_duration(result.first_s),
                format_duration(result.load_s),
                "" if latency is None else str(len(latency.samples_s)),
                result.validity.grade,
            ]
        )
    headers = [
        "latency", "threads", "precision", "median", "95 % interval", "p90", "min", "std/mean", "first",
        "load", "runs", "grade",
    ]  # fmt: skip
    return text_table(headers, rows, left=(0, 2), indent="") if rows else []


def _single(report: BenchReport) -> list[Result]:
    """The results that are not rows of a suite, which has tables of its own."""
    return [result for result in report.results if "suite" not in result.facts]


def _interval(latency: Latency) -> str:
    low, high = latency.ci95_s
    return f"{format_duration(low)} .. {format_duration(high)}"


def _comparisons(report: BenchReport) -> list[str]:
    if report.against is None:
        return []
    return ["against " + report.against, *(f"  {_sentence(report, each)}" for each in report.comparisons)]


def _memory(report: BenchReport) -> list[str]:
    rows = [
        [
            result.target,
            str(result.threads),
            result.precision,
            format_bytes(result.memory.peak_rss_bytes),
            format_bytes(result.memory.loaded_rss_bytes),
            format_bytes(result.memory.weights_bytes),
            format_bytes(result.memory.blob_peak_bytes),
            format_bytes(result.memory.workspace_peak_bytes),
        ]
        for result in _single(report)
        if result.memory is not None
    ]
    headers = [
        "memory", "threads", "precision", "peak RSS", "RSS loaded", "weights", "blob peak", "workspace peak",
    ]  # fmt: skip
    return text_table(headers, rows, left=(0, 2), indent="") if rows else []


def _layers(report: BenchReport) -> list[str]:
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
            *_kind_table(result.layers),
            "",
            *_layer_table(result.layers),
            *_peaks(report, result),
            *_ridge(result),
            *(f"  {layer.name}: {layer.reason}" for layer in result.layers if layer.reason),
        ]
    return lines[1:]


def _kind_table(layers: Sequence[LayerTiming]) -> list[str]:
    """The layers summed up by kind, the most expensive first."""
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
    return text_table(headers, rows)


def _total(layers: Sequence[LayerTiming], name: str) -> float:
    """The sum of a field over the layers that have it."""
    return float(sum(getattr(layer, name) or 0 for layer in layers))


def _layer_table(layers: Sequence[LayerTiming]) -> list[str]:
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
            layer.module or "",
        ]
        for layer in layers
    ]
    headers = [
        "#", "layer", "kind", "output", "time", "share", "MACs", "bytes", "MAC/byte", "bound", "of limit",
        "to gain", "instructions", "module",
    ]  # fmt: skip
    return text_table(headers, rows, left=(1, 2, 3, 9, 13))


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
                f"  limits: {peaks.macs_per_s / 1e9:.1f} GMAC/s ({peaks.method}); copying {widths}",
                "  of limit: the least time by those limits over the measured one",
            ]
    return lines


def _ridge(result: Result) -> list[str]:
    """The cost on hardware of other balances, in units of the cost where memory is free."""
    macs = result.ridge[0][1] if result.ridge else 0.0
    if not macs:
        return []
    shown = [f"{cost / macs:.2f} at {point:g}" for point, cost in result.ridge if point in _SHOWN_POINTS]
    return [f"  roofline model, time by ridge point in MAC/byte (1 is pure compute): {', '.join(shown)}"]


def _warnings(report: BenchReport) -> list[str]:
    """Each kind of warning once, in its worst case, with the number of configurations that it concerns."""
    worst: dict[str, tuple[Caveat, Result]] = {}
    counts: dict[str, int] = {}
    for result in report.results:
        for warning in result.validity.warnings:
            counts[warning.code] = counts.get(warning.code, 0) + 1
            known = worst.get(warning.code)
            if known is None or warning.severity.rank > known[0].severity.rank:
                worst[warning.code] = (warning, result)
    lines = []
    for code, (warning, result) in sorted(worst.items(), key=lambda item: -item[1][0].severity.rank):
        where = "" if len(report.results) == 1 else f"{label(report, result.key)}: "
        more = f" (and {counts[code] - 1} more like it)" if counts[code] > 1 else ""
        text = f"{warning.severity}: {where}{warning.message}{more}; {warning.remedy}"
        lines += textwrap.wrap(text, _WIDTH, initial_indent="  ", subsequent_indent="      ")
    return ["what speaks against these numbers", *lines] if lines else []
