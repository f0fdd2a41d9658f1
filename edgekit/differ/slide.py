"""Of two equal alignments, that in which what was added begins with a layer, and is a block where it can be.

`conv relu` against `conv relu conv relu`: whether `conv relu` or `relu conv` was added cannot be told by
what is matched, but people add a layer with the activation behind it. Of blocks that repeat, people add one
as a whole, with its skip connection.
"""

from __future__ import annotations

from edgekit.differ.align import Matching, fed_alike
from edgekit.differ.change import is_weighted
from edgekit.differ.structure import Op

_FARTHEST = 200
"""How many operations are looked through: a layer is added beside another, and files can be long."""


def slid(found: Matching) -> Matching:
    """Return the alignment with each small operation matched as early as its partner's operands allow."""
    found = _mirrored(_slid_left(_mirrored(_slid_left(found))))
    return _mirrored(_in_blocks(_mirrored(_in_blocks(found))))


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


def _in_blocks(found: Matching) -> Matching:
    """Shift each run of the left's unmatched operations to where the fewest tensors go in and out of it."""
    start = 0
    while start < len(found.left):
        end = _end_of_run(found, start)
        if end > start and any(is_weighted(found.left.ops[index]) for index in range(start, end)):
            found = min(_shifts(found, start, end), key=lambda each: each[0])[1]
        start = max(end, start) + 1
    return found


def _end_of_run(found: Matching, start: int) -> int:
    """Return the position behind a run of unmatched operations that begins at `start`."""
    end = start
    while end < len(found.left) and _is_alone(found, end):
        end += 1
    return end


def _is_alone(found: Matching, index: int) -> bool:
    return index not in found.pairs and found.left.ops[index].kind != "input"


def _shifts(found: Matching, start: int, end: int) -> list[tuple[tuple[int, int], Matching]]:
    """Return the alignments in which equal operations before or behind a run take its place.

    Each comes with the number of tensors that go in and out of the run, and with its distance.
    """
    ways = [((_doors(found, start, end), 0), found)]
    for step in (-1, 1):
        now, first, last = found, start, end
        while abs(first - start) < _FARTHEST:
            taken, left_out = (first - 1, last - 1) if step < 0 else (last, first)
            if not 0 <= taken < len(now.left) or not _same(now, taken, left_out):
                break
            pairs = dict(now.pairs)
            pairs[left_out] = pairs.pop(taken)
            now, first, last = Matching(now.left, now.right, pairs), first + step, last + step
            ways.append(((_doors(now, first, last), abs(first - start)), now))
    return ways


def _same(found: Matching, taken: int, left_out: int) -> bool:
    mine, theirs = found.left.ops[taken], found.left.ops[left_out]
    return taken in found.pairs and (mine.kind, mine.facts) == (theirs.kind, theirs.facts)


def _doors(found: Matching, start: int, end: int) -> int:
    """Count the tensors that a run reads from outside, and those of it that are read outside."""
    inside = range(start, end)
    ops = [found.left.ops[index] for index in inside]
    read = {value for op in ops for value in op.inputs if value[0] not in inside}
    given = {op.index for op in ops if any(each not in inside for each in found.left.readers[op.index])}
    return len(read) + len(given) + sum(index in found.left.ends for index in inside)
