"""Which values an activation gives."""

from __future__ import annotations

import math

from edgekit.differ.structure import Op

_INFINITY = math.inf
_RANGES = {
    "relu": (0.0, _INFINITY),
    "relu6": (0.0, 6.0),
    "sigmoid": (0.0, 1.0),
    "hardsigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "softplus": (0.0, _INFINITY),
}


def value_range(op: Op) -> str | None:
    """Return the interval that an activation's results lie in, None when it has no bounds worth a word."""
    bounds = _RANGES.get(op.facts["type"]) if op.kind == "activation" else None
    if op.kind == "activation" and op.facts["type"] == "clip":
        bounds = op.facts["params"]
    if bounds is None:
        return None
    high = "inf)" if bounds[1] == _INFINITY else f"{bounds[1]:g}]"
    return f"[{bounds[0]:g}, {high}"


def ranges(left: Op | None, right: Op | None) -> str | None:
    """Return which values both sides give after an activation (None: it is not there), if they differ."""
    bounds = [None if op is None else value_range(op) for op in (left, right)]
    if bounds[0] == bounds[1]:
        return None
    if None in bounds:
        said = [f"lie in {bound}" if bound else "have no bounds" for bound in bounds]
        return f"values {said[0]} on the left, and {said[1]} on the right"
    return f"values lie in {bounds[0]} on the left, in {bounds[1]} on the right"
