"""Changes to an ONNX graph that make pnnx read it rightly, each the same mathematics as before.

pnnx takes a list of one axis for a number (a sum over one axis becomes a sum over all), only the first of
several axes of a maximum, and loses a consumer where a node takes the same tensor twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from edgekit.errors import require

_SINGLE_AXIS = ("ReduceMax", "ReduceMin")
_SUMS = ("ReduceSum",)


def rewrite(model: Any) -> list[str]:
    """Rewrite the graph of a model in place; return in plain words what was done."""
    graph = _Graph(model)
    done: Counter[str] = Counter()
    for node in list(graph.nodes):
        for text, rule in _RULES:
            fresh = rule(graph, node)
            if fresh is not None:
                done[text] += 1
                graph.replace(node, fresh)
                break
    graph.finish()
    return [text if count == 1 else f"{text} ({count} times)" for text, count in done.items()]


class _Graph:
    """Constants, shapes and fresh names of a graph that is being rewritten."""

    def __init__(self, model: Any) -> None:
        self.onnx = require("onnx", "onnx")
        self.model = model
        self.nodes: list[Any] = list(model.graph.node)
        self._constants = {each.name: each for each in model.graph.initializer}
        for node in self.nodes:
            if node.op_type == "Constant" and node.attribute[0].name == "value":
                self._constants[node.output[0]] = node.attribute[0].t
        inferred = self.onnx.shape_inference.infer_shapes(model)
        infos = [*inferred.graph.value_info, *inferred.graph.input, *inferred.graph.output]
        self._shapes = {each.name: each.type.tensor_type.shape.dim for each in infos}
        self._taken = {name for node in self.nodes for name in node.output} | set(self._constants)

    def constant(self, name: str) -> np.ndarray[Any, Any] | None:
        """Return the value of a constant, None for a computed tensor."""
        tensor = self._constants.get(name)
        return None if tensor is None else np.asarray(self.onnx.numpy_helper.to_array(tensor))

    def shape(self, name: str) -> list[int | None] | None:
        """Return the shape of a tensor where it is known; None for an open size."""
        dims = self._shapes.get(name)
        if dims is None:
            return None
        return [each.dim_value if each.HasField("dim_value") else None for each in dims]

    def add_constant(self, near: str, value: np.ndarray[Any, Any]) -> str:
        """Add a constant and return its name."""
        name = self.fresh(near)
        tensor = self.onnx.numpy_helper.from_array(value, name)
        self.model.graph.initializer.append(tensor)
        self._constants[name] = tensor
        return name

    def fresh(self, near: str) -> str:
        """Return a tensor name that nothing has yet."""
        number = 0
        while f"{near}_edgekit{number}" in self._taken:
            number += 1
        self._taken.add(f"{near}_edgekit{number}")
        return f"{near}_edgekit{number}"

    def node(self, kind: str, inputs: Sequence[str], output: str, name: str, **attributes: Any) -> Any:
        """Make a node; it is named after the node that it stands for, and after its own output."""
        own = f"{name}/{output.rpartition('/')[2]}"
        return self.onnx.helper.make_node(kind, list(inputs), [output], name=own, **attributes)

    def replace(self, old: Any, fresh: Iterable[Any]) -> None:
        """Put nodes in the place of one."""
        index = next(i for i, node in enumerate(self.nodes) if node is old)
        self.nodes[index : index + 1] = list(fresh)

    def finish(self) -> None:
        """Write the nodes back into the model."""
        nodes = [self.onnx.NodeProto.FromString(node.SerializeToString()) for node in self.nodes]
        del self.model.graph.node[:]
        self.model.graph.node.extend(nodes)

    def attribute(self, node: Any, name: str, default: Any = None) -> Any:
        """Return an attribute's value."""
        for each in node.attribute:
            if each.name == name:
                return self.onnx.helper.get_attribute_value(each)
        return default

    def axes(self, node: Any) -> list[int] | None:
        """Return the axes of a reduction, from attribute or constant input; None for all or unknown."""
        axes = self.attribute(node, "axes")
        if axes is None and len(node.input) > 1:
            axes = self.constant(node.input[1])
        shape = self.shape(node.input[0])
        if axes is None or shape is None:
            return None
        return sorted(int(axis) % len(shape) for axis in axes)


def _same_operand(graph: _Graph, node: Any) -> list[Any] | None:
    """Mul(x, x) is Pow(x, 2), Add(x, x) is Mul(x, 2)."""
    if node.op_type not in ("Mul", "Add") or node.input[0] != node.input[1]:
        return None
    if graph.constant(node.input[0]) is not None:
        return None
    number = graph.add_constant(node.output[0], np.array(2.0, np.float32))
    kind = "Pow" if node.op_type == "Mul" else "Mul"
    return [graph.node(kind, [node.input[0], number], node.output[0], node.name)]


def _single_sum(graph: _Graph, node: Any) -> list[Any] | None:
    """ReduceSum over one axis of known size is ReduceMean times the size."""
    if node.op_type not in _SUMS:
        return None
    axes, shape = graph.axes(node), graph.shape(node.input[0])
    if axes is None or shape is None or len(axes) != 1 or shape[axes[0]] is None:
        return None
    size = shape[axes[0]]
    assert size is not None
    mean, count = graph.fresh(node.output[0]), graph.add_constant(node.output[0], np.array(size, np.float32))
    keep = graph.attribute(node, "keepdims", 1)
    return [
        graph.node("ReduceMean", [node.input[0]], mean, node.name, axes=axes, keepdims=keep),
        graph.node("Mul", [mean, count], node.output[0], node.name),
    ]


def _chained_extremes(graph: _Graph, node: Any) -> list[Any] | None:
    """ReduceMax over several axes is one ReduceMax for each, the last axis first."""
    if node.op_type not in _SINGLE_AXIS:
        return None
    axes = graph.axes(node)
    if axes is None or len(axes) < 2:
        return None
    keep = graph.attribute(node, "keepdims", 1)
    nodes, current = [], node.input[0]
    for number, axis in enumerate(reversed(axes)):
        target = node.output[0] if number == len(axes) - 1 else graph.fresh(node.output[0])
        nodes.append(graph.node(node.op_type, [current], target, node.name, axes=[axis], keepdims=keep))
        current = target
    return nodes


_MOST_PARTS = 64


def _gather(graph: _Graph, node: Any) -> list[Any] | None:
    """Gather at constant places is Slice, with Squeeze for a single place, Concat for scattered ones."""
    if node.op_type != "Gather" or graph.constant(node.input[0]) is not None:
        return None
    indices, shape = graph.constant(node.input[1]), graph.shape(node.input[0])
    if indices is None or shape is None or indices.ndim > 1 or indices.size == 0:
        return None
    axis = graph.attribute(node, "axis", 0) % len(shape)
    size = shape[axis]
    if size is None:
        return None
    runs = _runs([int(index) % size for index in indices.reshape(-1)])
    if len(runs) > _MOST_PARTS:
        return None
    squeeze = indices.ndim == 0
    nodes, parts = [], []
    for start, stop in runs:
        single = len(runs) == 1 and not squeeze
        target = node.output[0] if single else graph.fresh(node.output[0])
        bounds = [graph.add_constant(target, np.array([each], np.int64)) for each in (start, stop, axis)]
        nodes.append(graph.node("Slice", [node.input[0], *bounds], target, node.name))
        parts.append(target)
    if squeeze:
        where = graph.add_constant(node.output[0], np.array([axis], np.int64))
        nodes.append(graph.node("Squeeze", [parts[0], where], node.output[0], node.name))
    elif len(parts) > 1:
        nodes.append(graph.node("Concat", parts, node.output[0], node.name, axis=axis))
    return nodes


def _runs(indices: Sequence[int]) -> list[tuple[int, int]]:
    """Group indices into runs [start, stop) of neighbours: 3, 4, 5, 1 gives (3, 6), (1, 2)."""
    runs: list[tuple[int, int]] = []
    for index in indices:
        if runs and runs[-1][1] == index:
            runs[-1] = (runs[-1][0], index + 1)
        else:
            runs.append((index, index + 1))
    return runs


_RULES: tuple[tuple[str, Callable[[_Graph, Any], list[Any] | None]], ...] = (
    ("wrote x * x as x ** 2, x + x as x * 2", _same_operand),
    ("wrote a sum over one axis as the mean times the size", _single_sum),
    ("wrote a maximum over several axes as one after the other", _chained_extremes),
    ("wrote indexing at fixed places as slices", _gather),
)


def lower_opset(model: Any, opset: int) -> list[str]:
    """Bring a model of a later opset down to `opset` where that is possible, in place."""
    onnx = require("onnx", "onnx")
    imported = next((each for each in model.opset_import if each.domain in ("", "ai.onnx")), None)
    if imported is None or imported.version <= opset:
        return []
    version = imported.version
    try:
        lowered = onnx.version_converter.convert_version(model, opset)
    except Exception:
        return []
    model.CopyFrom(lowered)
    return [f"lowered the ONNX opset from {version} to {opset}"]
