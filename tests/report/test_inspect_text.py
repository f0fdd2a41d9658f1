"""The text of an inspection: what stands in it, and that it fits the terminal."""

from dataclasses import replace
from pathlib import Path

import pytest

from edgekit.inspector import InspectReport, inspect
from edgekit.ops import Activation
from edgekit.report.inspect_text import inspect_text
from edgekit.report.layer_words import detail
from edgekit.report.terminal import Terminal

NET = """\
7767517
6 7
Input            data    0 1 data 0=32 1=32 2=3
Convolution      a_very_long_name_of_a_layer_nobody_wants 1 1 data c 0=8 1=3 3=2 4=1 6=216 9=1 31=2
Split            split   1 2 c d e
ConvolutionDepthWise dw  1 1 d f 0=8 1=7 4=3 6=392 7=8
Odd              odd     1 1 f g
BinaryOp         add     2 1 g e out0 0=0
"""


@pytest.fixture
def report(tmp_path: Path) -> InspectReport:
    path = tmp_path / "net.param"
    path.write_text(NET, encoding="ascii")
    return inspect(path, ask_ncnn=False)


def test_the_summary_comes_first(report: InspectReport) -> None:
    lines = inspect_text(report, Terminal(250)).splitlines()
    assert lines[0].endswith(
        "net.param: 6 layers, 608 parameters, 156 K MACs without 1 layer of unknown shape"
    )
    assert "  input   data 3x32x32" in lines
    assert any(line.startswith("  masked  1 layer with features turned off") for line in lines)


def test_the_table_says_what_people_look_for(report: InspectReport) -> None:
    text = inspect_text(report, Terminal(140))
    assert "3x3 s2 p1 relu" in text
    assert "7x7 p3 depthwise" in text
    assert "Odd ?" in text


def test_remarks_are_grouped_by_kind_with_their_remedy(report: InspectReport) -> None:
    text = inspect_text(report, Terminal(200))
    tail = text[text.index("layers that ncnn does not have") :]
    assert "odd: ncnn registers no layer type 'Odd' -> " in tail
    assert tail.index("off the fast kernels") > 0


@pytest.mark.parametrize("width", [48, 60, 80, 120])
def test_it_fits_the_terminal(report: InspectReport, width: int) -> None:
    longest = max(map(len, inspect_text(report, Terminal(width)).splitlines()))
    assert longest <= width


def test_a_name_loses_no_more_than_the_terminal_lacks(report: InspectReport) -> None:
    layer = replace(report.layers[1], name="a_name_of_28_characters_here", module="features.0.conv")
    long = replace(report, layers=(layer,), remarks=())
    whole = len(inspect_text(long, Terminal(250)).splitlines()[-1])
    narrow = whole - len("  features.0.conv") - 1
    last = inspect_text(long, Terminal(narrow)).splitlines()[-1]
    assert "...me_of_28_characters_here" in last and len(last) == narrow


def test_brief_leaves_the_table_out(report: InspectReport) -> None:
    assert "3x3 s2 p1" not in inspect_text(report, layers=False)


@pytest.mark.parametrize(
    ("kind", "facts", "text"),
    [
        (
            "Convolution",
            {
                "kernel": (3, 5),
                "stride": (1, 2),
                "dilation": (2, 2),
                "pads": ((0, 1), (2, 2)),
                "num_output": 4,
            },
            "3x5 s1x2 p(0,1)x2 d2",
        ),
        ("Pooling", {"kernel": (0, 0), "pooling_type": "average", "global_pooling": 1}, "global average"),
        (
            "Pooling",
            {"kernel": (0, 0), "pooling_type": "max", "adaptive_pooling": 1, "out_h": 5, "out_w": 4},
            "adaptive max to 5x4",
        ),
        ("BinaryOp", {"op_type": "mul", "with_scalar": 0, "b": 0.0}, "mul"),
        ("BinaryOp", {"op_type": "mul", "with_scalar": 1, "b": 0.5}, "mul b=0.5"),
        ("InnerProduct", {"activation": Activation("leakyrelu", (0.1,))}, "leakyrelu(0.1)"),
        ("GRU", {"num_output": 8, "direction": "bidirectional"}, "num_output=8 bidirectional"),
        ("ReLU", {"slope": 0.0}, ""),
        ("Convolution", {"kernel": (1, 1), "int8_scale_term": 1}, "1x1 int8"),
        ("MyLayer", {"0": 3}, ""),
    ],
)
def test_parameters_in_words(kind: str, facts: dict[str, object], text: str) -> None:
    assert detail(kind, facts) == text
