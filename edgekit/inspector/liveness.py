"""Estimate the peak of blob memory: run the graph on paper as ncnn's extractor does, in its light mode.

ncnn computes a wanted blob by recursion over what it is made of (`NetPrivate::forward_layer`), drops a
blob when its reader has run, hands memory on without a copy (Split, Reshape, ...), and lets a layer
write over its input where nobody else holds it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod

from edgekit.graph import Graph, Layer
from edgekit.inspector.model import BlobPeak

Shape = tuple[int, ...]
_CHANNEL_BYTES = 16  # Mat::cstep is a multiple of 16 bytes

_SHARES = frozenset("Split Noop Reshape Flatten Squeeze ExpandDims Dropout Input".split())
_IN_PLACE = frozenset(
    "AbsVal BNLL CELU Clip ELU Erf GELU HardSigmoid HardSwish Mish PReLU ReLU SELU Shrink Sigmoid Softmax "
    "Softplus Swish TanH Threshold UnaryOp Exp Log Power CumulativeSum BatchNorm Bias Scale InstanceNorm "
    "GroupNorm LayerNorm RMSNorm LRN".split()
)


def blob_peak(graph: Graph, outputs: Sequence[str], shapes: Mapping[str, Shape]) -> BlobPeak | None:
    """Return the estimate, None when the shape of a blob on the way to the outputs is not known.

    An output whose size depends on the data (a list of boxes) counts as nothing.
    """
    order = list(_execution_order(graph, outputs))
    needed = {blob for index in order for blob in graph.layers[index].outputs}
    shapes = {**dict.fromkeys(outputs, (0,)), **shapes}
    if not order or not all(blob in shapes for blob in needed):
        return None
    fp32, where = _peak(graph, order, outputs, shapes, 4)
    half, _ = _peak(graph, order, outputs, shapes, 2)
    return BlobPeak(fp32, half, where, graph.layers[where].name)


def _execution_order(graph: Graph, outputs: Sequence[str]) -> Iterator[int]:
    """Yield layers in the order in which ncnn's recursion from the outputs finishes them."""
    done: set[int] = set()
    for output in outputs:
        stack = [(graph.blobs[output].producer, 0)]
        while stack:
            index, operand = stack.pop()
            if index in done:
                continue
            inputs = graph.layers[index].inputs
            if operand < len(inputs):
                stack += [(index, operand + 1), (graph.blobs[inputs[operand]].producer, 0)]
            else:
                done.add(index)
                yield index


def _peak(
    graph: Graph, order: Sequence[int], outputs: Sequence[str], shapes: Mapping[str, Shape], width: int
) -> tuple[int, int]:
    """Return the largest sum of live memory in bytes, and the layer at which it occurs."""
    memory = _Memory()
    ran = set(order)
    readers = {
        blob: sum(consumer in ran for consumer in graph.blobs[blob].consumers)
        + (blob in outputs or not graph.blobs[blob].consumers)
        for index in order
        for blob in graph.layers[index].outputs
    }
    peak, where = 0, order[0]
    for index in order:
        layer = graph.layers[index]
        own = 0 if layer.type == "Input" else 1  # the caller holds the inputs
        _run(layer, memory, {blob: own * _bytes(shapes[blob], width) for blob in layer.outputs})
        if memory.live_bytes > peak:
            peak, where = memory.live_bytes, index
        for blob in layer.inputs:
            readers[blob] -= 1
            if readers[blob] == 0:
                memory.release(blob)
        for blob in layer.outputs:
            if not graph.blobs[blob].consumers and blob not in outputs:
                memory.release(blob)
    return peak, where


def _run(layer: Layer, memory: _Memory, sizes: Mapping[str, int]) -> None:
    source = layer.inputs[0] if layer.inputs else None
    for blob, size in sizes.items():
        if source is not None and (layer.type in _SHARES or _overwrites(layer, source, memory)):
            memory.share(blob, source)
        else:
            memory.allocate(blob, size)


def _overwrites(layer: Layer, source: str, memory: _Memory) -> bool:
    return layer.type in _IN_PLACE and memory.holders(source) == 1


class _Memory:
    """Pieces of memory, and which blobs hold each."""

    def __init__(self) -> None:
        self.live_bytes = 0
        self._piece: dict[str, int] = {}
        self._sizes: list[int] = []
        self._holders: list[int] = []

    def allocate(self, blob: str, size: int) -> None:
        self._piece[blob] = len(self._sizes)
        self._sizes.append(size)
        self._holders.append(1)
        self.live_bytes += size

    def share(self, blob: str, source: str) -> None:
        piece = self._piece[source]
        self._piece[blob] = piece
        self._holders[piece] += 1

    def holders(self, blob: str) -> int:
        return self._holders[self._piece[blob]]

    def release(self, blob: str) -> None:
        piece = self._piece.pop(blob)
        self._holders[piece] -= 1
        if self._holders[piece] == 0:
            self.live_bytes -= self._sizes[piece]


def _bytes(shape: Shape, width: int) -> int:
    """Return the size of a Mat: of three or four axes, each channel is filled up to 16 bytes."""
    if len(shape) < 3:
        return prod(shape) * width
    plane = prod(shape[1:]) * width
    return int(shape[0] * (-(-plane // _CHANNEL_BYTES) * _CHANNEL_BYTES))
