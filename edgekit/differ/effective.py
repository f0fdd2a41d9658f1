"""The numbers of an operation as a whole: a convolution with the BatchNorm and Scale behind it folded in.

Every operation then has the same arrays, whether its file keeps the layers apart or not.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgekit.differ.structure import Op
from edgekit.graph import Layer
from edgekit.ops import SPECS, decode, describe
from edgekit.runtimes.trace import Array

PRODUCTS = ("conv", "deconv", "linear")


def arrays(op: Op, layers: Sequence[Layer]) -> dict[str, Array]:
    """Return an operation's arrays by name, in float32, with what is folded behind it.

    Of a product these are "weight" (out, ...) and "bias" (out), of a normalisation "gamma_data" and
    "beta_data"; what does nothing may be missing. `layers` are those of the file.
    """
    main = layers[op.layers[0]]
    own = {weight.name: np.asarray(weight.values(), np.float32) for weight in main.weights}
    if op.kind in PRODUCTS:
        weight, bias = product(main)
        return _joined("weight", "bias", weight, bias, affine_behind(op, layers))
    if op.kind == "norm" and len(op.layers) > 1 and op.facts["type"] != "BatchNorm":
        size = max(int(op.facts["channels"]), 1)
        gamma = own.get("gamma_data", np.ones(size, np.float32))
        return _joined("gamma_data", "beta_data", gamma, own.get("beta_data"), affine_behind(op, layers))
    return own


def _joined(
    scaled: str, shifted: str, weight: Array, bias: Array | None, behind: tuple[Array, Array | None] | None
) -> dict[str, Array]:
    """Return a weight and a bias with the scale and shift that follow folded in."""
    if behind is None:
        return {scaled: weight} if bias is None else {scaled: weight, shifted: bias}
    scale, offset = behind
    folded = weight.astype(np.float64) * scale.reshape(-1, *(1,) * (weight.ndim - 1))
    found = {scaled: folded.astype(np.float32)}
    terms = [term for term in (None if bias is None else bias * scale, offset) if term is not None]
    if terms:
        found[shifted] = np.sum(terms, axis=0).astype(np.float32)
    return found


def affine_behind(op: Op, layers: Sequence[Layer]) -> tuple[Array, Array | None] | None:
    """Return the scale and the shift of all layers that stand behind an operation's first one."""
    scale: Array | None = None
    offset: Array | None = None
    joined = "mul"
    for index in op.layers[1:]:
        layer = layers[index]
        if layer.type == "BinaryOp":
            joined = str(describe(layer)["op_type"])
        one = by_channel(layer, joined)
        if one is None:
            continue
        scale = one[0] if scale is None else scale * one[0]
        moved = None if offset is None else offset * one[0]
        terms = [term for term in (moved, one[1]) if term is not None]
        offset = np.sum(terms, axis=0) if terms else None
    return None if scale is None else (scale, offset)


def product(layer: Layer) -> tuple[Array, Array | None]:
    """Return weight (out, rest) and bias of a convolution, a fully connected layer or a Gemm."""
    if layer.type != "Gemm":
        weight = _values(layer, "weight_data")
        assert weight is not None
        return weight, _values(layer, "bias_data")
    weight = _values(layer, "B_data")
    assert weight is not None
    bias = _values(layer, "C_data")
    transposed = bool(decode(SPECS["Gemm"], layer).integer("transB"))
    return (weight if transposed else weight.T), None if bias is None else bias.reshape(-1)


def names_of_product(layer: Layer) -> tuple[str, str]:
    """Return what the weight and the bias of a product are called in its layer."""
    return ("B_data", "C_data") if layer.type == "Gemm" else ("weight_data", "bias_data")


def by_channel(layer: Layer, joined: str = "mul") -> tuple[Array, Array | None] | None:
    """Return the scale and the shift (None: none) of a layer by channel; None when it has no numbers.

    `joined` says whether a constant is multiplied by or added.
    """
    if layer.type == "BatchNorm":
        slope, mean, var, bias = (
            np.asarray(_values(layer, f"{name}_data"), np.float64)
            for name in ("slope", "mean", "var", "bias")
        )
        scale = slope / np.sqrt(var + decode(SPECS["BatchNorm"], layer).number("eps"))
        return scale, bias - mean * scale
    if layer.type == "Scale":
        scale = np.asarray(_values(layer, "scale_data"), np.float64)
        offset = _values(layer, "bias_data")
        return scale, None if offset is None else offset.astype(np.float64)
    if layer.type in ("Bias", "MemoryData"):
        data = np.asarray(
            _values(layer, "bias_data" if layer.type == "Bias" else "data"), np.float64
        ).reshape(-1)
        return (data, None) if layer.type == "MemoryData" and joined == "mul" else (np.ones_like(data), data)
    return None


def _values(layer: Layer, name: str) -> Array | None:
    for weight in layer.weights:
        if weight.name == name:
            values: Array = np.asarray(weight.values(), np.float32)
            return values
    return None
