"""The two ways to ncnn, each started here and waited for elsewhere.

pnnx   module -> TorchScript trace -> pnnx -> ncnn
onnx   module -> torch.onnx -> onnxsim -> pnnx -> ncnn
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from edgekit.bundle import ConverterWarning
from edgekit.errors import UserError
from edgekit.exporter.remedies import for_op, other_route
from edgekit.exporter.result import ExportError, Finding, FindingKind
from edgekit.exporter.structure import SourceFinder, kinds_of
from edgekit.runtimes.trace import Array, Source
from edgekit.sources.adapter import OutputTree
from edgekit.sources.code import CHECK_INPUTS, user_code_error
from edgekit.sources.load import TorchModel
from edgekit.sources.variant import Variant, run
from edgekit.toolchain.onnx_export import OnnxExportError, export_onnx
from edgekit.toolchain.pnnx import InputShape, PnnxProcess
from edgekit.toolchain.trace import Traced, trace

STEM = "model"
_OF_PYTHON_VALUES = re.compile(r"Converting a tensor to a Python (boolean|integer|float|index|number)\b")


@dataclass(frozen=True, slots=True)
class Pending:
    """A conversion that is under way: the process, and what came before it."""

    process: PnnxProcess
    sources: SourceFinder
    rewrites: tuple[str, ...] = ()
    warnings: tuple[ConverterWarning, ...] = ()
    rerun: Callable[[Mapping[str, Array]], list[Array]] | None = None
    """Runs what was handed to the converter on other inputs; None where that cannot be run."""
    log: str = ""
    attends: bool = False
    """Whether the model may hold attention, whose parts can be kept apart on a second try."""

    @property
    def unsettled(self) -> tuple[ConverterWarning, ...]:
        """The warnings that a reference run which reads no number of its inputs does not settle.

        PyTorch warns of every Python value that is made of a tensor, and sizes are tensors in a trace.
        """
        return tuple(each for each in self.warnings if not _OF_PYTHON_VALUES.match(each.text))


def start_pnnx_route(
    model: TorchModel, variant: Variant, probe: Mapping[str, Array], folder: Path
) -> Pending:
    """Trace the model on the probe in this process and start pnnx on the trace.

    Raises:
        UserError: the model raises on its described inputs.
        ExportError: the model cannot be traced.
    """
    tensors = as_tensors(model, probe)
    with ExitStack() as stack:
        process = stack.enter_context(_process(model, folder / f"{STEM}.pt"))
        try:
            variant.settle(tensors)
            if variant.has_control_flow:
                variant.flatten(tensors)
            with variant.running() as adapter:
                traced = trace(adapter.module, tensors, process.draft)
        except Exception as error:
            raise _trace_error(model, tensors, error) from error
        process.hand_over()
        stack.pop_all()  # it is the caller's from here on
    warnings = tuple(
        ConverterWarning("torch.jit.trace", f"{each.text} ({each.file}:{each.line})")
        for each in traced.warnings
    )
    rewrites = (*variant.notes, *traced.rewrites)
    return Pending(
        process,
        _finder(traced),
        rewrites,
        warnings,
        _rerun(model, traced.module),
        attends=variant.attends,
    )


def _rerun(model: TorchModel, traced: Any) -> Callable[[Mapping[str, Array]], list[Array]]:
    def rerun(probe: Mapping[str, Array]) -> list[Array]:
        with torch.no_grad():
            result = traced(*as_tensors(model, probe))
        return [each.numpy() for each in (result if isinstance(result, tuple) else (result,))]

    return rerun


def start_onnx_route(
    model: TorchModel, variant: Variant, probe: Mapping[str, Array], folder: Path
) -> Pending:
    """Export the model to ONNX on the probe in this process and start pnnx on the file.

    Raises:
        UserError: the model raises on its described inputs.
        ExportError: the model cannot be exported to ONNX, or an input or output is lost on the way.
    """
    tensors = as_tensors(model, probe)
    tree = _output_tree(model, tensors)
    with ExitStack() as stack:
        process = stack.enter_context(_process(model, folder / f"{STEM}.onnx"))
        try:
            variant.settle(tensors)
            variant.flatten(tensors)
            with variant.running() as adapter:
                exported = export_onnx(
                    adapter.module, tensors, len(tree.names), process.draft, _dynamic_axes(model)
                )
        except OnnxExportError as error:
            raise _onnx_error(error) from error
        check_names("inputs", [f"in{index}" for index in range(len(tensors))], exported.inputs)
        check_names("outputs", [f"out{index}" for index in range(len(tree.names))], exported.outputs)
        process.hand_over()
        stack.pop_all()  # it is the caller's from here on
    warnings = tuple(
        ConverterWarning("torch.onnx", f"{each.text} ({each.file}:{each.line})") for each in exported.warnings
    )
    # onnxsim puts together what was taken apart, and it is taken apart once more
    rewrites = tuple(dict.fromkeys((*variant.notes, *exported.rewrites)))
    return Pending(
        process,
        lambda _: (),
        rewrites,
        warnings,
        log=exported.log,
        attends=variant.attends,
    )


def _output_tree(model: TorchModel, tensors: list[torch.Tensor]) -> OutputTree:
    try:
        run(model.adapter, tensors)
    except Exception as error:
        raise _own_error(model, error) from error
    assert model.adapter.tree is not None
    return model.adapter.tree


def _dynamic_axes(model: TorchModel) -> dict[str, list[int]]:
    return {
        f"in{index}": [axis for axis, size in enumerate(spec.shape) if size != spec.shape2[axis]]
        for index, spec in enumerate(model.inputs)
        if spec.shape2 is not None
    }


def check_names(what: str, expected: list[str], found: Sequence[str]) -> None:
    """Fail when inputs or outputs were lost, renamed or put in another order."""
    if list(found) == expected:
        return
    kind = FindingKind.INPUTS if what == "inputs" else FindingKind.OUTPUTS
    lost = [name for name in expected if name not in found]
    message = f"the ONNX file of the model lacks {', '.join(lost) or 'nothing, but has others'} of its {what}"
    remedy = "make sure that every input reaches an output and that outputs are computed from inputs"
    raise ExportError((Finding(kind, message, remedy),))


def _onnx_error(error: OnnxExportError) -> ExportError:
    operator = error.operator
    remedy = for_op(operator, None, "onnx") if operator else other_route("onnx")
    return ExportError((Finding(FindingKind.CONVERTER, f"no ONNX file: {error}", remedy),), log=str(error))


def _process(model: TorchModel, path: Path) -> PnnxProcess:
    first = [InputShape(spec.shape, spec.dtype) for spec in model.inputs]
    second = [InputShape(spec.shape2 or spec.shape, spec.dtype) for spec in model.inputs]
    return PnnxProcess(path, first, second if second != first else ())


def as_tensors(model: TorchModel, probe: Mapping[str, Array]) -> list[torch.Tensor]:
    """Return the probe's values as contiguous tensors in the order of the model's inputs."""
    return [torch.from_numpy(probe[spec.name].copy()) for spec in model.inputs]


def _finder(traced: Traced) -> SourceFinder:
    def find(op: str) -> tuple[Source, ...]:
        return traced.sources(kinds_of(op))

    return find


def _own_error(model: TorchModel, error: Exception) -> UserError:
    shapes = ", ".join(f"{spec.name} {'x'.join(map(str, spec.shape))}" for spec in model.inputs)
    return user_code_error(error, f"the model, run on {shapes},", CHECK_INPUTS)


def _trace_error(model: TorchModel, tensors: list[torch.Tensor], error: Exception) -> Exception:
    """Say whether the model itself fails on its inputs, or only tracing it does."""
    try:
        run(model.adapter, tensors)
    except Exception as own:
        return _own_error(model, own)
    lines = str(error).strip().splitlines() or [type(error).__name__]
    finding = Finding(
        FindingKind.CONVERTER,
        f"PyTorch cannot trace the model: {lines[0]}",
        "make forward take and return tensors, without Python state in between",
    )
    return ExportError((finding,), log=str(error))
