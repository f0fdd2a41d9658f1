"""Padding beside a kernel: part of it where it follows, a difference of its own where it does not."""

import pytest

from .conftest import Compare
from .test_differences import found


@pytest.mark.parametrize(
    ("old", "new", "rows"),
    [
        # the border is lost besides: a kernel of 5 needs 2
        ("1=5 4=2", "1=3 4=0", [("kernel", "5x5", "3x3"), ("padding", "2", "0")]),
        # padding 2 below, but 1 above: the window does not stay where it was
        (
            "1=5 4=2",
            "1=3 4=0 14=0 15=2 16=2",
            [("kernel", "5x5", "3x3"), ("padding", "2", "top 0, bottom 2, left 0, right 2")],
        ),
        # neither side keeps the size: both cut one pixel off
        ("1=5 4=1", "1=3 4=0", [("kernel", "5x5 (padding 1)", "3x3 (padding 0)")]),
        ("1=5 4=2", "1=4 4=1", [("kernel", "5x5 (padding 2)", "4x4 (padding 1)")]),
        # causal: all of it before the first row
        (
            "1=5 4=2 14=4 16=0",
            "1=3 4=1 14=2 16=0",
            [
                (
                    "kernel",
                    "5x5 (padding top 4, bottom 0, left 2, right 2)",
                    "3x3 (padding top 2, bottom 0, left 1, right 1)",
                )
            ],
        ),
    ],
)
def test_padding_beside_a_kernel_is_told_where_it_does_not_follow(
    old: str, new: str, rows: list[tuple[str, str, str]], compare: Compare
) -> None:
    text = "Input x 0 1 x 0=32 1=32 2=8\nConvolution c 1 1 x out 0=4 {} 3=2 5=1 6={}"
    weights = {size: 32 * size * size for size in (3, 4, 5)}
    left, right = (text.format(each, weights[int(each[2])]) for each in (old, new))
    assert [row[1:] for row in found(compare(left, right))] == rows


def test_a_padding_layer_that_is_gone_is_told_beside_a_kernel(compare: Compare) -> None:
    """Padding of a layer of its own is no argument of the kernel: somebody forgot it."""
    head = "Input x 0 1 x 0=32 1=32 2=8\n"
    left = f"{head}Padding p 1 1 x y 0=1 1=1 2=1 3=1\nConvolution c 1 1 y out 0=4 1=3 5=1 6=288"
    right = f"{head}Convolution c 1 1 x out 0=4 1=1 5=1 6=32"
    assert [row[1:] for row in found(compare(left, right))] == [
        ("kernel", "3x3", "1x1"),
        ("padding", "1", "0"),
    ]
