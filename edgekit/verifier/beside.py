"""Which inputs and outputs of a file lie next to the weights that the model's lie next to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TypeVar

from edgekit.alignment import families
from edgekit.alignment.kinds import short
from edgekit.alignment.weights import fingerprints
from edgekit.graph import Graph, Layer
from edgekit.runtimes.trace import Node, Trace

Tensor = TypeVar("Tensor", str, int)


def inputs_beside_weights(graph: Graph, trace: Trace, blobs: Sequence[str]) -> dict[str, set[str]]:
    """Return for each input blob the model's inputs that are read by the same weights as it alone is.

    Equal weights of twin branches say nothing.
    """
    mine = {blob: _weighted_layers(graph, blob, down=True) for blob in blobs}
    theirs = {name: _weighted_nodes(trace, value, down=True) for name, value in trace.inputs.items()}
    return _shared(graph, trace, mine, theirs)


def outputs_beside_weights(graph: Graph, trace: Trace, blobs: Sequence[str]) -> dict[str, set[str]]:
    """Return for each output blob the model's outputs that are made by the same weights as it alone is."""
    mine = {blob: _weighted_layers(graph, blob, down=False) for blob in blobs}
    theirs = {name: _weighted_nodes(trace, value, down=False) for name, value in trace.outputs.items()}
    return _shared(graph, trace, mine, theirs)


def _shared(
    graph: Graph, trace: Trace, mine: Mapping[str, set[int]], theirs: Mapping[str, set[int]]
) -> dict[str, set[str]]:
    recognised = {layer: min(nodes) for layer, nodes in fingerprints(graph, trace).items() if len(nodes) == 1}
    beside = {
        blob: {recognised[layer] for layer in layers if layer in recognised} for blob, layers in mine.items()
    }
    blobs, names = _own(beside), _own(theirs)
    return {blob: {name for name in names if nodes & names[name]} for blob, nodes in blobs.items()}


def _own(reached: Mapping[str, set[int]]) -> dict[str, set[int]]:
    """What each reaches and none of the others does."""
    return {
        one: nodes - {node for other, rest in reached.items() if other != one for node in rest}
        for one, nodes in reached.items()
    }


def _weighted_layers(graph: Graph, blob: str, *, down: bool) -> set[int]:
    """The nearest layers with weights that read what is made of a blob, or else that made it (not `down`)."""

    def around(each: str) -> Iterable[int]:
        return graph.blobs[each].consumers if down else (graph.blobs[each].producer,)

    def beyond(index: int) -> Collection[str]:
        layer = graph.layers[index]
        return layer.outputs if down else layer.inputs

    return _nearest(blob, around, beyond, lambda index: _has_matrix(graph.layers[index]))


def _weighted_nodes(trace: Trace, value: int, *, down: bool) -> set[int]:
    """The same in the trace: the nearest products with something that does not depend on the inputs."""

    def around(each: int) -> Iterable[int]:
        if down:
            return trace.consumers.get(each, ())
        return (trace.producers[each],) if each in trace.producers else ()

    def beyond(index: int) -> Collection[int]:
        node = trace.nodes[index]
        return node.outputs if down else node.inputs

    return _nearest(value, around, beyond, lambda index: _is_weighted(trace, trace.nodes[index]))


def _nearest(
    start: Tensor,
    around: Callable[[Tensor], Iterable[int]],
    beyond: Callable[[int], Collection[Tensor]],
    stops: Callable[[int], bool],
) -> set[int]:
    """Walk from a tensor over operations and past those that do not stop it; return those that did."""
    seen: set[int] = set()
    found: set[int] = set()
    pending = [start]
    while pending:
        for index in around(pending.pop()):
            if index in seen:
                continue
            seen.add(index)
            if stops(index):
                found.add(index)
            else:
                pending.extend(beyond(index))
    return found


def _has_matrix(layer: Layer) -> bool:
    return families.is_weighted(layer) or any(weight.data.ndim > 1 for weight in layer.weights)


def _is_weighted(trace: Trace, node: Node) -> bool:
    return short(node.op) in families.PRODUCTS and any(value not in trace.live for value in node.inputs)
