"""Measure what rounding does to each layer of the reference, for `numerics.floors`.

Two float64 passes over the trace, one of them with every input and weight moved by one unit of
rounding. Layer by layer from float32 reference inputs they give the floor of the isolated error;
from the model's inputs straight through they give the floor of the propagated error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edgekit.alignment.model import Alignment, LayerAlignment
from edgekit.graph import Graph, Layer
from edgekit.numerics.floors import Noise, largest
from edgekit.runtimes.trace import Array, Trace

_JITTER_SEED = 20240  # any constant: the same bundle must come out of the same export
_EXACT = frozenset(
    "Input Split Reshape Permute Flatten Squeeze ExpandDims Noop Dropout DeepCopy Slice Crop Concat "
    "ShuffleChannel PixelShuffle Reorg MemoryData Tile Flip Clip Padding".split()
)
_SUMS = frozenset("Pooling Pooling1D Pooling3D Reduction".split())
_NORMS = frozenset("LayerNorm GroupNorm InstanceNorm RMSNorm Normalize MVN CumulativeSum".split())


@dataclass(frozen=True, slots=True)
class LayerNoise:
    """Of one aligned blob on one probe: alone (`isolated`) and in the whole run (`propagated`)."""

    isolated: Noise
    propagated: Noise


def measure(graph: Graph, alignment: Alignment, trace: Trace) -> dict[str, LayerNoise]:
    """Return the noise of every aligned blob on the sample of this trace.

    Without a replay (a runtime that cannot compute in float64) the rounding terms are 0 and the floor
    rests on the unit of rounding alone.
    """
    whole = _Whole(trace, {entry.value for entry in alignment.blobs.values()})
    found: dict[str, LayerNoise] = {}
    for entry in alignment.layers:
        layer = graph.layers[entry.index]
        alone = _alone(trace, alignment, entry)
        for blob in entry.outputs:
            value = alignment.blobs[blob].value
            reference = trace.values[value]
            terms = _terms(layer, alignment, trace, entry, reference)
            # Through unmatched layers the segment holds their arithmetic too.
            exact = is_exact(layer) and entry.anchors == layer.inputs
            found[blob] = LayerNoise(
                _noise(reference, alone.get(value), terms, exact), _noise(reference, whole.get(value), terms, False)
            )
    return found


def is_exact(layer: Layer) -> bool:
    """Whether the layer's float32 result is exact to the bit: data movement, ReLU, clip."""
    if layer.type == "ReLU":
        return layer.params.get("0", 0) in (0, 0.0)
    return layer.type in _EXACT


Pair = tuple[Array, Array]
"""The same value in float64, without and with jitter."""


def _alone(trace: Trace, alignment: Alignment, entry: LayerAlignment) -> dict[int, Pair]:
    if trace.replay is None or not entry.segment:
        return {}
    given = {alignment.blobs[blob].value for blob in entry.anchors}
    targets = [alignment.blobs[blob].value for blob in entry.outputs]
    targets = [value for value in dict.fromkeys(targets) if value not in given]
    if not targets or any(trace.segment(value, given) is None for value in targets):
        return {}
    arrays = {value: trace.values[value] for value in given}
    plain = trace.replay.run(entry.segment, arrays, targets, None)
    moved = trace.replay.run(entry.segment, arrays, targets, _JITTER_SEED + entry.index)
    return {value: (plain[value], moved[value]) for value in targets}


class _Whole:
    """The float64 values of a run from the model's inputs, with and without jitter."""

    def __init__(self, trace: Trace, values: Iterable[int]) -> None:
        self._pairs: Mapping[int, Pair] = {}
        if trace.replay is None:
            return
        targets = [value for value in values if value in trace.producers]
        arrays = {value: trace.values[value] for value in trace.inputs.values()}
        nodes = range(len(trace.nodes))
        plain = trace.replay.run(nodes, arrays, targets, None)
        moved = trace.replay.run(nodes, arrays, targets, _JITTER_SEED)
        self._pairs = {value: (plain[value], moved[value]) for value in targets}

    def get(self, value: int) -> Pair | None:
        return self._pairs.get(value)


def _noise(reference: Array, pair: Pair | None, terms: int, exact: bool) -> Noise:
    peak = largest(reference)
    if pair is None or exact:
        return Noise(0.0, 0.0, peak, terms, exact)
    plain, moved = pair
    return Noise(_distance(reference, plain), _distance(plain, moved), peak, terms)


def _distance(left: Array, right: Array) -> float:
    """max|left - right| where both are finite."""
    if left.dtype.kind != "f":
        return 0.0
    difference = np.abs(np.subtract(left, right, dtype=np.float64))
    return largest(difference)


def _terms(
    layer: Layer, alignment: Alignment, trace: Trace, entry: LayerAlignment, reference: Array
) -> int:
    sizes: Sequence[int] = [trace.values[alignment.blobs[blob].value].size for blob in entry.anchors]
    if not sizes or reference.size == 0:
        return 1
    if layer.type in _SUMS:
        return max(1, sizes[0] // reference.size)
    return sizes[0] if layer.type in _NORMS else 1

