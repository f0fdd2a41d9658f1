"""Measure what rounding does to each layer of the reference, for `numerics.floors`.

Layer by layer from float32 reference inputs this gives the floor of the isolated error; from the model's
inputs straight through it gives the floor of the propagated error. Each takes a float64 pass, which shows the
rounding of PyTorch's own float32, and a float32 pass with every input and weight moved by a little.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from edgekit.alignment.flow import Flow
from edgekit.alignment.model import Alignment
from edgekit.graph import Graph, Layer
from edgekit.numerics.floors import Noise, largest, of_softmax
from edgekit.runtimes.trace import JITTER, NARROW_JITTER, Array, Trace

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


Errors = tuple[float, float]
"""Largest rounding error of float32, and what one unit of rounding in every input changes."""

Question = tuple[tuple[int, ...], tuple[tuple[int, int], ...], int]
"""The operations of a layer, the values that they read with those that stand for them, and the result."""


@dataclass(frozen=True, slots=True)
class Known:
    """Errors that were measured before: of a whole run by value, of layers alone by question."""

    whole: Mapping[int, Errors] = field(default_factory=dict)
    alone: Mapping[Question, Errors] = field(default_factory=dict)


_NOTHING = Known()
_MOST_ELEMENTS = 1 << 20  # of a difference in float64: 8 MB


def measure(graph: Graph, alignment: Alignment, flow: Flow, known: Known = _NOTHING) -> dict[str, LayerNoise]:
    """Return the noise of every aligned blob on the sample of this trace.

    What is `known` of the trace is not measured again. Without a replay (a runtime that cannot compute in
    float64) the rounding terms are 0 and the floor rests on the unit of rounding alone.
    """
    errors = known.whole or _whole(flow.trace, {entry.value for entry in alignment.blobs.values()})
    found: dict[str, LayerNoise] = {}
    for entry in alignment.layers:
        layer = graph.layers[entry.index]
        sources = [alignment.blobs[blob].value for blob in entry.anchors]
        values = [alignment.blobs[blob].value for blob in entry.outputs]
        # Through unmatched layers the operations hold their arithmetic too.
        exact = is_exact(layer) and entry.anchors == layer.inputs
        alone = layer_noise(flow, layer, sources, values, exact=exact, known=known)
        for blob, value in zip(entry.outputs, values, strict=True):
            isolated = alone[value]
            rounding, conditioning = errors.get(value, (0.0, 0.0))
            propagated = Noise(rounding, conditioning, isolated.peak, isolated.terms)
            found[blob] = LayerNoise(isolated, propagated)
    return found


def layer_noise(
    flow: Flow,
    layer: Layer,
    sources: Sequence[int],
    targets: Iterable[int],
    *,
    exact: bool,
    known: Known = _NOTHING,
) -> dict[int, Noise]:
    """Return the noise of the values that a layer makes out of its inputs' reference values."""
    wanted = list(dict.fromkeys(targets))
    if exact:
        return {value: _exact(flow.trace, layer, value) for value in wanted}
    given = {flow.first(source) for source in sources}  # a source's twin is computed by nothing either
    errors = _alone(flow, sources, [value for value in wanted if flow.first(value) not in given], known)
    found = {}
    for value in wanted:
        reference = flow.trace.values[value]
        rounding, conditioning = errors.get(value, (0.0, 0.0))
        found[value] = Noise(
            rounding,
            max(conditioning, _least(layer, flow, sources, reference)),
            largest(reference),
            _terms(layer, flow, sources, reference),
        )
    return found


def _least(layer: Layer, flow: Flow, sources: Sequence[int], reference: Array) -> float:
    """The conditioning that is known without a measurement."""
    given = [flow.trace.values[source] for source in sources]
    if layer.type != "Softmax" or len(given) != 1 or given[0].shape != reference.shape:
        return 0.0
    return of_softmax(given[0], reference)


def _exact(trace: Trace, layer: Layer, value: int) -> Noise:
    """No noise, but for a constant that the model computes: the converter computed it with other code."""
    peak = largest(trace.values[value])
    if layer.type == "MemoryData" and value in trace.producers:
        return Noise(_CONSTANT_ULPS * float(np.finfo(np.float32).eps) * peak, 0.0, peak)
    return Noise(0.0, 0.0, peak, exact=True)


_CONSTANT_ULPS = 8.0


def is_exact(layer: Layer) -> bool:
    """Whether the layer's float32 result is exact to the bit: data movement, ReLU, clip."""
    if layer.type == "ReLU":
        return layer.params.get("0", 0) in (0, 0.0)
    return layer.type in _EXACT


def _alone(flow: Flow, sources: Sequence[int], targets: Sequence[int], known: Known) -> dict[int, Errors]:
    cuts = [flow.cut(value, sources) for value in targets]
    if not targets or any(cut is None for cut in cuts):
        return {}
    nodes = sorted({node for cut in cuts if cut is not None for node in cut.nodes})
    given = flow.inputs(nodes, sources)
    if len(targets) == 1 and (before := known.alone.get(question(nodes, given, targets[0]))) is not None:
        return {targets[0]: before}
    return alone_errors(flow.trace, nodes, given, targets)


def question(nodes: Sequence[int], given: Mapping[int, int], target: int) -> Question:
    """Return what a measurement of one layer alone depends on."""
    return tuple(nodes), tuple(given.items()), target


def alone_errors(
    trace: Trace, nodes: Sequence[int], given: Mapping[int, int], targets: Sequence[int]
) -> dict[int, Errors]:
    """Return the errors of what `nodes` make of reference values: `given` maps what they read to those."""
    arrays = {value: trace.values[source] for value, source in given.items()}
    return _errors(trace, nodes, arrays, targets)


def whole_errors(trace: Trace) -> dict[int, Errors]:
    """Return the errors of every value of a run from the model's inputs, before any alignment is known."""
    return _whole(trace, [value for value in trace.producers if value not in trace.hidden])


def _whole(trace: Trace, values: Iterable[int]) -> dict[int, Errors]:
    """Of a run from the model's inputs."""
    targets = [value for value in values if value in trace.producers]
    arrays = {value: trace.values[value] for value in trace.inputs.values()}
    return _errors(trace, range(len(trace.nodes)), arrays, targets)


def _errors(
    trace: Trace, nodes: Sequence[int], given: Mapping[int, Array], targets: Sequence[int]
) -> dict[int, Errors]:
    if trace.replay is None:
        return {}
    seed = _JITTER_SEED + (nodes[0] if nodes else 0)
    values, scale = trace.values, JITTER / NARROW_JITTER

    def distance(value: int, again: Array) -> float:
        return _distance(values[value], again)

    rounding = trace.replay.reduce(nodes, given, targets, None, distance)
    moved = trace.replay.reduce(nodes, given, targets, seed, distance, wide=False)
    return {value: (rounding[value], scale * moved[value]) for value in targets}


def _distance(left: Array, right: Array) -> float:
    """max|left - right| where both are finite; a few items of the first axes at a time, in less memory."""
    if left.dtype.kind != "f":
        return 0.0
    if left.size > _MOST_ELEMENTS and left.ndim > 1:
        if len(left) == 1:
            return _distance(left[0], right[0])
        step = max(1, _MOST_ELEMENTS * len(left) // left.size)
        return max(
            _distance(left[at : at + step], right[at : at + step])
            if step > 1
            else _distance(left[at], right[at])
            for at in range(0, len(left), step)
        )
    with np.errstate(invalid="ignore"):  # inf - inf is no finite distance
        return largest(np.subtract(left, right, dtype=np.float64))


def _terms(layer: Layer, flow: Flow, sources: Sequence[int], reference: Array) -> int:
    """How many numbers are added up for one element of the result, as far as the floor's rule asks."""
    if not sources or reference.size == 0:
        return 1
    size = int(flow.trace.values[sources[0]].size)
    if layer.type in _SUMS:
        return max(1, size // reference.size)
    return size if layer.type in _NORMS else 1
