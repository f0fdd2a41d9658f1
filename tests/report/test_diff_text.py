"""The text of a comparison."""

from dataclasses import replace
from pathlib import Path

import pytest

from edgekit.differ import DiffReport, WeightComparison, WeightDifference, diff
from edgekit.report.diff_text import diff_text
from edgekit.report.terminal import Terminal

LEFT = """\
7767517
5 5
Input data 0 1 data 0=32 1=32 2=3
Convolution stem 1 1 data a 0=16 1=3 3=2 4=1 5=1 6=432 9=1
Convolution body 1 1 a b 0=16 1=3 4=1 5=1 6=2304 9=1
Convolution head 1 1 b c 0=16 1=3 4=1 5=1 6=2304
TanH act 1 1 c out
"""


def compared(folder: Path, *replacements: tuple[str, str]) -> DiffReport:
    right = LEFT
    for old, new in replacements:
        right = right.replace(old, new)
    for name, text in (("left", LEFT), ("right", right)):
        (folder / f"{name}.param").write_text(text, encoding="ascii")
    return diff(folder / "left.param", folder / "right.param")


def test_the_same_is_one_finding(tmp_path: Path) -> None:
    lines = diff_text(compared(tmp_path), Terminal(200)).splitlines()
    assert lines[0] == "SAME: all 7 operations are the same"
    assert lines[1].endswith("left.param: 5 layers (7 operations), 5.09 K parameters, 1.29 M MACs")
    assert lines[3:5] == ["  in     data 3x32x32", "  out    out 16x16x16 in [-1, 1]"]
    assert lines[6:] == ["weights, and what is folded into them, are not compared: edgekit verify does"]


def test_weights_that_differ_are_named(tmp_path: Path) -> None:
    report = replace(
        compared(tmp_path), weights=WeightComparison(6, (WeightDifference("stem", "weight", 1.25),))
    )
    lines = diff_text(report, Terminal(200)).splitlines()
    assert report.same
    assert lines[0] == "SAME structure: all 7 operations, but 1 of 6 weights holds other numbers"
    assert lines[6:] == [
        "weights: 5 of 6 compared hold the same numbers; not so: weight of stem (1.2e+00 of its largest)"
    ]


def test_inputs_and_outputs_stand_side_by_side(tmp_path: Path) -> None:
    report = compared(
        tmp_path, (" 0=32 1=32 2=3", ""), ("TanH act 1 1 c out", "Sigmoid act 1 1 c probabilities")
    )
    lines = diff_text(report, Terminal(200)).splitlines()
    assert lines[3] == "  in     data 3x32x32, left open by the file on the right"
    assert lines[4] == ("  out    left out 16x16x16 in [-1, 1], right probabilities 16x16x16 in [0, 1]")


def test_differences_stand_below_their_severity_and_layer(tmp_path: Path) -> None:
    report = compared(
        tmp_path,
        ("TanH act 1 1 c out", "Sigmoid act 1 1 c out"),
        (
            "Convolution head 1 1 b c 0=16 1=3 4=1 5=1 6=2304",
            "Convolution head 1 1 b c 0=16 1=5 4=1 5=0 6=6400",
        ),
    )
    text = diff_text(report, Terminal(120))
    assert text.splitlines()[0] == "DIFFERENT: 3 differences, 2 of them P0"
    p0, p2 = text.index("\nP0: changes what"), text.index("\nP2: the weights fit")
    assert p0 < text.index("activation    left TanH, right Sigmoid") < p2
    assert p0 < text.index("kernel        left 3x3, right 5x5") < p2
    assert p2 < text.index("bias          left bias, right no bias")
    assert "-> use nn.Tanh() instead of nn.Sigmoid()" in text


def test_what_occurs_often_is_said_once_with_its_places(tmp_path: Path) -> None:
    text = diff_text(compared(tmp_path, ("9=1", "9=3 -23310=2,0.0,6.0")), Terminal(120))
    assert text.count("left ReLU, right ReLU6") == 1
    assert "so in 2 places: stem, body" in text


@pytest.mark.parametrize("width", [40, 80, 120])
def test_it_fits_the_terminal_and_control_characters_do_not_reach_it(tmp_path: Path, width: int) -> None:
    report = replace(compared(tmp_path, ("0=16 1=3 4=1", "0=16 1=3 4=2")), a="bad\x1b[31mname")
    text = diff_text(report, Terminal(width))
    assert "\x1b" not in text
    words = {word for word in text.split() if len(word) > width - 12}
    assert all(len(line) <= width or words & set(line.split()) for line in text.splitlines())
