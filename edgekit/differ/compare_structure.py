"""What differs between two layers that move, cut and join."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edgekit.differ import words
from edgekit.differ.change import Found
from edgekit.differ.model import Severity
from edgekit.differ.structure import Op

P1 = Severity.P1

Cut = tuple[int | None, ...]
"""(axis, start, size, length before) of an axis that is cut; None where the shapes do not tell."""


def crop(left: Op, right: Op) -> Iterator[Found]:
    """The part that is taken."""
    mine, theirs = left.facts.get("cuts"), right.facts.get("cuts")
    if left.facts == right.facts or (mine is not None and theirs is not None and _same_cuts(mine, theirs)):
        return
    if mine is not None and theirs is not None:
        values = [", ".join(map(_cut, cuts)) for cuts in (mine, theirs)]
    else:
        values = [words.parameters(op, sorted(op.facts)) for op in (left, right)]
    yield "parameters", values[0], values[1], P1, "another part of the tensor is taken"


def _cut(cut: Cut) -> str:
    axis, start, size, length = cut
    if start is None or size is None:
        return f"a part of axis {axis}"
    return f"{start} to {start + size} of {length} on axis {axis}"


def _same_cuts(mine: Sequence[Cut], theirs: Sequence[Cut]) -> bool:
    """Whether the same part is taken; of axes of other lengths, one that starts alike or in proportion.

    An axis that one side cuts at its end alone is only as long there as it is on the other.
    """
    cuts = [{axis: tuple(rest) for axis, *rest in side} for side in (mine, theirs)]
    for axis in cuts[0].keys() | cuts[1].keys():
        if axis in cuts[0] and axis in cuts[1]:
            if not _same_part(cuts[0][axis], cuts[1][axis]):
                return False
        elif (cuts[0].get(axis) or cuts[1][axis])[0]:
            return False
    return True


def _same_part(mine: tuple[int | None, ...], theirs: tuple[int | None, ...]) -> bool:
    (start, size, length), (other_start, other_size, other_length) = mine, theirs
    if length == other_length:
        return mine == theirs
    return start == other_start or (bool(start) == bool(other_start) and size != other_size)


def shuffle(left: Op, right: Op) -> Iterator[Found]:
    """The groups whose channels are mixed."""
    if left.facts != right.facts:
        mine, theirs = (f"{op.facts['groups']} groups" for op in (left, right))
        yield "groups", mine, theirs, P1, "channels are put in another order"


def concat(left: Op, right: Op) -> Iterator[Found]:
    """The axis along which branches are joined."""
    if left.facts["long_axis"] != right.facts["long_axis"]:
        mine, theirs = (f"axis {op.facts['axis']}" for op in (left, right))
        yield "parameters", mine, theirs, P1, "branches are joined along another axis"


def permute(left: Op, right: Op) -> Iterator[Found]:
    """The order of axes."""
    if left.facts["order"] != right.facts["order"]:
        mine, theirs = (f"order {words.plain(op.facts['order'])}" for op in (left, right))
        yield "parameters", mine, theirs, P1, "axes are put in another order"


def reduction(left: Op, right: Op) -> Iterator[Found]:
    """What is made of which axes."""
    if left.facts != right.facts:
        other_axes = left.facts["op"] == right.facts["op"] and left.facts["axes"] != right.facts["axes"]
        impact = "another axis is summed up" if other_axes else "an axis is summed up in another way"
        yield "parameters", words.reduction(left), words.reduction(right), P1, impact


def plain_facts(left: Op, right: Op) -> Iterator[Found]:
    """Any other kind: the facts that differ, by name."""
    names = sorted({*left.facts, *right.facts})
    differing = [name for name in names if left.facts.get(name) != right.facts.get(name)]
    if differing:
        values = [words.parameters(op, differing) for op in (left, right)]
        yield "parameters", values[0], values[1], P1, f"{left.type} computes something else"
