"""From a PyTorch model to a bundle that was checked before it was put in place."""

from edgekit.exporter.pipeline import export
from edgekit.exporter.result import (
    ExportError,
    ExportMismatch,
    ExportResult,
    Finding,
    FindingKind,
    Fp16Cost,
    OutputCheck,
)
from edgekit.sources.inputs import InputSpec, parse_input

__all__ = [
    "ExportError",
    "ExportMismatch",
    "ExportResult",
    "Finding",
    "FindingKind",
    "Fp16Cost",
    "InputSpec",
    "OutputCheck",
    "export",
    "parse_input",
]
