"""Hypotheses about layers that move numbers: one of them put the axes into another order than it should.

What moves match is what they were given, in whatever order: a wrong one still stands for its tensor, and so
do those behind it, down to the first layer to which the order makes a difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from edgekit.alignment import families, hypotheses
from edgekit.alignment.layout import Layout
from edgekit.alignment.matching import Match
from edgekit.alignment.state import Changes, State

_MOST_VIEWS = 6  # operations that move numbers, one behind the other
_MOST_LAYERS = 6  # that give them another shape, below the one that turned them


def of_moves(state: State, index: int) -> list[Changes]:
    """What a layer's inputs may stand for if they lay as PyTorch has them, with the moves above that follow.

    Each change reaches up to the first layer that does more than give its numbers another shape.
    """
    origins = dict.fromkeys(state.origin(blob) for blob in state.anchors(state.graph.layers[index].inputs))
    changes = (
        _upwards(state, origin, value)
        for origin in origins
        if origin not in state.pinned and _is_moved(state, origin)
        for value in _views(state, origin)
    )
    return [*(each for each in changes if each), *_in_own_axes(state, origins)]


def _in_own_axes(state: State, origins: Iterable[str]) -> Iterator[Changes]:
    """The same tensors with the axes of one element that PyTorch gives them: some layers count these too."""
    for origin in origins:
        entry = state.chosen[origin]
        maker = state.graph.layers[state.graph.blobs[origin].producer]
        if origin in state.pinned or not entry.layout.is_identity:
            continue
        for value in state.flow.same_order(entry.value):
            own = hypotheses.lying(state, maker.inputs, value, None)
            if own.sizes == entry.layout.sizes and own != entry.layout:
                yield {origin: Match(value, own, 0.0)}


def _is_moved(state: State, blob: str) -> bool:
    """Whether a blob comes from a layer that moves numbers."""
    return families.is_move(state.graph.layers[state.graph.blobs[blob].producer])


def _views(state: State, blob: str) -> list[int]:
    """The tensor of a blob, and what PyTorch's next moves make of it."""
    trace = state.trace
    found = [state.chosen[blob].value]
    for value in found:
        readers = [trace.nodes[node] for node in trace.consumers.get(value, ())]
        outputs = [each for node in readers if families.is_view(node.op) for each in node.outputs]
        same_size = [each for each in outputs if trace.values[each].size == trace.values[value].size]
        found += [each for each in same_size if each not in found and each not in trace.hidden]
        if len(found) > _MOST_VIEWS:
            break
    return found[:_MOST_VIEWS]


def _upwards(state: State, blob: str, value: int) -> Changes:
    """Let a blob hold a tensor as it lies in PyTorch, and those above it the same numbers in this order."""
    changes: dict[str, Match] = {}
    for _ in range(_MOST_LAYERS):
        entry = state.chosen[blob]
        match = _as_it_lies(state, blob, value)
        if blob in state.pinned or (entry.value, entry.layout) == (match.value, match.layout):
            break
        changes[blob] = match
        maker = state.graph.layers[state.graph.blobs[blob].producer]
        if not families.keeps_numbers(maker) or any(each not in state.chosen for each in maker.inputs):
            break
        blob = state.origin(maker.inputs[0])
    return changes


def _as_it_lies(state: State, blob: str, value: int) -> Match:
    """A tensor, or a view of it with axes as long as the blob's, in PyTorch's order."""
    entry = state.chosen[blob]
    maker = state.graph.layers[state.graph.blobs[blob].producer]
    for each in state.flow.same_order(value):
        sizes = [size for size in state.trace.values[each].shape if size > 1]
        if sorted(sizes) == sorted(entry.layout.sizes):
            rest = iter(sizes)
            shape = tuple(next(rest) if size > 1 else size for size in entry.layout.shape)
            return Match(each, Layout(shape, None, entry.layout.batch_axis), 0.0)
    if families.keeps_numbers(maker):
        return Match(value, Layout(entry.layout.shape, None, entry.layout.batch_axis), 0.0)
    return Match(value, hypotheses.lying(state, maker.inputs, value, None), 0.0)
