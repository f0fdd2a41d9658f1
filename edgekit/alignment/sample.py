"""One input of the model with everything that a verdict on it needs, in ncnn's order of axes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edgekit.alignment.flow import Flow
from edgekit.alignment.layout import Layout, contiguous
from edgekit.alignment.model import Alignment
from edgekit.alignment.noise import Known, LayerNoise, measure
from edgekit.alignment.observe import integer_blobs
from edgekit.alignment.scaled import ScaledCase, scaled_cases
from edgekit.graph import Graph
from edgekit.numerics.floors import Noise
from edgekit.runtimes.trace import Array, Trace


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Reference numbers and noise of every aligned blob on one input.

    `blobs` maps a blob to its reference in ncnn's layout (model inputs among them); blobs that stand
    for the same tensor share one array. `scaled` are layers with a bound on inputs beyond the sample's.
    """

    name: str
    blobs: Mapping[str, Array]
    noise: Mapping[str, LayerNoise]
    scaled: tuple[ScaledCase, ...] = ()


def sample(
    graph: Graph,
    alignment: Alignment,
    trace: Trace,
    name: str,
    known: Known | None = None,
) -> Sample:
    """Take what a verdict needs out of a trace; measures the noise (see `measure` for `known`)."""
    arrays: dict[tuple[int, Layout, bool], Array] = {}
    integers = _integers(graph, alignment, trace)
    blobs: dict[str, Array] = {}
    for blob, entry in alignment.blobs.items():
        key = (entry.value, entry.layout, blob in integers)
        if key not in arrays:
            values = entry.layout.apply(trace.values[entry.value])
            arrays[key] = contiguous(values if blob in integers else np.asarray(values, np.float32))
        blobs[blob] = arrays[key]
    flow = Flow(trace)
    noise = measure(graph, alignment, flow, known or Known())
    plain = Sample(name, blobs, noise, scaled_cases(graph, alignment, flow))
    scales = {blob: entry.scale for blob, entry in alignment.blobs.items() if entry.scale != 1.0}
    return in_other_units(plain, scales) if scales else plain


def _integers(graph: Graph, alignment: Alignment, trace: Trace) -> frozenset[str]:
    """Blobs that ncnn holds as integers: everything that it computes itself is a float."""
    inputs = (
        blob
        for blob in graph.input_blobs
        if blob in alignment.blobs and trace.values[alignment.blobs[blob].value].dtype.kind in "iub"
    )
    return integer_blobs(graph, inputs)


def in_other_units(plain: Sample, scales: Mapping[str, float]) -> Sample:
    """Return the sample with blobs, and their noise, multiplied by numbers (blob -> factor)."""

    def times(arrays: Mapping[str, Array]) -> dict[str, Array]:
        return {
            blob: array * np.float32(scales[blob]) if blob in scales else array
            for blob, array in arrays.items()
        }

    def noise(found: Noise, blob: str) -> Noise:
        factor = abs(scales.get(blob, 1.0))
        return Noise(
            factor * found.rounding,
            factor * found.conditioning,
            factor * found.peak,
            found.terms,
            found.exact,
        )

    return Sample(
        plain.name,
        times(plain.blobs),
        {
            blob: LayerNoise(noise(each.isolated, blob), noise(each.propagated, blob))
            for blob, each in plain.noise.items()
        },
        tuple(
            ScaledCase(
                case.layer,
                case.factor,
                times(case.inputs),
                times(case.outputs),
                {blob: noise(each, blob) for blob, each in case.noise.items()},
            )
            for case in plain.scaled
        ),
    )
