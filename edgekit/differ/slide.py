"""Of two equal alignments, that in which what was added begins with a layer.

`conv relu` against `conv relu conv relu`: whether `conv relu` or `relu conv` was added cannot be told by
what is matched, but people add a layer with the activation behind it.
"""

from __future__ import annotations

from edgekit.differ.align import Matching, fed_alike
from edgekit.differ.change import is_weighted
from edgekit.differ.structure import Op

_FARTHEST = 200
"""How many operations are looked through: a layer is added beside another, and files can be long."""


def slid(found: Matching) -> Matching:
    """Return the alignment with each small operation matched as early as its partner's operands allow."""
    return _mirrored(_slid_left(_mirrored(_slid_left(found))))


def _mirrored(found: Matching) -> Matching:
    return Matching(found.right, found.left, found.back)


def _slid_left(found: Matching) -> Matching:
    """Give partners of later operations of the left to equal ones that stand where the partner stands."""
    for op in found.left:
        if op.index in found.pairs or op.kind == "input" or is_weighted(op):
            continue
        later = _equal_below(op, found)
        if later is not None:
            pairs = dict(found.pairs)
            pairs[op.index] = pairs.pop(later.index)
            found = Matching(found.left, found.right, pairs)
    return found


def _equal_below(op: Op, found: Matching) -> Op | None:
    """Return an operation below, reached through unmatched ones, that has the partner which fits `op`."""
    pending, seen = [*found.left.readers[op.index]], set[int]()
    while pending and len(seen) < _FARTHEST:
        index = pending.pop(0)
        if index in seen:
            continue
        seen.add(index)
        below = found.left.ops[index]
        if index not in found.pairs:
            pending += found.left.readers[index]
        elif (below.kind, below.facts) == (op.kind, op.facts):
            partner = found.right.ops[found.pairs[index]]
            if fed_alike(op, partner, found) == 1.0 > fed_alike(below, partner, found):
                return below
    return None
