"""Changes of what is joined, cut, moved, left out or put in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from net import HINTS, Net, decoded
from windows import NOT_HERE, Keys

from edgekit.graph import Layer, Param

Rng = np.random.Generator
_ACTIVATIONS = ("ReLU", "Clip", "Sigmoid", "HardSwish", "HardSigmoid", "Swish", "GELU", "TanH", "Softmax")
_SMALL: dict[str, Keys] = {
    **dict.fromkeys(_ACTIVATIONS, ("activation",)),
    **dict.fromkeys(("LayerNorm", "GroupNorm", "InstanceNorm"), ("normalization",)),
    **dict.fromkeys(("LRN", "ShuffleChannel", "Permute"), ("missing",)),
    "Interp": ("resampling",),
    "Padding": ("padding",),
    "Pooling": ("pooling",),
    "Reduction": ("pooling", "missing"),
}
_WEIGHTED = ("Convolution", "ConvolutionDepthWise", "InnerProduct", "Gemm", "MultiHeadAttention")
_JOINING = ("BinaryOp", "Eltwise")


def softmax_axis(net: Net, index: int, rng: Rng) -> Keys:
    """A softmax over another axis."""
    layer = net.layers[index]
    shape = net.shapes().get(layer.inputs[0]) if layer.type == "Softmax" else None
    if shape is None or sum(size > 1 for size in shape) < 2:
        return NOT_HERE
    own = decoded(layer).integer("axis") % len(shape)
    others = [axis for axis, size in enumerate(shape) if axis != own and size > 1]
    net.set(index, {"0": others[rng.integers(len(others))], "1": 1})
    return ("activation",) if shape[own] > 1 else NOT_HERE


def concat_axis(net: Net, index: int, rng: Rng) -> Keys:
    """A Concat along another axis, where all that it joins is of one shape."""
    layer = net.layers[index]
    if layer.type != "Concat" or len(layer.inputs) < 2:
        return NOT_HERE
    shapes = net.shapes()
    fed = {shapes.get(blob) for blob in layer.inputs}
    shape = fed.pop()
    if fed or shape is None or len(shape) < 2:
        return NOT_HERE
    axis = decoded(layer).integer("axis") % len(shape)
    net.set(index, {"0": (axis + 1) % len(shape)})
    return ("parameters",)


def concat_order(net: Net, index: int, rng: Rng) -> Keys:
    """Two operands of a Concat exchanged."""
    layer = net.layers[index]
    if layer.type != "Concat" or len(layer.inputs) < 2:
        return NOT_HERE
    inputs = list(layer.inputs)
    first, second = rng.choice(len(inputs), 2, replace=False)
    if net.origin(inputs[first]) == net.origin(inputs[second]):
        return NOT_HERE
    inputs[first], inputs[second] = inputs[second], inputs[first]
    net.layers[index] = replace(layer, inputs=tuple(inputs), text=None)
    return ("wiring",)


def join(net: Net, index: int, rng: Rng) -> Keys:
    """A product instead of a sum, a sum instead of anything else."""
    layer = net.layers[index]
    if layer.type not in _JOINING or len(layer.inputs) < 2:
        return NOT_HERE
    summed, product = (0, 2) if layer.type == "BinaryOp" else (1, 0)
    now = decoded(layer).integer("op_type")
    net.set(index, {"0": product if now == summed else summed})
    return ("layer",)


def scalar(net: Net, index: int, rng: Rng) -> Keys:
    """Another number in an operation with a number."""
    layer = net.layers[index]
    if layer.type != "BinaryOp" or not decoded(layer).integer("with_scalar"):
        return NOT_HERE
    net.set(index, {"2": decoded(layer).number("b") + 0.5})
    return ("parameters",)


def rewired(net: Net, index: int, rng: Rng) -> Keys:
    """A skip connection that starts at another tensor of the same shape."""
    layer = net.layers[index]
    if layer.type not in (*_JOINING, "Concat") or len(layer.inputs) < 2:
        return NOT_HERE
    operand = int(rng.integers(len(layer.inputs)))
    shapes = net.shapes()
    wanted = shapes.get(layer.inputs[operand])
    taken = {net.origin(blob) for blob in layer.inputs}
    others = [
        blob
        for other in net.layers[:index]
        if other.type not in ("Split", "Input", "Slice", "Crop")
        for blob in other.outputs
        if wanted is not None and shapes.get(blob) == wanted and blob not in taken
    ]
    if not others:
        return NOT_HERE
    unread = _unread(net)
    net.read_from(index, operand, others[rng.integers(len(others))])
    return ("wiring",) if _unread(net) == unread else NOT_HERE


def skip_lost(net: Net, index: int, rng: Rng) -> Keys:
    """A sum that is not there: what follows reads one of its operands."""
    layer = net.layers[index]
    if layer.type not in _JOINING or len(layer.inputs) != 2:
        return NOT_HERE
    shapes = net.shapes()
    lasting = max(range(2), key=lambda each: _rank(net, layer.inputs[each]))  # that of the long branch
    if shapes.get(layer.inputs[0]) != shapes.get(layer.inputs[1]):
        return NOT_HERE
    count, unread = sum(map(is_layer, net.layers)), _unread(net)
    net.bypass(index, lasting)
    alone = count == sum(map(is_layer, net.layers)) + 1 and len(_unread(net)) == len(unread)
    return ("missing",) if alone else NOT_HERE


def _unread(net: Net) -> set[str]:
    """Return the tensors that nothing reads, on their way through Splits."""
    read = {net.origin(blob) for layer in net.layers if is_layer(layer) for blob in layer.inputs}
    return {blob for layer in net.layers if is_layer(layer) for blob in layer.outputs} - read


def _rank(net: Net, blob: str) -> int:
    origin = net.origin(blob)
    return next(index for index, layer in enumerate(net.layers) if origin in layer.outputs)


def dropped(net: Net, index: int, rng: Rng) -> Keys:
    """A layer that is not there."""
    layer = net.layers[index]
    if len(layer.inputs) != 1 or len(layer.outputs) != 1:
        return NOT_HERE
    keys = ("missing",) if layer.type in _WEIGHTED else _SMALL.get(layer.type, NOT_HERE)
    if not keys or (layer.type == "Pooling" and layer.params.get("4") == 1 and rng.integers(2)):
        return NOT_HERE
    net.bypass(index)
    return keys


def conv_added(net: Net, index: int, rng: Rng) -> Keys:
    """A convolution of 5x5 behind another, keeping channels and size."""
    layer = net.layers[index]
    shape = net.shapes().get(layer.outputs[0]) if layer.type == "Convolution" else None
    if shape is None:
        return NOT_HERE
    params: dict[str, Param] = {"0": shape[0], "1": 5, "4": 2, "5": 1, "6": shape[0] ** 2 * 25}
    if layer.params.get("9"):
        params["9"] = 1
    net.insert_after(index, "Convolution", params)
    return ("extra",)


def depthwise_added(net: Net, index: int, rng: Rng) -> Keys:
    """A depthwise convolution behind a convolution."""
    layer = net.layers[index]
    shape = net.shapes().get(layer.outputs[0]) if layer.type == "Convolution" else None
    if shape is None:
        return NOT_HERE
    params = {"0": shape[0], "1": 7, "4": 3, "5": 1, "6": shape[0] * 49, "7": shape[0]}
    net.insert_after(index, "ConvolutionDepthWise", params)
    return ("extra",)


def pool_added(net: Net, index: int, rng: Rng) -> Keys:
    """A max pooling that keeps the size behind a convolution."""
    layer = net.layers[index]
    shape = net.shapes().get(layer.outputs[0]) if layer.type == "Convolution" else None
    if shape is None or min(shape[1:]) < 3:
        return NOT_HERE
    net.insert_after(index, "Pooling", {"0": 0, "1": 3, "2": 1, "3": 1, "5": 1})
    return ("pooling",)


def norm_added(net: Net, index: int, rng: Rng) -> Keys:
    """An InstanceNorm behind a convolution."""
    layer = net.layers[index]
    shape = net.shapes().get(layer.outputs[0]) if layer.type == "Convolution" else None
    if shape is None or layer.params.get("9"):
        return NOT_HERE
    net.insert_after(index, "InstanceNorm", {"0": shape[0], "1": 1e-5, "2": 1})
    return ("normalization",)


def slices(net: Net, index: int, rng: Rng) -> Keys:
    """A Slice of two that cuts elsewhere."""
    layer = net.layers[index]
    shape = net.shapes().get(layer.inputs[0]) if layer.type == "Slice" else None
    if shape is None or len(layer.outputs) != 2:
        return NOT_HERE
    axis = decoded(layer).integer("axis") % len(shape)
    net.set(index, {"0": (shape[axis] // 2 - 4, -233), "2": None})
    return ("parameters",)


def crop(net: Net, index: int, rng: Rng) -> Keys:
    """A Crop that starts one further, of the same length."""
    layer = net.layers[index]
    if layer.type != "Crop" or HINTS in layer.params:
        return NOT_HERE
    params = decoded(layer)
    starts, ends = params.ints("starts"), params.ints("ends")
    if not starts or starts[0] < 1:
        return NOT_HERE
    net.set(index, {"9": (starts[0] - 1, *starts[1:]), "10": (ends[0] - (ends[0] != -233), *ends[1:])})
    return ("parameters",)


def permute(net: Net, index: int, rng: Rng) -> Keys:
    """Another order of axes."""
    layer = net.layers[index]
    shape = net.shapes().get(layer.inputs[0]) if layer.type == "Permute" else None
    if shape is None or sum(size > 1 for size in shape) < 3:
        return NOT_HERE
    orders = [order for order in range(1, 6) if order != decoded(layer).integer("order_type")]
    net.set(index, {"0": orders[rng.integers(len(orders))]})
    return ("parameters",)


def reshape(net: Net, index: int, rng: Rng) -> Keys:
    """A Reshape that gives rows for columns."""
    layer = net.layers[index]
    made = net.shapes().get(layer.outputs[0]) if layer.type == "Reshape" else None
    if made is None or len(made) != 2 or made[0] == made[1]:
        return NOT_HERE
    net.set(index, {"0": made[0], "1": made[1]})
    return ("shape", "parameters")


def shuffle(net: Net, index: int, rng: Rng) -> Keys:
    """A channel shuffle of other groups."""
    layer = net.layers[index]
    if layer.type != "ShuffleChannel":
        return NOT_HERE
    now = decoded(layer).integer("group")
    net.set(index, {"0": 4 if now == 2 else 2, "1": None})
    return ("groups",)


def heads(net: Net, index: int, rng: Rng) -> Keys:
    """An attention of half as many heads."""
    layer = net.layers[index]
    if layer.type != "MultiHeadAttention":
        return NOT_HERE
    net.set(index, {"1": decoded(layer).integer("num_heads") // 2})
    return ("groups",)


def other_numbers(net: Net, index: int, rng: Rng) -> Keys:
    """A parameter of a layer that comes after the network proper: boxes, normalisation over neighbours."""
    layer = net.layers[index]
    keys = {"DetectionOutput": "1", "Yolov3DetectionOutput": "3", "LRN": "2", "PriorBox": "13"}
    key = keys.get(layer.type)
    if key is None:
        return NOT_HERE
    net.set(index, {key: float(str(layer.params.get(key, 0.0))) + 0.25})
    return ("parameters",)


def resolution(net: Net, index: int, rng: Rng) -> Keys:
    """An input one and a half times as high and wide."""
    layer = net.layers[index]
    if layer.type != "Input":
        return NOT_HERE
    shape = net.shapes().get(layer.outputs[0])
    if shape is None or len(shape) != 3:
        return NOT_HERE
    height, width = (size * 3 // 2 // 32 * 32 for size in shape[1:])
    if net.inputs:
        return NOT_HERE  # a size that is given holds for both sides
    net.set(index, {"0": width, "1": height, "2": shape[0]})
    return ("shape",)


def input_channels(net: Net, index: int, rng: Rng) -> Keys:
    """An input of one channel."""
    layer = net.layers[index]
    shape = net.shapes().get(layer.outputs[0]) if layer.type == "Input" else None
    if shape is None or len(shape) != 3 or shape[0] == 1 or net.inputs:
        return NOT_HERE
    net.set(index, {"0": shape[2], "1": shape[1], "2": 1})
    return ("shape",)


def is_layer(layer: Layer) -> bool:
    """Whether a layer does anything."""
    return layer.type not in ("Split", "Noop")


CHANGES = (
    softmax_axis, concat_axis, concat_order, join, scalar, rewired, skip_lost, dropped, conv_added,
    depthwise_added, pool_added, norm_added, slices, crop, permute, reshape, shuffle, heads, other_numbers,
    resolution, input_channels,
)  # fmt: skip
