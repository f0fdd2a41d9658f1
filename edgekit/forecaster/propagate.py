"""Where infinities go in the whole run: which layers below an overflow give infinity or NaN too."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.forecaster.model import LayerForecast
from edgekit.forecaster.outcome import State
from edgekit.forecaster.spread import handed_on
from edgekit.graph import Graph


def propagated(graph: Graph, layers: Sequence[LayerForecast]) -> tuple[LayerForecast, ...]:
    """Return the layers with their states in the whole run."""
    alone = {layer.index: layer for layer in layers}
    states: dict[str, State] = {}
    found = []
    for index, layer in enumerate(graph.layers):
        given = _worst([states.get(blob, State.FINITE) for blob in layer.inputs])
        own = alone[index].alone if index in alone else State.FINITE
        state = _worst([own, handed_on(layer, given)])
        states.update(dict.fromkeys(layer.outputs, state))
        if index in alone:
            found.append(alone[index].after(state))
    return tuple(found)


def _worst(states: Sequence[State]) -> State:
    return max(states, key=lambda state: state.rank, default=State.FINITE)
