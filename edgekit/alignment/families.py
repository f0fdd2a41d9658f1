"""Which PyTorch operations an ncnn layer may end with: the tie-breaker where numbers do not decide.

Names are trace ops without their namespace (`convolution`, `hardtanh`). A layer with a fused
activation ends with that activation; a layer type that is missing here gives no preference.
"""

from __future__ import annotations

from edgekit.graph import Layer

_VIEWS = frozenset(
    "view _unsafe_view reshape permute transpose t squeeze unsqueeze expand clone contiguous alias "
    "_to_copy to detach flatten slice select as_strided unfold lift_fresh lift_fresh_copy copy "
    "_reshape_alias view_copy permute_copy squeeze_copy unsqueeze_copy expand_copy".split()
)
_ACTIVATIONS: dict[int, frozenset[str]] = {
    1: frozenset({"relu", "threshold", "clamp_min", "clamp", "Relu"}),
    2: frozenset({"leaky_relu", "LeakyRelu"}),
    3: frozenset({"hardtanh", "clamp", "clamp_min", "clamp_max", "relu6", "Clip"}),
    4: frozenset({"sigmoid", "Sigmoid"}),
    5: frozenset({"mish", "mul", "Mul", "Mish"}),
    6: frozenset({"hardswish", "mul", "div", "HardSwish", "Mul", "Div"}),
}
_PRODUCTS = frozenset(
    "convolution _convolution native_batch_norm _native_batch_norm_legit_no_training addmm mm bmm linear "
    "add mul Conv ConvTranspose Gemm MatMul BatchNormalization Add Mul".split()
)
_POOLS = frozenset(
    "max_pool2d_with_indices avg_pool2d _adaptive_avg_pool2d adaptive_max_pool2d mean amax max_pool2d "
    "avg_pool3d _adaptive_avg_pool3d max_pool3d_with_indices getitem MaxPool AveragePool GlobalAveragePool "
    "GlobalMaxPool ReduceMean ReduceMax".split()
)
_FAMILIES: dict[str, frozenset[str]] = {
    "ReLU": frozenset({"relu", "leaky_relu", "threshold", "clamp_min", "Relu", "LeakyRelu"}),
    "Clip": frozenset({"hardtanh", "clamp", "clamp_min", "clamp_max", "Clip"}),
    "Sigmoid": frozenset({"sigmoid", "Sigmoid"}),
    "TanH": frozenset({"tanh", "Tanh"}),
    "HardSwish": frozenset({"hardswish", "mul", "div", "HardSwish", "Mul"}),
    "HardSigmoid": frozenset({"hardsigmoid", "div", "mul", "HardSigmoid"}),
    "Swish": frozenset({"silu", "mul", "Mul"}),
    "GELU": frozenset({"gelu", "Gelu"}),
    "PReLU": frozenset({"_prelu_kernel", "prelu", "PRelu"}),
    "Softmax": frozenset({"_softmax", "softmax", "_safe_softmax", "Softmax"}),
    "Pooling": _POOLS,
    "Pooling3D": _POOLS,
    "Concat": frozenset({"cat", "stack", "Concat"}),
    "Padding": frozenset({"constant_pad_nd", "reflection_pad2d", "replication_pad2d", "Pad"}),
    "Interp": frozenset(
        "upsample_nearest2d upsample_bilinear2d upsample_bicubic2d upsample_nearest1d upsample_linear1d "
        "Resize Upsample".split()
    ),
    "LayerNorm": frozenset({"native_layer_norm", "LayerNormalization", "mul", "add", "Add"}),
    "GroupNorm": frozenset({"native_group_norm", "GroupNormalization", "mul", "add", "Add"}),
    "InstanceNorm": frozenset({"native_batch_norm", "instance_norm", "view", "InstanceNormalization"}),
    "BatchNorm": frozenset(
        {"native_batch_norm", "_native_batch_norm_legit_no_training", "BatchNormalization", "mul", "add"}
    ),
}
_MOVES = frozenset(
    "Split Reshape Permute Flatten Squeeze ExpandDims Noop Dropout Slice Crop Concat Padding ShuffleChannel "
    "PixelShuffle Reorg Input MemoryData Tile Flip CopyTo Unfold Fold Diag DeepCopy".split()
)
_VIEW_LAYERS = frozenset("Split Reshape Permute Flatten Squeeze ExpandDims Noop Dropout DeepCopy".split())
_WEIGHTED = frozenset(
    "Convolution ConvolutionDepthWise Deconvolution DeconvolutionDepthWise Convolution1D "
    "ConvolutionDepthWise1D Deconvolution1D DeconvolutionDepthWise1D Convolution3D ConvolutionDepthWise3D "
    "Deconvolution3D DeconvolutionDepthWise3D InnerProduct".split()
)
_ACTIVATION_PARAM = "9"
PRODUCTS = frozenset("convolution _convolution addmm mm bmm linear Conv ConvTranspose Gemm MatMul".split())
"""Operations that multiply by a weight: a convolution-like layer stands for exactly one of them."""


def short(op: str) -> str:
    """`aten.hardtanh` -> `hardtanh`."""
    return op.rpartition(".")[2] or op


def is_view(op: str) -> bool:
    """Whether an operation only moves or renames numbers."""
    return short(op) in _VIEWS


def is_view_layer(layer: Layer) -> bool:
    """Whether a layer hands its input's numbers on without changing one."""
    return layer.type in _VIEW_LAYERS


def is_move(layer: Layer) -> bool:
    """Whether a layer only moves numbers: its result is exact to the bit."""
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


def last_ops(layer: Layer) -> frozenset[str] | None:
    """The operations that the layer's output may come from, None when anything may be."""
    if layer.type in _WEIGHTED:
        return _ACTIVATIONS.get(activation(layer), _PRODUCTS)
    return _FAMILIES.get(layer.type)
