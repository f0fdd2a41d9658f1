"""What differs between two activations, normalisations and operations on numbers one by one."""

from __future__ import annotations

from collections.abc import Iterator

from edgekit.differ import words
from edgekit.differ.change import Found
from edgekit.differ.model import Severity
from edgekit.differ.structure import Op

P1, P2, P3 = Severity.P1, Severity.P2, Severity.P3


def norm(left: Op, right: Op) -> Iterator[Found]:
    """What is normalised, scaled and shifted; eps where nothing else differs."""
    mine, theirs = left.facts, right.facts
    if words.norm(left) != words.norm(right):
        statistics = (mine["type"], mine["groups"]) != (theirs["type"], theirs["groups"])
        impact = (
            "mean and deviation are taken over other values"
            if statistics
            else "learned scale and shift have no place on the other side"
        )
        yield "normalization", words.norm(left), words.norm(right), P2, impact
    elif mine["eps"] != theirs["eps"]:
        impact = "tells only where the deviation is small"
        yield "normalization", f"eps {mine['eps']:g}", f"eps {theirs['eps']:g}", P3, impact


def activation(left: Op, right: Op) -> Iterator[Found]:
    """The function and its numbers."""
    if _is_learned(left, right):
        return
    mine, theirs = words.activation(left), words.activation(right)
    if left.facts["type"] == "softmax" == right.facts["type"] and left.facts != right.facts:
        mine, theirs = (f"Softmax over axis {op.facts['params'][0]}" for op in (left, right))
    if mine != theirs:
        yield "activation", mine, theirs, P1, _activation_impact(left, right)


def _is_learned(left: Op, right: Op) -> bool:
    """Whether both bend by one slope that is learned: a PReLU, whose slope may stand in the `.param`."""
    slopes = all(
        op.facts["type"] in ("leakyrelu", "prelu") and len(op.facts["params"]) == 1 for op in (left, right)
    )
    learned = any(
        op.facts == {"type": "prelu", "params": (1,)}
        or any("prelu" in each.op.lower() for each in op.module_ops)
        for op in (left, right)
    )
    return slopes and learned


def _activation_impact(left: Op, right: Op) -> str:
    return words.ranges(left, right) or "every value that passes through is computed by another function"


def binary(left: Op, right: Op) -> Iterator[Found]:
    """The operation and its number."""
    if left.facts == right.facts:
        return
    kind = "layer" if left.facts["op"] != right.facts["op"] else "parameters"
    impact = "the branches are joined in another way" if kind == "layer" else "another number is applied"
    yield kind, words.binary(left), words.binary(right), P1, impact
