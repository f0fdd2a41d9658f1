"""The gates of a recurrent layer in another order: PyTorch, Keras and ncnn each have their own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from edgekit.graph import Layer, Weight
from edgekit.verifier.variant import Variant

_GATES: Mapping[str, tuple[str, ...]] = {
    "LSTM": ("input", "forget", "output", "cell"),
    "GRU": ("reset", "update", "new"),
}
"""In ncnn's order."""

_ORDERS: Mapping[str, tuple[tuple[int, ...], ...]] = {
    "LSTM": tuple(itertools.permutations(range(4)))[1:],
    "GRU": ((1, 0, 2),),  # the new gate has two biases, which gives it away
}


def gate_orders(layer: Layer) -> Iterator[Variant]:
    """Yield a recurrent layer with its gates in the other orders; nothing for any other layer."""
    gates = _GATES.get(layer.type, ())
    for order in _ORDERS.get(layer.type, ()):
        weights = tuple(_reordered(weight, order) for weight in layer.weights)
        found = ", ".join(gates[place] for place in np.argsort(order))
        words = f"the gates {', '.join(gates)} in this order, instead of {found}"
        yield Variant(replace(layer, weights=weights), words)


def _reordered(weight: Weight, order: tuple[int, ...]) -> Weight:
    """Weights (directions, gates * hidden, inputs) and biases (directions, 4, hidden), gate by gate."""
    data = np.asarray(weight.data)
    if weight.name not in ("weight_xc_data", "bias_c_data", "weight_hc_data"):
        return weight  # of a projection, which has no gates
    rows = data.shape[1] if weight.name == "bias_c_data" else len(order)
    place = [*order, *range(len(order), rows)]
    parts = data.reshape(data.shape[0], len(place), -1)[:, place]
    return replace(weight, data=np.ascontiguousarray(parts).reshape(data.shape))
