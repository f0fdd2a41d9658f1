"""Small changes of one layer of an ncnn graph: what every fault is made of. All return a new graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from edgekit.graph import Graph, Layer, Param, Weight
from edgekit.ops import Params, decode, spec_of

Numbers = npt.NDArray[np.float32]


def decoded(layer: Layer) -> Params:
    """The layer's parameters by ncnn's names, defaults filled in."""
    return decode(spec_of(layer.type, layer.name), layer)


def with_layer(graph: Graph, index: int, layer: Layer) -> Graph:
    """Return the graph with one layer replaced."""
    return replace(graph, layers=(*graph.layers[:index], layer, *graph.layers[index + 1 :]))


def with_params(graph: Graph, index: int, changes: Mapping[str, Param]) -> Graph:
    """Return the graph with some numbered parameters of one layer set."""
    layer = graph.layers[index]
    return with_layer(graph, index, replace(layer, params={**layer.params, **changes}))


def with_inputs(graph: Graph, index: int, inputs: tuple[str, ...]) -> Graph:
    """Return the graph with the inputs of one layer replaced (their number stays the same)."""
    return with_layer(graph, index, replace(graph.layers[index], inputs=inputs))


def with_type(graph: Graph, index: int, type: str, params: Mapping[str, Param]) -> Graph:
    """Return the graph with one layer turned into another type without weights."""
    return with_layer(graph, index, replace(graph.layers[index], type=type, params=dict(params), weights=()))


def without(graph: Graph, index: int, kept: int = 0) -> Graph:
    """Return the graph with one layer turned into a Noop that hands on its input number `kept`."""
    layer = graph.layers[index]
    noop = replace(layer, type="Noop", params={}, weights=(), inputs=(layer.inputs[kept],))
    return with_layer(graph, index, noop)


def with_weight(graph: Graph, index: int, name: str, change: Callable[[Numbers], Numbers]) -> Graph:
    """Return the graph with one float32 weight of one layer changed; its shape stays."""
    layer = graph.layers[index]

    def changed(weight: Weight) -> Weight:
        if weight.name != name:
            return weight
        data = np.ascontiguousarray(change(np.array(weight.data, np.float32)), np.float32)
        assert data.shape == weight.data.shape
        return replace(weight, data=data)

    return with_layer(graph, index, replace(layer, weights=tuple(changed(each) for each in layer.weights)))


def float_weight(layer: Layer, *names: str) -> str | None:
    """The first weight of the layer with one of these names that is stored as float32."""
    for weight in layer.weights:
        if weight.name in names and weight.data.dtype == np.float32 and weight.table is None:
            return weight.name
    return None
