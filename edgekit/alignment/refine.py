"""Decide near-ties by layers run alone: on reference inputs a right tensor agrees ten times better.

In a whole run the rounding of all earlier layers has piled up, and a BatchNorm with default statistics
(which changes its input by 5e-6) drowns in it. A layer alone shows only its own rounding.
"""

from __future__ import annotations

from edgekit.alignment.matching import Match
from edgekit.alignment.observe import Observer, Probe
from edgekit.alignment.walk import State, rechoose

_CLEARLY = 3.0
_ROUNDING = 1e-7
_MOST_PASSES = 3


def refine(state: State, observer: Observer) -> None:
    """Move blobs to an alternative tensor that fits clearly better when their layer runs alone."""
    doubtful = [
        index
        for index, layer in enumerate(state.graph.layers)
        if layer.type not in ("Input", "Split")
        and any(len(state.alternatives.get(blob, ())) > 1 for blob in layer.outputs)
    ]
    for _ in range(_MOST_PASSES):
        moved = _pass(state, observer, doubtful)
        if not moved:
            return
        # Only what reads a moved blob can look different now.
        readers = {reader for blob in moved for reader in state.graph.blobs[blob].consumers}
        doubtful = [index for index in doubtful if index in readers]


def _pass(state: State, observer: Observer, layers: list[int]) -> list[str]:
    questions = [isolation(state, index) for index in layers]
    if not questions:
        return []
    moved: list[str] = []
    for index, seen in zip(layers, observer.ask(questions), strict=True):
        layer = state.graph.layers[index]
        for blob in layer.outputs:
            if blob not in seen or len(state.alternatives.get(blob, ())) < 2:
                continue
            current = state.chosen[blob]
            here = max(state.index.error(seen[blob], current.value, current.layout), _ROUNDING)
            better: Match | None = None
            for match in state.alternatives[blob]:
                if match.value == current.value:
                    continue
                error = state.index.error(seen[blob], match.value, match.layout)
                fits = state.trace.segment(match.value, state.sources(layer)) is not None
                if fits and error * _CLEARLY < here and (better is None or error < better.error):
                    better = Match(match.value, match.layout, error)
            if better is not None:
                rechoose(state, blob, better)
                moved.append(blob)
    return moved


def isolation(state: State, index: int) -> Probe:
    """The question that runs one layer alone: reference in at its anchors, its aligned outputs out."""
    layer = state.graph.layers[index]
    injection = {
        blob: (state.chosen[blob].value, state.chosen[blob].layout) for blob in state.anchors(layer.inputs)
    }
    return Probe(injection, tuple(blob for blob in layer.outputs if blob in state.chosen))
