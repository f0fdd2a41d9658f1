"""What a comparison says besides differences: what is equal in other words, weights, quantisation."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from edgekit.differ.align import Matching
from edgekit.differ.alone import moved_elsewhere
from edgekit.differ.effective import arrays
from edgekit.differ.model import Equivalence, WeightComparison, WeightDifference
from edgekit.differ.sides import Side
from edgekit.differ.structure import Op
from edgekit.ops import SPECS, decode

_EQUAL = 1e-3  # of the largest number: fp16 rounds by 5e-4


def quantised(left: Side, right: Side) -> Iterator[str]:
    """Say where one side computes in int8 and the other does not: structures do not show it."""
    counts = [_in_int8(side) for side in (left, right)]
    if counts[0] != counts[1]:
        shown = [f"{count or 'no'} layer{'s' if count != 1 else ''}" for count in counts]
        yield f"{shown[0]} of the left and {shown[1]} of the right compute in int8: that is not compared"


def _in_int8(side: Side) -> int:
    return sum(
        bool(decode(SPECS[layer.type], layer).values.get("int8_scale_term"))
        for layer in side.opened.graph
        if layer.type in SPECS
    )


def equivalences(left: Side, right: Side, found: Matching) -> tuple[Equivalence, ...]:
    """Name what is written in two ways: a Padding layer here, padding in the convolution there."""
    equal = []
    for left_index, right_index in sorted(found.pairs.items()):
        mine, theirs = found.left.ops[left_index], found.right.ops[right_index]
        pads = [_padding_layer(side, op) for side, op in ((left, mine), (right, theirs))]
        conv = mine.kind == theirs.kind == "conv"
        same = conv and all(mine.facts[name] == theirs.facts[name] for name in ("pads", "mode"))
        if same and (pads[0] is None) != (pads[1] is None):
            equal.append(
                Equivalence(
                    mine.name if pads[0] is None else f"{pads[0]} before {mine.name}",
                    theirs.name if pads[1] is None else f"{pads[1]} before {theirs.name}",
                    "a layer pads on one side, the convolution itself on the other",
                )
            )
    for structure, matched in ((found.left, found.pairs), (found.right, found.back)):
        for op in structure:
            if op.index not in matched and moved_elsewhere(op, found, on_left=structure is found.left):
                reason = "axes are put in order here, by a Reshape that moves the batch there"
                equal.append(Equivalence(op.name, "Reshape", reason))
    return tuple(equal)


def _padding_layer(side: Side, op: Op) -> str | None:
    for layer in op.layers:
        if side.names.types[layer] == "Padding":
            return side.names.names[layer]
    return None


def compared_weights(left: Side, right: Side, found: Matching) -> WeightComparison | None:
    """Compare the numbers of matched operations' weights, what is folded counted in."""
    if left.is_model or right.is_model:
        return None  # the numbers of a model that is still to be given weights mean nothing
    compared, different = 0, []
    for left_index, right_index in sorted(found.pairs.items()):
        op = found.left.ops[left_index]
        theirs = _arrays(right, found.right.ops[right_index])
        for name, value in _arrays(left, op).items():
            other = theirs.get(name)
            if other is None or other.size != value.size:
                continue
            compared += 1
            scale = float(np.max(np.abs(value), initial=0.0))
            off = float(np.max(np.abs(value.reshape(-1) - other.reshape(-1)), initial=0.0))
            if not off <= _EQUAL * scale:
                different.append(WeightDifference(op.name, name, off / scale if scale else math.inf))
    return WeightComparison(compared, tuple(different)) if compared else None


def _arrays(side: Side, op: Op) -> dict[str, npt.NDArray[np.float32]]:
    """Return an operation's weights; an activation that is fused has none of its own."""
    layer = side.opened.graph.layers[op.layers[0]]
    if not layer.weights or (op.kind == "activation" and layer.type != "PReLU"):
        return {}
    return arrays(op, side.opened.graph.layers)
