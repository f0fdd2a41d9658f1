"""Keep a layer in fp16 by an exact change of scale: its weights times 2^-k, the next layers' times 2^k.

Between the two stand only layers with f(a x) = a f(x) for a > 0. A power of two changes exponents and no
digits, so the model computes the same numbers to the bit, except that those between are smaller. A layer is
left alone where a weight would leave float32's or fp16's range, or where what it gives is read by anything
else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgekit.alignment.model import Alignment
from edgekit.alignment.sample import Sample, in_other_units
from edgekit.graph import Graph, Layer, Weight
from edgekit.numerics.floors import largest
from edgekit.numerics.halves import LARGEST
from edgekit.ops import activation

_LINEAR = frozenset("Convolution Convolution1D ConvolutionDepthWise InnerProduct".split())
_HOMOGENEOUS = frozenset(
    "ReLU PReLU Pooling Split Reshape Flatten Crop Slice Permute ShuffleChannel PixelShuffle Noop Squeeze "
    "ExpandDims".split()
)
_FUSED = ("relu", "leakyrelu")
_COMFORTABLE = 1024.0  # far enough from 65504 for sums, far enough from 2^-14 for small numbers
_ROOM = 4.0


@dataclass(frozen=True, slots=True)
class Rescaling:
    """One exact change of scale: layers by index; the blobs between are 2^-exponent of what they were."""

    producer: int
    consumers: tuple[int, ...]
    blobs: tuple[str, ...]
    exponent: int

    @property
    def factor(self) -> float:
        """What the producer's weights and bias, and the blobs, are multiplied by."""
        return float(2.0**-self.exponent)


def rescalings(
    graph: Graph, samples: Sequence[Sample], outputs: Mapping[str, str], wanted: Sequence[int]
) -> tuple[Rescaling, ...]:
    """Return the changes of scale that bring those of the layers `wanted` into fp16 which can have one."""
    found = (_one(graph, samples, frozenset(outputs), index) for index in wanted)
    return tuple(each for each in found if each is not None)


def _one(graph: Graph, samples: Sequence[Sample], outputs: frozenset[str], index: int) -> Rescaling | None:
    layer = graph.layers[index]
    if layer.type not in _LINEAR or not _is_homogeneous(layer):
        return None
    region = _region(graph, layer, outputs)
    if region is None:
        return None
    blobs, consumers = region
    seen = [largest(sample.blobs[blob]) for sample in samples for blob in blobs if blob in sample.blobs]
    peak = max([_peak(layer), *seen])
    exponent = int(np.ceil(np.log2(peak / _COMFORTABLE))) if peak > _COMFORTABLE else 0
    if exponent < 1:
        return None
    change = Rescaling(index, consumers, blobs, exponent)
    fits = all(_peak(graph.layers[each]) * 2.0**exponent * _ROOM < LARGEST["fp16"] for each in consumers)
    return change if fits and _is_exact(graph, change) else None


def _is_homogeneous(layer: Layer) -> bool:
    fused = activation(layer)
    return fused is None or fused.name in _FUSED


def _region(
    graph: Graph, layer: Layer, outputs: frozenset[str]
) -> tuple[tuple[str, ...], tuple[int, ...]] | None:
    """Return the blobs from a layer to the next linear ones, and those; None where others read them."""
    blobs, consumers, waiting = list(layer.outputs), [], list(layer.outputs)
    while waiting:
        blob = waiting.pop()
        if blob in outputs or not graph.blobs[blob].consumers:
            return None
        for index in graph.blobs[blob].consumers:
            reader = graph.layers[index]
            if reader.type in _LINEAR:
                consumers.append(index)
            elif reader.type in _HOMOGENEOUS and len(reader.inputs) == 1:
                blobs += reader.outputs
                waiting += reader.outputs
            else:
                return None
    return tuple(blobs), tuple(sorted(set(consumers)))


def _peak(layer: Layer) -> float:
    return max((largest(np.asarray(each.values(), np.float32)) for each in layer.weights), default=0.0)


def _is_exact(graph: Graph, change: Rescaling) -> bool:
    """Whether no weight loses a digit: scaled there and back it is the same."""
    pairs = [(graph.layers[change.producer], change.factor)]
    pairs += [(graph.layers[index], 1 / change.factor) for index in change.consumers]
    return all(
        _is_plain(weight) and np.array_equal(_times(_times(weight, factor), 1 / factor).data, weight.data)
        for layer, factor in pairs
        for weight in layer.weights
    )


def _is_plain(weight: Weight) -> bool:
    """Whether a weight is stored as floating-point numbers, not as indices or integers."""
    return weight.table is None and weight.kind is None and weight.data.dtype.kind == "f"


def _times(weight: Weight, factor: float) -> Weight:
    kind = weight.data.dtype
    with np.errstate(over="ignore", under="ignore"):
        return replace(weight, data=(weight.data.astype(np.float64) * factor).astype(kind))


def with_rescaling(graph: Graph, changes: Sequence[Rescaling]) -> Graph:
    """Return the graph with the weights changed."""
    layers = list(graph.layers)
    for change in changes:
        first = layers[change.producer]
        layers[change.producer] = replace(
            first, weights=tuple(_times(weight, change.factor) for weight in first.weights)
        )
        for index in change.consumers:
            layer = layers[index]
            weights = [
                _times(weight, 1 / change.factor) if weight.name == "weight_data" else weight
                for weight in layer.weights
            ]
            layers[index] = replace(layer, weights=tuple(weights))
    return replace(graph, layers=tuple(layers))


def rescaled(
    graph: Graph, alignment: Alignment, samples: Sequence[Sample], changes: Sequence[Rescaling]
) -> tuple[Graph, Alignment, tuple[Sample, ...]]:
    """Return graph, alignment and samples with the changes: what PyTorch has is compared in the new units."""
    scales = scales_of(changes)
    blobs = {
        blob: replace(entry, scale=entry.scale * scales.get(blob, 1.0))
        for blob, entry in alignment.blobs.items()
    }
    known = replace(alignment, blobs=blobs)
    moved = tuple(in_other_units(sample, scales) for sample in samples)
    return with_rescaling(graph, changes), known, moved


def told_of(graph: Graph, change: Rescaling) -> tuple[str, ...]:
    """Return a line per layer whose weights are changed."""
    first = graph.layers[change.producer]
    names = ", ".join(weight.name for weight in first.weights)
    return (
        f"~{first.type} {first.name}: {names} times 2^-{change.exponent}",
        *(
            f"~{graph.layers[index].type} {graph.layers[index].name}: weight_data times 2^{change.exponent}"
            for index in change.consumers
        ),
    )


def touched(graph: Graph, change: Rescaling) -> tuple[int, ...]:
    """Return the layers that hold or hand on numbers of another scale, those at both ends among them."""
    between = [index for index, layer in enumerate(graph.layers) if set(layer.outputs) & set(change.blobs)]
    return tuple(sorted({change.producer, *between, *change.consumers}))


def scales_of(changes: Sequence[Rescaling]) -> dict[str, float]:
    """Return what each blob is multiplied by."""
    return {blob: change.factor for change in changes for blob in change.blobs}
