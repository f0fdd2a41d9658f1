"""Align two structures: which operation of one is which of the other, and which are there on one side alone.

First a global alignment of the two sequences with affine gaps (Needleman-Wunsch as extended by Gotoh, 1982),
then again with what the wiring of the first result says, then a look for what was moved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from edgekit.differ.similarity import FED, FORBIDDEN, similarity, worth
from edgekit.differ.structure import Op, Structure

_GAP_OPEN = 0.8
_GAP_EXTEND = 0.1
_FED_ALIKE = 0.3
_READ_ALIKE = 0.3
_ROUNDS = 2
_MATCH, _LEFT_ALONE, _RIGHT_ALONE = 0, 1, 2


@dataclass(frozen=True, eq=False)
class Matching:
    """Pairs of positions (left, right)."""

    left: Structure
    right: Structure
    pairs: Mapping[int, int]

    @cached_property
    def quality(self) -> float:
        """How much of both sides is matched, and how well: similarity and wiring of all pairs."""
        return sum(
            similarity(self.left.ops[mine], self.right.ops[theirs])
            + fed_alike(self.left.ops[mine], self.right.ops[theirs], self)
            for mine, theirs in self.pairs.items()
            if self.left.ops[mine].kind != "input"
        )

    @cached_property
    def back(self) -> Mapping[int, int]:
        """Right position -> left position."""
        return {right: left for left, right in self.pairs.items()}


def match(left: Structure, right: Structure, inputs: Mapping[int, int], fed: float = FED) -> Matching:
    """Return the alignment; `inputs` says which input operation of the left is which of the right.

    `fed` is what it costs that two operations are fed other numbers of channels.
    """
    lefts = [op for op in left if op.kind != "input"]
    rights = [op for op in right if op.kind != "input"]
    scores = _scores(lefts, rights, fed)
    found = Matching(left, right, {**inputs, **_align(lefts, rights, scores)})
    for _ in range(_ROUNDS):
        refined = Matching(
            left, right, {**inputs, **_align(lefts, rights, _wired(lefts, rights, scores, found))}
        )
        if refined.pairs == found.pairs:
            break
        found = refined
    return _with_moved(found)


Scores = list[list[float]]


def _scores(lefts: Sequence[Op], rights: Sequence[Op], fed: float) -> Scores:
    """Similarities; many operations are equal, so that each pair of kinds of them is compared once."""
    cache: dict[tuple[str, str], float] = {}
    keys = [_key(op) for op in rights]
    rows = []
    for op in lefts:
        own = _key(op)
        row = []
        for key, other in zip(keys, rights, strict=True):
            if (own, key) not in cache:
                cache[own, key] = similarity(op, other, fed)
            row.append(cache[own, key])
        rows.append(row)
    return rows


def _key(op: Op) -> str:
    return f"{op.kind} {sorted(op.facts.items(), key=lambda item: item[0])}"


def _wired(lefts: Sequence[Op], rights: Sequence[Op], scores: Scores, found: Matching) -> Scores:
    """Add to each score what the neighbours say that an earlier alignment matched."""
    back = {index: row for row, index in enumerate(op.index for op in rights)}
    raised = [list(row) for row in scores]
    for row, op in enumerate(lefts):
        for column in _partners(op, found, back):
            if raised[row][column] != FORBIDDEN:
                raised[row][column] += _agreement(op, rights[column], found)
    return raised


def _partners(op: Op, found: Matching, columns: Mapping[int, int]) -> set[int]:
    """Columns of operations beside a match of a neighbour."""
    near: set[int] = set()
    for producer, _ in op.inputs:
        partner = found.pairs.get(producer)
        if partner is not None:
            near.update(found.right.readers[partner])
    for reader in found.left.readers[op.index]:
        partner = found.pairs.get(reader)
        if partner is not None:
            near.update(producer for producer, _ in found.right.ops[partner].inputs)
    return {columns[index] for index in near if index in columns}


def _agreement(left: Op, right: Op, found: Matching) -> float:
    return _FED_ALIKE * fed_alike(left, right, found) + _READ_ALIKE * _read_alike(left, right, found)


def fed_alike(left: Op, right: Op, found: Matching) -> float:
    """Return the share of the left's operands that come from partners of the right's."""
    theirs = {producer for producer, _ in right.inputs}
    same = sum(found.pairs.get(producer) in theirs for producer, _ in left.inputs)
    return same / max(len(left.inputs), len(right.inputs), 1)


def _read_alike(left: Op, right: Op, found: Matching) -> float:
    mine, theirs = found.left.readers[left.index], found.right.readers[right.index]
    same = sum(found.pairs.get(reader) in theirs for reader in mine)
    return same / max(len(mine), len(theirs), 1)


def _align(lefts: Sequence[Op], rights: Sequence[Op], scores: Scores) -> dict[int, int]:
    """Return the best alignment as pairs of positions; of equal ones, that which matches early."""
    columns = len(rights)
    best = [[FORBIDDEN] * (columns + 1) for _ in range(3)]
    best[_MATCH][0] = 0.0
    for column in range(1, columns + 1):
        best[_RIGHT_ALONE][column] = -_GAP_OPEN - _GAP_EXTEND * (column - 1)
    trace: list[list[tuple[int, int, int]]] = []
    for row in range(1, len(lefts) + 1):
        best, steps = _next_row(best, scores[row - 1], row, columns)
        trace.append(steps)
    state = max(range(3), key=lambda each: best[each][columns])
    pairs: dict[int, int] = {}
    row, column = len(lefts), columns
    while row > 0 or column > 0:
        before = trace[row - 1][column][state] if row > 0 else _RIGHT_ALONE
        if state == _MATCH:
            row, column = row - 1, column - 1
            pairs[lefts[row].index] = rights[column].index
        elif state == _LEFT_ALONE:
            row -= 1
        else:
            column -= 1
        state = before
    return pairs


Rows = list[list[float]]


def _next_row(
    before: Rows, scores: Sequence[float], row: int, columns: int
) -> tuple[Rows, list[tuple[int, int, int]]]:
    """Return the best sums of the next row in each state, and from which state each of them comes."""
    now: Rows = [[FORBIDDEN] * (columns + 1) for _ in range(3)]
    now[_LEFT_ALONE][0] = -_GAP_OPEN - _GAP_EXTEND * (row - 1)
    steps: list[tuple[int, int, int]] = [(_LEFT_ALONE, _LEFT_ALONE if row > 1 else _MATCH, _RIGHT_ALONE)]
    matched, left_alone, right_alone = before
    for column in range(1, columns + 1):
        diagonal = (matched[column - 1], left_alone[column - 1], right_alone[column - 1])
        from_match = _first_best(diagonal)
        score = scores[column - 1]
        if score != FORBIDDEN:
            now[_MATCH][column] = diagonal[from_match] + score
        above = (
            matched[column] - _GAP_OPEN,
            left_alone[column] - _GAP_EXTEND,
            right_alone[column] - _GAP_OPEN,
        )
        from_above = _first_best(above)
        now[_LEFT_ALONE][column] = above[from_above]
        beside = (
            now[_MATCH][column - 1] - _GAP_OPEN,
            now[_LEFT_ALONE][column - 1] - _GAP_OPEN,
            now[_RIGHT_ALONE][column - 1] - _GAP_EXTEND,
        )
        from_beside = _first_best(beside)
        now[_RIGHT_ALONE][column] = beside[from_beside]
        steps.append((from_match, from_above, from_beside))
    return now, steps


def _first_best(sums: tuple[float, float, float]) -> int:
    """Return the state of the largest sum; a gap before a match where they are equal."""
    matched, left_alone, right_alone = sums
    if left_alone >= matched and left_alone >= right_alone:
        return _LEFT_ALONE
    return _RIGHT_ALONE if right_alone >= matched else _MATCH


def _with_moved(found: Matching) -> Matching:
    """Match what stands elsewhere in the order but is wired alike: what was left over on both sides."""
    pairs = dict(found.pairs)
    while True:
        now = Matching(found.left, found.right, pairs)
        candidates = [
            (_agreement(left, right, now) + similarity(left, right) / worth(left), left.index, right.index)
            for left in found.left
            if left.index not in pairs and left.kind != "input"
            for right in found.right
            if right.index not in now.back
            and left.kind == right.kind
            and similarity(left, right) >= 0.5 * worth(left)
            and fed_alike(left, right, now) == 1.0
        ]
        if not candidates:
            return now
        _, left_index, right_index = max(candidates, key=lambda each: (each[0], -each[1], -each[2]))
        pairs[left_index] = right_index
