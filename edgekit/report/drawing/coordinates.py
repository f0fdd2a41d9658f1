"""Horizontal places: every item near its neighbours in the rows above and below, none on top of another.

Given the order in a row and where each item wants to be, the nearest places that keep the distances are a
weighted isotonic regression (pool adjacent violators; Barlow et al., 1972).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise

_SWEEPS = 6
_LIGHT = 0.01  # a passing line gives way to a box

Neighbours = Mapping[int, Sequence[int]]


def place_rows(
    rows: Sequence[Sequence[int]],
    above: Neighbours,
    below: Neighbours,
    width: Callable[[int], float],
    is_passing: Callable[[int], bool],
    chains: Iterable[Sequence[int]],
    gap: float,
) -> dict[int, float]:
    """Return the centre of every item, the leftmost edge at 0.

    `chains` are the passing items of each long line, which is straightened in the end.
    """
    x = {item: 0.0 for row in rows for item in row}
    for sweep in range(_SWEEPS + 1):
        down = sweep % 2 == 0
        neighbours = above if down else below
        for row in rows if down else reversed(rows):
            wanted = [_wish(item, x, neighbours, is_passing) for item in row]
            _place(row, x, wanted, width, is_passing, gap)
    straight = {item: max(x[each] for each in chain) for chain in chains for item in chain}
    for row in rows:
        _place(row, x, [straight.get(item, x[item]) for item in row], width, is_passing, gap)
    left = min((x[item] - width(item) / 2 for item in x), default=0.0)
    return {item: place - left for item, place in x.items()}


def _wish(
    item: int, x: Mapping[int, float], neighbours: Neighbours, is_passing: Callable[[int], bool]
) -> float:
    """Return the mean place of the neighbours; boxes among them decide over passing lines."""
    others = neighbours.get(item, ())
    boxes = [x[other] for other in others if not is_passing(other)]
    places = boxes or [x[other] for other in others]
    return sum(places) / len(places) if places else x[item]


def _place(
    row: Sequence[int],
    x: dict[int, float],
    wanted: Sequence[float],
    width: Callable[[int], float],
    is_passing: Callable[[int], bool],
    gap: float,
) -> None:
    """Move the items of one row as near to the wanted places as their widths allow."""
    offsets = [0.0]
    for left, right in pairwise(row):
        offsets.append(offsets[-1] + (width(left) + width(right)) / 2 + gap)
    targets = [place - offset for place, offset in zip(wanted, offsets, strict=True)]
    weights = [_LIGHT if is_passing(item) else 1.0 for item in row]
    for item, place, offset in zip(row, isotonic(targets, weights), offsets, strict=True):
        x[item] = place + offset


def isotonic(values: Sequence[float], weights: Sequence[float]) -> list[float]:
    """Return the non-decreasing sequence nearest to `values` in weighted least squares."""
    blocks: list[tuple[float, float, int]] = []  # mean, weight, length
    for value, weight in zip(values, weights, strict=True):
        mean, total, length = value, weight, 1
        while blocks and blocks[-1][0] > mean:
            before, heavy, count = blocks.pop()
            mean = (mean * total + before * heavy) / (total + heavy)
            total, length = total + heavy, length + count
        blocks.append((mean, total, length))
    return [mean for mean, _, length in blocks for _ in range(length)]
