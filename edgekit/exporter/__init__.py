"""From a PyTorch model to a bundle that was checked before it was put in place."""

from edgekit.exporter.inputs import InputSpec, parse_input
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
