"""Tensors of one shape that two networks regroup otherwise before they go on: rows for columns.

A Reshape is no operation here: where both sides are fed the same and read it in another shape, the numbers
stand in other rows all the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from edgekit.differ import words
from edgekit.differ.align import Matching
from edgekit.differ.change import Change
from edgekit.differ.draft import BATCH_MOVED, Shape
from edgekit.differ.model import Severity
from edgekit.differ.structure import Op

_IMPACT = "the same numbers stand in other rows and columns"


def regrouped(found: Matching) -> Iterator[Change]:
    """Yield the Reshapes of one tensor that make another shape of it, where something reads that shape."""
    for mine, theirs in sorted(found.pairs.items()):
        left, right = found.left.ops[mine], found.right.ops[theirs]
        if left.kind == "linear" or BATCH_MOVED in left.marks | right.marks:
            continue  # takes all numbers in a row, in whatever shape; has rows that are items
        for operand in sorted(left.views.keys() & right.views.keys()):
            if _fed_alike(left, right, operand, found):
                yield from _other_shape(left.views[operand], right.views[operand])


def _fed_alike(left: Op, right: Op, operand: int, found: Matching) -> bool:
    (producer, slot), (other, other_slot) = left.inputs[operand], right.inputs[operand]
    shapes = found.left.ops[producer].shapes[slot], found.right.ops[other].shapes[other_slot]
    same = found.pairs.get(producer) == other and slot == other_slot
    return same and None not in shapes and _long(shapes[0]) == _long(shapes[1])


def _other_shape(left: Op, right: Op) -> Iterator[Change]:
    mine, theirs = _long(left.shape), _long(right.shape)
    if mine != theirs and prod(mine) == prod(theirs):
        yield Change("shape", left, right, words.title(left), words.title(right), Severity.P1, _IMPACT)


def _long(shape: Shape | None) -> Shape:
    return tuple(size for size in shape or () if size != 1)
