"""One thing changed is one difference, of the right kind and severity, and its consequences are none."""

from pathlib import Path

import pytest

import edgekit
from edgekit.differ import DiffReport, Severity
from edgekit.errors import UserError

from .conftest import Compare, sections

# A stem, a depthwise block with a skip, a head: every kind of layer that mobile networks are made of.
NET = """\
Input data 0 1 data 0=32 1=32 2=3
Convolution stem 1 1 data a 0=16 1=3 3=2 4=1 5=1 6=432 9=1
Split split 1 2 a a1 a2
Convolution expand 1 1 a2 b 0=32 1=1 5=1 6=512 9=1
ConvolutionDepthWise dw 1 1 b c 0=32 1=3 4=1 5=1 6=288 7=32 9=1
Convolution project 1 1 c d 0=16 1=1 5=1 6=512
GroupNorm norm 1 1 d e 0=1 1=16 2=1e-5 3=1
BinaryOp skip 2 1 a1 e f 0=0
Pooling pool 1 1 f g 0=0 1=3 2=2 3=1 5=1
Deconvolution up 1 1 g h 0=16 1=4 3=2 4=1 5=1 6=4096
Interp resize 1 1 h i 0=2 1=2.0 2=2.0 6=0
Split split2 1 2 i i1 i2
Sigmoid gate 1 1 i1 j
Concat join 2 1 i2 j k 0=0
Convolution body 1 1 k l 0=24 1=3 4=1 5=1 6=6912 9=1
Pooling mean 1 1 l m 0=1 4=1
InnerProduct fc 1 1 m n 0=10 1=1 2=240
Softmax prob 1 1 n out 0=0 1=1
"""

Expected = tuple[str, str, str | None, str | None]
"""Severity, kind, left value, right value."""


def parsed(body: str) -> tuple[list[tuple[str, str]], Expected]:
    """Read `- old`, `+ new` and `= severity | kind | left | right`."""
    marked: dict[str, list[str]] = {"-": [], "+": [], "=": []}
    for line in body.splitlines():
        marked[line[0]].append(line[2:].replace("\\n", "\n"))
    severity, kind, left, right = (value.strip() or None for value in marked["="][0].split("|"))
    assert severity is not None and kind is not None
    return list(zip(marked["-"], marked["+"], strict=True)), (severity, kind, left, right)


CHANGES = {
    name: parsed(body) for name, body in sections(Path(__file__).with_name("changes.txt").read_text("ascii"))
}


def changed(name: str) -> tuple[str, str]:
    text = NET
    for old, new in CHANGES[name][0]:
        assert text.count(old) == 1, (name, old)
        text = text.replace(old, new)
    return NET, text


def found(report: DiffReport) -> list[Expected]:
    return [(str(each.severity), each.kind, each.left.value, each.right.value) for each in report.differences]


@pytest.mark.parametrize("name", CHANGES)
def test_one_change_is_one_difference(name: str, compare: Compare) -> None:
    assert found(compare(*changed(name))) == [CHANGES[name][1]]


_MIRRORED = {"missing": "extra", "extra": "missing"}


@pytest.mark.parametrize("name", CHANGES)
def test_the_other_way_round_it_is_the_same_difference(name: str, compare: Compare) -> None:
    left, right = changed(name)
    severity, kind, mine, theirs = CHANGES[name][1]
    assert found(compare(right, left)) == [(severity, _MIRRORED.get(kind, kind), theirs, mine)]


@pytest.mark.parametrize(
    "first", ["dilation with the padding that goes with it", "a skip connection is missing"]
)
def test_two_changes_are_two_differences(first: str, compare: Compare) -> None:
    _, text = changed("activation of the output")
    for old, new in CHANGES[first][0]:
        text = text.replace(old, new)
    assert sorted(found(compare(NET, text))) == sorted(
        [CHANGES[first][1], CHANGES["activation of the output"][1]]
    )


def test_the_same_difference_in_many_layers_is_said_once(compare: Compare) -> None:
    text = NET.replace("9=1", "9=3 -23310=2,0.0,6.0")
    (difference,) = compare(NET, text).differences
    assert difference.kind == "activation"
    assert [left.layer for left, _ in difference.places if left is not None] == [
        "stem",
        "expand",
        "dw",
        "body",
    ]
    assert difference.count == 4


def test_the_document_says_once_where_things_are(compare: Compare) -> None:
    """The places of a difference stand beside its sides only where there are several."""
    (many,) = compare(NET, NET.replace("9=1", "9=3 -23310=2,0.0,6.0")).to_json()["differences"]
    assert many["count"] == 4
    assert many["places"][1]["left"] == {"name": "expand", "layer": "expand", "line": None}
    (one,) = compare(*changed("stride")).to_json()["differences"]
    assert one["count"] == 1
    assert "places" not in one
    assert one["left"]["place"]["layer"] == "stem"


def test_severities_are_in_order(compare: Compare) -> None:
    text = NET
    for name in (
        "eps of a normalization",
        "kind of pooling",
        "activation inside",
        "activation of the output",
    ):
        for old, new in CHANGES[name][0]:
            text = text.replace(old, new)
    severities = [each.severity for each in compare(NET, text).differences]
    assert severities == [Severity.P0, Severity.P1, Severity.P2, Severity.P3]


def test_a_stride_that_comes_later_does_not_touch_what_follows(compare: Compare) -> None:
    """Conv s1 then conv s2, against one conv s2: the same shape arrives, so nothing is P0."""
    two = (
        "Input data 0 1 data 0=32 1=32 2=6\nConvolution a 1 1 data a 0=16 1=3 4=1 5=1 6=864 9=1\n"
        "Convolution b 1 1 a b 0=32 1=3 3=2 4=1 5=1 6=4608 9=1\nConvolution c 1 1 b out 0=8 1=1 6=256"
    )
    one = (
        "Input data 0 1 data 0=32 1=32 2=6\nConvolution a 1 1 data b 0=32 1=3 3=2 4=1 5=1 6=1728 9=1\n"
        "Convolution c 1 1 b out 0=8 1=1 6=256"
    )
    assert found(compare(two, one)) == [
        ("P1", "channels", "6 -> 16", "6 -> 32"),
        ("P1", "stride", "1", "2"),
        ("P1", "missing", "Conv 16 -> 32, 3x3, stride 2, padding 1 + ReLU", None),
    ]


def residual_blocks(count: int) -> str:
    """Return blocks of two convolutions with a skip connection, with one of stride 2 like them behind."""
    lines = ["Input data 0 1 x0 0=32 1=32 2=8"]
    for number in range(count + 1):
        skips = number < count
        stride = 1 if skips else 2
        lines += [
            f"Split s{number} 1 2 x{number} a{number} b{number}" if skips else "Noop no 1 1 x0 a0",
            f"Convolution expand{number} 1 1 a{number} c{number} 0=32 1=1 5=1 6=256 9=1",
            f"ConvolutionDepthWise dw{number} 1 1 c{number} d{number} 0=32 1=3 3={stride} 4=1 6=288 7=32 9=1",
            f"Convolution project{number} 1 1 d{number} e{number} 0=8 1=1 5=1 6=256",
        ]
        if skips:
            lines.append(f"BinaryOp add{number} 2 1 e{number} b{number} x{number + 1} 0=0")
    return "\n".join(lines).replace("Noop no 1 1 x0 a0", f"Noop no 1 1 x{count} a{count}")


def test_of_blocks_that_repeat_a_whole_one_is_missing(compare: Compare) -> None:
    """As many layers of two blocks could be missing just as well, but nobody forgets those."""
    report = compare(residual_blocks(3), residual_blocks(2))
    names = [each.left.name or "" for each in report.differences]
    assert [name[:-1] for name in names] == ["expand", "dw", "project"]
    assert len({name[-1] for name in names}) == 1
    assert [each.change for each in report.differences] == [
        "add nn.Conv2d(8, 32, 1), then nn.ReLU() after add0",
        "add nn.Conv2d(32, 32, 3, padding=1, groups=32), then nn.ReLU() after the new nn.Conv2d(8, 32, 1)",
        "add nn.Conv2d(32, 8, 1), then x + y after the new nn.Conv2d(32, 32, 3, padding=1, groups=32)",
    ]


def test_the_bias_of_a_folded_batchnorm_is_no_difference_of_its_own(compare: Compare) -> None:
    head = "Input data 0 1 data 0=32 1=32 2=8\nConvolution conv 1 1 data "
    folded = f"{head}out 0=16 1=3 4=1 5=1 6=1152"
    grouped = f"{head}a 0=16 1=3 4=1 6=1152\nGroupNorm norm 1 1 a out 0=1 1=16 2=1e-5 3=1"
    for left, right in ((folded, grouped), (grouped, folded)):
        assert [each.kind for each in compare(left, right).differences] == ["normalization"]


def test_what_is_taken_of_a_neighbourhood_is_said(compare: Compare) -> None:
    (difference,) = compare(*changed("kind of pooling")).differences
    assert difference.impact == (
        "the largest value of each neighbourhood is taken on the left, the mean on the right"
    )


def test_inputs_and_outputs_that_one_side_lacks(compare: Compare) -> None:
    left = "Input a 0 1 a 0=8 1=8 2=4\nInput b 0 1 b 0=8 1=8 2=4\nBinaryOp add 2 1 a b out 0=0"
    right = "Input a 0 1 a 0=8 1=8 2=4\nSplit s 1 2 a x y\nReLU r 1 1 x out0\nSigmoid t 1 1 y out1"
    kinds = {(str(each.severity), each.kind) for each in compare(left, right).differences}
    assert ("P0", "missing") in kinds
    assert ("P0", "shape") in kinds


def test_totals_count_layers_parameters_and_macs(compare: Compare) -> None:
    report = compare(*changed("channels of the last layer"))
    assert report.left.layers == report.right.layers == 18
    assert report.left.parameters - report.right.parameters == 3 * 25
    assert report.left.macs is not None and report.right.macs is not None
    assert report.left.macs - report.right.macs == 3 * 24


def test_the_document_has_the_keys_that_others_rely_on(compare: Compare) -> None:
    document = compare(*changed("activation of the output")).to_json()
    assert document["schema"] == "edgekit.diff/1"
    assert document["same"] is False
    (difference,) = document["differences"]
    assert difference["severity"] == "P0"
    assert difference["left"] == {**difference["left"], "name": "prob", "value": "Softmax"}
    assert difference["right"]["value"] == "Sigmoid"
    assert difference["impact"]
    assert document["totals"]["left"]["layers"] == 18
    assert document["totals"]["right"]["parameters"] > 0


def test_networks_with_nothing_in_common(compare: Compare) -> None:
    report = compare(NET, "Input x 0 1 x 0=5\nMyLayer m 1 1 x y 0=1")
    assert not report.same
    assert report.matched == 2  # the inputs, and MyLayer with what stands in its place


def test_thousands_of_layers_are_refused_at_once(tmp_path: Path) -> None:
    chain = "".join(f"ReLU r{number} 1 1 b{number} b{number + 1}\n" for number in range(5000))
    (tmp_path / "deep.param").write_text(f"7767517\n5001 5001\nInput in 0 1 b0\n{chain}")
    with pytest.raises(UserError, match="has 5,001 layers, too many to be compared"):
        edgekit.diff(tmp_path / "deep.param", tmp_path / "deep.param")


HEADS = """\
Input data 0 1 data 0=32 1=32 2=3
Convolution stem 1 1 data a 0=16 1=3 3=2 4=1 5=1 6=432 9=1
Split split 1 2 a a1 a2
Convolution left 1 1 a1 out0 0=4 1=1 5=1 6=64
Convolution right 1 1 a2 out1 0={} 1=1 5=1 6={}
"""


def swapped(text: str) -> str:
    return text.replace("out0", "out2").replace("out1", "out0").replace("out2", "out1")


def test_outputs_in_another_order_are_a_difference_where_they_can_be_told_apart(compare: Compare) -> None:
    other, alike = HEADS.format(8, 128), HEADS.format(4, 64)
    assert found(compare(other, swapped(other))) == [
        ("P0", "wiring", "these outputs", "the same in another order")
    ]
    assert compare(alike, swapped(alike)).same
    assert compare(other, other).same


def test_slopes_of_every_channel_are_not_one_slope(compare: Compare) -> None:
    one = "Input data 0 1 data 0=8 1=8 2=8\nPReLU act 1 1 data out 0=1\n"
    report = compare(one, one.replace("0=1\n", "0=8\n"))
    assert [each[2:] for each in found(report)] == [
        ("PReLU with one slope", "PReLU with a slope per channel")
    ]
