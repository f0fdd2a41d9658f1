"""The faults: pure functions (graph, layer index, random) -> graph, or None where one does not apply.

Each stands for something that goes wrong in real ports: a kernel transposed by hand, an activation that a
rewrite lost, an attribute that a converter read by another default.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np
from edits import (
    Numbers,
    decoded,
    float_weight,
    with_inputs,
    with_layer,
    with_params,
    with_type,
    with_weight,
    without,
)
from stated import STATED

from edgekit.graph import Graph, Layer, Param

Rng = np.random.Generator
Fault = Callable[[Graph, int, Rng], Graph | None]

MAIN_WEIGHTS = (
    "weight_data",
    "weight_xc_data",
    "B_data",
    "q_weight_data",
    "slope_data",
    "scale_data",
    "data",
)
_MATRICES = ("weight_data", "B_data", "q_weight_data", "weight_xc_data")
_BIASES = ("bias_data", "bias_c_data", "beta_data", "C_data", "q_bias_data", "out_bias_data")
_EPS = {"BatchNorm": "1", "InstanceNorm": "1", "LayerNorm": "1", "RMSNorm": "1", "GroupNorm": "2"}
_FUSED = "9"
_FUSED_PARAMS = "10"
_CONVOLUTIONS = ("Convolution", "ConvolutionDepthWise", "Convolution1D", "ConvolutionDepthWise1D")
_ACTIVATIONS = frozenset(
    "ReLU Clip Sigmoid TanH HardSwish HardSigmoid Swish GELU Mish ELU SELU Softplus PReLU AbsVal "
    "UnaryOp".split()
)
_SAME_SHAPE = _ACTIVATIONS | frozenset(
    "BatchNorm LayerNorm GroupNorm InstanceNorm RMSNorm Normalize Softmax ShuffleChannel Scale Bias".split()
)


def weight_scale(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """All weights 5 % larger."""
    name = float_weight(graph.layers[index], *MAIN_WEIGHTS)
    return None if name is None else with_weight(graph, index, name, lambda data: data * np.float32(1.05))


def weight_nudged(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """All weights 0.003 % larger."""
    name = float_weight(graph.layers[index], *MAIN_WEIGHTS)
    return None if name is None else with_weight(graph, index, name, lambda data: data * np.float32(1.00003))


def weight_channel(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """The weights of one output channel half as large again."""

    def change(data: Numbers) -> Numbers:
        data[rng.integers(data.shape[0])] *= 1.5
        return data

    return _on_matrix(graph, index, change)


def weight_order(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """Two output channels exchanged."""

    def change(data: Numbers) -> Numbers:
        return _exchanged(data, 0, rng)

    return _on_matrix(graph, index, change)


def input_order(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """Two input channels of the weight exchanged."""
    name = float_weight(graph.layers[index], *_MATRICES)
    data = None if name is None else graph.layers[index].weight(name)
    if data is None or data.ndim < 2 or data.shape[1] < 2:
        return None
    return _on_matrix(graph, index, lambda numbers: _exchanged(numbers, 1, rng))


def kernel_flipped(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """The kernel mirrored left to right."""
    name = float_weight(graph.layers[index], "weight_data")
    data = None if name is None else graph.layers[index].weight(name)
    if name is None or data is None or data.ndim < 3 or data.shape[-1] == 1:
        return None
    return with_weight(graph, index, name, lambda numbers: numbers[..., ::-1])


def kernel_transposed(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """Height and width of the kernel exchanged."""
    name = float_weight(graph.layers[index], "weight_data")
    data = None if name is None else graph.layers[index].weight(name)
    if (
        name is None
        or data is None
        or data.ndim < 4
        or data.shape[-1] == 1
        or data.shape[-1] != data.shape[-2]
    ):
        return None
    return with_weight(graph, index, name, lambda numbers: np.swapaxes(numbers, -1, -2))


def gate_order(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """The first two gates of a recurrent layer exchanged."""
    layer = graph.layers[index]
    gates = {"GRU": 3, "LSTM": 4}.get(layer.type)
    if gates is None or float_weight(layer, "weight_hc_data") is None:
        return None

    def change(data: Numbers) -> Numbers:
        parts = np.split(data, gates, axis=1)  # (directions, gates * hidden, out)
        return np.concatenate([parts[1], parts[0], *parts[2:]], axis=1)

    return with_weight(graph, index, "weight_hc_data", change)


def weight_fp16(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """The layer's weights rounded to half precision."""
    layer = graph.layers[index]
    name = float_weight(layer, *MAIN_WEIGHTS)
    data = None if name is None else layer.weight(name)
    if name is None or data is None or data.ndim < 2:
        return None
    return with_weight(graph, index, name, lambda numbers: numbers.astype(np.float16).astype(np.float32))


def bias_shift(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """One element of the bias a tenth larger, as measured by the bias's own spread."""
    name = float_weight(graph.layers[index], *_BIASES)
    if name is None:
        return None

    def change(data: Numbers) -> Numbers:
        flat = data.reshape(-1)
        flat[rng.integers(flat.size)] += 0.1 * max(float(np.abs(flat).mean()), 0.1)
        return data

    return with_weight(graph, index, name, change)


def bias_nudged(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """The whole bias 0.02 % larger."""
    name = float_weight(graph.layers[index], *_BIASES)
    return None if name is None else with_weight(graph, index, name, lambda data: data * np.float32(1.0002))


def bias_lost(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """The bias left at zero."""
    name = float_weight(graph.layers[index], *_BIASES)
    return None if name is None else with_weight(graph, index, name, np.zeros_like)


def statistics(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """Running mean of a BatchNorm, or the gain of another norm, 10 % off."""
    name = float_weight(graph.layers[index], "mean_data", "gamma_data")
    return None if name is None else with_weight(graph, index, name, lambda data: data * np.float32(1.1))


def activation_lost(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """The activation gone, fused or on its own."""
    layer = graph.layers[index]
    if fused(layer):
        return with_params(graph, index, {_FUSED: 0, _FUSED_PARAMS: ()})
    return without(graph, index) if layer.type in _ACTIVATIONS else None


def activation_other(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """A similar activation in its place: ReLU for leaky ReLU, clip for ReLU, swish for hard swish, ..."""
    layer = graph.layers[index]
    kind = fused(layer)
    if kind:
        other: dict[str, Param] = {_FUSED: 1, _FUSED_PARAMS: ()}
        if kind == 1:
            other = {_FUSED: 2, _FUSED_PARAMS: (0.1,)}
        return with_params(graph, index, other)
    swap: dict[str, tuple[str, dict[str, Param]]] = {
        "ReLU": ("Clip", {"0": 0.0, "1": 1.0}),
        "Clip": ("ReLU", {}),
        "Sigmoid": ("HardSigmoid", {}),
        "TanH": ("Sigmoid", {}),
        "HardSwish": ("Swish", {}),
        "HardSigmoid": ("Sigmoid", {}),
        "Swish": ("HardSwish", {}),
        "GELU": ("ReLU", {}),
        "Mish": ("Swish", {}),
        "ELU": ("ReLU", {}),
        "PReLU": ("ReLU", {}),
    }
    if layer.type not in swap:
        return None
    return with_type(graph, index, *swap[layer.type])


def bound(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """The upper bound of a clip lower: 6 -> 5. Where no value gets that far, nothing seems to change."""
    layer = graph.layers[index]
    if fused(layer) == 3:
        params = layer.params.get(_FUSED_PARAMS)
        if not isinstance(params, tuple):
            return None
        low, high = (float(value) for value in params)
        return with_params(graph, index, {_FUSED_PARAMS: (low, high * 5 / 6)})
    if layer.type == "Clip":
        high = decoded(layer).number("max")
        return with_params(graph, index, {"1": high * 5 / 6}) if abs(high) < 1e30 else None
    return None


def slope(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """The slope of a leaky ReLU or PReLU half as large again."""
    layer = graph.layers[index]
    if layer.type == "PReLU":
        return with_weight(graph, index, "slope_data", lambda data: data * np.float32(1.5))
    if layer.type == "ReLU" and decoded(layer).number("slope"):
        return with_params(graph, index, {"0": decoded(layer).number("slope") * 1.5})
    params = layer.params.get(_FUSED_PARAMS)
    if fused(layer) == 2 and isinstance(params, tuple):
        return with_params(graph, index, {_FUSED_PARAMS: (float(params[0]) * 1.5,)})
    return None


def eps(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """A norm's epsilon a thousand times larger: 1e-5 read as 1e-2."""
    layer = graph.layers[index]
    if layer.type not in _EPS:
        return None
    return with_params(graph, index, {_EPS[layer.type]: decoded(layer).number("eps") * 1000})


def eps_nudged(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """A norm's epsilon doubled."""
    layer = graph.layers[index]
    if layer.type not in _EPS:
        return None
    return with_params(graph, index, {_EPS[layer.type]: decoded(layer).number("eps") * 2})


def padding(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """The padding one to the left: the shape stays, every value moves."""
    layer = graph.layers[index]
    if layer.type in _CONVOLUTIONS:
        left, right = "4", "15"
    elif layer.type == "Pooling":
        left, right = "3", "14"
    else:
        return None
    params = decoded(layer)
    if params.integer("pad_left") < 1 or params.values.get("global_pooling"):
        return None
    before, after = params.integer("pad_left"), params.integer("pad_right")
    changes: dict[str, Param] = {left: before - 1, right: after + 1}
    if layer.type == "Pooling":
        changes |= {"13": params.integer("pad_top"), "15": params.integer("pad_bottom")}
    elif not layer.type.endswith("1D"):
        changes |= {"14": params.integer("pad_top"), "16": params.integer("pad_bottom")}
    return with_params(graph, index, changes)


def dilation(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """Dilation 2 with the padding that keeps the shape."""
    layer = graph.layers[index]
    if layer.type not in ("Convolution", "ConvolutionDepthWise"):
        return None
    params = decoded(layer)
    if params.integer("kernel_w") < 3 or params.integer("dilation_w") != 1 or params.integer("pad_left") < 1:
        return None
    wide, high = (params.integer(f"kernel_{axis}") // 2 for axis in "wh")
    pads = {"pad_left": "4", "pad_right": "15", "pad_top": "14", "pad_bottom": "16"}
    changes: dict[str, Param] = {"2": 2, "12": 2 if params.integer("kernel_h") > 1 else 1}
    for name, key in pads.items():
        extra = wide if name in ("pad_left", "pad_right") else high
        changes[key] = params.integer(name) + extra
    return with_params(graph, index, changes)


def stride(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """Stride 1 read as 2, or 2 as 1: the shape changes."""
    layer = graph.layers[index]
    if layer.type not in ("Convolution", "ConvolutionDepthWise") or decoded(layer).integer("kernel_w") < 2:
        return None
    other = 1 if decoded(layer).integer("stride_w") == 2 else 2
    return with_params(graph, index, {"3": other, "13": other})


def pooling(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """Maximum for average pooling and the other way round; the same for reductions."""
    layer = graph.layers[index]
    if layer.type.startswith("Pooling"):
        kinds = ("max", "average")
        number = kinds.index("max") if decoded(layer).integer("pooling_type") else kinds.index("average")
        return with_params(graph, index, {"0": number})
    if layer.type == "Reduction":
        mean, largest = 3, 4
        return with_params(
            graph, index, {"0": largest if decoded(layer).integer("operation") == mean else mean}
        )
    return None


def pooling_border(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """Padding counted in an average, or not."""
    layer = graph.layers[index]
    if layer.type != "Pooling" or decoded(layer).integer("pooling_type") != 1:
        return None
    if decoded(layer).integer("pad_left") < 1:
        return None
    return with_params(graph, index, {"6": 1 - decoded(layer).integer("avgpool_count_include_pad")})


def interpolation(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """Nearest for bilinear, bilinear for the others."""
    layer = graph.layers[index]
    if layer.type != "Interp":
        return None
    nearest, bilinear = 1, 2
    kind = decoded(layer).integer("resize_type")
    return with_params(graph, index, {"0": nearest if kind == bilinear else bilinear})


def corners(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """`align_corners` the other way."""
    layer = graph.layers[index]
    if layer.type != "Interp" or decoded(layer).integer("resize_type") == 1:
        return None
    return with_params(graph, index, {"6": 1 - decoded(layer).integer("align_corner")})


def axis(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """The axis of a softmax, or the order of a permutation, read otherwise."""
    layer = graph.layers[index]
    if layer.type == "Softmax":
        number = decoded(layer).integer("axis")
        return with_params(graph, index, {"0": 1 if number != 1 else 0})
    if layer.type == "Permute":
        number = decoded(layer).integer("order_type")
        return with_params(graph, index, {"0": {2: 3, 3: 2, 4: 5, 5: 4, 1: 0, 0: 1}.get(number, 0)})
    return None


def shuffle(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """A channel shuffle undone instead of done, or pixels shuffled in TensorFlow's order."""
    layer = graph.layers[index]
    if layer.type == "ShuffleChannel":
        return with_params(graph, index, {"1": 1 - decoded(layer).integer("reverse")})
    if layer.type in ("PixelShuffle", "Reorg"):
        return with_params(graph, index, {"1": 1 - decoded(layer).integer("mode")})
    return None


def concat_order(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """The first two inputs of a concatenation exchanged."""
    layer = graph.layers[index]
    if layer.type != "Concat" or len(layer.inputs) < 2:
        return None
    return with_inputs(graph, index, (layer.inputs[1], layer.inputs[0], *layer.inputs[2:]))


def slice_order(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """The first two parts of a slice exchanged."""
    layer = graph.layers[index]
    if layer.type != "Slice" or len(layer.outputs) < 2:
        return None
    swapped = (layer.outputs[1], layer.outputs[0], *layer.outputs[2:])
    return with_layer(graph, index, replace(layer, outputs=swapped))


def slice_sizes(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """One part of a slice an element longer, its neighbour an element shorter."""
    layer = graph.layers[index]
    source = graph.shapes.get(layer.inputs[0]) if layer.inputs else None
    parts = [graph.shapes.get(blob) for blob in layer.outputs]
    if layer.type != "Slice" or len(parts) < 2 or source is None:
        return None
    axis = decoded(layer).integer("axis") % len(source)
    sizes = [part[axis] for part in parts if part is not None and len(part) == len(source)]
    if len(sizes) < len(parts) or sum(sizes) != source[axis] or sizes[1] < 2:
        return None
    sizes[0], sizes[1] = sizes[0] + 1, sizes[1] - 1
    rest = {key: value for key, value in layer.params.items() if key != "2"}
    return with_layer(graph, index, replace(layer, params={**rest, "0": tuple(sizes)}))


def reshape_sizes(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """Two sizes of a reshape exchanged: the numbers stay in their order, the axes do not."""
    layer = graph.layers[index]
    if layer.type != "Reshape":
        return None
    width, height = layer.params.get("0"), layer.params.get("1")
    if not isinstance(width, int) or not isinstance(height, int) or width == height:
        return None
    return with_params(graph, index, {"0": height, "1": width})


def skip_rewired(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """A term of a sum or product taken from another branch of the same shape; the right one unread."""
    layer = graph.layers[index]
    if layer.type != "BinaryOp" or len(layer.inputs) != 2:
        return None
    place = int(rng.integers(2))
    right = layer.inputs[place]
    above = {right, *_split_from(graph, right)}
    others = [
        number
        for number, split in enumerate(graph.layers[:index])
        if split.type == "Split"
        and not above.intersection(split.outputs)
        and not set(layer.inputs).intersection(split.outputs)
        and graph.shapes.get(split.inputs[0]) == graph.shapes.get(right) is not None
    ]
    if not others:
        return None
    chosen = int(rng.choice(others))
    taken = f"{graph.layers[chosen].outputs[0]}_rewired"
    split = replace(graph.layers[chosen], outputs=(*graph.layers[chosen].outputs, taken))
    inputs = (taken, layer.inputs[1]) if place == 0 else (layer.inputs[0], taken)
    return with_inputs(with_layer(graph, chosen, split), index, inputs)


def _split_from(graph: Graph, blob: str) -> tuple[str, ...]:
    """All copies that stand beside a blob behind the same Split; none where it is no copy."""
    producer = graph.layers[graph.blobs[blob].producer]
    return producer.outputs if producer.type == "Split" else ()


def binary_op(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """Addition for subtraction or multiplication, and the like."""
    layer = graph.layers[index]
    if layer.type != "BinaryOp":
        return None
    add, sub, mul, div = 0, 1, 2, 3
    other = {add: sub, sub: add, mul: add, div: mul}.get(decoded(layer).integer("op_type"), add)
    return with_params(graph, index, {"0": other})


def operand_order(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """The operands of a subtraction, division or matrix product exchanged."""
    layer = graph.layers[index]
    if layer.type != "BinaryOp" or len(layer.inputs) != 2 or decoded(layer).integer("op_type") not in (1, 3):
        return None
    return with_inputs(graph, index, (layer.inputs[1], layer.inputs[0]))


def constant(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """The scalar of a binary operation 10 % off."""
    layer = graph.layers[index]
    if layer.type != "BinaryOp" or not decoded(layer).integer("with_scalar"):
        return None
    return with_params(graph, index, {"2": decoded(layer).number("b") * 1.1 + 0.01})


def layer_lost(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """The layer left out: it hands on what it gets. A sum hands on one of its terms."""
    layer = graph.layers[index]
    if len(layer.outputs) != 1:
        return None
    if layer.type == "BinaryOp" and layer.inputs:
        return without(graph, index, int(rng.integers(len(layer.inputs))))
    if layer.type in _SAME_SHAPE or _keeps_shape(layer):
        return without(graph, index)
    return None


def fused(layer: Layer) -> int:
    """The activation fused into the layer: ncnn's number, 0 for none."""
    if "activation_type" not in decoded(layer).values:
        return 0
    return decoded(layer).integer("activation_type")


def _keeps_shape(layer: Layer) -> bool:
    """Whether a convolution has as many channels out as in, stride 1 and fitting padding."""
    if layer.type not in ("Convolution", "ConvolutionDepthWise"):
        return False
    params = decoded(layer)
    weight = layer.weight("weight_data")
    assert weight is not None
    groups = params.integer("group") if layer.type == "ConvolutionDepthWise" else 1
    same_channels = weight.shape[1] * groups == params.integer("num_output")
    fits = all(
        params.integer(f"pad_{side}") * 2
        == (params.integer(f"kernel_{axis}") - 1) * params.integer(f"dilation_{axis}")
        for side, axis in (("left", "w"), ("top", "h"))
    )
    return same_channels and fits and params.integer("stride_w") == params.integer("stride_h") == 1


def _on_matrix(graph: Graph, index: int, change: Callable[[Numbers], Numbers]) -> Graph | None:
    """Change the main weight, where it is a matrix: (out, in, ...)."""
    layer = graph.layers[index]
    name = float_weight(layer, *_MATRICES)
    data = None if name is None else layer.weight(name)
    if name is None or data is None or data.ndim < 2:
        return None
    if name != "weight_xc_data":
        return with_weight(graph, index, name, change)

    def first_direction(numbers: Numbers) -> Numbers:  # (directions, gates * hidden, in)
        numbers[0] = change(numbers[0])
        return numbers

    return with_weight(graph, index, name, first_direction)


def _exchanged(data: Numbers, axis: int, rng: Rng) -> Numbers:
    size = data.shape[axis]
    if size < 2:
        return data
    first, second = rng.choice(size, 2, replace=False)
    order = np.arange(size)
    order[[first, second]] = order[[second, first]]
    return np.take(data, order, axis=axis)


KINDS: Mapping[str, Fault] = MappingProxyType(
    {
        fault.__name__: fault
        for fault in (
            weight_scale, weight_nudged, weight_channel, weight_order, input_order, kernel_flipped,
            kernel_transposed, gate_order, weight_fp16, bias_shift, bias_nudged, bias_lost, statistics,
            activation_lost, activation_other, bound, slope, eps, eps_nudged, padding, dilation, stride,
            pooling, pooling_border, interpolation, corners, axis, shuffle, concat_order, slice_order,
            slice_sizes, reshape_sizes, skip_rewired,
            binary_op, operand_order, constant, layer_lost, *STATED,
        )
    }
)  # fmt: skip
