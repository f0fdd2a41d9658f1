"""The convolution family: parameters as `load_param` of ncnn's `src/layer/*.cpp` reads them."""

from __future__ import annotations

from edgekit.ops import layouts
from edgekit.ops.spec import LayerSpec, ParamSpec, array, f, i, same

ACTIVATION = (
    i(9, "activation_type", 0, "0 none, 1 ReLU, 2 LeakyReLU, 3 Clip, 4 Sigmoid, 5 Mish, 6 HardSwish"),
    array(10, "activation_params", "floats"),
)
_BIAS_AND_SIZE = (i(5, "bias_term"), i(6, "weight_data_size", 0, "number of elements of the weight"))
_GROUP = i(7, "group", 1)
_INT8 = i(8, "int8_scale_term", 0, "0 float; 1 or 2 int8; above 100 also int8 output")

_WINDOW_1D = (
    i(1, "kernel_w"),
    i(2, "dilation_w", 1),
    i(3, "stride_w", 1),
    i(4, "pad_left", 0, "-233 is SAME_UPPER, -234 is SAME_LOWER"),
    i(15, "pad_right", same("pad_left")),
)
WINDOW_2D = (
    *_WINDOW_1D,
    i(11, "kernel_h", same("kernel_w")),
    i(12, "dilation_h", same("dilation_w")),
    i(13, "stride_h", same("stride_w")),
    i(14, "pad_top", same("pad_left")),
    i(16, "pad_bottom", same("pad_top")),
)
_WINDOW_3D = (
    *WINDOW_2D,
    i(21, "kernel_d", same("kernel_w")),
    i(22, "dilation_d", same("dilation_w")),
    i(23, "stride_d", same("stride_w")),
    i(24, "pad_front", same("pad_left")),
    i(17, "pad_behind", same("pad_front")),
)
_PAD_VALUE = f(18, "pad_value")
_DYNAMIC = i(19, "dynamic_weight", 0, "1: weight and bias come in as blobs")
_DYNAMIC_TRANSPOSED = i(28, "dynamic_weight", 0, "1: weight and bias come in as blobs")
_OUTPUT_1D = (i(18, "output_pad_right"), i(20, "output_w"))
_OUTPUT_2D = (
    i(18, "output_pad_right"),
    i(19, "output_pad_bottom", same("output_pad_right")),
    i(20, "output_w"),
    i(21, "output_h", same("output_w")),
)
_OUTPUT_3D = (
    i(18, "output_pad_right"),
    i(19, "output_pad_bottom", same("output_pad_right")),
    i(20, "output_pad_behind", same("output_pad_right")),
    i(25, "output_w"),
    i(26, "output_h", same("output_w")),
    i(27, "output_d", same("output_w")),
)


def _params(*parts: ParamSpec) -> tuple[ParamSpec, ...]:
    return (i(0, "num_output"), *parts, *_BIAS_AND_SIZE, *ACTIVATION)


CONVOLUTIONS = (
    LayerSpec(
        "Convolution",
        "2-D convolution, fused activation",
        _params(*WINDOW_2D, _PAD_VALUE, _INT8, _DYNAMIC),
        layouts.convolution_int8,
    ),
    LayerSpec(
        "ConvolutionDepthWise",
        "2-D grouped or depthwise convolution, fused activation",
        _params(*WINDOW_2D, _PAD_VALUE, _GROUP, _INT8, _DYNAMIC),
        layouts.convolution_depthwise_int8,
    ),
    LayerSpec(
        "Convolution1D",
        "1-D convolution, fused activation",
        _params(*_WINDOW_1D, _PAD_VALUE, _DYNAMIC),
        layouts.convolution_1d,
    ),
    LayerSpec(
        "ConvolutionDepthWise1D",
        "1-D grouped or depthwise convolution, fused activation",
        _params(*_WINDOW_1D, _PAD_VALUE, _GROUP, _DYNAMIC),
        layouts.convolution_1d,
    ),
    LayerSpec(
        "Convolution3D",
        "3-D convolution, fused activation",
        _params(*_WINDOW_3D, _PAD_VALUE),
        layouts.convolution_3d,
    ),
    LayerSpec(
        "ConvolutionDepthWise3D",
        "3-D grouped or depthwise convolution, fused activation",
        _params(*_WINDOW_3D, _PAD_VALUE, _GROUP),
        layouts.convolution_3d,
    ),
    LayerSpec(
        "Deconvolution",
        "2-D transposed convolution, fused activation",
        _params(*WINDOW_2D, *_OUTPUT_2D, _DYNAMIC_TRANSPOSED),
        layouts.convolution_2d,
    ),
    LayerSpec(
        "DeconvolutionDepthWise",
        "2-D grouped transposed convolution, fused activation",
        _params(*WINDOW_2D, *_OUTPUT_2D, _GROUP, _DYNAMIC_TRANSPOSED),
        layouts.convolution_2d,
    ),
    LayerSpec(
        "Deconvolution1D",
        "1-D transposed convolution, fused activation",
        _params(*_WINDOW_1D, *_OUTPUT_1D, _DYNAMIC_TRANSPOSED),
        layouts.convolution_1d,
    ),
    LayerSpec(
        "DeconvolutionDepthWise1D",
        "1-D grouped transposed convolution, fused activation",
        _params(*_WINDOW_1D, *_OUTPUT_1D, _GROUP, _DYNAMIC_TRANSPOSED),
        layouts.convolution_1d,
    ),
    LayerSpec(
        "Deconvolution3D",
        "3-D transposed convolution, fused activation",
        _params(*_WINDOW_3D, *_OUTPUT_3D),
        layouts.convolution_3d,
    ),
    LayerSpec(
        "DeconvolutionDepthWise3D",
        "3-D grouped transposed convolution, fused activation",
        _params(*_WINDOW_3D, *_OUTPUT_3D, _GROUP),
        layouts.convolution_3d,
    ),
    LayerSpec(
        "DeformableConv2D",
        "2-D convolution at learned offsets, fused activation",
        _params(*WINDOW_2D),
        layouts.convolution_2d,
    ),
)
