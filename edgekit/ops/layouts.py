"""What each weighted layer type reads from the `.bin`, in order: ncnn's `load_model` as shapes.

Source: `src/layer/*.cpp` of ncnn. The logical shapes are outermost axis first and name the axes
in the order in which the kernels walk the data.
"""

from __future__ import annotations

from edgekit.errors import FormatError
from edgekit.ops.spec import Layout, Params, WeightSpec

Weights = tuple[WeightSpec, ...]


def tagged(name: str, *shape: int) -> WeightSpec:
    """Return a weight that is stored behind a tag (`ModelBin` type 0)."""
    return WeightSpec(name, shape, "tagged")


def raw(name: str, *shape: int) -> WeightSpec:
    """Return a weight that is stored as bare float32 (`ModelBin` type 1)."""
    return WeightSpec(name, shape, "float32")


def packed(name: str, rows: int, columns: int, bits: int | None) -> WeightSpec:
    """Return a matrix that is tagged, or packed to `bits` bits an element and stored as bare bytes."""
    if bits is None:
        return tagged(name, rows, columns)
    return WeightSpec(name, (rows, (columns * bits + 7) // 8), "bytes")


def _optional(condition: object, *weights: WeightSpec) -> Weights:
    return weights if condition else ()


def _convolution(p: Params, axes: str) -> Weights:
    """Return weight (out, in/group, [kd, kh,] kw) and bias (out) of any of the convolutions."""
    if p.values.get("dynamic_weight"):
        return ()
    out = p.positive("num_output")
    kernel = tuple(p.positive(f"kernel_{axis}") for axis in axes)
    per_group = p.quotient("weight_data_size", out, *kernel)
    return (
        tagged("weight_data", out, per_group, *kernel),
        *_optional(p.integer("bias_term"), raw("bias_data", out)),
    )


def convolution_1d(p: Params) -> Weights:
    """Return weight (out, in/group, kw) and bias."""
    return _convolution(p, "w")


def convolution_2d(p: Params) -> Weights:
    """Return weight (out, in/group, kh, kw) and bias; also what the deconvolutions store."""
    return _convolution(p, "hw")


def convolution_3d(p: Params) -> Weights:
    """Return weight (out, in/group, kd, kh, kw) and bias."""
    return _convolution(p, "dhw")


def convolution_int8(p: Params) -> Weights:
    """Return the weights of `Convolution`, with one scale per output channel when quantised."""
    weights = convolution_2d(p)
    term = p.integer("int8_scale_term")
    if not weights or not term:
        return weights
    return (
        *weights,
        raw("weight_data_int8_scales", p.positive("num_output")),
        raw("bottom_blob_int8_scales", 1),
        *_optional(term > 100, raw("top_blob_int8_scales", 1)),
    )


def convolution_depthwise_int8(p: Params) -> Weights:
    """Return the weights of `ConvolutionDepthWise`: terms 1 and 101 scale per group, 2 and 102 once."""
    weights = convolution_2d(p)
    term = p.integer("int8_scale_term")
    if not weights:
        return weights
    scales = p.positive("group") if term in (1, 101) else 1
    return (
        *weights,
        *_optional(
            term in (1, 101, 2, 102),
            raw("weight_data_int8_scales", scales),
            raw("bottom_blob_int8_scales", 1),
        ),
        *_optional(term > 100, raw("top_blob_int8_scales", 1)),
    )


def inner_product(p: Params) -> Weights:
    """Return weight (out, in), bias (out) and the int8 scales."""
    out = p.positive("num_output")
    return (
        tagged("weight_data", out, p.quotient("weight_data_size", out)),
        *_optional(p.integer("bias_term"), raw("bias_data", out)),
        *_optional(
            p.integer("int8_scale_term"),
            raw("weight_data_int8_scales", out),
            raw("bottom_blob_int8_scales", 1),
        ),
    )


def embed(p: Params) -> Weights:
    """Return weight (words, out), bias (out) and the int8 scale."""
    out = p.positive("num_output")
    return (
        tagged("weight_data", p.quotient("weight_data_size", out), out),
        *_optional(p.integer("bias_term"), raw("bias_data", out)),
        *_optional(p.integer("int8_scale_term"), raw("weight_data_int8_scale", 1)),
    )


def _recurrent(p: Params, hidden: int, gates: int, bias_rows: int) -> Weights:
    """Return weights of a recurrent layer: directions outermost, then the gates one below the other."""
    out = p.positive("num_output")
    directions = 2 if p.integer("direction") == 2 else 1
    size = p.quotient("weight_data_size", directions, hidden, gates)
    rows = hidden * gates
    return (
        tagged("weight_xc_data", directions, rows, size),
        tagged("bias_c_data", directions, bias_rows, hidden),
        tagged("weight_hc_data", directions, rows, out),
        *_optional(hidden != out, tagged("weight_hr_data", directions, out, hidden)),
        *_optional(
            p.integer("int8_scale_term"),
            raw("weight_xc_data_int8_scales", directions, rows),
            raw("weight_hc_data_int8_scales", directions, rows),
        ),
    )


def rnn(p: Params) -> Weights:
    """Return the weights of `RNN`: one gate, one bias."""
    return _recurrent(p, p.positive("num_output"), 1, 1)


def lstm(p: Params) -> Weights:
    """Return the weights of `LSTM`: gates I, F, O, G; a projection if hidden_size is not num_output."""
    return _recurrent(p, p.positive("hidden_size"), 4, 4)


def gru(p: Params) -> Weights:
    """Return the weights of `GRU`: gates R, U, N; four biases (R, U, WN, BN)."""
    return _recurrent(p, p.positive("num_output"), 3, 4)


def _block_quantised(term: int) -> tuple[int, int, bool] | None:
    """Return bits, block size and whether inputs are scaled, for the block-quantised terms (400 and up)."""
    bits, form, size = term // 100, term % 100 // 10, term % 10
    if bits in (4, 6, 8) and form in (0, 1) and size in (0, 1, 2):
        return bits, (32, 64, 128)[size], form == 1
    return None


def _quantise_term(p: Params) -> tuple[int, tuple[int, int, bool] | None]:
    term = p.integer("quantize_term")
    block = _block_quantised(term)
    if term in (4, 5, 6) or (term >= 400 and block is None):
        raise FormatError(f"{p.owner}: quantize_term {term} is not known to ncnn", "quantise the model again")
    return term, block


def multi_head_attention(p: Params) -> Weights:
    """Return weight and bias of q (embed, qdim), k (embed, kdim), v (embed, vdim) and out (qdim, embed)."""
    embed_dim = p.positive("embed_dim")
    qdim = p.quotient("weight_data_size", embed_dim)
    inner = {"q": qdim, "k": p.positive("kdim"), "v": p.positive("vdim"), "out": embed_dim}
    rows = {"q": embed_dim, "k": embed_dim, "v": embed_dim, "out": qdim}
    term, block = _quantise_term(p)
    bits = block[0] if block else None
    weights: list[WeightSpec] = []
    for role, columns in inner.items():
        weights += [
            packed(f"{role}_weight_data", rows[role], columns, bits),
            raw(f"{role}_bias_data", rows[role]),
        ]
    if block:
        _, size, input_scales = block
        weights += [
            raw(f"{role}_weight_data_quantize_scales", rows[role], -(-columns // size))
            for role, columns in inner.items()
        ]
        if input_scales:
            weights += [raw(f"{role}_weight_data_input_scales", columns) for role, columns in inner.items()]
    elif term:
        weights += [raw(f"{role}_weight_data_int8_scales", embed_dim) for role in "qkv"]
        weights += [raw("out_weight_data_int8_scale", 1)]
    return tuple(weights)


def gemm(p: Params) -> Weights:
    """Return the constant operands of `Gemm`: A (M, K), B (K, N), either transposed, and C as broadcast."""
    term, block = _quantise_term(p)
    weights: list[WeightSpec] = []
    if p.integer("constantA") == 1:
        m, k = p.positive("constantM"), p.positive("constantK")
        weights.append(tagged("A_data", *((k, m) if p.integer("transA") else (m, k))))
    if p.integer("constantB") == 1:
        n, k = p.positive("constantN"), p.positive("constantK")
        bits = block[0] if block else None
        weights.append(packed("B_data", n, k, bits) if p.integer("transB") else tagged("B_data", k, n))
    weights += _gemm_c(p)
    if block:
        n, k = p.positive("constantN"), p.positive("constantK")
        weights.append(raw("B_data_quantize_scales", n, -(-k // block[1])))
        weights += _optional(block[2], raw("B_data_input_scales", k))
    elif term:
        weights += _optional(p.integer("constantA") == 1, raw("A_data_int8_scales", p.integer("constantM")))
        weights += _optional(p.integer("constantB") == 1, raw("B_data_int8_scale", 1))
    return tuple(weights)


def _gemm_c(p: Params) -> Weights:
    broadcast = p.integer("constant_broadcast_type_C")
    if p.integer("constantC") != 1 or broadcast == -1:
        return ()
    m, n = p.integer("constantM"), p.integer("constantN")
    shapes = {0: (1,), 1: (m,), 2: (m, 1), 3: (m, n), 4: (1, n)}
    if broadcast not in shapes:
        raise FormatError(f"{p.owner} has constant_broadcast_type_C {broadcast}", "-1 to 4 exist")
    return (tagged("C_data", *shapes[broadcast]),)


def memory_data(p: Params) -> Weights:
    """Return the constant itself, ([c, [d,]] [h,] w); tagged only when load_type is 0."""
    axes = "wh" if not p.integer("c") else "whc"
    if p.integer("d"):
        axes = "whdc"
    elif not p.integer("c") and not p.integer("h"):
        axes = "w"
    if axes == "w" and not p.integer("w"):
        return ()
    shape = tuple(p.positive(axis) for axis in reversed(axes))
    load_type = p.integer("load_type")
    if load_type not in (0, 1):
        raise FormatError(f"{p.owner} has load_type {load_type}", "0 (tagged) and 1 (raw float32) exist")
    return (raw("data", *shape) if load_type else tagged("data", *shape),)


def vectors(*names: str, size: str, when: str | None = None) -> Layout:
    """Return a layout of raw vectors that all have the length of parameter `size`.

    With `when`, they are stored only if that parameter is not 0.
    """

    def layout(p: Params) -> Weights:
        if when is not None and not p.integer(when):
            return ()
        length = p.positive(size)
        return tuple(raw(name, length) for name in names)

    return layout


def scale(p: Params) -> Weights:
    """Return scale and bias; nothing when the scale comes in as a second blob (-233)."""
    if p.integer("scale_data_size") == -233:
        return ()
    size = p.positive("scale_data_size")
    return (raw("scale_data", size), *_optional(p.integer("bias_term"), raw("bias_data", size)))


def dequantize(p: Params) -> Weights:
    """Return the scales and the bias, if any."""
    bias = p.integer("bias_data_size")
    return (
        raw("scale_data", p.positive("scale_data_size")),
        *_optional(bias, raw("bias_data", bias)),
    )


def requantize(p: Params) -> Weights:
    """Return the scales of input and output and the bias, if any."""
    bias = p.integer("bias_data_size")
    return (
        raw("scale_in_data", p.positive("scale_in_data_size")),
        raw("scale_out_data", p.positive("scale_out_data_size")),
        *_optional(bias, raw("bias_data", bias)),
    )
