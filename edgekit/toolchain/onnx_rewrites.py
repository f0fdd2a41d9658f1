"""Changes to an ONNX graph that make pnnx read it rightly, each the same mathematics as before.

pnnx takes a list of one axis for a number (a sum over one axis becomes a sum over all), only the first of
several axes of a maximum, and loses a consumer where a node takes the same tensor twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from edgekit.toolchain.onnx_graph import OnnxGraph

_SINGLE_AXIS = ("ReduceMax", "ReduceMin")
_SUMS = ("ReduceSum",)


def rewrite(model: Any) -> list[str]:
    """Rewrite the graph of a model in place; return in plain words what was done."""
    graph = OnnxGraph(model)
    done: Counter[str] = Counter()
    for node in list(graph.nodes):
        for text, rule in _RULES:
            fresh = rule(graph, node)
            if fresh is not None:
                done[text] += 1
                graph.replace(node, fresh)
                break
    _steps_before_states(graph)
    graph.finish()
    return [text if count == 1 else f"{text} ({count} times)" for text, count in done.items()]


def _same_operand(graph: OnnxGraph, node: Any) -> list[Any] | None:
    """Mul(x, x) is Pow(x, 2), Add(x, x) is Mul(x, 2)."""
    if node.op_type not in ("Mul", "Add") or node.input[0] != node.input[1]:
        return None
    if graph.constant(node.input[0]) is not None:
        return None
    number = graph.add_constant(node.output[0], np.array(2.0, np.float32))
    kind = "Pow" if node.op_type == "Mul" else "Mul"
    return [graph.node(kind, [node.input[0], number], node.output[0], node.name)]


def _single_sum(graph: OnnxGraph, node: Any) -> list[Any] | None:
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


def _chained_extremes(graph: OnnxGraph, node: Any) -> list[Any] | None:
    """ReduceMax over several axes is one ReduceMax for each, the last axis first."""
    axes = graph.axes(node) if node.op_type in _SINGLE_AXIS else None
    return None if axes is None or len(axes) < 2 else _chained(graph, node, axes)


def _chained_means(graph: OnnxGraph, node: Any) -> list[Any] | None:
    """ReduceMean over channels and more is one ReduceMean for each axis, the last axis first.

    What is divided by a deviation from such a mean pnnx takes for a LayerNorm, which ncnn has for rows alone.
    """
    axes = graph.axes(node) if node.op_type == "ReduceMean" else None
    return None if axes is None or len(axes) < 2 or axes[0] != 1 else _chained(graph, node, axes)


def _chained(graph: OnnxGraph, node: Any, axes: Sequence[int]) -> list[Any]:
    keep = graph.attribute(node, "keepdims", 1)
    nodes, current = [], node.input[0]
    for number, axis in enumerate(reversed(axes)):
        target = node.output[0] if number == len(axes) - 1 else graph.fresh(node.output[0])
        nodes.append(graph.node(node.op_type, [current], target, node.name, axes=[axis], keepdims=keep))
        current = target
    return nodes


_MOST_PARTS = 64


def _gather(graph: OnnxGraph, node: Any) -> list[Any] | None:
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


_IDS_TRIED = 10


def _short_table(graph: OnnxGraph, node: Any) -> list[Any] | None:
    """A table of fewer than ten embeddings gets rows of zeros: pnnx tries the model with ids up to nine."""
    if node.op_type != "Gather" or graph.attribute(node, "axis", 0) != 0:
        return None
    table = graph.constant(node.input[0])
    if table is None or table.ndim != 2 or graph.constant(node.input[1]) is not None:
        return None
    lacking = _IDS_TRIED - table.shape[0]
    if lacking <= 0:
        return None
    longer = graph.add_constant(node.output[0], np.pad(table, ((0, lacking), (0, 0))))
    return [graph.node("Gather", [longer, node.input[1]], node.output[0], node.name)]


def _split_sizes(graph: OnnxGraph, node: Any) -> list[Any] | None:
    """Split into equal parts says how large they are: pnnx reads nothing else."""
    if node.op_type != "Split" or len(node.input) > 1 or graph.attribute(node, "split") is not None:
        return None
    shape, axis = graph.shape(node.input[0]), graph.attribute(node, "axis", 0)
    size = None if shape is None else shape[axis]
    if size is None:
        return None
    part = -(-size // len(node.output))
    sizes = [min(part, size - part * index) for index in range(len(node.output))]
    node.input.append(graph.add_constant(node.output[0], np.array(sizes, np.int64)))
    return [node]


def _reshaped_steps(graph: OnnxGraph, node: Any) -> list[Any] | None:
    """The outputs of a recurrent layer lose their axis of directions before anything else is done to them."""
    if node.op_type != "Reshape":
        return None
    shape, made = graph.constant(node.input[1]), graph.producers.get(node.input[0])
    if shape is None or made is None:
        return None
    name = graph.fresh(node.output[0])
    if made.op_type in _RECURRENT and node.input[0] == made.output[0]:
        joined = graph.sibling(node, "Squeeze")  # one it has to be, for pnnx to know the layer by
        if joined is not None:
            return [graph.node("Reshape", [joined.output[0], node.input[1]], node.output[0], node.name)]
        axis = graph.add_constant(name, np.array([1], np.int64))
        first = graph.node("Squeeze", [node.input[0], axis], name, node.name)
    elif made.op_type == "Transpose" and _is_recurrent(graph, made.input[0]) and not _joins(graph, node):
        joined = graph.add_constant(name, np.array([0, 0, -1], np.int64))
        first = graph.node("Reshape", [node.input[0], joined], name, node.name)
    else:
        return None
    return [first, graph.node("Reshape", [name, node.input[1]], node.output[0], node.name)]


def _steps_before_states(graph: OnnxGraph) -> None:
    """Put what belongs to a recurrent layer's outputs behind it: pnnx writes the layer in its place.

    What reads the states would stand before the layer otherwise.
    """
    for node in [each for each in graph.nodes if each.op_type in _RECURRENT]:
        steps = [
            each
            for each in graph.nodes
            if each.op_type in ("Squeeze", "Transpose") and each.input[0] == node.output[0]
        ]
        turned = {name for each in steps if each.op_type == "Transpose" for name in each.output}
        steps += [each for each in graph.nodes if each.op_type == "Reshape" and each.input[0] in turned]
        computed = {name for each in steps for name in each.input[1:] if name in graph.producers}
        if not computed:
            graph.move_behind(node, steps)


def _joins(graph: OnnxGraph, node: Any) -> bool:
    """Whether all that a reshape does is to join the last two axes, as far as that can be known."""
    before, after = graph.shape(node.input[0]), graph.shape(node.output[0])
    if before is None or after is None or len(after) != 3:
        return after is None
    return before[:2] == after[:2]


def _is_recurrent(graph: OnnxGraph, value: str) -> bool:
    made = graph.producers.get(value)
    return made is not None and made.op_type in _RECURRENT


_RECURRENT = ("LSTM", "GRU", "RNN")


def _first_states(graph: OnnxGraph, node: Any) -> list[Any] | None:
    """A recurrent layer whose last states are read is given first ones of zeros: pnnx knows it by them."""
    read = [name for name in node.output[1:] if name and graph.is_read(name)]
    if node.op_type not in _RECURRENT or len(node.input) > _FIRST_STATE or not read:
        return None
    shape = graph.shape(read[0])
    if shape is None or None in shape:
        return None
    count, batch, features = (size or 0 for size in shape)
    if batch != 1 or (count > 1 and features % _ALIGNED):
        return None
    zeros = graph.add_constant(read[0], np.zeros((count, batch, features), np.float32))
    left_out = [""] * (_FIRST_STATE - len(node.input))
    node.input.extend([*left_out, *[zeros] * (2 if node.op_type == "LSTM" else 1)])
    return [node]


_FIRST_STATE = 5
"""The place of the first state among the inputs, behind X, W, R, B and the lengths."""
_ALIGNED = 4
"""ncnn begins each channel of a constant at a multiple of so many numbers, and reads states as if not."""


def _plane_norm(graph: OnnxGraph, node: Any) -> list[Any] | None:
    """An instance normalisation over one axis gets a second one of size 1: ncnn knows planes only."""
    if node.op_type != "InstanceNormalization":
        return None
    shape, made = graph.shape(node.input[0]), graph.producers.get(node.input[0])
    if shape is None or len(shape) != 3:
        return None
    if made is not None and made.op_type == "Reshape":  # a group normalisation, as which pnnx knows it
        return None
    wide, normal = graph.fresh(node.output[0]), graph.fresh(node.output[0])
    axis = graph.add_constant(wide, np.array([3], np.int64))
    epsilon = graph.attribute(node, "epsilon", 1e-5)
    return [
        graph.node("Unsqueeze", [node.input[0], axis], wide, node.name),
        graph.node(node.op_type, [wide, *node.input[1:]], normal, node.name, epsilon=epsilon),
        graph.node("Squeeze", [normal, axis], node.output[0], node.name),
    ]


_RULES: tuple[tuple[str, Callable[[OnnxGraph, Any], list[Any] | None]], ...] = (
    ("wrote x * x as x ** 2, x + x as x * 2", _same_operand),
    ("wrote a sum over one axis as the mean times the size", _single_sum),
    ("wrote a maximum over several axes as one after the other", _chained_extremes),
    ("wrote a mean over several axes as one after the other", _chained_means),
    ("wrote indexing at fixed places as slices", _gather),
    ("lengthened a table of fewer than ten embeddings by rows of zeros", _short_table),
    ("told a split into equal parts how large they are", _split_sizes),
    ("gave an instance normalisation over one axis a second one", _plane_norm),
    ("gave a recurrent layer first states of zeros", _first_states),
    ("joined the directions of a recurrent layer before a reshape", _reshaped_steps),
)
