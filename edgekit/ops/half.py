"""Which of ncnn's layers take part in half precision on an ARM core with fp16 arithmetic.

Read off the constructors of ncnn 1.0.20261020 (`support_fp16_storage` in `src/layer/arm`). Every other type
is handed float32 and hands on float32, whatever the options say.
"""

from __future__ import annotations

STORES_HALF = frozenset(
    "BatchNorm BinaryOp Cast Clip Concat Convolution Convolution1D ConvolutionDepthWise Crop Deconvolution "
    "DeconvolutionDepthWise Dequantize ELU Eltwise Erf Flatten GELU GRU Gemm GroupNorm HardSigmoid HardSwish "
    "InnerProduct Input InstanceNorm Interp LSTM LayerNorm MatMul Mish MultiHeadAttention Noop PReLU Packing "
    "Padding PixelShuffle Pooling Quantize RMSNorm RNN ReLU Reshape RotaryEmbed SDPA SELU ShuffleChannel "
    "Sigmoid Slice Softmax Split Swish TanH UnaryOp".split()
)
"""Types whose blobs are 16 bits wide when half-precision storage is on."""


def stores_half(type: str) -> bool:
    """Whether layers of a type read and write 16-bit blobs when half-precision storage is on."""
    return type in STORES_HALF
