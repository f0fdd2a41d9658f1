"""Inputs and outputs of every number, rank and batch; sizes that change."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import edgekit
from edgekit.bundle import open_bundle
from edgekit.devices import LocalDevice
from edgekit.exporter import ExportMismatch, FindingKind, InputSpec
from edgekit.runtimes.ncnn import FP32, Case, Feed, run_cases
from tests.exporter import nets

ROUTES = ("pnnx", "onnx")


@pytest.mark.parametrize("route", ROUTES)
def test_many_inputs_and_outputs_of_any_structure(route: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    shape = (1, 4, 6, 6)
    edgekit.export(nets.AnyOutputs(), tmp_path / "net", inputs={"y": shape, "x": shape}, route=route)
    manifest = open_bundle(tmp_path / "net").manifest
    assert [(each.name, each.blob) for each in manifest.inputs] == [("x", "in0"), ("y", "in1")]
    assert [(each.name, each.blob) for each in manifest.outputs] == [
        ("scores", "out0"),
        ("maps.0", "out1"),
        ("again", "out0"),
    ]


RANKS: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "one": (nn.Linear(16, 3), (16,)),
    "two": (nn.Sequential(nn.Linear(16, 3), nn.Softmax(-1)), (5, 16)),
    "three": (nn.Sequential(nn.Conv1d(4, 8, 3), nn.Tanh(), nn.ConvTranspose1d(8, 2, 4, 2)), (1, 4, 32)),
    "five": (nn.Sequential(nn.Conv3d(2, 4, 3), nn.ReLU()), (1, 2, 6, 8, 8)),
}


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("rank", RANKS)
def test_ranks_other_than_four(rank: str, route: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    module, shape = RANKS[rank]
    result = edgekit.export(module, tmp_path / "net", inputs={"input": shape}, route=route)
    assert result.inputs[0].shape == shape
    assert all(check.relative < 1e-4 for check in result.checks)


class Deviation(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x / (x.std(-1, keepdim=True) + 0.1)


def test_a_deviation_counts_what_there_is_at_each_size(tmp_path: Path) -> None:
    inputs = [InputSpec("x", (1, 2, 9), shape2=(1, 2, 13))]
    edgekit.export(Deviation(), tmp_path / "net", inputs=inputs)
    assert edgekit.verify(tmp_path / "net").passed


@pytest.mark.parametrize("route", ROUTES)
def test_a_batch_is_a_batch(route: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 6, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 4))
    result = edgekit.export(module, tmp_path / "net", inputs={"input": (3, 3, 8, 8)}, route=route)
    assert (result.inputs[0].batch_axis, result.outputs[0].batch_axis) == (0, 0)
    assert result.outputs[0].shape == (3, 4)


def test_the_batch_axis_of_a_state_is_put_right(tmp_path: Path) -> None:
    torch.manual_seed(0)
    result = edgekit.export(nets.Recurrent(), tmp_path / "net", inputs={"x": (1, 6, 16)})
    assert [(each.name, each.shape) for each in result.outputs] == [("out0", (1, 6, 8)), ("out1", (1, 1, 8))]
    assert result.outputs[1].batch_axis is not None


def test_ids_are_integers_within_the_embedding(tmp_path: Path) -> None:
    torch.manual_seed(0)
    result = edgekit.export(nets.Ids(), tmp_path / "net", inputs=[InputSpec("ids", (1, 7), "int64")])
    assert result.inputs[0].dtype == "int64"
    assert result.inputs[0].value_range == (0.0, 19.0)


@pytest.mark.parametrize("route", ROUTES)
def test_sizes_that_change(route: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    inputs = [InputSpec("x", (1, 4, 16, 16), shape2=(1, 4, 24, 32))]
    net = nets.Resize()
    result = edgekit.export(net, tmp_path / "net", inputs=inputs, route=route)
    assert {check.probe for check in result.checks} == {0, 1, 2}
    manifest = open_bundle(tmp_path / "net").manifest
    assert manifest.extra["second_shapes"] == {"x": [1, 4, 24, 32]}
    third = torch.rand(1, 4, 20, 12)
    case = Case("third", {"in0": Feed(third[0].numpy())}, ("out0",))
    bundle = open_bundle(tmp_path / "net")
    reply = run_cases(LocalDevice(), bundle.param, bundle.bin, [case], FP32)
    found = np.array(reply.tensors["third:out0"])
    reply.close()
    with torch.no_grad():
        np.testing.assert_allclose(found, net(third)[0][0].numpy(), rtol=1e-4, atol=1e-5)


def test_a_frozen_size_is_found_at_the_second_shape(tmp_path: Path) -> None:
    inputs = [InputSpec("x", (1, 4, 16, 16), shape2=(1, 4, 24, 32))]
    with pytest.raises(ExportMismatch) as caught:
        edgekit.export(nets.FrozenSize(), tmp_path / "net", inputs=inputs)
    assert caught.value.exit_code == 1
    assert caught.value.findings[0].kind is FindingKind.DATA_DEPENDENT
    assert "size" in caught.value.findings[0].message
    assert any("Python integer" in warning.text for warning in caught.value.warnings)


def test_half_precision_modules_and_inputs_become_float32(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = nn.Conv2d(3, 4, 3).half()
    result = edgekit.export(module, tmp_path / "net", inputs=[InputSpec("input", (1, 3, 8, 8), "float16")])
    assert result.rewrites == ("converted float16 weights to float32",)
    assert result.inputs[0].dtype == "float32"
    assert module.weight.dtype is torch.float16


def test_inputs_that_are_not_described(tmp_path: Path) -> None:
    with pytest.raises(edgekit.UserError, match="add --input x=SHAPE"):
        edgekit.export(nets.Branch(), tmp_path / "net")
    with pytest.raises(edgekit.UserError, match="has no input 'z'"):
        edgekit.export(nets.AnyOutputs(), tmp_path / "net", inputs={"x": (1, 4, 6, 6), "z": (1, 4, 6, 6)})
