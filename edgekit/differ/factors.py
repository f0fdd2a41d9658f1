"""Factors by which one side multiplies, while the other has them in its weights: converters fold them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from edgekit.differ.align import Matching
from edgekit.differ.change import Change
from edgekit.differ.effective import PRODUCTS, arrays
from edgekit.differ.model import Equivalence, Severity
from edgekit.differ.sides import Side
from edgekit.differ.structure import Op, Structure
from edgekit.runtimes.trace import Array

_EQUAL = 1e-3  # of the largest number, as for weights
_MAYBE = "a factor, which may be folded into the weights on the other side"


def without_folded(
    changes: Sequence[Change], left: Side, right: Side, found: Matching
) -> tuple[list[Change], list[Equivalence]]:
    """Take out the factors that are in the other side's weights; what cannot be told is less severe."""
    kept, equal = [], []
    for change in changes:
        op, on_left = change.left or change.right, change.left is not None
        products = _products(op, found, on_left=on_left) if _is_factor(change) else None
        if op is None or products is None:
            kept.append(change)
            continue
        factor = op.facts["scalar"]
        folded = _is_folded(factor, products, (left, right), on_left=on_left)
        if folded is None:
            kept.append(replace(change, severity=max(change.severity, Severity.P2), impact=_MAYBE))
        elif folded:
            reason = f"a factor of {factor:g} on one side is in the weights on the other"
            equal.append(Equivalence(op.name, products[on_left].name, reason))
        else:
            kept.append(change)
    return kept, equal


def _is_factor(change: Change) -> bool:
    op = change.left or change.right
    return (
        change.kind in ("missing", "extra")
        and op is not None
        and op.kind == "binary"
        and op.facts["op"] == "mul"
        and op.facts["scalar"] is not None
    )


def _products(op: Op | None, found: Matching, *, on_left: bool) -> tuple[Op, Op] | None:
    """Return the matched products (left, right) whose result is multiplied and read by nothing else."""
    if op is None:
        return None
    own: Structure = found.left if on_left else found.right
    producer = own.ops[op.inputs[0][0]]
    partner = (found.pairs if on_left else found.back).get(producer.index)
    if producer.kind not in PRODUCTS or partner is None or own.readers[producer.index] != (op.index,):
        return None
    return (producer, found.right.ops[partner]) if on_left else (found.left.ops[partner], producer)


def _is_folded(
    factor: float, products: tuple[Op, Op], sides: tuple[Side, Side], *, on_left: bool
) -> bool | None:
    """Whether the other side's weights are those of this side times the factor; None: they are not known."""
    weights = [_weight(op, side) for op, side in zip(products, sides, strict=True)]
    mine, theirs = weights if on_left else reversed(weights)
    if mine is None or theirs is None:
        return None
    scaled = mine.reshape(-1) * factor
    scale = float(np.max(np.abs(scaled), initial=0.0))
    equal = mine.size == theirs.size and np.allclose(scaled, theirs.reshape(-1), rtol=0, atol=_EQUAL * scale)
    return bool(equal)


def _weight(op: Op, side: Side) -> Array | None:
    """Return the weight of a product; the numbers of a model that is still to be given some mean nothing."""
    layers = side.opened.graph.layers
    if side.is_model or not layers[op.layers[0]].weights:
        return None
    return arrays(op, layers)["weight"]
