"""What differs between two matched operations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from edgekit.differ import compare_elementwise as elementwise
from edgekit.differ import compare_structure as structure
from edgekit.differ import compare_windows as windows
from edgekit.differ import words
from edgekit.differ.change import Change, Found
from edgekit.differ.model import Severity
from edgekit.differ.structure import Op

P1, P3 = Severity.P1, Severity.P3

_ANOTHER = "another kind of layer: its weights do not fit and it computes something else"
_UNKNOWN = "ncnn has no such layer, so that what it computes is not known"


def compare_pair(left: Op, right: Op) -> tuple[Change, ...]:
    """Return what differs between two matched operations; what follows from their inputs does not count."""
    if left.written and (left.written, left.marks) == (right.written, right.marks):
        return ()  # whatever becomes of it at other sizes: the cause is said elsewhere
    if {left.kind, right.kind} == {"conv", "linear"}:
        left, right = _as_convolution(left), _as_convolution(right)
    if left.kind != right.kind:
        found = _other_kind(left, right)
    else:
        found = _RULES.get(left.kind, structure.plain_facts)(left, right)
    return tuple(
        Change(kind, left, right, mine, theirs, severity, impact)
        for kind, mine, theirs, severity, impact in found
    )


def _as_convolution(op: Op) -> Op:
    """Return the convolution that the file has where shapes made it a linear layer."""
    return op if op.window is None else replace(op, kind="conv", facts=op.window)


def _other_kind(left: Op, right: Op) -> Iterator[Found]:
    kinds = {left.kind, right.kind}
    if kinds == {"conv", "linear"} and _same_product(left, right):
        return
    mine, theirs = words.title(left), words.title(right)
    if kinds in ({"pool", "resize"}, {"pool", "reduce"}):
        yield "pooling", mine, theirs, P3, "the same shape is reached in another way, with other numbers"
    else:
        yield "layer", mine, theirs, P1, _UNKNOWN if "custom" in kinds else _ANOTHER


def _same_product(left: Op, right: Op) -> bool:
    """Whether a convolution and a linear layer have the same matrix: on one pixel both compute the same."""
    pointwise = _is_pointwise(left if left.kind == "conv" else right)
    return pointwise and all(left.facts[name] == right.facts[name] for name in ("in", "out"))


def _is_pointwise(op: Op) -> bool:
    return set(op.facts["kernel"]) == {1} and op.facts["groups"] == 1 and words.pads(op.facts["pads"]) == "0"


def _nothing(left: Op, right: Op) -> Iterator[Found]:
    return iter(())


_RULES: Mapping[str, Callable[[Op, Op], Iterator[Found]]] = {
    "activation": elementwise.activation,
    "attention": windows.attention,
    "binary": elementwise.binary,
    "concat": structure.concat,
    "constant": _nothing,
    "conv": windows.convolution,
    "crop": structure.crop,
    "deconv": windows.convolution,
    "embed": windows.embed,
    "input": _nothing,
    "linear": windows.linear,
    "norm": elementwise.norm,
    "pad": windows.pad,
    "permute": structure.permute,
    "pool": windows.pool,
    "recurrent": windows.recurrent,
    "reduce": structure.reduction,
    "resize": windows.resize,
    "shuffle": structure.shuffle,
}
