"""What a bench on an emulated device says instead of times: dispatch, and instructions by kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edgekit.bencher import BenchReport, Result
from edgekit.report.table import Table
from edgekit.units import format_count

_SHOWN_KINDS = 3


def emulated_finding(report: BenchReport) -> str:
    """Return the first line of the report."""
    counted = [result for result in report.results if result.instructions is not None]
    if not counted:
        return "no times: the device is emulated"
    first = counted[0]
    more = f", and {len(counted) - 1} more" if len(counted) > 1 else ""
    return (
        f"{first.target}: {format_count(first.instructions or 0)} instructions in {first.precision}{more}; "
        "no times: the device is emulated"
    )


def dispatch_line(report: BenchReport) -> str:
    """Return the CPU features that ncnn found and picks its kernels by."""
    features = [name for name, present in report.device.features.items() if present]
    return "dispatch " + (", ".join(features) or "no extensions")


def instruction_table(results: Sequence[Result]) -> Table:
    """Return a row per counted result."""
    rows = [
        [
            result.target,
            result.precision,
            format_count(result.instructions),
            _per_mac(result),
            kinds_text(result.simd, result.instructions),
        ]
        for result in results
        if result.instructions is not None
    ]
    headers = ["instructions", "precision", "whole net", "per MAC", "vector arithmetic"]
    return Table(headers, rows, left=(0, 1, 4))


def kinds_text(simd: Mapping[str, int], instructions: int | None) -> str:
    """Return the most frequent kinds with their share of all instructions: `fmla.h 58 %`."""
    if not instructions:
        return ""
    shares = [(kind, 100 * count / instructions) for kind, count in list(simd.items())[:_SHOWN_KINDS]]
    return ", ".join(f"{kind} {share:.0f} %" for kind, share in shares if share >= 1)


def _per_mac(result: Result) -> str:
    macs = sum(layer.macs or 0 for layer in result.layers)
    return f"{result.instructions / macs:.3f}" if macs and result.instructions else ""
