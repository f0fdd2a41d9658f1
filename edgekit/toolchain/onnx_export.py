"""From a PyTorch module to the simplified ONNX file that pnnx reads.

The exporter that traces (`dynamo=False`) at opset 17 is used: at opset 18 and later the axes of reductions
are inputs, which pnnx reads wrongly without a word.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.jit._trace import TracerWarning

from edgekit.errors import require
from edgekit.toolchain.onnx_lowering import LoweringError, lower_opset
from edgekit.toolchain.onnx_rewrites import rewrite
from edgekit.toolchain.overheard import overheard
from edgekit.toolchain.trace import (
    TraceWarning,
    attention_fast_path_off,
    autograd_functions_inlined,
    script_functions_inlined,
    trace_warning,
)

OPSET = 17
_UNREADABLE = [
    "fuse_matmul_add_bias_into_gemm_batched",
    "fuse_lp_normalization",
    "fuse_attention",
    "fuse_gqa",
    "fuse_rope",
    "fuse_qkv",
    "fuse_preceding_mul_into_conv",
    "fuse_consecutive_reduce",
    "fuse_consecutive_mul",
]
"""Simplifications whose result pnnx misreads (a flattened batch before attention) or does not know.

The last four leave layers that have no counterpart in the model: one layer is made of three, the half of a
GELU goes into the weights of the convolution behind it, so that ncnn gets four layers for one activation,
means over one axis after the other become one that has to be taken apart again, in an unknown order, and two
constant factors become a third one.
"""
_EMBEDDED_LIMIT_BYTES = 2**31 - 2**20


class OnnxExportError(Exception):
    """PyTorch or onnxsim cannot make an ONNX file of the model; `operator` is set when one is to blame."""

    def __init__(self, message: str, operator: str | None = None) -> None:
        self.operator = operator
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class OnnxModel:
    """A saved ONNX file: its input and output names, what was changed on the way to it, what onnxsim said."""

    path: Path
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    warnings: tuple[TraceWarning, ...]
    rewrites: tuple[str, ...]
    log: str = ""


def export_onnx(
    module: torch.nn.Module,
    inputs: Sequence[torch.Tensor],
    outputs: int,
    path: Path,
    dynamic_axes: Mapping[str, Sequence[int]] | None = None,
) -> OnnxModel:
    """Export `module(*inputs)`, simplify it and save it at `path`.

    Inputs are named in0, in1, ..., outputs out0, out1, ...; `dynamic_axes` names the axes
    of an input that may change.

    Raises:
        OnnxExportError: PyTorch cannot export it, or onnxsim cannot simplify it.
        MissingPackage: onnx or onnxsim is not installed.
    """
    onnx = require("onnx", "onnx")
    inlined: list[str] = []
    buffer = io.BytesIO()
    with ExitStack() as stack:
        caught = stack.enter_context(warnings.catch_warnings(record=True))
        warnings.simplefilter("always")
        stack.enter_context(torch.no_grad())
        stack.enter_context(attention_fast_path_off())
        stack.enter_context(autograd_functions_inlined(inlined))
        stack.enter_context(script_functions_inlined())
        stack.enter_context(_graph_not_printed())
        try:
            torch.onnx.export(
                module,
                tuple(inputs),
                buffer,  # type: ignore[arg-type]
                dynamo=False,
                opset_version=OPSET,
                input_names=[f"in{index}" for index in range(len(inputs))],
                output_names=[f"out{index}" for index in range(outputs)],
                dynamic_axes={name: list(axes) for name, axes in (dynamic_axes or {}).items()} or None,
            )
        except (torch.onnx.errors.OnnxExporterError, RuntimeError) as error:
            raise _export_error(error) from error
    model = onnx.load_model_from_string(buffer.getvalue())
    simplified = simplify(model, path)
    inlined_notes = (f"inlined the forward of autograd.Function {name}" for name in dict.fromkeys(inlined))
    return OnnxModel(
        path,
        simplified.inputs,
        simplified.outputs,
        tuple(trace_warning(each) for each in caught if issubclass(each.category, TracerWarning)),
        (*inlined_notes, *simplified.rewrites),
        simplified.log,
    )


@contextmanager
def _graph_not_printed() -> Iterator[None]:
    """Keep a failing exporter from printing the whole graph to stdout."""
    log = torch._C._jit_onnx_log
    torch._C._jit_onnx_log = lambda *_: None
    try:
        yield
    finally:
        torch._C._jit_onnx_log = log


def simplify(model: Any, path: Path, shapes: Mapping[str, Sequence[int]] | None = None) -> OnnxModel:
    """Lower, simplify and rewrite an ONNX model, and save it in one file.

    `shapes` fixes input shapes that the model leaves open.

    Raises:
        OnnxExportError: onnxsim cannot simplify it, or it does not fit into one file.
    """
    onnx, onnxsim = require("onnx", "onnx"), require("onnxsim", "onnx")
    require("onnx.inliner", "onnx")
    said: list[str] = []
    try:
        fixed = {name: list(shape) for name, shape in (shapes or {}).items()}
        model = onnx.inliner.inline_local_functions(model)
        with overheard(said):
            model, _ = onnxsim.simplify(
                model, overwrite_input_shapes=fixed or None, skipped_optimizers=_UNREADABLE
            )
    except Exception as error:
        raise OnnxExportError(f"onnxsim: {_first_line(error)}") from error
    try:
        notes = lower_opset(model, OPSET)
    except LoweringError as error:
        raise OnnxExportError(f"{error}; export it with opset_version={OPSET}") from error
    notes += rewrite(model)
    if model.ByteSize() > _EMBEDDED_LIMIT_BYTES:
        raise OnnxExportError("the ONNX file would be larger than 2 GiB, which pnnx cannot read")
    onnx.save(model, path)
    initialized = {each.name for each in model.graph.initializer}
    return OnnxModel(
        path,
        tuple(each.name for each in model.graph.input if each.name not in initialized),
        tuple(each.name for each in model.graph.output),
        (),
        tuple(notes),
        "".join(f"onnxsim: {line}\n" for line in said),
    )


_OPERATOR = re.compile(r"operator '?((?:aten::|prim::)?\w+)")
_APPENDIX = re.compile(r"[.,]? *(?:Please feel free|\[Caused by|Support for this operator was added).*")


def _export_error(error: Exception) -> OnnxExportError:
    match = _OPERATOR.search(str(error))
    message = _APPENDIX.sub("", _first_line(error))
    return OnnxExportError(message, match[1] if match else None)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
