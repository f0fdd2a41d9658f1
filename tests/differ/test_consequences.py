"""What follows from a change is no difference of its own: sizes that depend on what a layer is fed."""

import pytest

from .conftest import Compare
from .test_other_makes import kinds

CLASSIFIER = """\
Input data 0 1 data 0=56 1=56 2=3
Convolution stem 1 1 data a 0=16 1=3 3=2 4=-233 5=1 6=432 9=1
Convolution body 1 1 a b 0=16 1=3 3=2 4=-233 5=1 6=2304 9=1
Slice halves 1 2 b c d -23300=2,8,-233 1=0
Convolution left 1 1 c e 0=8 1=1 5=1 6=64 9=1
Convolution right 1 1 d f 0=8 1=3 4=1 5=1 6=576 9=1
Concat both 2 1 e f g 0=0
ShuffleChannel mixed 1 1 g h 0=2 1=1
Pooling last 1 1 h i 0=1 1=14 2=1
Convolution gate 1 1 i j 0=4 1=1 4=-233 5=1 6=64 9=1
Convolution head 1 1 j out 0=5 1=1 5=1 6=20
"""
SLICES = {
    "0 to 8 of 16 on axis 0": "0 to 4 of 16 on axis 0",
    "8 to 16 of 16 on axis 0": "4 to 16 of 16 on axis 0",
}


def changed(*pairs: tuple[str, str]) -> str:
    text = CLASSIFIER
    for old, new in pairs:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def test_a_window_over_the_whole_plane_and_implicit_padding_after_another_stride(compare: Compare) -> None:
    """A window of 14x14 pools all there is on one side only; what SAME pads depends on the size."""
    other = changed(("a 0=16 1=3 3=2", "a 0=16 1=3 3=1"))
    assert kinds(compare(CLASSIFIER, other)) == [("stride", "2", "1")]


def test_implicit_padding_of_a_larger_kernel(compare: Compare) -> None:
    """On one pixel SAME pads nothing for 1x1 and one pixel for 3x3, and 1x1 is a linear layer."""
    other = changed(("j 0=4 1=1 4=-233 5=1 6=64", "j 0=4 1=3 4=-233 5=1 6=576"))
    assert kinds(compare(CLASSIFIER, other)) == [("kernel", "1x1", "3x3")]


def test_a_slice_that_cuts_elsewhere_and_a_shuffle_that_only_follows(compare: Compare) -> None:
    """The groups of a reversed shuffle follow from its channels, which are eight fewer there."""
    other = changed(("-23300=2,8,-233", "-23300=2,4,-233"), ("0=8 1=1 5=1 6=64", "0=8 1=1 5=1 6=32"))
    other = other.replace("0=8 1=3 4=1 5=1 6=576", "0=8 1=3 4=1 5=1 6=864")
    found = kinds(compare(CLASSIFIER, other))
    assert sorted(found) == [("parameters", *pair) for pair in sorted(SLICES.items())]


@pytest.mark.parametrize("channels", [16, 24])
def test_a_reversed_shuffle_of_another_width(channels: int, compare: Compare) -> None:
    text = (
        "Input data 0 1 data 0=8 1=8 2=3\nConvolution c 1 1 data a 0=12 1=1 5=1 6=36\n"
        "ShuffleChannel s 1 1 a b 0=2 1=1\nReLU r 1 1 b out\n"
    )
    other = text.replace("0=12 1=1 5=1 6=36", f"0={channels} 1=1 5=1 6={3 * channels}")
    assert kinds(compare(text, other)) == [("channels", "3 -> 12", f"3 -> {channels}")]


FIRE = """\
Input data 0 1 data 0=16 1=16 2=24
Convolution squeeze 1 1 data a 0=8 1=1 5=1 6=192 9=1
Split s 1 2 a a1 a2
Convolution one 1 1 a1 b 0=32 1=1 5=1 6=256 9=1
Convolution three 1 1 a2 c 0=32 1=3 4=1 5=1 6=2304 9=1
Concat both 2 1 b c d 0=0
Convolution next 1 1 d out 0=4 1=1 5=1 6=256
"""


def test_a_layer_that_is_gone_before_two_branches(compare: Compare) -> None:
    """The branches are fed other numbers of channels for it, and neither of them is the lost layer."""
    other = FIRE.replace("Convolution squeeze 1 1 data a 0=8 1=1 5=1 6=192 9=1\n", "").replace(
        " a a1", " data a1"
    )
    other = other.replace("6=256 9=1", "6=768 9=1").replace("6=2304", "6=6912")
    assert kinds(compare(FIRE, other)) == [("missing", "Conv 24 -> 8, 1x1 + ReLU", None)]


SHORTCUT = """\
Input data 0 1 data 0=16 1=16 2=8
Split s 1 2 data x y
Pooling pool 1 1 x p 0=0 1=2 2=2 5=1
Padding wider 1 1 p q 4=0 5=0.0 7=0 8=8
ConvolutionDepthWise dw 1 1 y r 0=8 1=3 3=2 4=1 5=1 6=72 7=8
Convolution pw 1 1 r t 0=16 1=1 5=1 6=128
BinaryOp add 2 1 q t u 0=0
ReLU relu 1 1 u out
"""


def test_branches_of_one_length_whose_operands_are_exchanged(compare: Compare) -> None:
    other = SHORTCUT.replace("add 2 1 q t", "add 2 1 t q").replace("p 0=0", "p 0=1")
    found = kinds(compare(SHORTCUT, other))
    assert found == [("pooling", "max pooling 2x2, stride 2", "average pooling 2x2, stride 2")]


BOXES = """\
Input data 0 1 data 0=6 1=5 2=4
Convolution conf 1 1 data a 0=21 1=1 5=1 6=84
Permute perm 1 1 a b 0=3
Flatten flat 1 1 b c
Reshape boxes 1 1 c d 0=21 1=-1
Softmax prob 1 1 d e 0=1 1=1
Flatten end 1 1 e out
"""


def test_a_reshape_that_gives_rows_for_columns(compare: Compare) -> None:
    report = compare(BOXES, BOXES.replace("d 0=21 1=-1", "d 0=30 1=21"))
    assert kinds(report) == [("shape", "Reshape to 30x21", "Reshape to 21x30")]
    assert report.differences[0].left.name == "boxes"


def test_what_comes_before_the_last_reshape_does_not_matter(compare: Compare) -> None:
    assert compare(BOXES, BOXES.replace("Flatten flat 1 1 b c", "Reshape flat 1 1 b c 0=126 1=5")).same


def test_a_resampling_that_does_nothing_at_the_other_size(compare: Compare) -> None:
    text = (
        "Input data 0 1 data 0=28 1=28 2=3\nConvolution c 1 1 data a 0=8 1=3 3=2 4=1 5=1 6=216\n"
        "Interp up 1 1 a b 0=1 3=28 4=28\nConvolution d 1 1 b out 0=4 1=1 5=1 6=32\n"
    )
    assert kinds(compare(text, text.replace("3=2 4=1", "3=1 4=1"))) == [("stride", "2", "1")]


TWO_HEADS = """\
Input data 0 1 data 0=16 1=16 2=8
Split s 1 2 data x y
Convolution a1 1 1 x a 0=8 1=3 4=1 5=1 6=576 9=1
Slice a2 1 2 a a3 a4 -23300=2,4,-233 1=0
Sigmoid a5 1 1 a3 a6
Permute a7 1 1 a4 a8 0=3
Pooling b0 1 1 y b 0=0 1=2 2=2 5=1
Convolution b1 1 1 b b2 0=8 1=3 4=1 5=1 6=576 9=1
Slice b3 1 2 b2 b4 b5 -23300=2,4,-233 1=0
Sigmoid b6 1 1 b4 b7
Permute b8 1 1 b5 b9 0=3
"""


def test_outputs_whose_lines_are_in_another_order(compare: Compare) -> None:
    """Both heads are alike but for what they are fed: the names of the outputs tell them apart."""
    lines = TWO_HEADS.splitlines()
    assert compare(TWO_HEADS, "\n".join([*lines[:2], *lines[6:], *lines[2:6]])).same


def test_a_permute_that_is_gone_while_another_does_nothing(compare: Compare) -> None:
    """On one pixel the second does nothing; the first does, and is written in the same way."""
    text = (
        "Input data 0 1 data 0=4 1=4 2=8\nSplit s 1 2 data x y\nPermute p 1 1 x a 0=3\nFlatten f 1 1 a b\n"
        "Pooling all 1 1 y c 0=0 1=4 2=1 5=1\nReshape r 1 1 c d 0=1 1=1 2=8\nPermute q 1 1 d e 0=3\n"
        "Flatten g 1 1 e h\nConcat out 2 1 b h out 0=0\n"
    )
    other = text.replace("Permute p 1 1 x a 0=3\nFlatten f 1 1 a b", "Flatten f 1 1 x b")
    assert kinds(compare(text, other)) == [("missing", "Permute (1, 2, 0)", None)]


def test_a_number_that_is_spelled_otherwise(compare: Compare) -> None:
    text = (
        "Input data 0 1 data 0=13 1=13 2=255\nYolov3DetectionOutput boxes 1 1 data out 0=80 1=3 2=0.3 3=0.45 "
        "-23304=6,10.0,14.0,23.0,27.0,37.0,58.0 -23305=3,0,1,2 -23306=1,32.1\n"
    )
    other = text.replace("2=0.3 ", "2=3.000000119e-01 ").replace("1,32.1", "1,3.2099998474e+01")
    assert compare(text, other).same
