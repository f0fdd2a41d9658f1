"""Rules for activations, normalisation and arithmetic."""

from __future__ import annotations

from edgekit.differ.draft import Shape
from edgekit.differ.rules import Facts, Lowered, rounded
from edgekit.differ.rules_structure import long_axis
from edgekit.graph import Layer
from edgekit.ops import Activation, Params, describe

_RELU6 = (0.0, 6.0)
_HARD_SIXTH = 1.0 / 6.0


def fused_activation(fused: Activation) -> Facts:
    """Return the facts of ncnn's fused activations under the names of the layers that do the same."""
    params = tuple(round(float(number), 6) for number in fused.params)
    if fused.name == "clip":
        return _clip(*params)
    if fused.name == "leakyrelu":
        return (
            {"type": "leakyrelu", "params": params}
            if params and params[0]
            else {"type": "relu", "params": ()}
        )
    if fused.name == "hardswish":
        return _hard("hardswish", *params)
    return {"type": fused.name, "params": ()}


def _clip(low: float, high: float) -> Facts:
    if (low, high) == _RELU6:
        return {"type": "relu6", "params": ()}
    if low == 0.0 and high > 1e38:
        return {"type": "relu", "params": ()}
    return {"type": "clip", "params": (low, high)}


def _hard(name: str, alpha: float, beta: float) -> Facts:
    """PyTorch's hard sigmoid has slope 1/6 and offset 1/2; other ones are told apart by their numbers."""
    if abs(alpha - _HARD_SIXTH) < 1e-4 and abs(beta - 0.5) < 1e-4:
        return {"type": name, "params": ()}
    return {"type": name, "params": (round(alpha, 6), round(beta, 6))}


def norm(layer: Layer, params: Params, shapes: list[Shape | None]) -> Lowered:
    """Lower a normalisation."""
    channels = params.integer("channels" if "channels" in params.values else "affine_size")
    groups = params.integer("group") if layer.type == "GroupNorm" else None
    facts: Facts = {
        "type": layer.type,
        "groups": groups,
        "eps": rounded(params.number("eps")),
        "affine": layer.type == "BatchNorm" or bool(params.integer("affine")),
        "channels": channels,
    }
    if groups == channels and channels > 1:
        facts |= {"type": "InstanceNorm", "groups": None}  # one channel in each group
    return "norm", facts


def scale(layer: Layer, params: Params, shapes: list[Shape | None]) -> Lowered:
    """Lower a scale; with the scale as second input it is a product."""
    size = params.integer("scale_data_size")
    if size == -233:
        return "binary", {"op": "mul", "scalar": None}
    return "scale", {"type": "Scale", "channels": size, "bias": bool(params.integer("bias_term"))}


def bias(layer: Layer, params: Params, shapes: list[Shape | None]) -> Lowered:
    """Lower a bias of its own."""
    return "scale", {"type": "Bias", "channels": params.integer("bias_data_size"), "bias": True}


def reduction(layer: Layer, params: Params, shapes: list[Shape | None]) -> Lowered:
    """Lower a reduction; a mean over the plane is global pooling."""
    operation = str(describe(layer)["operation"])
    shape, axes, coefficient = shapes[0], params.ints("axes"), params.number("coeff")
    if shape is not None:
        rank = len(shape)
        axes = tuple(range(rank)) if params.integer("reduce_all") else tuple(sorted(a % rank for a in axes))
        spatial = rank > 2 and axes == tuple(range(1, rank))
        if spatial and operation in ("mean", "max") and coefficient == 1:
            return "pool", {"type": {"mean": "average", "max": "max"}[operation], "size": (1,) * (rank - 1)}
    return "reduce", {"op": operation, "axes": axes, "coefficient": coefficient}


def elementwise(layer: Layer, params: Params, shapes: list[Shape | None]) -> Lowered:
    """Activations under one name each, with their numbers."""
    values = params.values
    kind = layer.type
    if kind == "ReLU":
        slope = rounded(params.number("slope"))
        return "activation", {"type": "leakyrelu", "params": (slope,)} if slope else {
            "type": "relu",
            "params": (),
        }
    if kind == "Clip":
        return "activation", _clip(rounded(params.number("min")), rounded(params.number("max")))
    if kind in ("HardSigmoid", "HardSwish"):
        return "activation", _hard(kind.lower(), params.number("alpha"), params.number("beta"))
    if kind == "Softmax":
        return "activation", {"type": "softmax", "params": (long_axis(params.integer("axis"), shapes[0]),)}
    if kind == "GELU":
        return "activation", {"type": "gelu", "params": ("tanh",) if params.integer("fast_gelu") else ()}
    if kind == "PReLU":
        return "activation", {"type": "prelu", "params": (params.integer("num_slope"),)}
    names = ("alpha", "lambda", "bias", "lambd", "threshold", "axis")
    numbers = tuple(rounded(value) for name in names if isinstance(value := values.get(name), int | float))
    return "activation", {"type": kind.lower(), "params": numbers}


def unary(layer: Layer, params: Params, shapes: list[Shape | None]) -> Lowered:
    """Lower a function of one blob."""
    operation = str(describe(layer)["op_type"])
    if operation == "tanh":
        return "activation", {"type": "tanh", "params": ()}
    return "unary", {"op": operation}


def binary(layer: Layer, params: Params, shapes: list[Shape | None]) -> Lowered:
    """Lower an operation on two blobs, or on one and a number."""
    operation = str(describe(layer)["op_type"])
    scalar = rounded(params.number("b")) if params.integer("with_scalar") else None
    return "binary", {"op": operation, "scalar": scalar}


def eltwise(layer: Layer, params: Params, shapes: list[Shape | None]) -> Lowered:
    """Lower caffe's operation on several blobs."""
    operation = {"prod": "mul", "sum": "add", "max": "max"}.get(str(describe(layer)["op_type"]), "add")
    coefficients = tuple(rounded(number) for number in params.numbers("coeffs"))
    facts: Facts = {"op": operation, "scalar": None}
    if coefficients == (1.0, -1.0):
        facts["op"] = "sub"
    elif operation == "add" and any(number != 1.0 for number in coefficients):
        facts["coefficients"] = coefficients
    return "binary", facts


def dropout(layer: Layer, params: Params, shapes: list[Shape | None]) -> Lowered:
    """Lower dropout: nothing, but for old ones that scale."""
    scale = params.number("scale")
    return (
        ("noise", {"type": "Dropout"})
        if scale == 1.0
        else ("binary", {"op": "mul", "scalar": rounded(scale)})
    )
