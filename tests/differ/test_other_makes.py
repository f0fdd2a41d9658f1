"""Files as other converters write them, and what one of them does that another leaves."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from torch import nn

import edgekit
from edgekit.differ import DiffReport
from edgekit.formats import ncnn
from edgekit.graph import Graph, Layer, Weight

from .conftest import Compare

CAFFE = """\
Input            data             0 1 data 0=56 1=56 2=16
Convolution      res2a_branch2a   1 1 data res2a_branch2a 0=16 1=3 4=1 5=1 6=2304
ReLU             res2a_relu       1 1 res2a_branch2a res2a_branch2a_relu
Split            splitncnn_0      1 2 res2a_branch2a_relu res2a_0 res2a_1
Convolution      res2a_branch2b   1 1 res2a_0 res2a_branch2b 0=16 1=3 4=1 5=1 6=2304
Eltwise          res2a            2 1 res2a_1 res2a_branch2b res2a 0=1
Convolution      res2b_branch1    1 1 res2a res2b_branch1 0=16 1=1 5=1 6=256
Pooling          pool5            1 1 res2b_branch1 pool5 0=1 4=1
InnerProduct     fc1000           1 1 pool5 fc1000 0=10 1=1 2=160
Softmax          prob             1 1 fc1000 output
"""
SQUEEZE = """\
Convolution      res2a_branch2b   1 1 res2a_0 b 0=16 1=3 4=1 5=1 6=2304
Split            splitncnn_1      1 2 b b_0 b_1
Pooling          squeeze          1 1 b_0 s 0=1 4=1
Convolution      fc_down          1 1 s s1 0=4 1=1 5=1 6=64
ReLU             fc_relu          1 1 s1 s2
Convolution      fc_up            1 1 s2 s3 0=16 1=1 5=1 6=64
Sigmoid          gate             1 1 s3 s4
Scale            excite           2 1 b_1 s4 res2a_branch2b 0=-233
"""


def kinds(report: DiffReport) -> list[tuple[str, str | None, str | None]]:
    return [(each.kind, each.left.value, each.right.value) for each in report.differences]


def squeezed() -> str:
    """The network with a squeeze-and-excitation block in its branch, as caffe's converter writes it."""
    (line,) = [
        line for line in CAFFE.splitlines(keepends=True) if " res2a_branch2b " in line and "6=" in line
    ]
    return CAFFE.replace(line, SQUEEZE)


def test_a_block_that_one_side_lacks_is_taken_for_none_of_the_layers_beside_it(compare: Compare) -> None:
    assert kinds(compare(CAFFE, squeezed())) == [
        ("extra", None, "global average pooling + Linear 16 -> 4 + ReLU"),
        ("extra", None, "Linear 4 -> 16 + Sigmoid + mul"),
    ]


FIRE = """\
Input x 0 1 x 0=16 1=16 2=8
Split s 1 2 x x0 x1
Convolution one 1 1 x0 a 0=16 1=1 5=1 6=128 9=1
Convolution three 1 1 x1 b 0=16 1=3 4=1 5=1 6=1152 9=1
Concat both 2 1 a b c
Convolution next 1 1 c out 0=4 1=1 5=1 6=128
"""
HEADS = """\
Input x 0 1 x 0=16 1=16 2=8
Split s 1 2 x x0 x1
ConvolutionDepthWise d1 1 1 x0 a 0=8 1=3 4=1 5=1 6=72 7=8 9=1
Convolution h1 1 1 a out0 0=6 1=1 5=1 6=48
Pooling down 1 1 x1 y 0=0 1=2 2=2
ConvolutionDepthWise d2 1 1 y b 0=8 1=3 4=1 5=1 6=72 7=8 9=1
Convolution h2 1 1 b e 0=6 1=1 5=1 6=48
Sigmoid g2 1 1 e out1
"""


def test_the_order_of_a_concat_is_no_matter_of_the_layers_that_feed_it(compare: Compare) -> None:
    (found,) = compare(FIRE, FIRE.replace("2 1 a b c", "2 1 b a c")).differences
    assert (found.kind, found.left.name) == ("wiring", "both")


def test_a_layer_that_one_of_two_heads_lacks(compare: Compare) -> None:
    shorter = HEADS.replace(" b 0=8 1=3 4=1 5=1 6=72 7=8 9=1", " b").replace(
        "ConvolutionDepthWise d2", "Noop d2"
    )
    assert kinds(compare(HEADS, shorter)) == [
        ("missing", "depthwise Conv 8 -> 8, 3x3, padding 1 + ReLU", None)
    ]


def test_a_permute_that_does_nothing_on_one_pixel_follows_from_the_stride(compare: Compare) -> None:
    text = (
        "Input x 0 1 x 0=2 1=2 2=8\nConvolution c 1 1 x y 0=12 1=3 3=2 4=1 5=1 6=864\n"
        "Permute p 1 1 y z 0=3\nFlatten f 1 1 z out\n"
    )
    assert kinds(compare(text, text.replace("3=2 4=1", "3=1 4=1"))) == [("stride", "2", "1")]


def test_int8_is_a_note(compare: Compare) -> None:
    report = compare(CAFFE, CAFFE.replace("6=2304", "6=2304 8=2"))
    assert report.same
    assert report.notes == (
        "no layers of the left and 2 layers of the right compute in int8: that is not compared",
    )


def test_a_layer_that_ncnn_does_not_have_stands_for_another(compare: Compare) -> None:
    """A squeeze-and-excitation whose product and gate are layers of the program that runs them."""
    known = squeezed()
    custom = known.replace("Scale            excite", "ChannelScale     excite").replace(
        "Sigmoid          gate", "MyGate           gate"
    )
    found = compare(known, custom).differences
    assert [(each.kind, each.left.value, each.right.value) for each in found] == [
        ("layer", "Sigmoid", "MyGate"),
        ("layer", "mul", "ChannelScale"),
    ]
    assert "not known" in found[0].impact


def test_heads_of_an_attention(compare: Compare) -> None:
    text = "Input x 0 1 x 0=16 1=10\nMultiHeadAttention a 1 1 x y 0=16 1=4 2=256\nTanH t 1 1 y out"
    assert kinds(compare(text, text.replace("1=4", "1=2"))) == [("groups", "4 heads", "2 heads")]


def test_two_equal_layers_of_which_a_converter_makes_one(compare: Compare) -> None:
    """Pooling by 5, 9 and 13 against 5, 9 and 9, of which only two are left."""
    head = "Input x 0 1 x 0=16 1=16 2=8\nSplit s 1 4 x x0 x1 x2 x3\nPooling p5 1 1 x0 a 1=5 3=2 5=1\n"
    left = (
        f"{head}Pooling p9 1 1 x1 b 1=9 3=4 5=1\nPooling p13 1 1 x2 c 1=13 3=6 5=1\n"
        "Concat all 4 1 x3 a b c d\nConvolution conv 1 1 d out 0=8 1=1 6=256"
    )
    right = (
        f"{head.replace('1 4 x x0 x1 x2 x3', '1 3 x x0 x1 x3')}Pooling p9 1 1 x1 b 1=9 3=4 5=1\n"
        "Split s2 1 2 b b0 b1\nConcat all 4 1 x3 a b0 b1 d\nConvolution conv 1 1 d out 0=8 1=1 6=256"
    )
    assert kinds(compare(left, right)) == [("pooling", "max pooling 13x13, stride 1, padding 6", "none")]


@pytest.fixture
def factor(tmp_path: Path) -> tuple[Path, Path]:
    """A convolution and a factor of 0.1 behind it; the same with the factor in the weights."""
    data = np.random.default_rng(0).normal(0, 1, (4, 3, 3, 3)).astype(np.float32)
    conv = Layer(
        "Convolution", "conv", ("in0",), ("a",), {"0": 4, "1": 3, "6": 108}, (Weight("weight_data", data),)
    )
    layers = (
        Layer("Input", "in0", (), ("in0",), {"0": 8, "1": 8, "2": 3}),
        conv,
        Layer("BinaryOp", "mul", ("a",), ("b",), {"0": 2, "1": 1, "2": 0.1}),
        Layer("ReLU", "relu", ("b",), ("out0",)),
    )
    folded = (
        layers[0],
        replace(conv, outputs=("b",), weights=(Weight("weight_data", data * np.float32(0.1)),)),
        layers[3],
    )
    paths = tmp_path / "apart.param", tmp_path / "folded.param"
    for path, each in zip(paths, (layers, folded), strict=True):
        ncnn.write(Graph(each), path, path.with_suffix(".bin"))
    return paths


def test_a_factor_that_is_folded_into_the_weights(factor: tuple[Path, Path]) -> None:
    for left, right in (factor, factor[::-1]):
        report = edgekit.diff(left, right)
        assert report.same
        (equal,) = report.equivalences
        assert (equal.left, equal.right) == ("mul", "conv")


def test_a_factor_that_is_missing(factor: tuple[Path, Path], tmp_path: Path) -> None:
    graph = ncnn.read(factor[0], factor[0].with_suffix(".bin"))
    layers = (graph.layers[0], replace(graph.layers[1], outputs=("b",)), graph.layers[3])
    path = tmp_path / "without.param"
    ncnn.write(Graph(layers), path, path.with_suffix(".bin"))
    (difference,) = edgekit.diff(factor[0], path).differences
    assert (difference.severity, difference.kind, difference.left.value) == ("P1", "missing", "mul 0.1")


def test_a_factor_may_be_in_weights_that_are_not_there(factor: tuple[Path, Path]) -> None:
    factor[1].with_suffix(".bin").unlink()
    (difference,) = edgekit.diff(*factor).differences
    assert (difference.severity, difference.kind) == ("P2", "missing")


def test_a_factor_that_a_model_lacks_may_be_in_its_weights(factor: tuple[Path, Path]) -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.ReLU()).eval()
    (difference,) = edgekit.diff(factor[0], module, inputs={"input": (1, 3, 8, 8)}).differences
    assert (difference.severity, difference.kind) == ("P2", "missing")
    assert "folded into the weights" in difference.impact


WIDE = """\
Input data 0 1 data 0=32 1=32 2=3
Convolution stem 1 1 data a 0=16 1=3 3=2 4=1 5=1 6=432 9=1
ConvolutionDepthWise dw1 1 1 a b 0=16 1=3 4=1 5=1 6=144 7=16 9=1
Convolution pw1 1 1 b c 0=32 1=1 5=1 6=512 9=1
ConvolutionDepthWise dw2 1 1 c d 0=32 1=3 3=2 4=1 5=1 6=288 7=32 9=1
Convolution pw2 1 1 d e 0=64 1=1 5=1 6=2048 9=1
ConvolutionDepthWise dw3 1 1 e f 0=64 1=3 4=1 5=1 6=576 7=64 9=1
Convolution pw3 1 1 f g 0=64 1=1 5=1 6=4096 9=1
Pooling pool 1 1 g h 0=1 4=1
InnerProduct fc 1 1 h out 0=10 1=1 2=640
"""
NARROW = """\
Input data 0 1 data 0=32 1=32 2=3
Convolution stem 1 1 data a 0=8 1=3 3=2 4=1 5=1 6=216 9=1
ConvolutionDepthWise dw1 1 1 a b 0=8 1=3 4=1 5=1 6=72 7=8 9=1
Convolution pw1 1 1 b c 0=16 1=1 5=1 6=128 9=1
ConvolutionDepthWise dw2 1 1 c d 0=16 1=3 3=2 4=1 5=1 6=144 7=16 9=1
Convolution pw2 1 1 d e 0=32 1=1 5=1 6=512 9=1
ConvolutionDepthWise dw3 1 1 e f 0=32 1=3 4=1 5=1 6=288 7=32 9=1
Convolution pw3 1 1 f g 0=32 1=1 5=1 6=1024 9=1
Pooling pool 1 1 g h 0=1 4=1
InnerProduct fc 1 1 h out 0=10 1=1 2=320
"""


def test_another_width_throughout_is_one_difference(compare: Compare) -> None:
    (difference,) = compare(WIDE, NARROW).differences
    assert (difference.kind, difference.left.value, difference.count) == ("channels", "3 -> 16", 4)
    assert "the left is 2 times as wide" in difference.impact
    (difference,) = compare(NARROW, WIDE).differences
    assert "the right is 2 times as wide" in difference.impact


CACHED = (
    "Input x 0 1 x 0=6 1=5 2=4\nConvolution c 1 1 x a 0=4 1=1 6=16\n"
    "Slice s 1 2 a b out_cache -23300=2,2,-233\nConvolution d 1 1 b out0 0=3 1=1 6=6\n"
)


def test_a_cache_is_an_output_where_the_other_side_names_it(compare: Compare) -> None:
    """By its own file alone it would be what is left over of a Slice."""
    numbered = CACHED.replace("out_cache", "7").replace("out0", "8")
    assert compare(CACHED, numbered).same
    assert compare(numbered, CACHED).same
    assert [pair.left.name for pair in compare(numbered, numbered).outputs if pair.left] == ["8"]
