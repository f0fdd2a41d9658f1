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
    return sum(_is_elsewhere(trace, values, place) for place in range(len(values)))


def _is_elsewhere(trace: Trace, values: Sequence[int], place: int) -> bool:
    producer = trace.producers.get(values[place])
    node = None if producer is None else trace.nodes[producer]
    if node is None:
        return False
    if short(node.op) in _CUTS:
        return len(node.outputs) == len(values) and node.outputs.index(values[place]) != place
    if short(node.op) != "slice" or len(node.numbers) < 2:
        return False
    axis, start = (int(number) for number in node.numbers[:2])
    whole = trace.values[node.inputs[0]].shape
    before = [trace.values[value].shape for value in values[:place]]
    if any(len(shape) != len(whole) for shape in before):
        return False
    return bool(start % whole[axis] != sum(shape[axis] for shape in before) % whole[axis])
