"""How like two operations are: what the alignment adds up."""

from __future__ import annotations

from edgekit.differ.structure import Op

FORBIDDEN = float("-inf")

# What a perfect match is worth: layers with weights hold the alignment together.
_WORTH = {
    "conv": 4.0,
    "deconv": 4.0,
    "linear": 4.0,
    "recurrent": 4.0,
    "attention": 4.0,
    "embed": 4.0,
    "matmul": 2.0,
    "custom": 2.0,
    "norm": 1.5,
    "pool": 1.5,
    "resize": 1.5,
    "concat": 1.5,
    "binary": 1.5,
}
_RELATED = {
    frozenset({"conv", "deconv"}): 1.5,
    frozenset({"deconv", "resize"}): 0.4,
    frozenset({"pool", "resize"}): 0.4,
    frozenset({"pool", "reduce"}): 0.4,
    frozenset({"binary", "concat"}): 0.3,
}
# What a difference costs in a layer with weights. The inputs cost most: a layer that is fed by
# something else is rather another layer than one that gives something else.
_COSTS = {
    "in": 1.8,
    "out": 1.0,
    "kernel": 1.0,
    "stride": 0.6,
    "dilation": 0.4,
    "pads": 0.2,
    "type": 1.5,
    "hidden": 1.0,
    "heads": 0.4,
}
FED = _COSTS["in"]
CHEAPLY_FED = 0.4
"""What else it may cost to be fed other numbers of channels: little, where what feeds a layer is gone."""

_ANOTHER_KIND_OF_GROUPS = 2.0
_OTHER_GROUPS = 0.8
_LEAST = 0.1
_UNKNOWN = 0.3  # of a layer that ncnn does not have, which may stand for any


def worth(op: Op) -> float:
    """Return what a perfect match of the operation is worth."""
    return _WORTH.get(op.kind, 1.0)


def similarity(left: Op, right: Op, fed: float = FED) -> float:
    """Return the score of matching two operations, `FORBIDDEN` when they have nothing in common.

    `fed` is what it costs that they are fed other numbers of channels.
    """
    if {left.kind, right.kind} == {"conv", "linear"}:
        return _products(left, right)
    if left.kind != right.kind and "custom" in (left.kind, right.kind):
        return _UNKNOWN if len(left.inputs) == len(right.inputs) else FORBIDDEN
    if left.kind != right.kind:
        return _RELATED.get(frozenset({left.kind, right.kind}), FORBIDDEN)
    if left.kind == "input":
        return FORBIDDEN
    full = worth(left)
    if left.kind in ("conv", "deconv", "linear", "recurrent", "attention", "embed"):
        return max(full - _weighted(left, right, fed), _LEAST)
    if left.kind in ("custom", "other") and left.facts["type"] != right.facts["type"]:
        return FORBIDDEN
    name = left.facts.get("type", left.facts.get("op"))
    other = right.facts.get("type", right.facts.get("op"))
    if name != other:
        return 0.4 * full
    return full if left.facts == right.facts else 0.8 * full


def _products(left: Op, right: Op) -> float:
    """A linear layer may stand for a convolution of as many outputs that sees as much, or all pixels."""
    convolution, linear = (left, right) if left.kind == "conv" else (right, left)
    if convolution.facts["out"] != linear.facts["out"]:
        return FORBIDDEN
    fed = convolution.facts["in"]
    return 2.0 if fed == linear.facts["in"] else 1.0 if fed and linear.facts["in"] % fed == 0 else FORBIDDEN


def _weighted(left: Op, right: Op, fed: float) -> float:
    costs = {**_COSTS, "in": fed}
    cost = sum(price for name, price in costs.items() if left.facts.get(name) != right.facts.get(name))
    mine, theirs = left.facts.get("groups", 1), right.facts.get("groups", 1)
    if _is_depthwise(left) and _is_depthwise(right):
        return cost - (1.0 if left.facts["out"] != right.facts["out"] else 0.0)  # one width, not two
    if mine != theirs:
        cost += _ANOTHER_KIND_OF_GROUPS if 1 in (mine, theirs) else _OTHER_GROUPS
    return cost


def _is_depthwise(op: Op) -> bool:
    groups = op.facts.get("groups", 1)
    return bool(groups != 1 and groups == op.facts.get("in"))
