"""What converters write differently and means the same is no difference."""

from pathlib import Path

import pytest

from .conftest import Compare, sections

SAME = {
    name: tuple(body.split("\n--\n"))
    for name, body in sections(Path(__file__).with_name("equivalent.txt").read_text("ascii"))
}


@pytest.mark.parametrize("name", SAME)
def test_the_same_in_other_words(name: str, compare: Compare) -> None:
    left, right = SAME[name]
    for report in (compare(left, right), compare(right, left)):
        assert report.same, [(each.kind, each.left, each.right) for each in report.differences]


def test_padding_of_its_own_is_named_as_equal(compare: Compare) -> None:
    report = compare(*SAME["padding of its own"])
    (equal,) = report.equivalences
    assert (equal.left, equal.right) == ("conv", "p before conv")


def test_inputs_in_another_order(compare: Compare) -> None:
    left = (
        "Input mel 0 1 mel 0=20 1=80 2=1\nInput face 0 1 face 0=32 1=32 2=6\n"
        "Convolution c1 1 1 mel a 0=8 1=3 6=72\nPooling p1 1 1 a b 0=1 4=1\n"
        "Convolution c2 1 1 face c 0=8 1=3 6=432\nPooling p2 1 1 c d 0=1 4=1\nConcat k 2 1 b d out 0=0"
    )
    right = (
        "Input in0 0 1 in0 0=32 1=32 2=6\nInput in1 0 1 in1 0=20 1=80 2=1\n"
        "Convolution c2 1 1 in0 c 0=8 1=3 6=432\nPooling p2 1 1 c d 0=1 4=1\n"
        "Convolution c1 1 1 in1 a 0=8 1=3 6=72\nPooling p1 1 1 a b 0=1 4=1\nConcat k 2 1 b d out 0=0"
    )
    assert compare(left, right).same


def test_shapes_that_only_one_side_knows(compare: Compare) -> None:
    left, right = SAME["a global mean as pooling and as reduction"]
    assert compare(left, right.replace("data 0=16 1=16 2=8", "data")).same
