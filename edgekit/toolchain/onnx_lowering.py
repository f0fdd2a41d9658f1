"""Bring an ONNX model of a later opset down to the one that pnnx reads rightly.

From opset 18 on the axes of reductions are inputs, which pnnx misreads in silence. onnx's own converter goes
up only, so the few operators that changed are rewritten here, and an operator or attribute that the lower
opset has no words for is an error.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from edgekit.errors import require
from edgekit.toolchain.onnx_graph import OnnxGraph

_REDUCTIONS = frozenset(
    "ReduceMean ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp "
    "ReduceSumSquare".split()
)


class LoweringError(Exception):
    """The model uses something that the lower opset does not have."""


def lower_opset(model: Any, opset: int) -> list[str]:
    """Lower a model in place when its opset is later than `opset`; return in plain words what was done.

    Raises:
        LoweringError: an operator or attribute has no equivalent.
    """
    onnx = require("onnx", "onnx")
    imported = next((each for each in model.opset_import if each.domain in ("", "ai.onnx")), None)
    if imported is None or imported.version <= opset:
        return []
    version = imported.version
    graph = OnnxGraph(model)
    for node in list(graph.nodes):
        rule = _RULES.get(node.op_type)
        fresh = None if rule is None else rule(graph, node)
        if fresh is not None:
            graph.replace(node, fresh)
    for node in graph.nodes:
        if node.domain in ("", "ai.onnx"):
            _check(onnx, node, opset, version)
    graph.finish()
    imported.version = opset
    return [f"lowered the ONNX opset from {version} to {opset}"]


def _check(onnx: Any, node: Any, opset: int, version: int) -> None:
    """Drop attributes that only say the default; refuse what the lower opset does not know."""
    try:
        schema = onnx.defs.get_schema(node.op_type, opset)
    except onnx.defs.SchemaError:
        raise LoweringError(f"opset {opset} has no operator '{node.op_type}'") from None
    later = onnx.defs.get_schema(node.op_type, version)
    for attribute in [each for each in node.attribute if each.name not in schema.attributes]:
        default = later.attributes[attribute.name].default_value
        if default.SerializeToString() != attribute.SerializeToString():
            raise LoweringError(f"opset {opset} has no attribute '{attribute.name}' of '{node.op_type}'")
        node.attribute.remove(attribute)
    if len(node.input) > schema.max_input:
        raise LoweringError(f"opset {opset} takes fewer inputs of '{node.op_type}'")


def _reduction(graph: OnnxGraph, node: Any) -> list[Any] | None:
    """The axes become an attribute."""
    keep = graph.attribute(node, "keepdims", 1)
    axes = graph.constant(node.input[1]) if len(node.input) > 1 and node.input[1] else None
    if len(node.input) > 1 and node.input[1] and axes is None:
        raise LoweringError(f"the axes of '{node.op_type}' are computed")
    if axes is None or axes.size == 0:
        if graph.attribute(node, "noop_with_empty_axes", 0):
            return [graph.node("Identity", [node.input[0]], node.output[0], node.name)]
        return [graph.node(node.op_type, [node.input[0]], node.output[0], node.name, keepdims=keep)]
    listed = [int(axis) for axis in axes.reshape(-1)]
    return [graph.node(node.op_type, [node.input[0]], node.output[0], node.name, axes=listed, keepdims=keep)]


def _split(graph: OnnxGraph, node: Any) -> list[Any] | None:
    """A number of parts becomes their sizes: all alike, the last one smaller where it does not go up."""
    if graph.attribute(node, "num_outputs") is None:
        return None
    axis, shape = graph.attribute(node, "axis", 0), graph.shape(node.input[0])
    size = None if shape is None else shape[axis]
    if size is None:
        raise LoweringError("a Split into equal parts is over an axis of unknown size")
    count = len(node.output)
    part = math.ceil(size / count)
    sizes = [part] * (count - 1) + [size - part * (count - 1)]
    given = graph.add_constant(node.output[0], np.array(sizes, np.int64))
    onnx = graph.onnx
    return [onnx.helper.make_node("Split", [node.input[0], given], node.output, name=node.name, axis=axis)]


def _pad(graph: OnnxGraph, node: Any) -> list[Any] | None:
    """Pads of some axes become pads of all."""
    if len(node.input) < 4 or not node.input[3]:
        return None
    pads, axes, shape = (
        graph.constant(node.input[1]),
        graph.constant(node.input[3]),
        graph.shape(node.input[0]),
    )
    if pads is None or axes is None or shape is None:
        raise LoweringError("the amounts of a Pad are computed")
    rank, count = len(shape), len(axes)
    full = np.zeros(2 * rank, np.int64)
    for place, axis in enumerate(axes):
        full[int(axis) % rank], full[int(axis) % rank + rank] = pads[place], pads[place + count]
    given = [node.input[0], graph.add_constant(node.output[0], full), *node.input[2:3]]
    mode = graph.attribute(node, "mode", b"constant").decode()
    return [graph.node("Pad", given, node.output[0], node.name, mode=mode)]


def _gelu(graph: OnnxGraph, node: Any) -> list[Any]:
    """X / 2 (1 + erf(x / sqrt 2)), or its approximation by tanh."""
    x, name = node.input[0], node.name
    made: list[Any] = []

    def op(kind: str, *inputs: str | float, output: str | None = None) -> str:
        names = [
            each if isinstance(each, str) else graph.add_constant(x, np.array(each, np.float32))
            for each in inputs
        ]
        target = output or graph.fresh(x)
        made.append(graph.node(kind, names, target, name))
        return target

    if graph.attribute(node, "approximate", b"none") == b"tanh":
        cube = op("Mul", op("Pow", x, 2.0), x)
        inner = op("Mul", op("Add", x, op("Mul", cube, 0.044715)), math.sqrt(2 / math.pi))
        bent = op("Tanh", inner)
    else:
        bent = op("Erf", op("Div", x, math.sqrt(2.0)))
    op("Mul", op("Mul", x, op("Add", bent, 1.0)), 0.5, output=node.output[0])
    return made


def _mish(graph: OnnxGraph, node: Any) -> list[Any]:
    """X tanh(softplus(x))."""
    soft, bent = graph.fresh(node.input[0]), graph.fresh(node.input[0])
    return [
        graph.node("Softplus", [node.input[0]], soft, node.name),
        graph.node("Tanh", [soft], bent, node.name),
        graph.node("Mul", [node.input[0], bent], node.output[0], node.name),
    ]


def _group_norm(graph: OnnxGraph, node: Any) -> list[Any]:
    """Each group is an instance of its own: reshape, InstanceNormalization, reshape back, scale and shift."""
    x, shape, groups = node.input[0], graph.shape(node.input[0]), graph.attribute(node, "num_groups")
    scale, bias = graph.constant(node.input[1]), graph.constant(node.input[2])
    if shape is None or scale is None or bias is None or any(size is None for size in shape[1:]):
        raise LoweringError("a GroupNormalization is over computed numbers or unknown sizes")
    channels, rank = int(shape[1] or 0), len(shape)
    if scale.size == groups:  # opset 18 has one number for each group
        scale, bias = (np.repeat(each, channels // groups) for each in (scale, bias))
    ones, zeros = np.ones(groups, np.float32), np.zeros(groups, np.float32)
    constants = [
        graph.add_constant(x, each)
        for each in (
            np.array([0, groups, -1], np.int64),
            ones,
            zeros,
            np.array([0, *shape[1:]], np.int64),
            scale.reshape(-1, *[1] * (rank - 2)),
            bias.reshape(-1, *[1] * (rank - 2)),
        )
    ]
    flat, normal, back, scaled = (graph.fresh(x) for _ in range(4))
    eps = graph.attribute(node, "epsilon", 1e-5)
    return [
        graph.node("Reshape", [x, constants[0]], flat, node.name),
        graph.node("InstanceNormalization", [flat, *constants[1:3]], normal, node.name, epsilon=eps),
        graph.node("Reshape", [normal, constants[3]], back, node.name),
        graph.node("Mul", [back, constants[4]], scaled, node.name),
        graph.node("Add", [scaled, constants[5]], node.output[0], node.name),
    ]


_RULES: dict[str, Callable[[OnnxGraph, Any], list[Any] | None]] = {
    **dict.fromkeys(_REDUCTIONS, _reduction),
    "Split": _split,
    "Pad": _pad,
    "Gelu": _gelu,
    "Mish": _mish,
    "GroupNormalization": _group_norm,
}
