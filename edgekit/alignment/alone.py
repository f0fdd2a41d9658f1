"""One layer alone: the question that runs it on reference tensors, and what its answer decides."""

from __future__ import annotations

from collections.abc import Iterable

from edgekit.alignment.layout import Layout
from edgekit.alignment.matching import Match, Observation
from edgekit.alignment.observe import Probe
from edgekit.alignment.state import State

_CLEARLY = 3.0
_ROUNDING = 1e-7


def injection(state: State, blobs: Iterable[str]) -> dict[str, tuple[int, Layout]]:
    """What stands in for some aligned blobs."""
    return {blob: (state.chosen[blob].value, state.chosen[blob].layout) for blob in sorted(blobs)}


def isolation(state: State, index: int) -> Probe:
    """The question that runs one layer alone: reference in at its anchors, its outputs out."""
    layer = state.graph.layers[index]
    return Probe(injection(state, state.anchors(layer.inputs)), layer.outputs)


def clearly_better(state: State, index: int, blob: str, seen: Observation | None) -> Match | None:
    """An alternative that a layer alone agrees with clearly better: in a whole run rounding had piled up."""
    others = state.alternatives.get(blob, ())
    if seen is None or len(others) < 2 or blob in state.pinned:
        return None
    current = state.chosen[blob]
    here = max(state.index.error(seen, current.value, current.layout), _ROUNDING)
    sources = state.sources(state.graph.layers[index])
    better: Match | None = None
    for match in others:
        if match.value == current.value or state.flow.cut(match.value, sources) is None:
            continue
        error = state.index.error(seen, match.value, match.layout)
        if max(error, _ROUNDING) * _CLEARLY < here and (better is None or error < better.error):
            better = Match(match.value, match.layout, error)
    return better
