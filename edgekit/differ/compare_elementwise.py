"""What differs between two activations, normalisations and operations on numbers one by one."""

from __future__ import annotations

from collections.abc import Iterator

from edgekit.differ import bounds, words
from edgekit.differ.change import Found
from edgekit.differ.model import Severity
from edgekit.differ.structure import Op

P1, P2, P3 = Severity.P1, Severity.P2, Severity.P3

_ONE_SLOPE = {"type": "prelu", "params": (1,)}


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
    mine, theirs = _name(left), _name(right)
    if left.facts["type"] == "softmax" == right.facts["type"] and left.facts != right.facts:
        mine, theirs = (f"Softmax over axis {op.facts['params'][0]}" for op in (left, right))
    if mine != theirs:
        yield "activation", mine, theirs, P1, _activation_impact(left, right)


def _is_learned(left: Op, right: Op) -> bool:
    """Whether both bend by one slope that is learned: a PReLU, whose slope may stand in the `.param`."""
    slopes = all(op.facts["type"] == "leakyrelu" or op.facts == _ONE_SLOPE for op in (left, right))
    learned = any(op.facts == _ONE_SLOPE or words.is_of_prelu(op) for op in (left, right))
    return slopes and learned


def _name(op: Op) -> str:
    """Return an activation's name, and of a PReLU how many slopes it has: their number decides what fits."""
    if op.facts["type"] == "leakyrelu" and words.is_of_prelu(op):
        return "PReLU with one slope"
    if op.facts["type"] == "prelu":
        return f"PReLU with {'one slope' if op.facts == _ONE_SLOPE else 'a slope per channel'}"
    return words.activation(op)


def _activation_impact(left: Op, right: Op) -> str:
    return bounds.ranges(left, right) or "every value that passes through is computed by another function"


def binary(left: Op, right: Op) -> Iterator[Found]:
    """The operation and its number."""
    if left.facts == right.facts:
        return
    if left.facts["op"] == right.facts["op"] or None not in (left.facts["scalar"], right.facts["scalar"]):
        kind, impact = "parameters", "another number is applied"
    else:
        kind, impact = "layer", "the branches are joined in another way"
    yield kind, words.binary(left), words.binary(right), P1, impact
