"""The two ways to ncnn, each started here and waited for elsewhere.

pnnx   module -> TorchScript trace -> pnnx -> ncnn
onnx   module -> torch.onnx -> onnxsim -> pnnx -> ncnn
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from edgekit.bundle import ConverterWarning
from edgekit.exporter.code import user_code_error
from edgekit.exporter.load import TorchModel
from edgekit.exporter.remedies import expression_ops
from edgekit.exporter.result import ExportError, Finding, FindingKind
from edgekit.exporter.structure import SourceFinder, kinds_of
from edgekit.runtimes.trace import Array, Source
from edgekit.toolchain.pnnx import InputShape, PnnxProcess
from edgekit.toolchain.trace import Traced, trace

STEM = "model"


@dataclass(frozen=True, slots=True)
class Pending:
    """A conversion that is under way: the process, and what came before it."""

    process: PnnxProcess
    sources: SourceFinder
    rewrites: tuple[str, ...] = ()
    warnings: tuple[ConverterWarning, ...] = ()


def start_pnnx_route(model: TorchModel, probe: Mapping[str, Array], folder: Path) -> Pending:
    """Trace the model on the probe in this process and start pnnx on the trace.

    Raises:
        UserError: the model raises on its described inputs.
        ExportError: the model cannot be traced.
    """
    tensors = as_tensors(model, probe)
    try:
        traced = trace(model.module, tensors, folder / f"{STEM}.pt")
    except Exception as error:
        raise _trace_error(model, tensors, error) from error
    first = [InputShape(spec.shape, spec.dtype) for spec in model.inputs]
    second = [InputShape(spec.shape2 or spec.shape, spec.dtype) for spec in model.inputs]
    process = PnnxProcess(traced.path, first, second if second != first else ())
    warnings = tuple(
        ConverterWarning("torch.jit.trace", f"{each.text} ({each.file}:{each.line})")
        for each in traced.warnings
    )
    return Pending(process, _finder(traced), traced.rewrites, warnings)


def as_tensors(model: TorchModel, probe: Mapping[str, Array]) -> list[torch.Tensor]:
    """Return the probe's values as contiguous tensors in the order of the model's inputs."""
    return [torch.from_numpy(probe[spec.name].copy()) for spec in model.inputs]


def _finder(traced: Traced) -> SourceFinder:
    def find(op: str) -> tuple[Source, ...]:
        return traced.sources(kinds_of(op, expression_ops(op)))

    return find


def _trace_error(model: TorchModel, tensors: list[torch.Tensor], error: Exception) -> Exception:
    """Say whether the model itself fails on its inputs, or only tracing it does."""
    try:
        with torch.no_grad():
            model.module(*tensors)
    except Exception as own:
        shapes = ", ".join(f"{spec.name} {'x'.join(map(str, spec.shape))}" for spec in model.inputs)
        return user_code_error(own, f"the model, run on {shapes},")
    lines = str(error).strip().splitlines() or [type(error).__name__]
    finding = Finding(
        FindingKind.CONVERTER,
        f"PyTorch cannot trace the model: {lines[0]}",
        "make forward take and return tensors, without Python state in between",
    )
    return ExportError((finding,), log=str(error))
