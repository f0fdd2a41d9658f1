"""An export as text: what was written, or why nothing was."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.bundle import ConverterWarning, TensorSpec
from edgekit.exporter.result import ExportError, ExportResult, Finding, Fp16Cost
from edgekit.runtimes.trace import Source
from edgekit.units import format_bytes, format_count, format_duration, format_error, format_shape

_MOST_SOURCES = 3
_MOST_WARNINGS = 5
_MOST_UNMATCHED = 3
_MOST_PORTS = 4


def export_text(result: ExportResult, elapsed_s: float) -> str:
    """Return the few lines that say what a bundle holds and how well it was checked."""
    worst = max(result.checks, key=lambda check: check.relative, default=None)
    lines = [
        f"{result.model} -> {result.path} in {format_duration(elapsed_s)}",
        f"  {_ports(result.inputs)} -> {_ports(result.outputs)}",
        (
            f"  {result.layers} layers, {format_count(result.parameters)} parameters, "
            f"{format_bytes(result.bin_bytes)} of {result.precision} weights, by the {result.route} route"
        ),
    ]
    if worst is not None:
        lines.append(
            f"  agrees with the reference on {_probes(result)} seeded inputs: the largest difference is "
            f"{format_error(worst.relative)} of the spread of '{worst.output}'"
        )
    if result.fp16 is not None:
        lines.append(f"  {fp16_text(result.fp16, result.bin_bytes)}")
    if result.aligned_layers is not None:
        lines.append(f"  {result.aligned_layers} of {result.layers} layers matched with the reference")
        lines += [f"    not {each.name}: {each.reason}" for each in result.unmatched[:_MOST_UNMATCHED]]
        if len(result.unmatched) > _MOST_UNMATCHED:
            lines.append(f"    nor {len(result.unmatched) - _MOST_UNMATCHED} more: edgekit verify lists them")
    lines += [f"  rewritten: {each}" for each in result.rewrites]
    lines += _warnings(result.warnings, "  the converter remarked, and the numbers agree all the same:")
    return "\n".join(lines) + "\n"


def fp16_text(cost: Fp16Cost, bin_bytes: int) -> str:
    """Return in plain words what fp16 weights cost and save."""
    return (
        f"fp16 weights move '{cost.output}' by {format_error(cost.relative)} of its spread at most, and make "
        f"the weights {format_bytes(bin_bytes)} instead of {format_bytes(cost.bin_bytes_fp32)}"
    )


def failure_text(error: ExportError, model: str) -> str:
    """Return every finding with its place and remedy, then what the converter said besides."""
    count = len(error.findings)
    lines = [f"edgekit: error: {model} was not exported: {count} finding{'s' if count > 1 else ''}"]
    for finding in error.findings:
        lines += _finding(finding)
    lines += _warnings(error.warnings, "  the converter remarked, which may be why:")
    return "\n".join(lines) + "\n"


def _finding(finding: Finding) -> list[str]:
    lines = [f"  {finding.message}"]
    lines += [f"    at {place(source)}" for source in finding.sources[:_MOST_SOURCES]]
    if len(finding.sources) > _MOST_SOURCES:
        lines.append(f"    and at {len(finding.sources) - _MOST_SOURCES} more places")
    if finding.remedy:
        lines.append(f"    remedy: {finding.remedy}")
    return lines


def place(source: Source) -> str:
    """Return a place in the user's model: `net.py:12 (aten.std in encoder.norm)`."""
    what = f"{source.op} in {source.module}" if source.module else source.op
    return what if source.file is None else f"{source.file}:{source.line} ({what})"


def _warnings(warnings: Sequence[ConverterWarning], title: str) -> list[str]:
    if not warnings:
        return []
    lines = [f"    {each.tool}: {each.text}" for each in warnings[:_MOST_WARNINGS]]
    more = len(warnings) - _MOST_WARNINGS
    return [title, *lines, *([f"    and {more} more in converter.log"] if more > 0 else [])]


def _ports(specs: Sequence[TensorSpec]) -> str:
    """The ports by name and shape; of a model with many states, the first and how many more."""
    named = [f"{spec.name} {format_shape(spec.shape)}" for spec in specs]
    if len(named) > _MOST_PORTS:
        named[_MOST_PORTS - 1 :] = [f"and {len(named) - _MOST_PORTS + 1} more"]
    return ", ".join(named)


def _probes(result: ExportResult) -> int:
    return len({check.probe for check in result.checks})
