"""One column of a drawing: its nodes in rows, its edges as chains of passing points."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from edgekit.report.drawing.coordinates import place_rows
from edgekit.report.drawing.order import order_rows
from edgekit.report.drawing.ranks import Edge

_GAP = 20.0
_LINE_WIDTH = 8.0


@dataclass(frozen=True, slots=True)
class Column:
    """Horizontal centres of the nodes, of the points at which an edge passes a row, and the width."""

    nodes: dict[int, float]
    passes: dict[Edge, tuple[tuple[int, float], ...]]
    width: float


def arrange(
    nodes: Sequence[int], edges: Sequence[Edge], ranks: Sequence[int], widths: Sequence[float]
) -> Column:
    """Arrange the nodes of one column; `edges` are those inside it, `ranks` and `widths` of all nodes.

    `passes` maps an edge to the (rank, x) of each row between its ends.
    """
    first, last = min(ranks[node] for node in nodes), max(ranks[node] for node in nodes)
    rows: list[list[int]] = [[] for _ in range(first, last + 1)]
    for node in nodes:
        rows[ranks[node] - first].append(node)
    above: dict[int, list[int]] = defaultdict(list)
    below: dict[int, list[int]] = defaultdict(list)
    chains: dict[Edge, list[int]] = {}
    new = len(ranks)
    for source, target in sorted(edges):
        chain = list(range(new, new + ranks[target] - ranks[source] - 1))
        new += len(chain)
        for rank, item in enumerate(chain, ranks[source] + 1):
            rows[rank - first].append(item)
        ends = [source, *chain, target]
        for upper, lower in pairwise(ends):
            below[upper].append(lower)
            above[lower].append(upper)
        chains[source, target] = chain

    def width(item: int) -> float:
        return widths[item] if item < len(widths) else _LINE_WIDTH

    ordered = order_rows(rows, above, below)
    x = place_rows(ordered, above, below, width, lambda item: item >= len(widths), chains.values(), _GAP)
    passes = {
        edge: tuple((ranks[edge[0]] + step, x[item]) for step, item in enumerate(chain, 1))
        for edge, chain in chains.items()
    }
    right = max(place + width(item) / 2 for item, place in x.items())
    return Column({node: x[node] for node in nodes}, passes, right)
