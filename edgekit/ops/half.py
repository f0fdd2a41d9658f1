"""Which of ncnn's layers take part in half precision on an ARM core with fp16 arithmetic.

Read off the constructors of ncnn 1.0.20261020 (`support_fp16_storage` in `src/layer/arm`). Every other type
is handed float32 and hands on float32, whatever the options say.
"""

from __future__ import annotations

from edgekit.graph import Layer
from edgekit.ops.describe import describe

STORES_HALF = frozenset(
    "BatchNorm BinaryOp Cast Clip Concat Convolution Convolution1D ConvolutionDepthWise Crop Deconvolution "
    "DeconvolutionDepthWise Dequantize ELU Eltwise Erf Flatten GELU GRU Gemm GroupNorm HardSigmoid HardSwish "
    "InnerProduct Input InstanceNorm Interp LSTM LayerNorm MatMul Mish MultiHeadAttention Noop PReLU Packing "
    "Padding PixelShuffle Pooling Quantize RMSNorm RNN ReLU Reshape RotaryEmbed SDPA SELU ShuffleChannel "
    "Sigmoid Slice Softmax Split Swish TanH UnaryOp".split()
)
"""Types whose blobs are 16 bits wide when half-precision storage is on."""


BREAK_AT_ZERO = frozenset(("UnaryOp", "BinaryOp"))
"""Types that may give infinity or NaN where what they read became zero: logarithm, reciprocal, quotient."""

WIDE_WEIGHTS = frozenset(("BatchNorm", "GroupNorm", "InstanceNorm", "LayerNorm", "RMSNorm", "PReLU"))
"""Types whose weights stay float32 in half precision."""

MASK_PARAM = "31"
"""Id of ncnn's per-layer feature mask."""

NO_WINOGRAD = 64
"""The bit of the mask that turns winograd kernels off (`get_masked_option` in net.cpp)."""

_WINOGRAD_CHANNELS = 16


def mask_of(layer: Layer) -> int:
    """Return the feature mask that a layer has, 0 without one."""
    mask = layer.params.get(MASK_PARAM, 0)
    return mask if isinstance(mask, int) else 0


def takes_winograd(layer: Layer) -> bool:
    """Whether fp16 arithmetic computes a layer with a winograd kernel.

    A 3x3 convolution of stride and dilation 1 with at least 16 channels on one side (`prefer_winograd` in
    convolution_arm_asimdhp.cpp), unless its feature mask says otherwise.
    """
    if layer.type != "Convolution" or mask_of(layer) & NO_WINOGRAD:
        return False
    facts = describe(layer)
    if (facts["kernel"], facts["stride"], facts["dilation"]) != ((3, 3), (1, 1), (1, 1)):
        return False
    sides = [facts.get(key, 0) for key in ("in_channels", "num_output")]
    return any(isinstance(side, int) and side >= _WINOGRAD_CHANNELS for side in sides)


def stores_half(type: str) -> bool:
    """Whether layers of a type read and write 16-bit blobs when half-precision storage is on."""
    return type in STORES_HALF
