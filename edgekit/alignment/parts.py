"""The order in which a tensor is cut up: parts may be equal in numbers, but a Slice gives them in order."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.alignment.kinds import short
from edgekit.graph import Layer
from edgekit.runtimes.trace import Trace

_CUTS = frozenset("split split_with_sizes unsafe_split chunk unbind Split".split())


def misplaced(layer: Layer, trace: Trace, values: Sequence[int]) -> int:
    """Count the outputs of a Slice that stand for another part than theirs.

    `values` are the tensors of all its outputs, in order. One that is no part of another says nothing.
    """
    if layer.type != "Slice":
        return 0
    return sum(is_elsewhere(trace, value, values[:place], len(values)) for place, value in enumerate(values))


def is_elsewhere(trace: Trace, value: int, parts: Sequence[int], count: int) -> bool:
    """Whether a tensor is known to be another of `count` parts than the one that follows some of them."""
    producer = trace.producers.get(value)
    node = None if producer is None else trace.nodes[producer]
    if node is None:
        return False
    if short(node.op) in _CUTS:
        return len(node.outputs) == count and node.outputs.index(value) != len(parts)
    if short(node.op) != "slice" or len(node.numbers) < 2:
        return False
    axis, start = (int(number) for number in node.numbers[:2])
    whole = trace.values[node.inputs[0]].shape
    before = [trace.values[part].shape for part in parts]
    if any(len(shape) != len(whole) for shape in before):
        return False
    return bool(start % whole[axis] != sum(shape[axis] for shape in before) % whole[axis])
