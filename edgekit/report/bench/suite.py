"""A suite as tables: one per group, with what theory says beside what was measured."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.bencher import BenchReport, Result
from edgekit.bencher.result import Ratio
from edgekit.report.table import Table
from edgekit.units import format_bytes, format_count, format_duration, format_percent

THEORY_NOTE = "work: MACs over the baseline, as in theory; time: measured ratio of medians, 95 % interval"


def suite_text(report: BenchReport) -> list[str]:
    """Return the lines of all groups, in the order of the suite."""
    lines = [line for table in group_tables(report) for line in ("", *table.lines(indent=""))]
    if report.ratios:
        lines += ["", THEORY_NOTE]
    return lines[1:]


def group_tables(report: BenchReport) -> list[Table]:
    """Return a table for each group of a suite, in its order, the group's name as first header."""
    ratios = {(ratio.target, ratio.threads, ratio.precision): ratio for ratio in report.ratios}
    groups: dict[str, list[Result]] = {}
    for result in report.results:
        if "suite" in result.facts:
            groups.setdefault(str(result.facts["group"]), []).append(result)
    return [_table(group, results, ratios) for group, results in groups.items()]


def _table(group: str, results: Sequence[Result], ratios: dict[tuple[str, int, str], Ratio]) -> Table:
    threads = len({result.threads for result in results}) > 1
    rows = []
    for result in results:
        latency, memory, macs = result.latency, result.memory, result.facts["macs"]
        ratio = ratios.get(result.key)
        rows.append(
            [
                result.target,
                str(result.threads) if threads else "",
                format_duration(None if latency is None else latency.median_s),
                "" if latency is None else format_percent(_half_width(result)),
                format_count(macs),
                "" if latency is None else f"{macs / latency.median_s / 1e9:.1f}",
                format_count(result.facts["parameters"]),
                "" if memory is None else format_bytes(memory.blob_peak_bytes + memory.workspace_peak_bytes),
                "" if ratio is None else f"{ratio.work:.3f}",
                "" if ratio is None else f"{ratio.time.estimate:.3f}",
                "" if ratio is None else f"[{ratio.time.low:.3f}, {ratio.time.high:.3f}]",
                result.validity.grade or "",
            ]
        )
    headers = [
        group, "threads", "median", "+-", "MACs", "GMAC/s", "params", "memory", "work", "time", "interval",
        "grade",
    ]  # fmt: skip
    return Table(headers, rows)


def _half_width(result: Result) -> float:
    assert result.latency is not None
    low, high = result.latency.ci95_s
    return (high - low) / 2 / result.latency.median_s
