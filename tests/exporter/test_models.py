"""Model specs that are files: ONNX, TorchScript, code with weights."""

import warnings
from pathlib import Path

import onnx
import pytest
import torch
from torch import nn

import edgekit
from edgekit.bundle import open_bundle
from edgekit.exporter import ExportError, InputSpec
from tests.exporter import nets


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.fc = nn.Linear(8, 4)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        y = self.norm(self.conv(x)).relu()
        if y.shape[2] > 4:
            y = y * 2
        return self.fc(y.sum(1, keepdim=True).mul(y).mean((2, 3))), y


@pytest.fixture
def net() -> nn.Module:
    torch.manual_seed(0)
    return Net().eval()


def save_onnx(module: nn.Module, path: Path, **options: object) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            (torch.zeros(1, 3, 16, 16),),
            path,
            dynamo=False,
            opset_version=17,
            input_names=["image"],
            output_names=["scores", "maps"],
            **options,
        )
    return path


def test_an_onnx_file_is_checked_against_onnxruntime(tmp_path: Path, net: nn.Module) -> None:
    result = edgekit.export(str(save_onnx(net, tmp_path / "net.onnx")), tmp_path / "net")
    assert (result.route, [each.name for each in result.outputs]) == ("onnx", ["scores", "maps"])
    assert all(check.passed for check in result.checks)
    manifest = open_bundle(tmp_path / "net").manifest
    assert manifest.model.kind == "onnx"
    assert [(each.name, each.blob) for each in manifest.inputs] == [("image", "in0")]


def test_a_later_opset_is_lowered(tmp_path: Path, net: nn.Module) -> None:
    later = onnx.version_converter.convert_version(onnx.load(save_onnx(net, tmp_path / "a.onnx")), 20)
    onnx.save(later, tmp_path / "net.onnx")
    result = edgekit.export(str(tmp_path / "net.onnx"), tmp_path / "net")
    assert result.rewrites[0] == "lowered the ONNX opset from 20 to 17"


def test_open_sizes_of_an_onnx_file_have_to_be_settled(tmp_path: Path, net: nn.Module) -> None:
    path = str(save_onnx(net, tmp_path / "net.onnx", dynamic_axes={"image": [0, 2, 3]}))
    with pytest.raises(edgekit.UserError, match=r"open \(\?x3x\?x\?\); add --input image=SHAPE"):
        edgekit.export(path, tmp_path / "net")
    with pytest.raises(edgekit.UserError, match="not 1x4x16x16"):
        edgekit.export(path, tmp_path / "net", inputs={"image": (1, 4, 16, 16)})
    dynamic = [InputSpec("image", (1, 3, 16, 16), shape2=(1, 3, 24, 20))]
    result = edgekit.export(path, tmp_path / "net", inputs=dynamic)
    assert {check.probe for check in result.checks} == {0, 1, 2}


def test_what_an_onnx_file_cannot_be_asked(tmp_path: Path, net: nn.Module) -> None:
    path = str(save_onnx(net, tmp_path / "net.onnx"))
    with pytest.raises(edgekit.UserError, match="pnnx route"):
        edgekit.export(path, tmp_path / "net", route="pnnx")
    with pytest.raises(edgekit.UserError, match="holds its weights"):
        edgekit.export(path, tmp_path / "net", weights="w.pt")
    with pytest.raises(edgekit.UserError, match="did you mean 'image'"):
        edgekit.export(path, tmp_path / "net", inputs={"imag": (1, 3, 16, 16)})
    (tmp_path / "bad.onnx").write_bytes(b"not onnx")
    with pytest.raises(edgekit.UserError, match="not a valid ONNX model"):
        edgekit.export(str(tmp_path / "bad.onnx"), tmp_path / "net")


@pytest.mark.parametrize("route", ["pnnx", "onnx"])
@pytest.mark.parametrize("kind", ["traced", "scripted", "frozen"])
def test_torchscript_files(kind: str, route: str, tmp_path: Path, net: nn.Module) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        script = (
            torch.jit.trace(net, torch.zeros(1, 3, 16, 16)) if kind == "traced" else torch.jit.script(net)
        )
        torch.jit.save(torch.jit.freeze(script) if kind == "frozen" else script, tmp_path / "net.pt")
    path = str(tmp_path / "net.pt")
    result = edgekit.export(path, tmp_path / "net", inputs={"x": (1, 3, 16, 16)}, route=route)
    assert open_bundle(tmp_path / "net").manifest.model.kind == "torchscript"
    assert [each.shape for each in result.outputs] == [(1, 4), (1, 8, 16, 16)]


def test_a_scripted_branch_on_values_is_refused(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(nets.Branch()).save(str(tmp_path / "net.pt"))
    with pytest.raises(ExportError, match="freezes them"):
        edgekit.export(str(tmp_path / "net.pt"), tmp_path / "net", inputs={"x": (1, 4, 8, 8)})


def test_a_state_dict_is_no_torchscript(tmp_path: Path, net: nn.Module) -> None:
    torch.save(net.state_dict(), tmp_path / "net.pt")
    with pytest.raises(edgekit.UserError, match="--weights"):
        edgekit.export(str(tmp_path / "net.pt"), tmp_path / "net", inputs={"x": (1, 3, 16, 16)})


def test_code_with_weights(tmp_path: Path) -> None:
    path = Path(nets.__file__)
    torch.manual_seed(5)
    torch.save(nets.AnyOutputs().state_dict(), tmp_path / "w.pt")
    shape = (1, 4, 6, 6)
    result = edgekit.export(
        f"{path}:AnyOutputs", tmp_path / "net", inputs={"x": shape, "y": shape}, weights=tmp_path / "w.pt"
    )
    model = open_bundle(tmp_path / "net").manifest.model
    assert (model.kind, model.weights) == ("file", "w.pt")
    assert model.weights_sha256 is not None
    assert result.parameters == 4 * 3 + 3


def test_both_routes_agree_within_rounding(tmp_path: Path) -> None:
    results = [
        edgekit.export("mobilenet_v2:width=0.35,resolution=96", tmp_path / route, route=route)
        for route in ("pnnx", "onnx")
    ]
    for left, right in zip(results[0].checks, results[1].checks, strict=True):
        assert left.scale == right.scale
        assert max(left.relative, right.relative) < 1e-4
