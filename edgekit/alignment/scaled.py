"""Layers with a bound or a kink on inputs much larger than a sample's.

A ReLU6 that never sees a value above 5 computes the same with any bound from 5 up: no sample shows that the
bound is wrong, until the one in production that does. So these layers are run once more, alone, on a small
patch of their input, scaled up and with mixed signs; what they should give comes from the same operations in
PyTorch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edgekit.alignment import families
from edgekit.alignment.flow import Flow
from edgekit.alignment.layout import Layout, contiguous
from edgekit.alignment.model import Alignment, LayerAlignment
from edgekit.graph import Graph, Layer
from edgekit.numerics.floors import Noise, largest
from edgekit.ops import decode, spec_of
from edgekit.runtimes.trace import JITTER, NARROW_JITTER, Array, Replay

FACTOR = 64.0
_REACH = 64.0  # bounds lie below: what they are handed is scaled up to this where signals have faded
_MOST_STEPS = 4
_PATCH = 4  # rows and columns that are enough to meet a bound in every channel
_MOST_ELEMENTS = 1 << 16  # of an input that cannot be cut down to a patch
_JITTER_SEED = 20260
_LUCK = 4.0  # a patch has few elements, whose largest rounding error can be lucky


@dataclass(frozen=True, slots=True, eq=False)
class ScaledCase:
    """One layer alone: what goes in, what should come out, both in ncnn's order of axes, and the noise.

    `factor` says how many times as large as the sample's the inputs are.
    """

    layer: int
    factor: float
    inputs: Mapping[str, Array]
    outputs: Mapping[str, Array]
    noise: Mapping[str, Noise]


def scaled_cases(graph: Graph, alignment: Alignment, flow: Flow) -> tuple[ScaledCase, ...]:
    """Return a case for every layer with a bound whose operations can be run again."""
    if flow.trace.replay is None:
        return ()
    found = (_case(graph.layers[entry.index], entry, alignment, flow) for entry in alignment.layers)
    return tuple(case for case in found if case is not None)


def _case(layer: Layer, entry: LayerAlignment, alignment: Alignment, flow: Flow) -> ScaledCase | None:
    if len(entry.outputs) != 1 or len(entry.anchors) != 1 or entry.anchors != layer.inputs:
        return None
    trace, replay = flow.trace, flow.trace.replay
    nodes = [
        node for node in entry.segment if any(value in trace.live for value in trace.nodes[node].outputs)
    ]
    bounded = families.has_bounds(layer) or any(families.is_bound(trace.nodes[node].op) for node in nodes)
    if not bounded or not nodes or replay is None:
        return None
    before, after = alignment.blobs[entry.anchors[0]], alignment.blobs[entry.outputs[0]]
    whole = trace.values[before.value]
    if whole.dtype != np.float32:
        return None
    plain = not any(families.is_view(trace.nodes[node].op) for node in nodes)
    patch = _patch(layer, whole) if plain and _lies_plainly(before.layout, whole) else whole
    if patch.size > _MOST_ELEMENTS:
        return None
    given, factor = _reaching(replay, flow, entry, before.value, _scaled(patch, entry.index))
    run = _run(replay, flow, entry, before.value, after.value, given)
    if run is None:
        return None
    expected, noise = run
    reference = trace.values[after.value]
    if patch is whole:
        inputs, outputs = before.layout.apply(given), after.layout.apply(expected)
    elif _lies_plainly(after.layout, reference):
        inputs, outputs = _cut_batch(before.layout, given), _cut_batch(after.layout, expected)
    else:
        return None
    return ScaledCase(
        entry.index,
        factor,
        {entry.anchors[0]: contiguous(inputs)},
        {entry.outputs[0]: contiguous(outputs)},
        {entry.outputs[0]: noise},
    )


def _lies_plainly(layout: Layout, array: Array) -> bool:
    """Whether a blob is (n, c, rows, ...) with the batch outside or dropped: then rows can be left out."""
    whole = layout.shape == array.shape and layout.batch_axis == 0
    return layout.permute is None and (whole or (layout.shape == array.shape[1:] and array.shape[0] == 1))


def _cut_batch(layout: Layout, array: Array) -> Array:
    return array if layout.batch_axis == 0 else array[0]


def _patch(layer: Layer, array: Array) -> Array:
    """The corner of an input that a layer's window fits into: all channels, a few rows and columns."""
    if array.ndim < 3:
        return array
    size = max(_PATCH, _extent(layer))
    return array[(slice(None), slice(None), *(slice(0, size) for _ in array.shape[2:]))]


def _extent(layer: Layer) -> int:
    """The largest side of a layer's window, its dilation included."""
    values = decode(spec_of(layer.type, layer.name), layer).values
    sides = [1]
    for axis in "whd":
        kernel, dilation = values.get(f"kernel_{axis}"), values.get(f"dilation_{axis}", 1)
        if isinstance(kernel, int) and isinstance(dilation, int):
            sides.append((kernel - 1) * dilation + 1)
    return max(sides)


def _scaled(patch: Array, seed: int) -> Array:
    """The patch times plus or minus the factor; a dead input is taken for one of ones."""
    signs = np.random.default_rng(seed).choice(np.array([-FACTOR, FACTOR], np.float32), patch.shape)
    return signs if largest(patch) == 0 else np.asarray(patch * signs, np.float32)


def _reaching(
    replay: Replay, flow: Flow, entry: LayerAlignment, source: int, given: Array
) -> tuple[Array, float]:
    """Scale an input by powers of two until the numbers that a bound is handed are as large as bounds are.

    In an untrained network signals fade by orders of magnitude: there the factor alone leaves them all
    inside. Returns the input and its whole factor.
    """
    factor = FACTOR
    trace = flow.trace
    bounds = [node for node in entry.segment if families.is_bound(trace.nodes[node].op)]
    handed = {value for node in bounds for value in trace.nodes[node].inputs if value in trace.live}
    outside = flow.inputs(entry.segment, [source])
    inside = [value for value in sorted(handed) if value not in outside]
    for _ in range(_MOST_STEPS):
        try:
            found = replay.run(entry.segment, dict.fromkeys(outside, given), inside, None, wide=False)
        except RuntimeError:
            break
        reached = min((largest(array) for array in (found.values() if inside else [given])), default=0.0)
        if not 0 < reached < _REACH:
            break
        step = float(2.0 ** np.ceil(np.log2(_REACH / reached)))
        given, factor = np.asarray(given * np.float32(step), np.float32), factor * step
    return given, factor


def _run(
    replay: Replay, flow: Flow, entry: LayerAlignment, source: int, target: int, given: Array
) -> tuple[Array, Noise] | None:
    """Run the layer's operations on the scaled input; None where they ask for the shape that they had."""
    trace = flow.trace
    arrays = dict.fromkeys(flow.inputs(entry.segment, [source]), given)
    inside = [
        value
        for node in entry.segment
        for value in trace.nodes[node].outputs
        if value in trace.live and trace.values[value].dtype.kind == "f"
    ]
    try:
        wide = replay.run(entry.segment, arrays, inside, None)
        narrow = replay.run(entry.segment, arrays, [target], None, wide=False)[target]
        moved = replay.run(entry.segment, arrays, [target], _JITTER_SEED, wide=False)[target]
    except RuntimeError:
        return None
    if not np.isfinite(wide[target]).all():
        return None
    # A bound hides how large the numbers were that rounding acted on.
    peak = _LUCK * max(largest(wide[value]) for value in inside)
    conditioning = largest(np.subtract(narrow, moved, dtype=np.float64)) * JITTER / NARROW_JITTER
    rounding = largest(np.subtract(narrow, wide[target], dtype=np.float64))
    return np.asarray(wide[target], np.float32), Noise(rounding, conditioning, peak)
