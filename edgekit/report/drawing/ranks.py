"""Which row each node stands in, and where a long graph is cut into columns."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

Edge = tuple[int, int]

_MISFIT_COST = 12.0


def assign_ranks(count: int, edges: Sequence[Edge]) -> list[int]:
    """Return the longest path from a source to each node; every edge must lead to a higher node number.

    Sources that are not needed at the top (constants of a later layer) move down to their readers.
    """
    ranks = [0] * count
    first_reader: dict[int, int] = {}
    fed = {target for _, target in edges}
    for source, target in sorted(edges, key=lambda edge: edge[1]):
        ranks[target] = max(ranks[target], ranks[source] + 1)
    for source, target in edges:
        first_reader[source] = min(first_reader.get(source, ranks[target]), ranks[target])
    for node, reader in first_reader.items():
        if node not in fed:
            ranks[node] = reader - 1
    lowest = min(ranks, default=0)
    return [rank - lowest for rank in ranks]


def cut_columns(
    ranks: Sequence[int], edges: Sequence[Edge], heights: Sequence[float], columns: int
) -> list[int]:
    """Return the first rank of each column: about equally high, cut where few edges cross.

    `heights` are those of the ranks. The cuts are the best ones together (dynamic programming over the
    ranks near each ideal cut): an edge that crosses costs 1, a column's squared misfit `_MISFIT_COST`.
    """
    bottoms = [0.0, *accumulate(heights)]
    share = bottoms[-1] / columns
    crossings = _crossings(ranks, edges, len(heights))
    best: dict[int, tuple[float, list[int]]] = {0: (0.0, [0])}
    for number in range(1, columns):
        near = [rank for rank in range(1, len(heights)) if abs(bottoms[rank] - number * share) < share / 2]
        reached = {}
        for rank in near:
            options = [
                (cost + _misfit(bottoms[rank] - bottoms[start], share), starts)
                for start, (cost, starts) in best.items()
                if start < rank
            ]
            if options:
                cost, starts = min(options)
                reached[rank] = (cost + crossings[rank], [*starts, rank])
        best = reached or best
    ends = [
        (cost + _misfit(bottoms[-1] - bottoms[start], share), starts)
        for start, (cost, starts) in best.items()
    ]
    return min(ends)[1]


def _misfit(height: float, share: float) -> float:
    return _MISFIT_COST * (height / share - 1) ** 2


def _crossings(ranks: Sequence[int], edges: Sequence[Edge], count: int) -> list[int]:
    """Number of edges that cross the line above each rank."""
    change = [0] * (count + 1)
    for source, target in edges:
        change[ranks[source] + 1] += 1
        change[ranks[target] + 1] -= 1
    return list(accumulate(change))
