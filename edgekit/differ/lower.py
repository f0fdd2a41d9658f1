"""From an ncnn layer to what it does: kinds and facts that do not depend on who wrote the file.

A kind is a family of operations ("conv", "norm", "activation", ...), facts are what two layers of it
are compared by. A fused activation becomes a node of its own.
"""

from __future__ import annotations

from collections.abc import Mapping

from edgekit.differ import rules_elementwise as elementwise
from edgekit.differ import rules_structure as structure
from edgekit.differ import rules_windows as windows
from edgekit.differ.draft import Draft, Shape, Value
from edgekit.differ.rules import Lowered, Rule, plain_facts
from edgekit.errors import FormatError
from edgekit.graph import Graph, Layer
from edgekit.ops import SPECS, Activation, activation, decode

Shapes = Mapping[str, Shape]


def lower(graph: Graph, shapes: Shapes, outputs: tuple[str, ...]) -> Draft:
    """Return the draft of a graph; `shapes` of blobs may be incomplete."""
    draft = Draft()
    values: dict[str, Value] = {}
    for index, layer in enumerate(graph):
        inputs = [values[blob] for blob in layer.inputs]
        kind, facts = _lowered(layer, [draft.shape(value) for value in inputs])
        made = [shapes.get(blob) for blob in layer.outputs]
        if layer.type == "Input":
            facts["name"] = layer.outputs[0] if layer.outputs else layer.name
        node = draft.add(kind, facts, inputs, made, [index])
        last = node
        fused = _fused(layer)
        if fused is not None:
            last = draft.add(
                "activation", elementwise.fused_activation(fused), [(node.id, 0)], made[:1], [index]
            )
        values |= {blob: (last.id, slot) for slot, blob in enumerate(layer.outputs)}
    draft.outputs = [(blob, values[blob]) for blob in outputs]
    return draft


def _lowered(layer: Layer, shapes: list[Shape | None]) -> Lowered:
    spec = SPECS.get(layer.type)
    if spec is None:
        return "custom", {
            "type": layer.type,
            **{f"parameter {key}": value for key, value in layer.params.items()},
        }
    rule = _RULES.get(layer.type)
    params = decode(spec, layer)
    if rule is not None:
        try:
            return rule(layer, params, shapes)
        except FormatError:
            pass  # its parameters contradict each other: compare them as they stand
    return "other", {"type": layer.type, **plain_facts(layer)}


def _fused(layer: Layer) -> Activation | None:
    if layer.type not in SPECS or layer.type == "Requantize":
        return None
    try:
        return activation(layer)
    except FormatError:
        return None


_ACTIVATIONS = (
    "BNLL", "CELU", "Clip", "ELU", "GELU", "GLU", "HardSigmoid", "HardSwish", "Mish", "PReLU", "ReLU", "SELU",
    "Shrink", "Sigmoid", "Softmax", "Softplus", "Swish", "TanH", "Threshold",
)  # fmt: skip
_NOISE = ("Split", "Noop", "DeepCopy", "Cast", "Packing", "Quantize", "Dequantize", "Requantize")
_VIEWS = ("Reshape", "Flatten", "Squeeze", "ExpandDims")

_RULES: Mapping[str, Rule] = {
    **{
        f"{root}{dims}": windows.convolution
        for dims in ("", "1D", "3D")
        for root in ("Convolution", "Deconvolution")
    },
    **{
        f"{root}DepthWise{dims}": windows.convolution
        for dims in ("", "1D", "3D")
        for root in ("Convolution", "Deconvolution")
    },
    **dict.fromkeys(("Pooling", "Pooling1D", "Pooling3D"), windows.pooling),
    **dict.fromkeys(("BatchNorm", "GroupNorm", "InstanceNorm", "LayerNorm", "RMSNorm"), elementwise.norm),
    **dict.fromkeys(_ACTIVATIONS, elementwise.elementwise),
    **dict.fromkeys(("RNN", "GRU", "LSTM"), windows.recurrent),
    **dict.fromkeys(_NOISE, structure.of_kind("noise")),
    **dict.fromkeys(_VIEWS, structure.view),
    "AbsVal": lambda layer, params, shapes: ("unary", {"op": "abs"}),
    "Bias": elementwise.bias,
    "BinaryOp": elementwise.binary,
    "Concat": structure.concat,
    "Crop": structure.crop,
    "DeformableConv2D": windows.convolution,
    "Dropout": elementwise.dropout,
    "Eltwise": elementwise.eltwise,
    "Embed": windows.embed,
    "Gemm": windows.gemm,
    "InnerProduct": windows.inner_product,
    "Input": structure.of_kind("input"),
    "Interp": windows.interp,
    "MemoryData": structure.constant,
    "MultiHeadAttention": windows.attention,
    "Padding": windows.padding,
    "Permute": structure.permute,
    "Reduction": elementwise.reduction,
    "Scale": elementwise.scale,
    "ShuffleChannel": structure.shuffle,
    "Slice": structure.pieces,
    "UnaryOp": elementwise.unary,
}
