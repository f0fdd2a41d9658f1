"""Do the input shapes fit the net? ncnn itself reads past the end of a blob with too few channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edgekit.errors import UserError
from edgekit.graph import Graph, Layer
from edgekit.ops import describe
from edgekit.ops.shape import infer_graph
from edgekit.ops.weights import weight_layout

Shape = tuple[int, ...]


def check_shapes(graph: Graph, inputs: Mapping[str, Shape]) -> None:
    """Follow the shapes of one item through the graph as far as they can be told.

    Raises:
        UserError: a layer gets another number of channels or features than its weights are for.
    """
    known = infer_graph(graph, inputs).shapes
    for layer in graph:
        if layer.inputs and layer.inputs[0] in known:
            found = _mismatch(layer, known[layer.inputs[0]])
            if found is not None:
                wanted, given = found
                raise UserError(
                    f"layer '{layer.name}' takes {wanted} channels and would get {given}",
                    "give the shapes that the model was made for, with --input",
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
