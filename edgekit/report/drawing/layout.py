"""A layered drawing of a directed graph: rows from top to bottom, a long graph in several columns.

The usual steps (Sugiyama, Tagawa and Toda, 1981): rows by longest path, order within the rows by barycentres,
then horizontal places. Lines within a column curve; lines between columns run in the gutters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from edgekit.report.drawing.column import Column, arrange
from edgekit.report.drawing.ranks import Edge, assign_ranks, cut_columns

_GAP_Y = 22.0
_GUTTER = 34.0
_LANE = 6.0
_ASPECT = 1.4
_SHORTEST_COLUMN = 600.0

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Box:
    """Size of a node in pixels."""

    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Line:
    """An edge and the points it passes, end points included. `square` lines turn at right angles."""

    source: int
    target: int
    points: tuple[Point, ...]
    square: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """Centres of all nodes, all edges, and the size of the whole."""

    centres: tuple[Point, ...]
    lines: tuple[Line, ...]
    width: float
    height: float


def lay_out(boxes: Sequence[Box], edges: Sequence[Edge]) -> Picture:
    """Place the boxes. Every edge (source, target) must lead to a higher number.

    Raises:
        ValueError: an edge leads back.
    """
    if not boxes:
        return Picture((), (), 0.0, 0.0)
    unique = list(dict.fromkeys(edges))
    if any(source >= target for source, target in unique):
        raise ValueError("an edge leads back: the nodes are not in topological order")
    return _Drawing(boxes, unique).picture()


class _Drawing:
    """The state of one layout: rows first, then columns, then lines."""

    def __init__(self, boxes: Sequence[Box], edges: Sequence[Edge]) -> None:
        self.boxes = boxes
        self.edges = edges
        self.ranks = assign_ranks(len(boxes), edges)
        self.heights = [0.0] * (max(self.ranks) + 1)
        for rank, box in zip(self.ranks, boxes, strict=True):
            self.heights[rank] = max(self.heights[rank], box.height)
        rows = [height + _GAP_Y for height in self.heights]
        starts = cut_columns(self.ranks, edges, rows, self._column_count(sum(rows)))
        self.column_of_rank = [sum(start <= rank for start in starts) - 1 for rank in range(len(rows))]
        self.columns = [self._column(number) for number in range(len(starts))]
        self.between = [edge for edge in edges if self._is_between(edge)]
        self.lanes = self._lanes()
        self.lefts = self._lefts()
        self.far = {edge: lane for lane, edge in enumerate(filter(self._is_far, self.between))}
        self.header = _GAP_Y + _LANE * len(self.far)
        self.tops = self._tops()
        self.centres = [self._centre(node) for node in range(len(boxes))]

    def picture(self) -> Picture:
        lines = [self._square(edge) if self._is_between(edge) else self._curve(edge) for edge in self.edges]
        height = max(top + size for top, size in zip(self.tops, self.heights, strict=True))
        return Picture(tuple(self.centres), tuple(lines), self.lefts[-1], height + _GAP_Y)

    def _column_count(self, height: float) -> int:
        """As many columns as bring the picture near its aspect, none shorter than a screen."""
        widths = [0.0] * len(self.heights)
        for rank, box in zip(self.ranks, self.boxes, strict=True):
            widths[rank] += box.width + _GUTTER
        wide = max(widths) + _GUTTER
        fitting = round(math.sqrt(_ASPECT * height / wide))
        return max(1, min(fitting, int(height / _SHORTEST_COLUMN)))

    def _column(self, number: int) -> Column:
        nodes = [node for node in range(len(self.boxes)) if self._column_of(node) == number]
        edges = [
            edge for edge in self.edges if self._column_of(edge[0]) == self._column_of(edge[1]) == number
        ]
        return arrange(nodes, edges, self.ranks, [box.width for box in self.boxes])

    def _column_of(self, node: int) -> int:
        return self.column_of_rank[self.ranks[node]]

    def _is_between(self, edge: Edge) -> bool:
        return self._column_of(edge[0]) != self._column_of(edge[1])

    def _is_far(self, edge: Edge) -> bool:
        """Whether a column lies between the ends, so that the line must pass over it."""
        return self._column_of(edge[1]) - self._column_of(edge[0]) > 1

    def _lanes(self) -> dict[tuple[Edge, int], int]:
        """A lane of its own for every line in every gutter that it uses; gutter n is right of column n."""
        used = [0] * len(self.columns)
        lanes = {}
        for edge in self.between:
            for gutter in sorted({self._column_of(edge[0]), self._column_of(edge[1]) - 1}):
                lanes[edge, gutter] = used[gutter]
                used[gutter] += 1
        return lanes

    def _lefts(self) -> list[float]:
        """Left edges of the columns, and the right edge of the last one."""
        used = [0] * len(self.columns)
        for _, gutter in self.lanes:
            used[gutter] += 1
        widths = [column.width + _GUTTER + _LANE * used[number] for number, column in enumerate(self.columns)]
        widths[-1] = self.columns[-1].width
        return [0.0, *accumulate(widths)]

    def _tops(self) -> list[float]:
        """Upper edge of every row; every column begins at the same height."""
        tops = [self.header]
        for rank, height in enumerate(self.heights[:-1]):
            same = self.column_of_rank[rank] == self.column_of_rank[rank + 1]
            tops.append(tops[-1] + height + _GAP_Y if same else self.header)
        return tops

    def _centre(self, node: int) -> Point:
        column, rank = self._column_of(node), self.ranks[node]
        return self.lefts[column] + self.columns[column].nodes[node], self.tops[rank] + self.heights[rank] / 2

    def _ends(self, edge: Edge) -> tuple[Point, Point]:
        """Lower edge of the source, upper edge of the target."""
        (source_x, source_y), (target_x, target_y) = self.centres[edge[0]], self.centres[edge[1]]
        start = source_x, source_y + self.boxes[edge[0]].height / 2
        return start, (target_x, target_y - self.boxes[edge[1]].height / 2)

    def _curve(self, edge: Edge) -> Line:
        start, end = self._ends(edge)
        column = self._column_of(edge[0])
        points = [start]
        for rank, x in self.columns[column].passes[edge]:
            points.append((self.lefts[column] + x, self.tops[rank]))
            points.append((self.lefts[column] + x, self.tops[rank] + self.heights[rank]))
        return Line(*edge, (*points, end))

    def _square(self, edge: Edge) -> Line:
        """Down, into the gutter, along it (or over the columns between), and down into the target."""
        start, end = self._ends(edge)
        first, last = self._column_of(edge[0]), self._column_of(edge[1]) - 1
        leave = self.tops[self.ranks[edge[0]]] + self.heights[self.ranks[edge[0]]] + _GAP_Y / 2
        enter = self.tops[self.ranks[edge[1]]] - _GAP_Y / 2
        out, into = self._gutter_x(edge, first), self._gutter_x(edge, last)
        points = [start, (start[0], leave), (out, leave)]
        if first != last:
            over = self.header - _GAP_Y / 2 - _LANE * (1 + self.far[edge])
            points += [(out, over), (into, over)]
        points += [(into, enter), (end[0], enter), end]
        return Line(*edge, tuple(_corners(points)), square=True)

    def _gutter_x(self, edge: Edge, gutter: int) -> float:
        lane = self.lanes[edge, gutter]
        return self.lefts[gutter] + self.columns[gutter].width + _GUTTER / 2 + _LANE * lane


def _corners(points: Sequence[Point]) -> list[Point]:
    """Drop points that the line passes straight through."""
    kept = [points[0]]
    for (_, here), after in zip(pairwise(points), points[2:], strict=False):
        before = kept[-1]
        straight = before[0] == here[0] == after[0] or before[1] == here[1] == after[1]
        if not straight:
            kept.append(here)
    return [*kept, points[-1]]
