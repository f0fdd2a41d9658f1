"""The comparison of document 0, which its author made by hand: every row of its tables, and none besides."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

import edgekit
from edgekit.differ import Difference, DiffReport
from edgekit.formats import ncnn
from edgekit.graph import Graph, Layer

from . import lipsync

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped `.param` and `.bin`, with the two Padding layers that the document shows."""
    folder = tmp_path_factory.mktemp("lipsync")
    edgekit.export(lipsync.shipped(), folder / "bundle", inputs=lipsync.INPUTS)
    graph = ncnn.read(folder / "bundle" / "model.ncnn.param", folder / "bundle" / "model.ncnn.bin")
    layers: list[Layer] = []
    for layer in graph:
        first_of_face = layer.type == "Convolution" and layer.inputs == ("in1",)
        last_of_all = layer.type == "Convolution" and layer.params["0"] == 3 and layer.params["1"] == 3
        if first_of_face or last_of_all:
            blob = f"padded_{len(layers)}"
            pads = {"0": 1, "1": 1, "2": 1, "3": 1, "4": 0, "5": 0.0}
            layers.append(Layer("Padding", f"pad_{len(layers)}", layer.inputs, (blob,), pads))
            params = {**layer.params, "4": 0, "14": 0}
            layers.append(replace(layer, inputs=(blob,), params=params, text=None))
        else:
            layers.append(layer)
    path = folder / "shipped.param"
    ncnn.write(Graph(tuple(layers)), path, path.with_suffix(".bin"))
    return path


def compared(shipped: Path, name: str) -> DiffReport:
    return edgekit.diff(shipped, f"{HERE / 'lipsync.py'}:{name}", inputs=lipsync.INPUTS)


@pytest.fixture(scope="module")
def report(shipped: Path) -> DiffReport:
    return compared(shipped, "reproduction")


# severity, kind, left value, right value, the line to be changed; in the document's order of priorities
TABLES = [
    # P0 "audio encoder, layers 1 and 2: channels and padding"
    ("P0", "channels", "1 -> 16", "1 -> 32", "Conv2d(1, 32, kernel_size=3, stride=2, padding=1),"),
    ("P0", "padding", "0", "1", "Conv2d(1, 32, kernel_size=3, stride=2, padding=1),"),
    ("P0", "missing", "Conv 16 -> 32, 3x3, stride 2 + ReLU", None, None),
    # P0 "output activation (TanH vs Sigmoid)"
    ("P0", "activation", "TanH", "Sigmoid", "x = torch.sigmoid(x)"),
    # "layer 4': one layer too many"
    (
        "P1",
        "extra",
        None,
        "Conv 64 -> 64, 3x3, padding 1 + add + ReLU",
        "Conv2d(64, 64, kernel_size=3, stride=1, padding=1, residual=True),",
    ),
    # P1 "audio encoder: dilated convolutions" (layers 6 and 7)
    (
        "P1",
        "dilation",
        "2 (padding 2)",
        "1 (padding 1)",
        "Conv2d(128, 128, kernel_size=3, stride=2, padding=1),",
    ),
    # P1 "image encoder: structure of the first layer"; its padding layer and that of Conv2d are the same
    ("P1", "channels", "6 -> 16", "6 -> 32", "nn.Conv2d(6, 32, 3, 2, 1, bias=False),"),
    ("P1", "stride", "1", "2", "nn.Conv2d(6, 32, 3, 2, 1, bias=False),"),
    ("P1", "missing", "Conv 16 -> 32, 3x3, stride 2, padding 1 + ReLU", None, None),
    # not in a table, but in the document's listings: Conv(8 -> 3, k3) there, nn.Conv2d(8, 3, 1) here
    ("P1", "kernel", "3x3", "1x1", "self.conv_last = nn.Conv2d(8, 3, 1)"),
    # P2 "kind of normalisation (GroupNorm)"
    ("P2", "normalization", "GroupNorm with 1 group", "InstanceNorm without scale and shift", None),
    # P2 "padding before the output layer"
    ("P2", "padding", "1", "0", "self.conv_last = nn.Conv2d(8, 3, 1)"),
    # P3 "remove AdaptiveAvgPool2d"
    (
        "P3",
        "pooling",
        "bilinear resize to 5x5",
        "adaptive average pooling to 5x5",
        "nn.AdaptiveAvgPool2d((5, 5)),",
    ),
]


def test_every_row_of_the_tables_and_none_besides_in_order(report: DiffReport) -> None:
    found = [
        (str(each.severity), each.kind, each.left.value, each.right.value) for each in report.differences
    ]
    assert found == [row[:4] for row in TABLES]


def line_of(difference: Difference) -> str:
    """Return the text of the line that the difference names."""
    place = difference.right.place
    assert place is not None and place.source is not None
    file, _, line = (place.definition or f"{place.source.file}:{place.source.line}").rpartition(":")
    assert Path(file).name == "lipsync.py"
    return (HERE / "lipsync.py").read_text("utf-8").splitlines()[int(line) - 1].strip()


def test_each_row_names_the_line_to_change(report: DiffReport) -> None:
    for difference, row in zip(report.differences, TABLES, strict=True):
        if row[4] is not None:
            assert line_of(difference) == row[4]
        assert difference.change is not None
        assert "lipsync.py:" in difference.change


def test_the_changes_are_those_that_the_document_makes(report: DiffReport) -> None:
    changes = [each.change or "" for each in report.differences]
    for start in (
        "make it nn.Conv2d(1, 16, 3, stride=2) in audio_encoder.0.conv_block.0",
        "add nn.Conv2d(16, 32, 3, stride=2), then nn.ReLU() after audio_encoder.0.act",
        "use torch.tanh instead of torch.sigmoid in forward",
        "remove nn.Conv2d(64, 64, 3, padding=1)",
        "make it nn.Conv2d(128, 128, 3, stride=2, padding=2, dilation=2) in audio_encoder.5",
        "make it nn.Conv2d(6, 16, 3, padding=1) in stem.0",
        "add nn.Conv2d(16, 32, 3, stride=2, padding=1), then nn.ReLU() after stem.2",
        "use nn.GroupNorm(1, C) instead of nn.InstanceNorm2d(C)",
        "make it nn.Conv2d(8, 3, 3, padding=1) in conv_last",
    ):
        assert any(change.startswith(start) for change in changes), start


def test_repeated_differences_are_one_row(report: DiffReport) -> None:
    counts = {each.kind: each.count for each in report.differences if each.count > 1}
    assert counts == {"dilation": 2, "normalization": 26}


def test_the_output_range_is_said(report: DiffReport) -> None:
    (activation,) = [each for each in report.differences if each.kind == "activation"]
    assert activation.impact == "the network's outputs lie in [-1, 1] on the left, in [0, 1] on the right"


def test_inputs_and_outputs_stand_side_by_side(report: DiffReport) -> None:
    assert [(each.right.name, each.right.shape) for each in report.inputs if each.right] == [
        ("audio", (1, 256, 20)),
        ("face", (6, 160, 160)),
    ]
    (output,) = report.outputs
    assert output.left is not None and output.right is not None
    assert (output.left.shape, output.left.range) == ((3, 160, 160), "[-1, 1]")
    assert (output.right.shape, output.right.range) == ((3, 160, 160), "[0, 1]")


def test_padding_layers_are_named_as_equal(report: DiffReport) -> None:
    """Of the two, the one before the last convolution is a difference, since nothing pads there."""
    (equal,) = report.equivalences
    assert equal.left.startswith("pad_")
    assert equal.right != equal.left


def test_totals(report: DiffReport) -> None:
    assert report.left.layers == 166
    assert report.left.parameters == 3_767_527  # the document: about 3.77 M
    assert report.right.parameters == 3_792_519


def test_once_the_fixes_are_applied_it_is_the_same(shipped: Path) -> None:
    report = compared(shipped, "fixed")
    assert report.same, [(each.kind, each.left, each.right) for each in report.differences]
    assert report.matched == 197


def test_a_module_in_hand_is_compared_too(shipped: Path) -> None:
    torch.manual_seed(0)
    report = edgekit.diff(shipped, lipsync.fixed(), inputs=lipsync.INPUTS)
    assert report.same
