"""How ncnn sums one element of a layer's output."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

from edgekit.alignment.model import LayerAlignment
from edgekit.alignment.sample import Sample
from edgekit.errors import UserError
from edgekit.graph import Layer
from edgekit.numerics.floors import Sums
from edgekit.ops.cost import cost
from edgekit.ops.describe import describe
from edgekit.ops.half import takes_winograd
from edgekit.verifier.storage import narrowest

_MOST_AVERAGED = 256


def sums_of(
    layer: Layer, entry: LayerAlignment, sample: Sample, stored: Mapping[int, str], *, on_arm: bool
) -> Sums:
    """Return how many products are summed, whether ncnn may take a winograd kernel, how weights are stored.

    `stored` and `on_arm` are as in `Limits`. A layer that is run from further up than its own inputs runs the
    weights of others too.
    """
    own = entry.anchors == layer.inputs
    weights = stored.get(entry.index, "fp32") if own else narrowest(stored)
    estimated = on_arm and _is_estimated(layer)
    return Sums(_products(layer, entry, sample), takes_winograd(layer), weights, estimated)


def _is_estimated(layer: Layer) -> bool:
    """Whether ARM kernels estimate a reciprocal in it and refine that once (`vrsqrteq` in src/layer/arm)."""
    if layer.type == "UnaryOp":
        return describe(layer)["op_type"] in ("rsqrt", "reciprocal")
    return layer.type in ("InstanceNorm", "RMSNorm")


def _averaged(layer: Layer) -> int:
    """Return how many numbers an average pooling adds up in half precision; a global one does in float32.

    Large windows are not excused: from 2048 numbers on, an fp16 sum grows no more.
    """
    facts: Mapping[str, Any] = describe(layer)
    if facts["pooling_type"] != "average" or facts["global_pooling"] or facts["adaptive_pooling"]:
        return 1
    return min(_MOST_AVERAGED, prod(int(side) for side in facts["kernel"]))


def _products(layer: Layer, entry: LayerAlignment, sample: Sample) -> int:
    """Return MACs per output element: 960 for a pointwise convolution of 960 channels, 1 where unknown."""
    if layer.type == "Pooling":
        return _averaged(layer)
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
