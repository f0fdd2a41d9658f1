"""The layered drawing: nothing overlaps, lines end at their boxes, long nets become columns."""

import time
from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.report.drawing import Box, Line, Picture, lay_out
from edgekit.report.drawing.coordinates import isotonic
from edgekit.report.drawing.order import count_crossings, order_rows
from edgekit.report.drawing.ranks import assign_ranks, cut_columns

Edges = list[tuple[int, int]]
Rectangle = tuple[float, float, float, float]


def rectangle(picture: Picture, boxes: list[Box], node: int) -> Rectangle:
    (x, y), box = picture.centres[node], boxes[node]
    return x - box.width / 2, y - box.height / 2, x + box.width / 2, y + box.height / 2


def overlap(one: Rectangle, other: Rectangle) -> bool:
    slack = 1e-6
    return (
        one[0] < other[2] - slack
        and other[0] < one[2] - slack
        and one[1] < other[3] - slack
        and other[1] < one[3] - slack
    )


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[Box], Edges]:
    count = draw(st.integers(1, 60))
    boxes = [
        Box(draw(st.sampled_from([14.0, 160.0])), draw(st.sampled_from([14.0, 40.0]))) for _ in range(count)
    ]
    edges = [(node - 1, node) for node in range(1, count) if draw(st.integers(0, 9))]
    pairs = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1))
    edges += [(min(pair), max(pair)) for pair in draw(st.lists(pairs, max_size=15)) if pair[0] != pair[1]]
    return boxes, edges


@given(graphs())
def test_boxes_do_not_overlap_and_lines_join_them(graph: tuple[list[Box], Edges]) -> None:
    boxes, edges = graph
    picture = lay_out(boxes, edges)
    rectangles = [rectangle(picture, boxes, node) for node in range(len(boxes))]
    for one, other in combinations(rectangles, 2):
        assert not overlap(one, other)
    for left, top, right, bottom in rectangles:
        assert left >= -1e-6
        assert top >= -1e-6
        assert right <= picture.width + 1e-6
        assert bottom <= picture.height + 1e-6
    assert sorted((line.source, line.target) for line in picture.lines) == sorted(set(edges))
    for line in picture.lines:
        source, target = rectangles[line.source], rectangles[line.target]
        assert line.points[0] == pytest.approx((picture.centres[line.source][0], source[3]))
        assert line.points[-1] == pytest.approx((picture.centres[line.target][0], target[1]))
        check_line(line, rectangles)


def check_line(line: Line, rectangles: list[Rectangle]) -> None:
    """A square line turns at right angles and runs through no box; a curve goes down only."""
    for (x, y), (to_x, to_y) in pairwise(line.points):
        if not line.square:
            assert to_y >= y - 1e-6
            continue
        assert x == pytest.approx(to_x) or y == pytest.approx(to_y)
        segment = (min(x, to_x) - 1e-3, min(y, to_y) - 1e-3, max(x, to_x) + 1e-3, max(y, to_y) + 1e-3)
        for node, other in enumerate(rectangles):
            inner = (other[0] + 1, other[1] + 1, other[2] - 1, other[3] - 1)
            assert node in (line.source, line.target) or not overlap(segment, inner)


@given(graphs())
def test_a_drawing_is_the_same_every_time(graph: tuple[list[Box], Edges]) -> None:
    assert lay_out(*graph) == lay_out(*graph)


def test_a_residual_block_keeps_its_main_path_straight() -> None:
    boxes = [Box(160.0, 40.0)] * 7
    edges = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 6), (1, 5)]
    picture = lay_out(boxes, edges)
    places = [x for x, _ in picture.centres]
    assert max(places) - min(places) < 5.0
    (skip,) = (line for line in picture.lines if (line.source, line.target) == (1, 5))
    inner = {round(x, 6) for x, _ in skip.points[1:-1]}
    assert len(inner) == 1
    assert inner.pop() > 160.0


def test_a_long_net_becomes_columns_cut_between_its_blocks() -> None:
    count, block = 201, 5
    edges = [(node - 1, node) for node in range(1, count)]
    edges += [(node, node + block - 1) for node in range(0, count - block, block)]
    picture = lay_out([Box(160.0, 40.0)] * count, edges)
    assert 0.7 < picture.width / picture.height < 2.5
    breaks = [line for line in picture.lines if line.square]
    assert len(breaks) >= 2
    assert all((line.target % block, line.target - line.source) == (0, 1) for line in breaks)


def test_constants_stand_beside_their_reader() -> None:
    edges = [(0, 1), (1, 2), (2, 4), (3, 4)]
    assert assign_ranks(5, edges) == [0, 1, 2, 2, 3]


def test_cuts_prefer_few_crossings() -> None:
    edges = [(node, node + 1) for node in range(19)] + [(node, 12) for node in (5, 6, 7, 8)]
    ranks = assign_ranks(20, edges)
    assert cut_columns(ranks, edges, [1.0] * 20, 2) == [0, 13]
    assert cut_columns(ranks, edges[:19], [1.0] * 20, 2) == [0, 10]


def test_crossings_are_counted_and_removed() -> None:
    rows = [[0, 1], [2, 3]]
    below = {0: [3], 1: [2]}
    above = {2: [1], 3: [0]}
    assert count_crossings(rows, below) == 1
    assert count_crossings(order_rows(rows, above, below), below) == 0


def test_isotonic_regression_pools_violators() -> None:
    assert isotonic([1.0, 3.0, 2.0, 4.0], [1.0] * 4) == [1.0, 2.5, 2.5, 4.0]
    assert isotonic([3.0, 0.0], [3.0, 1.0]) == [2.25, 2.25]


def test_odd_graphs() -> None:
    assert lay_out([], []) == Picture((), (), 0.0, 0.0)
    alone = lay_out([Box(10.0, 10.0)], [])
    assert alone.width == 10.0
    with pytest.raises(ValueError, match="leads back"):
        lay_out([Box(1.0, 1.0)] * 2, [(1, 0)])
    assert len(lay_out([Box(1.0, 1.0)] * 2, [(0, 1), (0, 1)]).lines) == 1


def test_thousands_of_layers_are_placed_quickly() -> None:
    count = 3000
    edges = [(node - 1, node) for node in range(1, count)] + [
        (node, node + 4) for node in range(0, count - 4, 4)
    ]
    edges += [(node, count - node - 1) for node in range(0, 1000, 100)]
    began_s = time.perf_counter()
    lay_out([Box(160.0, 40.0)] * count, edges)
    assert time.perf_counter() - began_s < 5.0
