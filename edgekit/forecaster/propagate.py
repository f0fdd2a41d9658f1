"""Where infinities go in the whole run: which layers below an overflow give infinity or NaN too.

Alone, a layer is handed what PyTorch has. In the whole run it is handed what the layers above really give:
infinity, or, where a function above saturates, less than PyTorch has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edgekit.forecaster.kernels import Kernel
from edgekit.forecaster.model import LayerForecast
from edgekit.forecaster.outcome import State
from edgekit.forecaster.spread import handed_on
from edgekit.graph import Graph
from edgekit.numerics.halves import overflows


def propagated(
    graph: Graph, layers: Sequence[LayerForecast], peaks: Mapping[str, float], precision: str
) -> tuple[LayerForecast, ...]:
    """Return the layers with their states in the whole run; `peaks` are PyTorch's largest numbers by blob."""
    alone = {layer.index: layer for layer in layers}
    states: dict[str, State] = {}
    largest = dict(peaks)
    found = []
    for index, layer in enumerate(graph.layers):
        own = alone.get(index)
        given = [states.get(blob, State.FINITE) for blob in layer.inputs]
        if own is not None and own.kernel is not Kernel.WIDE:
            given = [
                State.INF if state is State.FINITE and overflows(largest.get(blob, 0.0), precision) else state
                for state, blob in zip(given, layer.inputs, strict=True)
            ]
        handed = handed_on(layer, given)
        made = State.FINITE if own is None or own.overreads else own.alone
        state = max(handed, made, key=lambda each: each.rank)
        states.update(dict.fromkeys(layer.outputs, state))
        if own is not None:
            found.append(own.after(state))
            largest.update(dict.fromkeys(layer.outputs, _holds(own, layer.inputs, largest)))
    return tuple(found)


def _holds(layer: LayerForecast, inputs: Sequence[str], largest: Mapping[str, float]) -> float:
    """Return the largest number that a layer gives in the whole run, as far as it is finite."""
    if layer.kernel is Kernel.MOVED:
        return max((largest.get(blob, 0.0) for blob in inputs), default=0.0)
    return layer.holds if layer.holds is not None else largest.get(layer.blob, 0.0)
