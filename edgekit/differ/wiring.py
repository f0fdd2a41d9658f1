"""Matched operations that are fed by something else: skip connections that are wired elsewhere."""

from __future__ import annotations

from collections.abc import Mapping

from edgekit.differ import words
from edgekit.differ.align import Matching
from edgekit.differ.change import Change, is_commutative
from edgekit.differ.model import Severity
from edgekit.differ.structure import Op, Structure

Sources = frozenset[int]


def rewired(found: Matching) -> list[Change]:
    """Return the matched operations whose operands do not come from partners of each other.

    Operations without a partner are looked through: what they change is said elsewhere.
    """
    lefts = _Origins(found.left, found.pairs)
    rights = _Origins(found.right, found.back)
    changes = []
    for left_index, right_index in found.pairs.items():
        left, right = found.left.ops[left_index], found.right.ops[right_index]
        mine = [frozenset(found.pairs[index] for index in lefts.of(producer)) for producer, _ in left.inputs]
        theirs = [rights.of(producer) for producer, _ in right.inputs]
        if _agree(left, mine, theirs):
            continue
        joined = any(lefts.joins(producer) for producer, _ in left.inputs) or any(
            rights.joins(producer) for producer, _ in right.inputs
        )
        if joined and _contained(mine, theirs):
            continue  # a branch is joined on one side only, which is said of the operation that joins
        if _explained(left, right, (mine, theirs), found):
            continue
        changes.append(_change(found, left, right, mine, theirs))
    return changes


class _Origins:
    """The nearest matched operations above an operation, through those without a partner."""

    def __init__(self, structure: Structure, matched: Mapping[int, int]) -> None:
        self._structure = structure
        self._matched = matched
        self._origins: dict[int, Sources] = {}
        self._joined: dict[int, bool] = {}

    def of(self, index: int) -> Sources:
        if index in self._matched:
            return frozenset({index})
        if index not in self._origins:
            producers = [producer for producer, _ in self._structure.ops[index].inputs]
            self._origins[index] = frozenset[int]().union(*(self.of(producer) for producer in producers))
        return self._origins[index]

    def joins(self, index: int) -> bool:
        """Whether an operation without a partner joins branches on the way."""
        if index in self._matched:
            return False
        if index not in self._joined:
            producers = {producer for producer, _ in self._structure.ops[index].inputs}
            self._joined[index] = len(producers) > 1 or any(self.joins(producer) for producer in producers)
        return self._joined[index]


def _agree(left: Op, mine: list[Sources], theirs: list[Sources]) -> bool:
    if is_commutative(left):
        return sorted(map(sorted, mine)) == sorted(map(sorted, theirs))
    return mine == theirs


def _explained(left: Op, right: Op, sources: tuple[list[Sources], list[Sources]], found: Matching) -> bool:
    """Whether operands differ only where one side has an operation alone and the other repeats an operand.

    That operation is said to be missing. Converters make one layer of two equal ones, so that it may stand
    against an operand that is there already.
    """
    mine, theirs = sources
    if len(mine) != len(theirs):
        return False
    for position, (one, other) in enumerate(zip(mine, theirs, strict=True)):
        alone = left.inputs[position][0] not in found.pairs and other in mine
        alone |= right.inputs[position][0] not in found.back and one in theirs
        if one != other and not alone:
            return False
    return True


def _contained(mine: list[Sources], theirs: list[Sources]) -> bool:
    left, right = frozenset[int]().union(*mine), frozenset[int]().union(*theirs)
    return left <= right or right <= left


def _change(found: Matching, left: Op, right: Op, mine: list[Sources], theirs: list[Sources]) -> Change:
    """Say which operands differ; `mine` and `theirs` are positions in the right structure."""
    reordered = sorted(map(sorted, mine)) == sorted(map(sorted, theirs))
    wanted = mine if reordered else _without(mine, theirs)
    given = theirs if reordered else _without(theirs, mine)
    left_ops = [_operations(found.left, found.back, sources) for sources in (wanted, given)]
    right_ops = [_operations(found.right, None, sources) for sources in (wanted, given)]
    more = len(mine) != len(theirs)
    values = _counted if more else _described
    around = None if more else _around(found.right, left, *right_ops)
    return Change(
        "wiring",
        left,
        right,
        values(left, left_ops[0]),
        values(right, right_ops[1]),
        Severity.P1,
        f"{len(mine)} tensors meet on the left, {len(theirs)} on the right"
        if more
        else (_REORDERED if reordered else _ELSEWHERE),
        feeds=(right_ops[0], left_ops[1]),
        spares=(left_ops[0], right_ops[1]),
        around=around,
    )


def _around(
    structure: Structure, op: Op, wanted: tuple[Op, ...], given: tuple[Op, ...]
) -> tuple[str, str] | None:
    """Say what meets in words without names, where one side takes an operand before and the other after.

    `wanted` and `given` are what the left and the right take, both in the right structure.
    """
    if (
        len(wanted) != 1
        or len(given) != 1
        or not (passes_on(wanted[0], given[0]) or passes_on(given[0], wanted[0]))
    ):
        return None
    mine, theirs = (f"{words.title(op)} of {words.title(each)}" for each in (*wanted, *given))
    return mine, theirs


def passes_on(op: Op, reader: Op) -> bool:
    """Whether an operation's result is read by another one."""
    return any(producer == op.index for producer, _ in reader.inputs)


_REORDERED = "the weights fit, but meet the features in another order"
_ELSEWHERE = "the weights fit, but other features meet here"


def _described(op: Op, fed: tuple[Op, ...]) -> str:
    return f"{words.title(op)} of {_named(fed)}"


def _counted(op: Op, fed: tuple[Op, ...]) -> str:
    count = f"{words.title(op)} of {len(op.inputs)}"
    return f"{count}, with {_named(fed)}" if fed else count


def _without(sources: list[Sources], others: list[Sources]) -> list[Sources]:
    """Return what is left when each of the others is taken out once."""
    rest = list(sources)
    for each in others:
        if each in rest:
            rest.remove(each)
    return rest


def _operations(
    structure: Structure, partners: Mapping[int, int] | None, operands: list[Sources]
) -> tuple[Op, ...]:
    positions = [index for sources in operands for index in sorted(sources)]
    return tuple(structure.ops[index if partners is None else partners[index]] for index in positions)


def _named(ops: tuple[Op, ...]) -> str:
    return " and ".join(f"{_short(op)} '{op.name}'{_part(op)}" for op in ops) or "nothing"


def _short(op: Op) -> str:
    """Return what an operation is without its window: `Conv 8 -> 16`."""
    return words.title(op).partition(",")[0]


def _part(op: Op) -> str:
    number = words.part(op)
    return "" if number is None else f" (part {number})"
