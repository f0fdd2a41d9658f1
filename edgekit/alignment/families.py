"""Which PyTorch operations an ncnn layer can stand for: what decides where numbers do not.

Names are trace operations without their namespace (`convolution`, `hardtanh`; ONNX: `Conv`, `Clip`). A layer
stands for its heart, the operations that do its work (a convolution; the exponentials of a GELU), with views
around it. A convolution-like layer has a tail besides: folded arithmetic and its fused activation.
"""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.alignment import kinds
from edgekit.alignment.kinds import short
from edgekit.graph import Layer
from edgekit.runtimes.trace import Node, Trace

_VIEWS = frozenset(
    "view _unsafe_view reshape permute transpose t squeeze unsqueeze expand clone contiguous alias "
    "_to_copy to detach flatten slice select as_strided unfold lift_fresh lift_fresh_copy copy narrow "
    "_reshape_alias view_copy permute_copy squeeze_copy unsqueeze_copy expand_copy unbind movedim dropout "
    "Reshape Transpose Squeeze Unsqueeze Flatten Expand Identity Slice Cast Dropout".split()
)
PRODUCTS = frozenset(
    "convolution _convolution addmm mm bmm linear Conv ConvTranspose Gemm MatMul addbmm baddbmm".split()
)
"""Operations that multiply by a weight: a convolution-like layer stands for exactly one of them."""

_ARITHMETIC = frozenset(
    "add sub rsub mul div pow neg square sqrt rsqrt reciprocal maximum minimum Add Sub Mul Div Pow Neg Sqrt "
    "Reciprocal Max Min Square".split()
)
_FOLDED = _ARITHMETIC | frozenset(
    "native_batch_norm _native_batch_norm_legit_no_training BatchNormalization".split()
)
_PADS = frozenset(
    "constant_pad_nd reflection_pad1d reflection_pad2d replication_pad1d replication_pad2d Pad".split()
)
_RELU = frozenset("relu threshold clamp_min clamp Relu Clip".split())
_LEAKY = frozenset("leaky_relu LeakyRelu where _prelu_kernel prelu PRelu".split())
_CLIP = frozenset("hardtanh clamp clamp_min clamp_max relu6 relu Clip Relu minimum maximum Min Max".split())
_SIGMOID = frozenset("sigmoid Sigmoid".split())
_MISH = frozenset("mish Mish mul Mul tanh Tanh softplus Softplus".split())
_HARD_SWISH = frozenset("hardswish HardSwish hardsigmoid HardSigmoid".split()) | _CLIP | _ARITHMETIC
_FUSED = {1: _RELU, 2: _LEAKY, 3: _CLIP, 4: _SIGMOID, 5: _MISH, 6: _HARD_SWISH}
_FUSABLE = frozenset().union(*_FUSED.values()) - _ARITHMETIC

_POOLS = frozenset(
    "max_pool1d max_pool2d max_pool3d max_pool2d_with_indices max_pool3d_with_indices avg_pool1d avg_pool2d "
    "avg_pool3d _adaptive_avg_pool2d _adaptive_avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d "
    "adaptive_max_pool2d adaptive_max_pool3d mean amax max MaxPool AveragePool "
    "GlobalAveragePool GlobalMaxPool ReduceMean ReduceMax".split()
)
_REDUCTIONS = frozenset(
    "sum mean amax amin max min prod norm linalg_vector_norm var std logsumexp any all ReduceSum ReduceMean "
    "ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2".split()
)
_NORMS = frozenset(
    "native_layer_norm native_group_norm native_batch_norm _native_batch_norm_legit_no_training "
    "_native_batch_norm_legit instance_norm rms_norm _fused_rms_norm LayerNormalization GroupNormalization "
    "InstanceNormalization BatchNormalization linalg_vector_norm".split()
)
_DECOMPOSED_NORM = _NORMS | _ARITHMETIC | _REDUCTIONS | frozenset({"clamp_min", "Clip"})
_ATTENTION = (
    PRODUCTS
    | _ARITHMETIC
    | frozenset(
        "softmax _softmax _safe_softmax Softmax where masked_fill cat split scaled_dot_product_attention "
        "Gather _scaled_dot_product_attention_math chunk Concat Split Where ones zeros full tril".split()
    )
)
_RESIZES = frozenset(
    "upsample_nearest1d upsample_nearest2d upsample_nearest3d _upsample_nearest_exact2d upsample_linear1d "
    "upsample_bilinear2d upsample_bicubic2d index _unsafe_index Resize Upsample".split()
)
_JOINS = frozenset("cat stack concat Concat".split())

_HEARTS: dict[str, frozenset[str]] = {
    "AbsVal": frozenset({"abs", "Abs"}),
    "BatchNorm": _FOLDED,
    "Bias": _ARITHMETIC,
    "BinaryOp": _ARITHMETIC
    | frozenset("atan2 fmod remainder floor_divide logaddexp clamp_min clamp_max Mod".split()),
    "CELU": frozenset({"celu", "Celu"}),
    "Clip": _CLIP | frozenset({"threshold", "clip"}),
    "Concat": _JOINS,
    "CumulativeSum": frozenset({"cumsum", "CumSum"}),
    "DeformableConv2D": frozenset({"deform_conv2d", "DeformConv"}),
    "ELU": frozenset({"elu", "Elu"}),
    "Eltwise": _ARITHMETIC,
    "Embed": frozenset("embedding gather index_select Gather index".split()),
    "Erf": frozenset({"erf", "Erf"}),
    "Exp": frozenset({"exp", "Exp"}),
    "Flip": frozenset({"flip"}),
    "Fold": frozenset({"col2im"}),
    "GELU": frozenset("gelu Gelu erf Erf tanh Tanh".split()) | _ARITHMETIC,
    "GLU": frozenset("glu sigmoid mul split Sigmoid Mul Split".split()),
    "GRU": PRODUCTS,
    "Gemm": PRODUCTS | frozenset({"add", "Add", "mul", "Mul"}),
    "GridSample": frozenset({"grid_sampler_2d", "grid_sampler_3d", "GridSample"}),
    "GroupNorm": _DECOMPOSED_NORM,
    "HardSigmoid": _HARD_SWISH,
    "HardSwish": _HARD_SWISH,
    "InstanceNorm": _DECOMPOSED_NORM,
    "Interp": _RESIZES,
    "LRN": frozenset({"LRN", "avg_pool3d", "avg_pool2d"}) | _ARITHMETIC,
    "LSTM": PRODUCTS,
    "LayerNorm": _DECOMPOSED_NORM,
    "Log": frozenset({"log", "Log"}),
    "MVN": _DECOMPOSED_NORM,
    "MatMul": PRODUCTS,
    "Mish": _MISH,
    "MultiHeadAttention": _ATTENTION,
    "Normalize": _DECOMPOSED_NORM,
    "PReLU": _LEAKY,
    "Padding": _PADS,
    "PixelShuffle": frozenset({"pixel_shuffle", "DepthToSpace"}),
    "Pooling": _POOLS,
    "Pooling1D": _POOLS,
    "Pooling3D": _POOLS,
    "Power": _ARITHMETIC,
    "RMSNorm": _DECOMPOSED_NORM,
    "RNN": PRODUCTS,
    "ReLU": _RELU | _LEAKY,
    "Reduction": _REDUCTIONS,
    "Reorg": frozenset({"pixel_unshuffle", "SpaceToDepth"}),
    "SDPA": _ATTENTION,
    "SELU": frozenset({"selu", "Selu", "elu", "Elu"}),
    "Scale": _FOLDED,
    "Shrink": frozenset("hardshrink softshrink Shrink".split()),
    "Sigmoid": _SIGMOID,
    "Softmax": frozenset("softmax _softmax _safe_softmax Softmax".split()),
    "Softplus": frozenset({"softplus", "Softplus"}),
    "Swish": frozenset({"silu", "sigmoid", "mul", "Sigmoid", "Mul"}),
    "TanH": frozenset({"tanh", "Tanh"}),
    "Threshold": frozenset("threshold gt ge where".split()),
    "Tile": frozenset("repeat tile Tile repeat_interleave".split()),
    "UnaryOp": _ARITHMETIC
    | frozenset(
        "abs floor ceil exp log sin cos tan asin acos atan tanh log10 round trunc sign expm1 sinh asinh cosh "
        "acosh atanh log1p Abs Floor Ceil Exp Log Sin Cos Tan Asin Acos Atan Tanh Round Sign".split()
    ),
    "Unfold": frozenset({"im2col"}),
}
_ELEMENTARY = frozenset(
    {"BinaryOp", "UnaryOp", "Eltwise", "Scale", "Bias", "Power", "ReLU", "Clip", "Pooling"}
)
_RECURRENT = frozenset({"GRU", "LSTM", "RNN"})
_VIEW_LAYERS = frozenset(
    "Split Reshape Permute Flatten Squeeze ExpandDims Noop Dropout DeepCopy Slice Crop ShuffleChannel".split()
)
_VIEW_LIKE = frozenset(
    "split split_with_sizes unsafe_split chunk Split cat roll channel_shuffle Gather".split()
)
"""What view layers stand for besides views: cutting, and the moves that are a few of them."""
_MOVES = _VIEW_LAYERS | frozenset(
    "Concat Padding PixelShuffle Reorg Input MemoryData Tile Flip CopyTo Unfold Diag".split()
)
_WEIGHTED = frozenset(
    "Convolution ConvolutionDepthWise Deconvolution DeconvolutionDepthWise Convolution1D "
    "ConvolutionDepthWise1D Deconvolution1D DeconvolutionDepthWise1D Convolution3D ConvolutionDepthWise3D "
    "Deconvolution3D DeconvolutionDepthWise3D InnerProduct".split()
)
_SPATIAL = (_WEIGHTED - {"InnerProduct"}) | frozenset(
    "Pooling Pooling1D Pooling3D Interp PixelShuffle BatchNorm InstanceNorm GroupNorm "
    "DeformableConv2D".split()
)
"""Types that know their axes as channels, rows and columns, as PyTorch orders them."""
_KEEPS_NUMBERS = frozenset("Reshape Flatten Squeeze ExpandDims".split())
"""Types that give their numbers, in the order in which they lie, another shape."""
_BATCH_PARAMS = {"12", "13"}  # of a Reshape: the axes of its input and its output that are the batch
_KEEPS_ORDER = frozenset(
    "AbsVal BNLL BinaryOp CELU Clip Dropout ELU Eltwise Erf Exp GELU HardSigmoid HardSwish Log Mish Noop "
    "PReLU Power ReLU SELU Scale Shrink Sigmoid Softplus Swish TanH Threshold UnaryOp Split".split()
)
_ANY_NUMBER = frozenset({"Noop", "Concat", "Eltwise"})
_TWO = frozenset({"BinaryOp", "MatMul", "Gemm"})
_ACTIVATION_PARAM = "9"
_BOUNDED = frozenset("ReLU Clip PReLU HardSwish HardSigmoid Threshold Shrink".split())
_BOUNDED_FUSED = frozenset({1, 2, 3, 6})
_EXTREMES = (4, 5)  # BinaryOp: max, min
_BOUNDS = _RELU | _LEAKY | _CLIP | frozenset("hardswish hardsigmoid HardSwish HardSigmoid".split())

_MISSING = 4.0  # the layer's own work is not among the operations
_BEFORE = 6.0  # an operation before the layer's own work: no layer type has such
_AFTER = 3.0  # an operation behind it that the layer does not announce
_SILENT = 1.0  # a fused activation that is not among the operations
_EXTRA = 0.125  # a second operation in a layer that is made for one, or beside a norm's own
_LOST = 0.5  # what a layer that does nothing would have swallowed: some converter took it for a no-op
_IDLE = 3.0  # a layer that does nothing and has lost nothing: converters leave none behind
_DROPPED = 0.1  # the same of a layer that fails: this is what it lost
_TURNED = 2.0  # axes in another order behind a layer that keeps their order


def is_view(op: str) -> bool:
    """Whether an operation only moves or renames numbers."""
    return short(op) in _VIEWS


def may_be_folded(op: str) -> bool:
    """Whether a converter can make an operation part of the layer whose result it reads."""
    return short(op) in _FOLDED | _FUSABLE


def is_view_layer(layer: Layer) -> bool:
    """Whether a layer hands numbers of its input on without changing one."""
    return layer.type in _VIEW_LAYERS


def turned(layer: Layer, permute: tuple[int, ...] | None, before: Sequence[tuple[int, ...] | None]) -> float:
    """Strain of a layer whose output has its axes permuted by `permute`, its inputs theirs as in `before`."""
    if layer.type in _SPATIAL:
        return 0.0 if permute is None else _TURNED
    keeps = layer.type in _KEEPS_ORDER and bool(before)
    return _TURNED if keeps and permute not in before else 0.0


def keeps_numbers(layer: Layer) -> bool:
    """Whether a layer gives its numbers another shape and nothing else; one that moves the batch does not."""
    return layer.type in _KEEPS_NUMBERS and not (
        layer.type == "Reshape" and _BATCH_PARAMS & layer.params.keys()
    )


def may_turn(layer: Layer) -> bool:
    """Whether a layer may hand its axes on in another order than PyTorch has them."""
    return layer.type not in _SPATIAL and layer.type not in _KEEPS_ORDER


def has_bounds(layer: Layer) -> bool:
    """Whether a layer computes something else beyond a bound or below zero, piece by piece linear."""
    if layer.type == "BinaryOp":
        return layer.params.get("0", 0) in _EXTREMES and bool(layer.params.get("1", 0))
    return layer.type in _BOUNDED or activation(layer) in _BOUNDED_FUSED


def is_bound(op: str) -> bool:
    """Whether an operation is one of those."""
    return short(op) in _BOUNDS


def takes_shapes(layer: Layer) -> bool:
    """Whether further inputs of a layer may matter by their shapes alone."""
    return layer.type in _VIEW_LAYERS or layer.type == "Interp"


def may_have_lost_input(layer: Layer) -> bool:
    """Whether a layer could have read more than it does: it takes any number, or two and reads one."""
    return layer.type in _ANY_NUMBER or (layer.type in _TWO and len(layer.inputs) < 2)


def is_move(layer: Layer) -> bool:
    """Whether a layer only moves numbers: that its result agrees says little."""
    return layer.type in _MOVES


def is_weighted(layer: Layer) -> bool:
    """Whether the layer's weight has one row per output channel."""
    return layer.type in _WEIGHTED


def activation(layer: Layer) -> int:
    """The fused activation of a convolution-like layer: ncnn's number, 0 for none."""
    if layer.type not in _WEIGHTED:
        return 0
    value = layer.params.get(_ACTIVATION_PARAM, 0)
    return value if isinstance(value, int) else 0


def misfit(
    layer: Layer,
    trace: Trace,
    nodes: Sequence[int],
    weights: frozenset[int] = frozenset(),
    *,
    fails: bool = False,
) -> float:
    """How badly a layer fits some operations of the trace (in order): 0 where it can stand for them all.

    `weights` are the nodes that multiply by the layer's own weights, where these were recognised. Of a layer
    that `fails` it is asked whether it was ever made from these operations: a move that computes, or one
    elementary step in the place of two, never was, but nothing in the place of something may well be.
    """
    real = [trace.nodes[index] for index in nodes]
    real = [
        node for node in real if not is_view(node.op) and any(value in trace.live for value in node.outputs)
    ]
    if layer.type in _WEIGHTED:
        return _weighted(layer, trace, real, weights, fails=fails) + kinds.strain(layer, real)
    if layer.type in _VIEW_LAYERS:
        swallowed = [node for node in real if short(node.op) not in _VIEW_LIKE]
        if layer.type == "Noop":
            return len(swallowed) * (_DROPPED if fails else _LOST) if swallowed else _IDLE
        return len(swallowed) * (_BEFORE if fails else _AFTER)
    if layer.type in _RECURRENT:
        calls = {node.call if node.call is not None else -node.index for node in real}
        return _MISSING if not calls else (_BEFORE if fails else _AFTER) * (len(calls) - 1)
    heart = _HEARTS.get(layer.type)
    if heart is None:
        return _SILENT if not nodes and layer.inputs else 0.0
    single = layer.type in _ELEMENTARY or (
        heart is _DECOMPOSED_NORM and any(short(node.op) in _NORMS for node in real)
    )
    extra = _AFTER if fails else _EXTRA
    plain = _plain(real, heart) + kinds.strain(layer, real)
    return plain + (extra * max(len(real) - 1, 0) if single else 0.0)


def _plain(real: Sequence[Node], heart: frozenset[str]) -> float:
    places = [place for place, node in enumerate(real) if short(node.op) in heart]
    if not places:
        return _MISSING + _AFTER * len(real)
    before = places[0]
    return _BEFORE * before + _AFTER * (len(real) - before - len(places))


def _weighted(
    layer: Layer, trace: Trace, real: Sequence[Node], weights: frozenset[int], *, fails: bool
) -> float:
    products = [place for place, node in enumerate(real) if short(node.op) in PRODUCTS]
    if not products:
        return _MISSING + _AFTER * len(real)
    wrong = bool(weights) and not any(node.index in weights for node in real)
    head, tail = real[: products[0]], real[products[0] + 1 :]
    cost = _MISSING * (len(products) - 1) + (_MISSING if wrong else 0.0)
    cost += _BEFORE * sum(short(node.op) not in _PADS for node in head)
    fused = _FUSED.get(activation(layer), frozenset())
    announced = [node for node in tail if short(node.op) in fused and not _is_folded(trace, node)]
    strange = [
        node
        for node in tail
        if short(node.op) not in PRODUCTS and node not in announced and not _is_folded(trace, node)
    ]
    silent = bool(fused) and not announced
    lost = [node for node in strange if fails and not fused and short(node.op) in _FUSABLE]
    return cost + _AFTER * (len(strange) - len(lost)) + _DROPPED * len(lost) + _SILENT * silent


def _is_folded(trace: Trace, node: Node) -> bool:
    """Whether a converter can fold a node into weights: arithmetic with constants."""
    if short(node.op) not in _FOLDED:
        return False
    return sum(value in trace.live for value in dict.fromkeys(node.inputs)) == 1
