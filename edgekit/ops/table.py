"""Every layer type that ncnn registers, by name and by type index."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from edgekit.errors import UserError, did_you_mean
from edgekit.ops.spec import LayerSpec
from edgekit.ops.table_convolution import CONVOLUTIONS
from edgekit.ops.table_dense import DENSE, NORMS, QUANTISATION
from edgekit.ops.table_elementwise import ACTIVATIONS, ARITHMETIC
from edgekit.ops.table_structure import DETECTION, POOLING, SAMPLING, SHAPING, SOURCES

# The order of `ncnn_add_layer` in src/CMakeLists.txt, which is the type index.
REGISTERED = (
    "AbsVal", "ArgMax", "BatchNorm", "Bias", "BNLL", "Concat", "Convolution", "Crop", "Deconvolution",
    "Dropout", "Eltwise", "ELU", "Embed", "Exp", "Flatten", "InnerProduct", "Input", "Log", "LRN",
    "MemoryData", "MVN", "Pooling", "Power", "PReLU", "Proposal", "Reduction", "ReLU", "Reshape",
    "ROIPooling", "Scale", "Sigmoid", "Slice", "Softmax", "Split", "SPP", "TanH", "Threshold", "Tile",
    "RNN", "LSTM", "BinaryOp", "UnaryOp", "ConvolutionDepthWise", "Padding", "Squeeze", "ExpandDims",
    "Normalize", "Permute", "PriorBox", "DetectionOutput", "Interp", "DeconvolutionDepthWise",
    "ShuffleChannel", "InstanceNorm", "Clip", "Reorg", "YoloDetectionOutput", "Quantize", "Dequantize",
    "Yolov3DetectionOutput", "PSROIPooling", "ROIAlign", "Packing", "Requantize", "Cast",
    "HardSigmoid", "SELU", "HardSwish", "Noop", "PixelShuffle", "DeepCopy", "Mish",
    "StatisticsPooling", "Swish", "Gemm", "GroupNorm", "LayerNorm", "Softplus", "GRU",
    "MultiHeadAttention", "GELU", "Convolution1D", "Pooling1D", "ConvolutionDepthWise1D",
    "Convolution3D", "ConvolutionDepthWise3D", "Pooling3D", "MatMul", "Deconvolution1D",
    "DeconvolutionDepthWise1D", "Deconvolution3D", "DeconvolutionDepthWise3D", "Einsum",
    "DeformableConv2D", "GLU", "Fold", "Unfold", "GridSample", "CumulativeSum", "CopyTo", "Erf",
    "Diag", "CELU", "Shrink", "RMSNorm", "Spectrogram", "InverseSpectrogram", "Flip", "SDPA",
    "RotaryEmbed",
)  # fmt: skip

# Registered, but left out of ncnn's own builds.
OFF_BY_DEFAULT = frozenset({"ArgMax", "SPP"})

SPECS: Mapping[str, LayerSpec] = MappingProxyType(
    {
        spec.type: spec
        for family in (
            SOURCES, CONVOLUTIONS, DENSE, NORMS, QUANTISATION, ACTIVATIONS, ARITHMETIC, POOLING, SHAPING,
            SAMPLING, DETECTION,
        )
        for spec in family
    }
)  # fmt: skip


class UnknownLayerType(UserError):
    """A layer type that ncnn does not register: a custom layer, a misspelling, or a failed conversion."""


def spec_of(type: str, owner: str | None = None) -> LayerSpec:
    """Return what the table says of a layer type.

    Raises:
        UnknownLayerType: ncnn registers no such type; `owner` names the layer in the message.
    """
    spec = SPECS.get(type)
    if spec is None:
        where = "ncnn" if owner is None else f"layer '{owner}': ncnn"
        raise UnknownLayerType(
            f"{where} registers no layer type '{type}'",
            did_you_mean(type, SPECS) or "it is a custom layer or was not converted: replace the operator",
        )
    return spec
