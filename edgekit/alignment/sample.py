"""One input of the model with everything that a verdict on it needs, in ncnn's order of axes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgekit.alignment.layout import Layout, contiguous
from edgekit.alignment.model import Alignment
from edgekit.alignment.noise import LayerNoise, measure
from edgekit.graph import Graph
from edgekit.runtimes.trace import Array, Trace


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Reference numbers and noise of every aligned blob on one input.

    `blobs` maps a blob to its reference in ncnn's layout (model inputs among them); blobs that stand
    for the same tensor share one array.
    """

    name: str
    blobs: Mapping[str, Array]
    noise: Mapping[str, LayerNoise]


def sample(graph: Graph, alignment: Alignment, trace: Trace, name: str) -> Sample:
    """Take what a verdict needs out of a trace; measures the noise (two float64 passes)."""
    arrays: dict[tuple[int, Layout], Array] = {}
    blobs: dict[str, Array] = {}
    for blob, entry in alignment.blobs.items():
        key = (entry.value, entry.layout)
        if key not in arrays:
            arrays[key] = contiguous(entry.layout.apply(trace.values[entry.value]))
        blobs[blob] = arrays[key]
    return Sample(name, blobs, measure(graph, alignment, trace))
