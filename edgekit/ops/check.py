"""What is odd about a graph that ncnn would run all the same: each finding with a remedy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from edgekit.graph import Graph, Layer, Weight
from edgekit.ops.spec import problems
from edgekit.ops.table import OFF_BY_DEFAULT, SPECS


@dataclass(frozen=True, slots=True)
class Finding:
    """One oddity: the layer by index and name, what it is, and what to do about it."""

    layer: int
    name: str
    message: str
    remedy: str


def check_graph(graph: Graph) -> tuple[Finding, ...]:
    """Return the findings of an ncnn graph in file order.

    Looked for: layer types that ncnn does not have, parameters that it ignores or reads otherwise
    than meant, inputs that nothing reads, weights that are not finite.
    """
    return tuple(
        Finding(index, layer.name, message, remedy)
        for index, layer in enumerate(graph)
        for message, remedy in (*_type(layer), *_parameters(layer), *_unread(graph, layer), *_weights(layer))
    )


Found = Iterator[tuple[str, str]]


def _type(layer: Layer) -> Found:
    if layer.type not in SPECS:
        yield (
            f"ncnn registers no layer type '{layer.type}'",
            "register it as a custom layer, or replace the operator",
        )
    elif layer.type in OFF_BY_DEFAULT:
        yield f"{layer.type} is left out of ncnn's own builds", "build ncnn with it, or replace the operator"


def _parameters(layer: Layer) -> Found:
    spec = SPECS.get(layer.type)
    for message in problems(spec, layer) if spec is not None else ():
        yield message, "correct the parameter in the .param"


def _unread(graph: Graph, layer: Layer) -> Found:
    if layer.type == "Input":
        for blob in layer.outputs:
            if not graph.blobs[blob].consumers:
                yield f"input '{blob}' is read by no layer", "the model does not depend on it: leave it out"


def _weights(layer: Layer) -> Found:
    for weight in layer.weights:
        bad = _count_not_finite(weight)
        if bad:
            half = weight.data.dtype == np.float16
            yield (
                f"{bad} of {weight.data.size} values of {weight.name} are not finite",
                "store it in fp32: fp16 ends at 65504" if half else "check the trained weights",
            )


def _count_not_finite(weight: Weight) -> int:
    values = weight.values()
    if not np.issubdtype(values.dtype, np.floating):
        return 0
    return int(values.size - np.count_nonzero(np.isfinite(values)))
