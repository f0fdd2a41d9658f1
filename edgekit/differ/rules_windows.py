"""Rules for layers with weights or windows."""

from __future__ import annotations

from typing import Any

from edgekit.differ.draft import Shape
from edgekit.differ.rules import Facts, Lowered, plain_facts, rounded
from edgekit.graph import Layer
from edgekit.ops import Params, describe, weight_layout


def convolution(layer: Layer, params: Params, shapes: list[Shape | None]) -> Lowered:
    """Lower the convolutions and transposed convolutions."""
    kind = "deconv" if layer.type.startswith("Deconv") else "conv"
    facts = describe(layer)
    kernel, pads = facts["kernel"], facts["pads"]
    assert isinstance(kernel, tuple) and isinstance(pads, tuple)
    found: Facts = {
        "in": facts.get("in_channels"),
        "out": facts["num_output"],
        "kernel": kernel,
        "stride": facts["stride"],
        "dilation": facts["dilation"],
        "pads": pads,
        "groups": facts.get("group", 1),
        "bias": bool(facts.get("bias_term")),
        "mode": "zeros",
    }
    if params.values.get("pad_value"):
        found["mode"] = f"constant {params.number('pad_value'):g}"
    if layer.type == "DeformableConv2D":
        found["type"] = "deformable"
    if kind == "deconv":
        names = ("output_pad_behind", "output_pad_bottom", "output_pad_right")[-len(kernel) :]
        found["output_padding"] = tuple(params.integer(name) for name in names)
        sizes = tuple(params.integer(name) for name in ("output_d", "output_h", "output_w")[-len(kernel) :])
        if any(sizes):
            found["output_size"] = sizes
    return kind, found


def inner_product(layer: Layer, params: Params, shapes: list[Shape | None]) -> Lowered:
    """Lower a fully connected layer."""
    weight = weight_layout(layer)[0]
    bias = bool(params.integer("bias_term"))
    return "linear", {"in": weight.shape[1], "out": weight.shape[0], "bias": bias}


def gemm(layer: Layer, params: Params, shapes: list[Shape | None]) -> Lowered:
    """Lower a matrix product; with a constant right operand it is a linear layer."""
    if params.integer("constantA") or not params.integer("constantB"):
        return "matmul", {"type": "Gemm", **plain_facts(layer)}
    # C is 1 x N or N numbers: added to every row, as a bias is
    bias = params.integer("constantC") == 1 and params.integer("constant_broadcast_type_C") != -1
    return "linear", {"in": params.integer("constantK"), "out": params.integer("constantN"), "bias": bias}


def pooling(layer: Layer, params: Params, shapes: list[Shape | None]) -> Lowered:
    """Lower a pooling; over the whole plane it has one spelling."""
    facts = dict(describe(layer))
    pads: Any = facts["pads"]
    kernel: Any = facts["kernel"]
    plane = shapes[0][1:] if shapes and shapes[0] is not None else None
    found: Facts = {"type": facts["pooling_type"]}
    padded = any(side for axis in pads for side in axis)
    if params.integer("global_pooling") or (plane == kernel and not padded):
        return "pool", {**found, "size": (1,) * len(kernel)}
    if params.integer("adaptive_pooling"):
        wanted = [params.integer(name) for name in ("out_d", "out_h", "out_w")[-len(kernel) :]]
        own = plane or (-233,) * len(kernel)
        sizes = (size if given == -233 else given for given, size in zip(wanted, own, strict=True))
        return "pool", {**found, "size": tuple(sizes)}
    found |= {"kernel": kernel, "stride": facts["stride"], "pads": pads, "rounding": facts["pad_mode"]}
    if found["type"] == "average" and padded:
        found["count_padding"] = bool(params.integer("avgpool_count_include_pad"))
    return "pool", found


def padding(layer: Layer, params: Params, shapes: list[Shape | None]) -> Lowered:
    """Lower padding."""
    sides = [("front", "behind"), ("top", "bottom"), ("left", "right")]
    amounts = tuple((params.integer(low), params.integer(high)) for low, high in sides)
    if amounts[0] == (0, 0):
        amounts = amounts[1:]
    mode = str(describe(layer)["type"])
    value = rounded(params.number("value")) if mode == "constant" else 0.0
    facts: Facts = {"mode": mode, "pads": amounts, "value": value}
    if params.integer("per_channel_pad_data_size"):
        facts["value"] = "per channel"
    return "pad", facts


def interp(layer: Layer, params: Params, shapes: list[Shape | None]) -> Lowered:
    """Lower resampling."""
    size = (params.integer("output_height"), params.integer("output_width"))
    scale = (rounded(params.number("height_scale")), rounded(params.number("width_scale")))
    facts: Facts = {
        "mode": describe(layer)["resize_type"],
        "align_corners": bool(params.integer("align_corner")),
        "scale": None if any(size) else scale,
        "size": size if any(size) else None,
    }
    return "resize", facts


def recurrent(layer: Layer, params: Params, shapes: list[Shape | None]) -> Lowered:
    """Lower RNN, GRU and LSTM."""
    weights = {weight.name: weight for weight in weight_layout(layer)}
    return "recurrent", {
        "type": layer.type,
        "in": weights["weight_xc_data"].shape[-1],
        "hidden": params.values.get("hidden_size", params.integer("num_output")),
        "out": params.integer("num_output"),
        "direction": describe(layer)["direction"],
    }


def embed(layer: Layer, params: Params, shapes: list[Shape | None]) -> Lowered:
    """Lower an embedding."""
    return "embed", {"in": weight_layout(layer)[0].shape[0], "out": params.integer("num_output")}


def attention(layer: Layer, params: Params, shapes: list[Shape | None]) -> Lowered:
    """Lower attention with its projections; a scale of 1/sqrt(head dimension) follows from the heads."""
    width, heads = params.integer("embed_dim"), params.integer("num_heads")
    scale, usual = params.number("scale"), (heads / width) ** 0.5 if width and heads else 0.0
    return "attention", {
        "out": width,
        "heads": heads,
        "keys": params.integer("kdim"),
        "values": params.integer("vdim"),
        "mask": bool(params.integer("attn_mask")),
        "scale": None if abs(scale - usual) < 1e-4 * usual else rounded(scale),
    }
