"""Branches side by side that one network has in another order: an alignment of sequences cannot cross over.

`concat(a(x), b(x))` against `concat(b(x), a(x))`: only the order of the operands differs, no layer.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from edgekit.differ.align import Matching, fed_alike
from edgekit.differ.similarity import similarity, worth
from edgekit.differ.structure import Op

_LEAST_GAIN = 0.5


def uncrossed(found: Matching) -> Matching:
    """Return the alignment with partners exchanged where both then are more alike, each two at most once."""
    done: set[tuple[int, int]] = set()
    while True:
        exchange = next((each for each in _exchanges(found) if each not in done), None)
        if exchange is None:
            return found
        done.add(exchange)
        first, second = exchange
        pairs = dict(found.pairs)
        pairs[first], pairs[second] = pairs[second], pairs[first]
        found = Matching(found.left, found.right, pairs)


def _exchanges(found: Matching) -> Iterator[tuple[int, int]]:
    """Yield pairs of operations of the left that should have each other's partners."""
    partners = {mine: found.right.ops[theirs] for mine, theirs in found.pairs.items()}
    doubtful = [op for op in found.left if op.index in partners and _doubtful(op, partners[op.index], found)]
    for one, two in combinations(doubtful, 2):
        first, second = partners[one.index], partners[two.index]
        if one.kind != two.kind or not fed_alike(one, second, found) == fed_alike(two, first, found) == 1.0:
            continue
        before = _alike(one, first, found) + _alike(two, second, found)
        if _alike(one, second, found) + _alike(two, first, found) >= before + _LEAST_GAIN:
            yield one.index, two.index


def _doubtful(left: Op, right: Op, found: Matching) -> bool:
    return left.kind != "input" and (
        similarity(left, right) < worth(left) or fed_alike(left, right, found) < 1.0
    )


def _alike(left: Op, right: Op, found: Matching) -> float:
    return similarity(left, right) + fed_alike(left, right, found)
