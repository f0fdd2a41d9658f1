"""The figures and the conditions of a bench, as short texts for a page."""

from __future__ import annotations

from collections.abc import Iterator

from edgekit.bencher import BenchReport, Result
from edgekit.report.bench.emulated import dispatch_line
from edgekit.report.bench.words import label
from edgekit.units import counted, format_bytes, format_count, format_duration, format_shape

_MOST_FIGURES = 4
_MOST_TARGETS = 6


def figures(report: BenchReport) -> list[tuple[str, str, str]]:
    """Return (title, value, note) of the figures that a reader came for, of few configurations only."""
    if len(report.results) > _MOST_FIGURES:
        return []
    found = [figure for result in report.results for figure in _speed(report, result)]
    first = report.results[0]
    if first.memory is not None:
        weights = f"{format_bytes(first.memory.weights_bytes)} of it weights"
        found.append(("peak memory", format_bytes(first.memory.peak_rss_bytes), weights))
    return found


def _speed(report: BenchReport, result: Result) -> Iterator[tuple[str, str, str]]:
    title = label(report, result.key) if len(report.results) > 1 else counted(result.threads, "thread")
    if result.instructions is not None:
        yield title, f"{format_count(result.instructions)}", "instructions"
    if result.latency is not None:
        low, high = result.latency.ci95_s
        p90 = format_duration(result.latency.p90_s)
        interval = f"{format_duration(low)} to {format_duration(high)}, p90 {p90}"
        yield title, format_duration(result.latency.median_s), interval


def conditions(report: BenchReport) -> Iterator[tuple[str, str]]:
    """Yield (title, text) of everything that has to be the same for another run to be compared."""
    device, first = report.device, report.results[0]
    yield "device", f"{device.kind}: {device.cpu}, {device.arch}, {device.cores} cores, {device.system}"
    yield "ncnn", f"{device.ncnn}; {dispatch_line(report)}"
    processes = len(first.conditions.rounds)
    yield "mode", f"{report.mode}, {processes} processes per configuration in turns, seed {report.seed}"
    yield "started", report.started_at
    cpus = sorted({each.conditions.cpus for each in report.results})
    yield "CPUs", "; ".join(", ".join(str(cpu) for cpu in each) for each in cpus)
    if first.conditions.governors:
        yield "governor", ", ".join(first.conditions.governors)
    yield "OpenMP", ", ".join(f"{name}={value}" for name, value in first.conditions.openmp.items()) or "none"
    yield "options", ", ".join(f"{name}={value}" for name, value in first.conditions.options.items())
    targets = {result.target: result for result in report.results}
    for name, result in list(targets.items())[:_MOST_TARGETS]:
        yield "target", f"{name}: {_about(result)}"


def _about(result: Result) -> str:
    inputs = ", ".join(f"{name} {format_shape(shape)}" for name, shape in result.inputs.items())
    weights = "its own weights" if result.weights == "file" else f"weights {result.weights}"
    model = f"sha256 {result.model_sha256[:12]}"
    return f"{inputs} ({result.input_values} values), {weights}, {result.runtime}, {model}"
