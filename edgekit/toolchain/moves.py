"""A permutation of many axes as permutations of few, between which neighbours are taken as one axis.

(c, h, p, w, q) to (h, w, p, q, c), the patches of an image, is c to the end, then p and w exchanged between
h and (q c): two axes, then four.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations, pairwise, permutations

_MOST_BLOCKS = 4
_MOST_AXES = 6


@dataclass(frozen=True, slots=True)
class Move:
    """Cut the axes into blocks between `ends`, and put the blocks into another order."""

    ends: tuple[int, ...]
    order: tuple[int, ...]

    def cut(self, axes: Sequence[int]) -> list[Sequence[int]]:
        """The blocks as they lie before the move."""
        return [axes[start:end] for start, end in pairwise(self.ends)]

    def applied(self, axes: Sequence[int]) -> list[int]:
        """The axes after the move."""
        blocks = self.cut(axes)
        return [axis for block in self.order for axis in blocks[block]]


@cache
def moves(order: tuple[int, ...]) -> tuple[Move, ...] | None:
    """Return the fewest moves of at most four blocks that permute axes 0, 1, ... to `order`.

    None for more than six axes, where the search would take long.
    """
    count = len(order)
    if count > _MOST_AXES:
        return None
    start = tuple(range(count))
    found: dict[tuple[int, ...], tuple[Move, ...]] = {start: ()}
    queue = deque([start])
    while order not in found:
        axes = queue.popleft()
        for move in _all_moves(count):
            after = tuple(move.applied(axes))
            if after not in found:
                found[after] = (*found[axes], move)
                queue.append(after)
    return found[order]


@cache
def _all_moves(count: int) -> tuple[Move, ...]:
    """Every move of so many axes, those of few blocks first."""
    return tuple(
        Move((0, *inner, count), order)
        for blocks in range(2, min(count, _MOST_BLOCKS) + 1)
        for inner in combinations(range(1, count), blocks - 1)
        for order in permutations(range(blocks))
        if order != tuple(range(blocks))
    )
