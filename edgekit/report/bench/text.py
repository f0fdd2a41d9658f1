"""A bench report as text: the finding first, then latency, memory, layers, and what speaks against it."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.bencher import BenchReport, Comparison, Latency, Result
from edgekit.bencher.result import Caveat
from edgekit.report.bench.emulated import dispatch_line, emulated_finding, instruction_table
from edgekit.report.bench.layers import layers_text
from edgekit.report.bench.suite import suite_text
from edgekit.report.bench.words import label, wrapped
from edgekit.report.table import Table
from edgekit.units import (
    counted,
    format_bytes,
    format_duration,
    format_percent,
)


def bench_text(report: BenchReport) -> str:
    """Return the whole report."""
    return "\n\n".join("\n".join(section) for section in bench_sections(report)) + "\n"


def bench_sections(report: BenchReport) -> list[list[str]]:
    """Return the lines of every section that has something to say, the finding first."""
    makers = (finding, _device, _latencies, suite_text, _comparisons, _memory, layers_text, _warnings, _end)
    return [lines for make in makers if (lines := make(report))]


def _end(report: BenchReport) -> list[str]:
    return ["interrupted: run the same command again to measure the rest"] if report.interrupted else []


def finding(report: BenchReport) -> list[str]:
    """Return the sentences that a reader came for."""
    if report.against is not None:
        slower = sum(each.verdict == "slower" for each in report.comparisons)
        if slower:
            return [f"{slower} of {len(report.comparisons)} got slower than in {report.against}"]
        return [f"nothing got slower than in {report.against} ({len(report.comparisons)} compared)"]
    if report.comparisons:
        return comparison_sentences(report)
    timed = [result for result in report.results if result.latency is not None]
    if not timed:
        return [emulated_finding(report)]
    if len(timed) > 4:
        names = {str(result.facts["suite"]) for result in timed if "suite" in result.facts}
        title = f"{', '.join(sorted(names))}: " if names else ""
        return [f"{title}{len(timed)} configurations, {_range(timed)}"]
    return [
        f"{result.target}: {_median(result.latency)} per inference with {counted(result.threads, 'thread')}, "
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
    numbers = [len(result.conditions.rounds) for result in report.results]
    each = counted(max(numbers), "process", "processes")
    each = each if min(numbers) == max(numbers) else f"{min(numbers)} to {each}"
    lines = [
        f"device   {device.kind}: {device.cpu}, {device.arch}, {device.cores} cores, ncnn {device.ncnn}",
        f"mode     {report.mode}: {each} each, in turns; seed {report.seed}",
    ]
    if device.emulated:
        lines.append(dispatch_line(report))
    lines += clock_line(report)
    if threaded and openmp:
        lines.append("OpenMP   " + ", ".join(f"{name}={value}" for name, value in openmp.items()))
    random = sorted({result.target for result in _single(report) if result.weights != "file"})
    if random:
        shown = ", ".join(random[:3]) + (f" and {len(random) - 3} more" if len(random) > 3 else "")
        lines.append(f"weights  random: there is no .bin beside {shown}")
    return lines


def clock_line(report: BenchReport) -> list[str]:
    """Return the range of clock and temperature while it was measured, where the kernel tells them."""
    states = [
        state
        for result in report.results
        for each in result.conditions.rounds
        for state in (each["before"], *each.get("samples", ()), each["after"])
    ]
    shown = []
    for key, scale, unit in (("khz", 1000, "MHz"), ("celsius", 1, "degrees Celsius")):
        known = [state[key] / scale for state in states if state[key]]
        if known:
            low, high = f"{min(known):.0f}", f"{max(known):.0f}"
            shown.append(f"{low} {unit}" if low == high else f"{low} to {high} {unit}")
    return ["clock    " + ", ".join(shown)] if shown and not report.device.emulated else []


def _latencies(report: BenchReport) -> list[str]:
    return latency_table(report).lines(indent="")


def latency_table(report: BenchReport) -> Table:
    """Return a row per configuration that is not of a suite; instructions where the device is emulated."""
    if report.device.emulated:
        return instruction_table(_single(report))
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
                result.validity.grade or "",
            ]
        )
    headers = [
        "latency", "threads", "precision", "median", "95 % interval", "p90", "min", "std/mean", "first",
        "load", "runs", "grade",
    ]  # fmt: skip
    return Table(headers, rows, left=(0, 2))


def _single(report: BenchReport) -> list[Result]:
    """The results that are not rows of a suite, which has tables of its own."""
    return [result for result in report.results if "suite" not in result.facts]


def _interval(latency: Latency) -> str:
    low, high = latency.ci95_s
    return f"{format_duration(low)} .. {format_duration(high)}"


def _comparisons(report: BenchReport) -> list[str]:
    if report.against is None:
        return []
    return ["against " + report.against, *(f"  {each}" for each in comparison_sentences(report))]


def comparison_sentences(report: BenchReport) -> list[str]:
    """Return a sentence for each comparison: who is faster, by how much, and the noise."""
    return [_sentence(report, each) for each in report.comparisons]


def _memory(report: BenchReport) -> list[str]:
    return memory_table(report).lines(indent="")


def memory_table(report: BenchReport) -> Table:
    """Return a row per configuration that is not of a suite and whose memory was measured."""
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
    return Table(headers, rows, left=(0, 2))


def _warnings(report: BenchReport) -> list[str]:
    lines = [line for severity, text in warnings(report) for line in wrapped(f"{severity}: {text}")]
    return ["what speaks against these numbers", *lines] if lines else []


def warnings(report: BenchReport) -> list[tuple[str, str]]:
    """Return (severity, sentence) of each kind of warning, in its worst case, the gravest first."""
    worst: dict[str, tuple[Caveat, Result]] = {}
    counts: dict[str, int] = {}
    for result in report.results:
        for warning in result.validity.warnings:
            counts[warning.code] = counts.get(warning.code, 0) + 1
            known = worst.get(warning.code)
            if known is None or warning.severity.rank > known[0].severity.rank:
                worst[warning.code] = (warning, result)
    found = []
    for code, (warning, result) in sorted(worst.items(), key=lambda item: -item[1][0].severity.rank):
        where = "" if len(report.results) == 1 else f"{label(report, result.key)}: "
        more = f" (and {counts[code] - 1} more like it)" if counts[code] > 1 else ""
        found.append((warning.severity.value, f"{where}{warning.message}{more}; {warning.remedy}"))
    return found
