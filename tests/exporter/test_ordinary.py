"""Networks as people write them: they convert by both routes, or the reason is true and the remedy works."""

from pathlib import Path

import pytest
import torch
from torch import nn

import edgekit
from edgekit.exporter import ExportError, InputSpec
from tests.exporter import ordinary

IMAGE = {"x": (1, 4, 8, 8)}
CONVERT: dict[type[nn.Module], dict[str, tuple[int, ...]]] = {
    ordinary.LastStates: {"x": (1, 7, 12)},
    ordinary.UpperState: {"x": (1, 7, 12)},
    ordinary.Cells: {"x": (1, 2, 6), "h": (1, 8)},
    ordinary.Masked: {"source": (1, 5, 16), "target": (1, 4, 16)},
    ordinary.Across: {"x": (1, 4, 16), "y": (1, 5, 16)},
    ordinary.Rotary: {"x": (1, 6, 16)},
    ordinary.Causal: {"x": (1, 5, 16)},
    ordinary.Grid: IMAGE,
    ordinary.Windows: IMAGE,
    ordinary.ShiftedWindows: IMAGE,
    ordinary.GlobalNorm: {"x": (1, 4, 20)},
    ordinary.StepsFirst: {"x": (5, 1, 6), "h": (1, 1, 8)},
    ordinary.NoBatch: {"x": (5, 6), "h": (1, 8)},
    ordinary.DeepStates: {"x": (1, 5, 6), "h": (4, 1, 4), "c": (4, 1, 4)},
    ordinary.Gated: {"x": (1, 4, 20)},
    ordinary.SignalNorms: {"x": (1, 4, 20), "y": (1, 4, 8, 8)},
    ordinary.PartsWritten: IMAGE,
    ordinary.Peaks: IMAGE,
    ordinary.Rounded: IMAGE,
    ordinary.Siamese: {"left": (1, 4, 8, 8), "right": (1, 4, 8, 8)},
    ordinary.ScriptedFunction: IMAGE,
    ordinary.ScriptedPart: IMAGE,
    ordinary.Odds: IMAGE,
    ordinary.Resized: IMAGE,
    ordinary.Spatial: IMAGE,
    ordinary.HalfInside: IMAGE,
}


@pytest.mark.parametrize("route", ["pnnx", "onnx"])
@pytest.mark.parametrize("net", CONVERT, ids=lambda net: net.__name__)
def test_it_converts_and_every_layer_is_verified(net: type[nn.Module], route: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = net()
    edgekit.export(module, tmp_path / "net", inputs=CONVERT[net], route=route)
    report = edgekit.verify(tmp_path / "net")
    assert report.passed, report
    assert report.compared > 0 and not report.unmatched


def test_steps_before_a_batch_of_several(tmp_path: Path) -> None:
    torch.manual_seed(0)
    edgekit.export(ordinary.StepsFirst(), tmp_path / "net", inputs={"x": (5, 2, 6), "h": (1, 2, 8)})
    assert edgekit.verify(tmp_path / "net").passed


@pytest.mark.parametrize("route", ["pnnx", "onnx"])
def test_an_encoder_on_ids(route: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    ids = [InputSpec("ids", (1, 6), "int64")]
    edgekit.export(ordinary.Encoder(), tmp_path / "net", inputs=ids, route=route)
    assert edgekit.verify(tmp_path / "net").passed


@pytest.mark.parametrize("route", ["pnnx", "onnx"])
def test_a_view_of_too_many_axes_is_called_that(route: str, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="more axes than ncnn has") as caught:
        edgekit.export(ordinary.ManyAxes(), tmp_path / "net", inputs=IMAGE, route=route)
    assert caught.value.remedy is not None and "merge axes" in caught.value.remedy
    lines = Path(ordinary.__file__).read_text().splitlines()
    (place,) = caught.value.findings[0].sources  # not the views of four axes before it
    assert place.line is not None and "x.view(1, 2, 2, 2, 4, 8)" in lines[place.line - 1]


def test_a_product_of_too_many_axes_is_named_and_merging_them_helps(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="more axes than ncnn has") as caught:
        edgekit.export(ordinary.Involution(8, 8), tmp_path / "net", inputs=IMAGE)
    lines = Path(ordinary.__file__).read_text().splitlines()
    places = [lines[each.line - 1] for each in caught.value.findings[0].sources if each.line]
    assert [each.split()[0] for each in places] == ["kernels", "patches"]
    edgekit.export(ordinary.Involution(64), tmp_path / "net", inputs=IMAGE)


@pytest.mark.parametrize(("route", "op"), [("pnnx", "index_put"), ("onnx", "ScatterND")])
def test_an_assignment_that_cannot_be_told_by_parts_is_placed(route: str, op: str, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=op) as caught:
        edgekit.export(ordinary.WrittenByList(), tmp_path / "net", inputs=IMAGE, route=route)
    assert caught.value.remedy is not None and "torch.cat" in caught.value.remedy
    lines = Path(ordinary.__file__).read_text().splitlines()
    places = [lines[each.line - 1] for each in caught.value.findings[0].sources if each.line]
    assert any("y[:, [0, 2]] =" in line for line in places)


def test_what_only_onnx_spells_out_is_not_blamed_on_the_model(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="ONNX spells an operation") as caught:
        edgekit.export(ordinary.Phase(), tmp_path / "net", inputs=IMAGE, route="onnx")
    assert caught.value.remedy == "use --route pnnx, which was tried and passes every check"
    edgekit.export(ordinary.Phase(), tmp_path / "net", inputs=IMAGE)


def test_what_onnx_calls_by_another_name_is_placed_too(tmp_path: Path) -> None:
    with pytest.raises(ExportError) as caught:
        edgekit.export(ordinary.Picked(), tmp_path / "net", inputs=IMAGE, route="onnx")
    lines = Path(ordinary.__file__).read_text().splitlines()
    (place,) = next(each for each in caught.value.findings if "'Gather'" in each.message).sources
    assert place.line is not None and "x[:, best]" in lines[place.line - 1]


def test_a_mask_of_integers_has_to_be_float32(tmp_path: Path) -> None:
    masks = [InputSpec("x", (1, 4, 8, 8)), InputSpec("mask", (1, 1, 8, 8), "int64", value_range=(0, 1))]
    with pytest.raises(ExportError) as caught:
        edgekit.export(ordinary.IntegerMask(), tmp_path / "net", inputs=masks)
    assert caught.value.remedy is not None and "as float32" in caught.value.remedy
    edgekit.export(ordinary.IntegerMask(), tmp_path / "net", inputs={"x": (1, 4, 8, 8), "mask": (1, 1, 8, 8)})
