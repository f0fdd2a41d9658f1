"""An ONNX file as a model: its inputs, settled, and where it came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from edgekit.bundle import ModelSource, file_sha256
from edgekit.errors import UserError, did_you_mean, require
from edgekit.runtimes.onnx_trace import load_model
from edgekit.sources.inputs import InputSpec, checked_input
from edgekit.sources.request import Request
from edgekit.sources.spec import ModelSpec, SpecKind


@dataclass(frozen=True, slots=True, eq=False)
class OnnxSource:
    """A loaded ONNX model with its inputs described; `open_axes` are those that the file leaves open."""

    model: Any
    inputs: tuple[InputSpec, ...]
    outputs: tuple[str, ...]
    source: ModelSource
    open_axes: Mapping[str, tuple[int, ...]]


def load_onnx(request: Request) -> OnnxSource:
    """Load the ONNX file that the request names and settle its inputs.

    Raises:
        UserError: the file leaves a size open that nothing settles, or the inputs contradict it.
        FormatError: the file is damaged.
    """
    spec = request.model
    assert isinstance(spec, ModelSpec) and spec.path is not None
    if request.weights.path is not None:
        raise UserError("an ONNX file holds its weights", "leave --weights out")
    model = load_model(spec.path)
    constants = {each.name for each in model.graph.initializer}
    declared = {each.name: each for each in model.graph.input if each.name not in constants}
    given = {each.name: each for each in request.inputs}
    for name in given:
        if name not in declared:
            remedy = did_you_mean(name, declared) or f"its inputs are {', '.join(declared)}"
            raise UserError(f"the model has no input '{name}'", remedy)
    return OnnxSource(
        model=model,
        inputs=tuple(_settled(info, given.get(name)) for name, info in declared.items()),
        outputs=tuple(each.name for each in model.graph.output),
        source=ModelSource(
            spec=spec.text, kind=SpecKind.ONNX.value, seed=request.seed, state_sha256=file_sha256(spec.path)
        ),
        open_axes={
            name: tuple(axis for axis, size in enumerate(_sizes(info)) if size is None)
            for name, info in declared.items()
        },
    )


def _sizes(info: Any) -> Sequence[int | None]:
    dims = info.type.tensor_type.shape.dim
    return [each.dim_value if each.HasField("dim_value") and each.dim_value > 0 else None for each in dims]


def _settled(info: Any, given: InputSpec | None) -> InputSpec:
    onnx = require("onnx", "onnx")
    name, sizes = info.name, _sizes(info)
    dtype = str(onnx.helper.tensor_dtype_to_np_dtype(info.type.tensor_type.elem_type))
    if given is None:
        if any(size is None for size in sizes[1:]):
            shown = "x".join("?" if size is None else str(size) for size in sizes)
            raise UserError(
                f"the file leaves sizes of input '{name}' open ({shown})", f"add --input {name}=SHAPE"
            )
        return checked_input(InputSpec(name, tuple(size or 1 for size in sizes), dtype))
    for shape in filter(None, (given.shape, given.shape2)):
        if len(shape) != len(sizes) or any(
            size is not None and size != wanted for size, wanted in zip(sizes, shape, strict=True)
        ):
            shown = "x".join("?" if size is None else str(size) for size in sizes)
            raise UserError(
                f"input '{name}' is {shown} in the file, not {'x'.join(map(str, shape))}",
                f"give --input {name}={shown} with sizes in the place of '?'",
            )
    return replace(given, dtype=dtype)
