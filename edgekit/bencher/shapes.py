"""Do the input shapes fit the net? ncnn itself reads past the end of a blob with too few channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

from edgekit.errors import UserError
from edgekit.graph import Graph, Layer
from edgekit.ops import describe
from edgekit.ops.shape import infer_graph
from edgekit.ops.weights import weight_layout
from edgekit.processes import memory_bytes
from edgekit.units import format_bytes, format_shape

Shape = tuple[int, ...]


def check_shapes(graph: Graph, inputs: Mapping[str, Shape]) -> None:
    """Follow the shapes of one item through the graph as far as they can be told.

    Raises:
        UserError: a layer gets another number of channels or features than its weights are for, or a blob
            would not fit into memory.
    """
    known = infer_graph(graph, inputs).shapes
    for blob, shape in known.items():
        check_memory(blob, shape)
    for layer in graph:
        if layer.inputs and layer.inputs[0] in known:
            found = _mismatch(layer, known[layer.inputs[0]])
            if found is not None:
                wanted, given = found
                raise UserError(
                    f"layer '{layer.name}' takes {wanted} channels and would get {given}",
                    "give the shapes that the model was made for, with --input",
                )


def check_memory(blob: str, shape: Shape) -> None:
    """Raise `UserError` when one blob alone is more than this machine's memory."""
    most = memory_bytes()
    if most is not None and 4 * prod(shape) > most:
        raise UserError(
            f"blob '{blob}' of shape {format_shape(shape)} takes {format_bytes(4 * prod(shape))}, "
            f"this machine has {format_bytes(most)}",
            "give smaller shapes",
        )


def _mismatch(layer: Layer, shape: Sequence[int]) -> tuple[int, int] | None:
    """Return (wanted, given) where they differ."""
    if layer.type in ("Convolution", "ConvolutionDepthWise") and len(shape) == 3:
        wanted = describe(layer).get("in_channels")
        if isinstance(wanted, int) and wanted != shape[0]:
            return wanted, shape[0]
    if layer.type == "InnerProduct" and len(shape) == 1:
        features = weight_layout(layer)[0].shape[1]
        if features != shape[0]:
            return features, shape[0]
    return None
