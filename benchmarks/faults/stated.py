"""Faults in what a layer states of itself: a parameter read by another default, or not at all.

Pure functions (graph, layer index, random) -> graph, or None where one does not apply, as in `kinds`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from edits import Numbers, decoded, float_weight, with_layer, with_params, with_type, with_weight

from edgekit.graph import Graph, Param

Rng = np.random.Generator

_FUSED = "9"
_WEIGHTED = frozenset(
    "Convolution ConvolutionDepthWise Deconvolution DeconvolutionDepthWise Convolution1D "
    "ConvolutionDepthWise1D InnerProduct".split()
)
_GROUPED = ("ConvolutionDepthWise", "ConvolutionDepthWise1D", "DeconvolutionDepthWise")
_AFFINE = {"LayerNorm": "2", "RMSNorm": "2", "InstanceNorm": "2", "GroupNorm": "3"}
_SIMILAR = {
    "ReLU": ("Swish", "ELU", "GELU", "AbsVal"), "Swish": ("GELU", "Mish", "ReLU"), "GELU": ("Swish", "Mish"),
    "HardSwish": ("ReLU", "GELU"), "Sigmoid": ("TanH", "Softplus"), "TanH": ("Sigmoid", "Erf"),
    "Clip": ("Swish", "TanH"), "ELU": ("SELU", "Swish"), "Mish": ("GELU", "ReLU"),
    "HardSigmoid": ("TanH", "Sigmoid"), "PReLU": ("Swish",),
}  # fmt: skip
_ORDERS = {2: 2, 3: 6}  # of the axes of a blob; more axes have their own numbering in ncnn


def pooling_extent(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """A global pooling by windows of two, or one by windows over the whole."""
    layer = graph.layers[index]
    if layer.type != "Pooling" or decoded(layer).integer("adaptive_pooling"):
        return None
    if not decoded(layer).integer("global_pooling"):
        return with_params(graph, index, {"4": 1})
    return with_params(graph, index, {"4": 0, "1": 2, "2": 2})


def pooling_ends(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """A window over the edge counted, or not: `ceil_mode`."""
    layer = graph.layers[index]
    if layer.type != "Pooling" or decoded(layer).integer("global_pooling"):
        return None
    full, valid = 0, 1
    return with_params(graph, index, {"5": valid if decoded(layer).integer("pad_mode") == full else full})


def border_value(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """Another number put around."""
    layer = graph.layers[index]
    if layer.type != "Padding" or decoded(layer).integer("type") != 0:
        return None
    return with_params(graph, index, {"5": decoded(layer).number("value") + 1.0})


def border_kind(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """The nearest number put around instead of a constant one, or the other way round."""
    layer = graph.layers[index]
    if layer.type != "Padding":
        return None
    constant, replicate = 0, 1
    kind = replicate if decoded(layer).integer("type") == constant else constant
    return with_params(graph, index, {"4": kind})


def border_side(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """What is put around put on the other side."""
    layer = graph.layers[index]
    if layer.type != "Padding":
        return None
    params = decoded(layer)
    sides = [params.integer(side) for side in ("bottom", "top", "right", "left")]
    changes: dict[str, Param] = dict(zip("0123", sides, strict=True))
    if changes == {key: layer.params.get(key, 0) for key in "0123"}:
        return None
    return with_params(graph, index, changes)


def reduction_axis(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """One of the axes that a reduction takes is the one beside it."""
    layer = graph.layers[index]
    source = graph.shapes.get(layer.inputs[0]) if layer.inputs else None
    axes = layer.params.get("3")
    if layer.type != "Reduction" or not isinstance(axes, tuple) or source is None:
        return None
    taken = {int(axis) % len(source) for axis in axes}
    free = sorted(set(range(len(source))) - taken)
    if not free:
        return None
    other = sorted({*(taken - {max(taken)}), int(rng.choice(free))})
    return with_params(graph, index, {"3": tuple(other)})


def reduction_factor(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """The factor of a reduction 10 % off."""
    layer = graph.layers[index]
    if layer.type != "Reduction":
        return None
    return with_params(graph, index, {"2": decoded(layer).number("coeff") * 1.1})


def join_axis(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """Blobs of one shape joined along another axis."""
    layer = graph.layers[index]
    parts = [graph.shapes.get(blob) for blob in layer.inputs]
    shape = parts[0] if parts else None
    if layer.type != "Concat" or shape is None or len(shape) < 2 or len(set(parts)) > 1:
        return None
    now = decoded(layer).integer("axis") % len(shape)
    return with_params(graph, index, {"0": (now + 1) % len(shape)})


def eltwise(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """A weighted sum for a product, another weight for a sum."""
    layer = graph.layers[index]
    if layer.type != "Eltwise":
        return None
    total = 1
    if decoded(layer).integer("op_type") != total:
        return with_params(graph, index, {"0": total})
    return with_params(graph, index, {"1": (*(1.0 for _ in layer.inputs[1:]), 0.9)})


def activation_number(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """A number of an activation by another default: alpha of HardSwish 0.2, of ELU 0.1, GELU by tanh."""
    layer = graph.layers[index]
    if layer.type in ("HardSwish", "HardSigmoid", "ELU", "CELU", "SELU"):
        return with_params(graph, index, {"0": decoded(layer).number("alpha") * 1.2})
    if layer.type == "GELU":
        return with_params(graph, index, {"0": 1 - decoded(layer).integer("fast_gelu")})
    return None


def activation_offset(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """Beta of a HardSwish or HardSigmoid, fused or not."""
    layer = graph.layers[index]
    if layer.type in ("HardSwish", "HardSigmoid"):
        return with_params(graph, index, {"1": decoded(layer).number("beta") - 0.1})
    fused = layer.params.get("10")
    if layer.type in _WEIGHTED and layer.params.get(_FUSED) == 6 and isinstance(fused, tuple):
        return with_params(graph, index, {"10": (float(fused[0]), float(fused[1]) - 0.1)})
    return None


def activation_added(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """An activation fused into a layer that has none."""
    layer = graph.layers[index]
    if layer.type not in _WEIGHTED or layer.params.get(_FUSED, 0):
        return None
    relu, sigmoid = 1, 4
    return with_params(graph, index, {_FUSED: int(rng.choice([relu, sigmoid]))})


def activation_similar(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """A layer's activation exchanged for one that looks alike: SiLU for ReLU, tanh for sigmoid."""
    layer = graph.layers[index]
    if layer.type not in _SIMILAR:
        return None
    return with_type(graph, index, str(rng.choice(_SIMILAR[layer.type])), {})


def affine_lost(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """A norm without its gain and its bias."""
    layer = graph.layers[index]
    key = _AFFINE.get(layer.type)
    if key is None or not layer.weights:
        return None
    bare = with_layer(graph, index, replace(layer, weights=()))
    return with_params(bare, index, {key: 0})


def norm_groups(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """Twice as many groups, or one."""
    layer = graph.layers[index]
    if layer.type != "GroupNorm":
        return None
    groups, channels = (decoded(layer).integer(name) for name in ("group", "channels"))
    other = groups * 2 if channels % (groups * 2) == 0 and channels > groups * 2 else 1
    return None if other == groups else with_params(graph, index, {"0": other})


def constant_blob(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """A constant blob a place further along its last axis."""
    layer = graph.layers[index]
    if layer.type != "MemoryData" or float_weight(layer, "data") is None:
        return None
    return with_weight(graph, index, "data", lambda data: np.roll(data, 1, -1))


def bias_dropped(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """A layer without its bias: `bias_term=0`, and no numbers in the file."""
    layer = graph.layers[index]
    if layer.type not in _WEIGHTED or layer.weight("bias_data") is None:
        return None
    key = "1" if layer.type == "InnerProduct" else "5"
    kept = tuple(weight for weight in layer.weights if weight.name != "bias_data")
    return with_params(with_layer(graph, index, replace(layer, weights=kept)), index, {key: 0})


def crop_moved(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """A part of the same size, one element on or back."""
    layer = graph.layers[index]
    source, part = (graph.shapes.get(names[0]) if names else None for names in (layer.inputs, layer.outputs))
    starts, axes, ends = (layer.params.get(key) for key in ("9", "11", "10"))
    if layer.type != "Crop" or source is None or part is None or not isinstance(starts, tuple):
        return None
    if not isinstance(axes, tuple) or not isinstance(ends, tuple) or len(source) != len(part):
        return None
    axis = int(axes[0]) % len(source)
    start = int(starts[0]) % source[axis]
    first = start + 1 if start + part[axis] < source[axis] else start - 1
    if first < 0:
        return None
    changes: dict[str, Param] = {
        "9": (first, *map(int, starts[1:])),
        "10": (first + part[axis], *map(int, ends[1:])),
    }
    return with_params(graph, index, changes)


def permute_order(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """Any other order of the axes."""
    layer = graph.layers[index]
    shape = graph.shapes.get(layer.inputs[0]) if layer.inputs else None
    if layer.type != "Permute" or shape is None or len(shape) not in _ORDERS:
        return None
    now = decoded(layer).integer("order_type")
    others = [order for order in range(_ORDERS[len(shape)]) if order != now]
    return with_params(graph, index, {"0": int(rng.choice(others))})


def group_order(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """Output channels numbered across the groups instead of within; those of a depthwise layer one on."""
    layer = graph.layers[index]
    if layer.type not in _GROUPED or float_weight(layer, "weight_data") is None:
        return None
    groups = decoded(layer).integer("group")

    def change(data: Numbers) -> Numbers:
        parts = data.reshape(groups, data.shape[0] // groups, *data.shape[1:])
        return np.roll(data, 1, 0) if parts.shape[1] == 1 else np.swapaxes(parts, 0, 1).reshape(data.shape)

    return with_weight(graph, index, "weight_data", change)


def weights_of_another(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """The weights of another layer of the same kind and shape."""
    layer = graph.layers[index]
    name = float_weight(layer, "weight_data", "B_data", "weight_xc_data", "gamma_data")
    data = None if name is None else layer.weight(name)
    if name is None or data is None:
        return None
    others = [
        other.weight(name)
        for number, other in enumerate(graph.layers)
        if number != index and other.type == layer.type and float_weight(other, name) is not None
    ]
    fitting = [each for each in others if each is not None and each.shape == data.shape]
    fitting = [each for each in fitting if not np.array_equal(each, data)]
    if not fitting:
        return None
    chosen = fitting[int(rng.integers(len(fitting)))]
    return with_weight(graph, index, name, lambda _: np.array(chosen, np.float32))


def heads(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """Half as many heads of an attention."""
    layer = graph.layers[index]
    if layer.type != "MultiHeadAttention" or decoded(layer).integer("num_heads") < 2:
        return None
    return with_params(graph, index, {"1": decoded(layer).integer("num_heads") // 2})


def attention_scale(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """The scale of the logits of an attention a tenth larger."""
    layer = graph.layers[index]
    if layer.type == "MultiHeadAttention":
        return with_params(graph, index, {"6": decoded(layer).number("scale") * 1.1})
    return with_params(graph, index, {"6": 0.5}) if layer.type == "SDPA" else None


def direction(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """A recurrent layer that runs backwards."""
    layer = graph.layers[index]
    if layer.type not in ("GRU", "LSTM", "RNN") or decoded(layer).integer("direction") > 1:
        return None
    return with_params(graph, index, {"2": 1 - decoded(layer).integer("direction")})


def product_transposed(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """The second operand of a matrix product transposed, or not."""
    layer = graph.layers[index]
    if layer.type != "MatMul":
        return None
    return with_params(graph, index, {"0": 1 - decoded(layer).integer("transB")})


def function(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """Another function of one operand: exp for sqrt, abs for the rest."""
    layer = graph.layers[index]
    if layer.type != "UnaryOp":
        return None
    other = {0: 1, 4: 0, 5: 6, 6: 5, 7: 4, 15: 1, 16: 9}.get(decoded(layer).integer("op_type"), 0)
    return with_params(graph, index, {"0": other})


def shuffle_groups(graph: Graph, index: int, rng: Rng) -> Graph | None:
    """Channels shuffled between another number of groups."""
    layer = graph.layers[index]
    shape = graph.shapes.get(layer.inputs[0]) if layer.inputs else None
    if layer.type != "ShuffleChannel" or shape is None:
        return None
    groups = decoded(layer).integer("group")
    other = next((each for each in (2, 4, 3, 8) if each != groups and shape[0] % each == 0), None)
    return None if other is None else with_params(graph, index, {"0": other})


STATED = (
    pooling_extent, pooling_ends, border_value, border_kind, border_side, reduction_axis,
    reduction_factor, join_axis, eltwise, activation_number, activation_offset, activation_added,
    activation_similar, affine_lost, norm_groups, constant_blob, bias_dropped, crop_moved, permute_order,
    group_order, weights_of_another, heads, attention_scale, direction, product_transposed, function,
    shuffle_groups,
)  # fmt: skip
