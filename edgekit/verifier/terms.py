"""How many products ncnn sums for one element of a layer's output."""

from __future__ import annotations

from math import prod

from edgekit.alignment.model import LayerAlignment
from edgekit.alignment.sample import Sample
from edgekit.errors import UserError
from edgekit.graph import Layer
from edgekit.ops.cost import cost


def summed_terms(layer: Layer, entry: LayerAlignment, sample: Sample) -> int:
    """Return MACs per output element: 960 for a pointwise convolution of 960 channels, 1 where unknown."""
    blobs = sample.blobs
    if not entry.outputs or any(blob not in blobs for blob in (*layer.inputs, *layer.outputs)):
        return 1
    inputs = [blobs[blob].shape for blob in layer.inputs]
    outputs = [blobs[blob].shape for blob in layer.outputs]
    try:
        macs = cost(layer, inputs, outputs).macs
    except UserError:  # a shape that the rule does not know, as of a batch
        return 1
    return max(1, macs // max(1, sum(map(prod, outputs))))
