"""Which precision a file's weights are stored in, where that is what they were meant to be stored in.

A converter that writes half-precision weights (pnnx does unless it is told otherwise) has rounded each of
them: the file says so, and a verdict that blamed every layer for it would be of no use. Weights that are
narrower than their bundle was made with are another matter: somebody changed them.
"""

from __future__ import annotations

from collections.abc import Mapping

from edgekit.formats.ncnn.bin import TAG_BFLOAT16, TAG_FLOAT16, TAG_FLOAT32
from edgekit.graph import Graph, Layer
from edgekit.numerics.floors import UNITS

_STORED = {TAG_FLOAT16: "fp16", TAG_BFLOAT16: "bf16"}


def narrow_weights(graph: Graph, declared: str | None = None) -> dict[int, str]:
    """Return layer index -> `fp16` or `bf16` of every layer whose weights are stored so, and rightly.

    `declared` is the precision that the weights were written in, None where nothing says it. Of weights
    declared as fp32 a few narrow ones are a change to be judged as one; all of them are a conversion.
    """
    found = {index: kind for index, layer in enumerate(graph.layers) if (kind := _kind(layer))}
    strict = declared == "fp32" and any(_is_full(layer) for layer in graph.layers)
    return {} if strict else found


def narrowest(stored: Mapping[int, str]) -> str:
    """Return the precision with the largest unit of rounding among the layers."""
    return max(stored.values(), key=UNITS.__getitem__, default="fp32")


def _kind(layer: Layer) -> str | None:
    kinds = {_STORED[weight.tag] for weight in layer.weights if weight.tag in _STORED}
    return max(kinds, key=UNITS.__getitem__, default=None)


def _is_full(layer: Layer) -> bool:
    """Whether a weight that could be stored narrowly is not."""
    return any(weight.tag == TAG_FLOAT32 and weight.data.size > 0 for weight in layer.weights)
