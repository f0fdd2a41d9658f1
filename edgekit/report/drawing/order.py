"""The order of nodes within their rows, so that few edges cross: barycentre sweeps, the best one kept."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Mapping, Sequence
from itertools import pairwise

_SWEEPS = 8

Neighbours = Mapping[int, Sequence[int]]


def order_rows(rows: Sequence[Sequence[int]], above: Neighbours, below: Neighbours) -> list[list[int]]:
    """Return the rows reordered; `above` and `below` name each item's neighbours in the adjacent rows."""
    current = [list(row) for row in rows]
    best, fewest = current, count_crossings(current, below)
    for sweep in range(_SWEEPS):
        if fewest == 0:
            break
        current = _sweep(current, above) if sweep % 2 == 0 else _sweep(current[::-1], below)[::-1]
        crossings = count_crossings(current, below)
        if crossings < fewest:
            best, fewest = current, crossings
    return best


def _sweep(rows: Sequence[Sequence[int]], neighbours: Neighbours) -> list[list[int]]:
    """Sort each row by the mean position of its items' neighbours in the row before; the rest stay put."""
    result = [list(rows[0])] if rows else []
    for row in rows[1:]:
        place = {item: position for position, item in enumerate(result[-1])}
        centre = {}
        for position, item in enumerate(row):
            places = [place[other] for other in neighbours.get(item, ()) if other in place]
            centre[item] = sum(places) / len(places) if places else float(position)
        result.append(sorted(row, key=lambda item, centre=centre: centre[item]))  # type: ignore[misc]
    return result


def count_crossings(rows: Sequence[Sequence[int]], below: Neighbours) -> int:
    """Return how many pairs of edges between adjacent rows cross."""
    total = 0
    for row, next_row in pairwise(rows):
        place = {item: position for position, item in enumerate(next_row)}
        seen: list[int] = []
        for item in row:
            targets = sorted(place[other] for other in below.get(item, ()) if other in place)
            total += sum(len(seen) - bisect_right(seen, target) for target in targets)
            for target in targets:
                insort(seen, target)
    return total
