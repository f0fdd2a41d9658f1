"""Which of the operations that a layer type may stand for a layer's own parameters ask for.

A Pooling of zeros is zero whether it takes the mean or the maximum, and a bound that no value reaches does
nothing: where two tensors are equal for such a reason, the kind and the numbers that a layer states tell them
apart. It weighs less than all that says something of the graph, for a wrong kind may be the fault looked for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from edgekit.graph import Layer
from edgekit.runtimes.trace import Node

_OTHER = 0.15
_UNBOUNDED = 1e30  # a Clip without a bound has the largest float32

_UNARY = {
    0: "abs Abs", 1: "neg Neg", 2: "floor Floor", 3: "ceil Ceil", 4: "square pow mul Pow Mul",
    5: "sqrt pow Sqrt Pow", 6: "rsqrt pow reciprocal", 7: "exp Exp", 8: "log Log", 9: "sin Sin",
    10: "cos Cos", 11: "tan Tan", 12: "asin Asin",
    13: "acos Acos", 14: "atan Atan", 15: "reciprocal pow div Reciprocal Div",
    16: "tanh Tanh", 17: "log10", 18: "round Round", 19: "trunc",
}  # fmt: skip
_BINARY = {
    0: "add Add", 1: "sub rsub Sub", 2: "mul square pow Mul", 3: "div Div", 4: "maximum max Max",
    5: "minimum min Min", 6: "pow Pow", 7: "sub rsub Sub", 8: "div Div", 9: "pow Pow",
}  # fmt: skip
_COMMUTING = (0, 2, 4, 5)
_MAXIMA = frozenset(
    "max_pool1d max_pool2d max_pool3d max_pool2d_with_indices max_pool3d_with_indices adaptive_max_pool2d "
    "adaptive_max_pool3d amax max MaxPool GlobalMaxPool ReduceMax".split()
)


def short(op: str) -> str:
    """`aten.hardtanh_` -> `hardtanh`."""
    return (op.rpartition(".")[2] or op).rstrip("_")


def commutes(layer: Layer) -> bool:
    """Whether the order of a layer's two inputs makes no difference."""
    return layer.type == "Eltwise" or (layer.type == "BinaryOp" and layer.params.get("0", 0) in _COMMUTING)


def strain(layer: Layer, real: Sequence[Node]) -> float:
    """Strain of a layer that states another kind, or other bounds, than operations which its type allows."""
    return _OTHER * (
        _is_other_kind(layer, {short(node.op) for node in real}) or _has_other_bounds(layer, real)
    )


def _is_other_kind(layer: Layer, ops: set[str]) -> bool:
    kind = layer.params.get("0", 0)
    if layer.type.startswith("Pooling"):
        return bool(ops) and (kind == 0) != bool(ops & _MAXIMA)
    known = {"UnaryOp": _UNARY, "BinaryOp": _BINARY}.get(layer.type, {})
    if not isinstance(kind, int) or kind not in known or len(layer.inputs) != (layer.type == "BinaryOp") + 1:
        return False  # arithmetic with a constant is written in many ways
    return bool(ops) and not ops & set(known[kind].split())


def _has_other_bounds(layer: Layer, real: Sequence[Node]) -> bool:
    own = [number for number in _bounds(layer) if number != 0 and abs(number) < _UNBOUNDED]
    given = [number for node in real for number in node.numbers]
    return bool(given) and not all(any(math.isclose(a, b, rel_tol=1e-5) for b in given) for a in own)


def _bounds(layer: Layer) -> list[float]:
    """The bounds of a Clip, the slope of a ReLU, or those of a fused one."""
    if layer.type == "Clip":
        found = [layer.params.get("0"), layer.params.get("1")]
    elif layer.type == "ReLU":
        found = [layer.params.get("0")]
    elif layer.params.get("9") in (2, 3):
        fused = layer.params.get("10")
        found = list(fused) if isinstance(fused, tuple) else [fused]
    else:
        found = []
    return [float(number) for number in found if isinstance(number, int | float)]
