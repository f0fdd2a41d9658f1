"""Hypotheses about sizes: a slice that cuts in other places, a reshape whose sizes were exchanged."""

from __future__ import annotations

from edgekit.alignment import hypotheses
from edgekit.alignment.matching import Match
from edgekit.alignment.state import Changes, State

_MOST_PARTS = 32
_MOST_RESIZED = 32


def of_parts(state: State, index: int) -> list[Changes]:
    """What all outputs of a layer that cuts its input up may stand for together: tensors that make it up."""
    layer = state.graph.layers[index]
    if layer.type != "Slice" or len(layer.outputs) < 2 or layer.inputs[0] not in state.chosen:
        return []
    whole = state.trace.values[state.value(layer.inputs[0])].size
    found: list[Changes] = [{}]
    for place, blob in enumerate(layer.outputs):
        is_last = place == len(layer.outputs) - 1
        options = _options(state, index, blob)
        longer: list[Changes] = [
            {**parts, **each} for parts in found for each in options if not _shared(parts, each)
        ]
        left = [whole - _size(state, parts) for parts in longer]
        found = [
            parts for parts, size in zip(longer, left, strict=True) if (size == 0 if is_last else size > 0)
        ][:_MOST_PARTS]
    return [{blob: match for blob, match in parts.items() if blob not in state.chosen} for parts in found]


def _options(state: State, index: int, blob: str) -> list[Changes]:
    """What one part may be: what it is aligned with, or what the layer fits, whatever its size is now."""
    if blob in state.chosen:
        entry = state.chosen[blob]
        return [{blob: Match(entry.value, entry.layout, entry.error)}]
    return [
        change
        for change in hypotheses.of_output(state, index, blob, None)
        if all(state.strain(index, match) < hypotheses.FITS for match in change.values())
    ]


def _size(state: State, parts: Changes) -> int:
    return sum(state.trace.values[match.value].size for match in parts.values())


def _shared(parts: Changes, others: Changes) -> bool:
    values = {match.value for match in parts.values()}
    return any(match.value in values for match in others.values())


def of_shapes(state: State, index: int) -> list[Changes]:
    """The same tensors in their own sizes, from the reshape on that may have given them others.

    The numbers of a tensor whose sizes were exchanged stay in their order, so that it matched all the same,
    and so did what the next layers made of it one by one.
    """
    origins = dict.fromkeys(state.origin(blob) for blob in state.anchors(state.graph.layers[index].inputs))
    changes = [_below(state, _reshaped(state, origin)) for origin in origins]
    return [each for each in changes if 0 < len(each) <= _MOST_RESIZED]


def _reshaped(state: State, origin: str) -> dict[str, Match]:
    """The results of reshapes at or above a blob from which on the sizes are others, in their own sizes."""
    found: dict[str, Match] = {}
    pending = [origin]
    for blob in pending:
        own = _own_sizes(state, blob)
        if own is None:
            continue
        maker = state.graph.layers[state.graph.blobs[blob].producer]
        sources = dict.fromkeys(state.origin(each) for each in state.anchors(maker.inputs))
        if maker.type == "Reshape" and not any(_own_sizes(state, each) for each in sources):
            found[blob] = own
        pending += [each for each in sources if each not in pending]
    return found


def _below(state: State, reshaped: dict[str, Match]) -> Changes:
    """The same with all that layers below them give in other sizes for the same reason."""
    found, pending = dict(reshaped), list(reshaped)
    for blob in pending:
        outputs = [each for index in state.readers(blob) for each in state.graph.layers[index].outputs]
        below = {each: own for each in outputs for own in [_own_sizes(state, each)] if own is not None}
        pending += [each for each in below if each not in found]
        found.update(below)
    return found


def _own_sizes(state: State, blob: str) -> Match | None:
    """An aligned tensor as it would lie in its own sizes; None where it does, or where it is told."""
    entry = state.chosen.get(blob)
    if entry is None or blob in state.pinned or not entry.layout.is_identity:
        return None
    maker = state.graph.layers[state.graph.blobs[blob].producer]
    own = hypotheses.lying(state, maker.inputs, entry.value, None)
    ties = [match for match in state.alternatives.get(blob, ()) if match.layout.is_identity]
    views = (hypotheses.lying(state, maker.inputs, match.value, None) for match in ties)
    known = {own.sizes, *(view.sizes for view in views)}
    return None if entry.layout.sizes in known else Match(entry.value, own, 0.0)
