"""Matrix products, recurrence, attention and normalisation: parameters as ncnn's `load_param` reads them."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt

from edgekit.graph import Param
from edgekit.ops import layouts
from edgekit.ops.layouts import vectors
from edgekit.ops.spec import LayerSpec, array, choice, f, i, same
from edgekit.ops.table_convolution import ACTIVATION


def _attention_scale(values: Mapping[str, Param]) -> float:
    """Return 1 / sqrt(embed_dim / num_heads), with ncnn's integer division; 0 where it is undefined."""
    embed_dim, num_heads = values["embed_dim"], values["num_heads"]
    assert isinstance(embed_dim, int) and isinstance(num_heads, int)
    if num_heads == 0 or embed_dim // num_heads <= 0:
        return 0.0
    return 1.0 / sqrt(embed_dim // num_heads)


_EPS = f(1, "eps", 0.001)
_QUANTIZE = i(18, "quantize_term", 0, "0 float, 400 and up: blocks of 4, 6 or 8 bits, else int8")

_DIRECTION = choice(2, "direction", "forward", "reverse", "bidirectional")
_RECURRENT = (
    i(0, "num_output"),
    i(1, "weight_data_size", 0, "elements of weight_xc_data"),
    _DIRECTION,
    i(8, "int8_scale_term"),
)

DENSE = (
    LayerSpec(
        "InnerProduct",
        "fully connected layer, fused activation",
        (
            i(0, "num_output"),
            i(1, "bias_term"),
            i(2, "weight_data_size"),
            i(8, "int8_scale_term"),
            *ACTIVATION,
        ),
        layouts.inner_product,
    ),
    LayerSpec(
        "Embed",
        "look-up of rows by index",
        (
            i(0, "num_output"),
            i(1, "input_dim"),
            i(2, "bias_term"),
            i(3, "weight_data_size"),
            i(18, "int8_scale_term"),
        ),
        layouts.embed,
    ),
    LayerSpec(
        "Gemm",
        "alpha * A x B + beta * C, operands constant or blobs",
        (
            f(0, "alpha", 1.0),
            f(1, "beta", 1.0),
            i(2, "transA"),
            i(3, "transB"),
            i(4, "constantA"),
            i(5, "constantB"),
            i(6, "constantC"),
            i(7, "constantM"),
            i(8, "constantN"),
            i(9, "constantK"),
            i(10, "constant_broadcast_type_C", 0, "-1 none, 0 scalar, 1 (M), 2 (M,1), 3 (M,N), 4 (1,N)"),
            i(11, "output_N1M"),
            i(12, "output_elempack"),
            i(13, "output_elemtype"),
            i(14, "output_transpose"),
            _QUANTIZE,
            i(20, "constant_TILE_M"),
            i(21, "constant_TILE_N"),
            i(22, "constant_TILE_K"),
        ),
        layouts.gemm,
    ),
    LayerSpec("MatMul", "matrix product of two blobs", (i(0, "transB"),)),
    LayerSpec("Einsum", "Einstein sum of its inputs", (array(0, "equation", "ints", "character codes"),)),
    LayerSpec("RNN", "tanh recurrent layer", _RECURRENT, layouts.rnn),
    LayerSpec("GRU", "gated recurrent unit", _RECURRENT, layouts.gru),
    LayerSpec(
        "LSTM",
        "long short-term memory",
        (*_RECURRENT[:3], i(3, "hidden_size", same("num_output")), _RECURRENT[3]),
        layouts.lstm,
    ),
    LayerSpec(
        "MultiHeadAttention",
        "multi-head attention with its four projections",
        (
            i(0, "embed_dim"),
            i(1, "num_heads", 1),
            i(2, "weight_data_size", 0, "elements of q_weight_data"),
            i(3, "kdim", same("embed_dim")),
            i(4, "vdim", same("embed_dim")),
            i(5, "attn_mask"),
            f(6, "scale", _attention_scale),
            i(7, "kv_cache"),
            _QUANTIZE,
        ),
        layouts.multi_head_attention,
    ),
    LayerSpec(
        "SDPA",
        "scaled dot-product attention",
        (
            i(5, "attn_mask"),
            f(6, "scale", 0.0, "0 is 1/sqrt(head dimension)"),
            i(7, "kv_cache"),
            i(18, "int8_scale_term"),
        ),
    ),
    LayerSpec("RotaryEmbed", "rotary position embedding", (i(0, "interleaved"),)),
)

NORMS = (
    LayerSpec(
        "BatchNorm",
        "(x - mean) / sqrt(var + eps) * slope + bias by channel",
        (i(0, "channels"), f(1, "eps")),
        vectors("slope_data", "mean_data", "var_data", "bias_data", size="channels"),
    ),
    LayerSpec(
        "InstanceNorm",
        "normalisation of each channel",
        (i(0, "channels"), _EPS, i(2, "affine", 1)),
        vectors("gamma_data", "beta_data", size="channels", when="affine"),
    ),
    LayerSpec(
        "GroupNorm",
        "normalisation of groups of channels",
        (i(0, "group", 1), i(1, "channels"), f(2, "eps", 0.001), i(3, "affine", 1)),
        vectors("gamma_data", "beta_data", size="channels", when="affine"),
    ),
    LayerSpec(
        "LayerNorm",
        "normalisation over the innermost axes",
        (i(0, "affine_size"), _EPS, i(2, "affine", 1)),
        vectors("gamma_data", "beta_data", size="affine_size", when="affine"),
    ),
    LayerSpec(
        "RMSNorm",
        "division by the root mean square over the innermost axes",
        (i(0, "affine_size"), _EPS, i(2, "affine", 1)),
        vectors("gamma_data", size="affine_size", when="affine"),
    ),
    LayerSpec(
        "LRN",
        "local response normalisation",
        (
            choice(0, "region_type", "across_channels", "within_channel"),
            i(1, "local_size", 5),
            f(2, "alpha", 1.0),
            f(3, "beta", 0.75),
            f(4, "bias", 1.0),
        ),
    ),
    LayerSpec(
        "MVN",
        "mean and variance normalisation",
        (i(0, "normalize_variance"), i(1, "across_channels"), f(2, "eps", 0.0001)),
    ),
    LayerSpec(
        "Normalize",
        "L2 normalisation",
        (
            i(0, "across_spatial"),
            i(1, "channel_shared"),
            f(2, "eps", 0.0001),
            i(3, "scale_data_size"),
            i(4, "across_channel", 1),
            choice(9, "eps_mode", "caffe", "pytorch", "tensorflow"),
        ),
        vectors("scale_data", size="scale_data_size"),
    ),
    LayerSpec(
        "Bias", "x + bias by channel", (i(0, "bias_data_size"),), vectors("bias_data", size="bias_data_size")
    ),
    LayerSpec(
        "Scale",
        "x * scale + bias by channel",
        (i(0, "scale_data_size", 0, "-233: the scale is the second input"), i(1, "bias_term")),
        layouts.scale,
    ),
)

QUANTISATION = (
    LayerSpec(
        "Quantize",
        "float to int8",
        (i(0, "scale_data_size", 1),),
        vectors("scale_data", size="scale_data_size"),
    ),
    LayerSpec(
        "Dequantize",
        "int32 to float",
        (i(0, "scale_data_size", 1), i(1, "bias_data_size")),
        layouts.dequantize,
    ),
    LayerSpec(
        "Requantize",
        "int32 to int8, fused activation",
        (
            i(0, "scale_in_data_size", 1),
            i(1, "scale_out_data_size", 1),
            i(2, "bias_data_size"),
            i(3, "activation_type"),
            array(4, "activation_params", "floats"),
        ),
        layouts.requantize,
    ),
    LayerSpec(
        "Cast",
        "element type conversion",
        (
            choice(0, "type_from", "auto", "float32", "float16", "int8", "bfloat16"),
            choice(1, "type_to", "auto", "float32", "float16", "int8", "bfloat16"),
        ),
    ),
    LayerSpec(
        "Packing",
        "change of the number of interleaved channels",
        (i(0, "out_elempack", 1), i(1, "use_padding"), i(2, "cast_type_from"), i(3, "cast_type_to")),
    ),
)
