"""How ncnn sums one element of a layer's output."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from edgekit.alignment.model import LayerAlignment
from edgekit.alignment.sample import Sample
from edgekit.errors import UserError
from edgekit.graph import Layer
from edgekit.numerics.floors import Sums
from edgekit.ops.cost import cost
from edgekit.ops.describe import describe
from edgekit.verifier.storage import narrowest


def sums_of(layer: Layer, entry: LayerAlignment, sample: Sample, stored: Mapping[int, str]) -> Sums:
    """Return how many products are summed, whether ncnn may take a winograd kernel, how weights are stored.

    `stored` is as in `Limits`. A layer that is run from further up than its own inputs runs the weights of
    others too.
    """
    own = entry.anchors == layer.inputs
    weights = stored.get(entry.index, "fp32") if own else narrowest(stored)
    return Sums(_products(layer, entry, sample), _may_use_winograd(layer), weights)


def _may_use_winograd(layer: Layer) -> bool:
    """Whether ncnn has a winograd kernel for the layer: for 3x3 convolutions of stride and dilation 1."""
    if layer.type != "Convolution":
        return False
    facts = describe(layer)
    return (facts["kernel"], facts["stride"], facts["dilation"]) == ((3, 3), (1, 1), (1, 1))


def _products(layer: Layer, entry: LayerAlignment, sample: Sample) -> int:
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
