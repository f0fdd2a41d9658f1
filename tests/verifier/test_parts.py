"""Faults in layers that cut a tensor into parts, or compute a part of what PyTorch does at once."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import edgekit
from edgekit.formats import ncnn
from edgekit.graph import Layer
from edgekit.sources.inputs import InputSpec
from edgekit.verifier.model import VerifyReport

SHAPE = (1, 6, 8, 12)
Change = Callable[[Layer], Layer]


class Coordinates(nn.Module):
    """Attention along rows and columns, which share a convolution, and a classifier with log_softmax."""

    def __init__(self) -> None:
        super().__init__()
        self.shared, self.rows, self.columns = nn.Conv2d(6, 4, 1), nn.Conv2d(4, 6, 1), nn.Conv2d(4, 6, 1)
        self.last = nn.Conv2d(6, 5, 3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows, columns = x.mean(3, keepdim=True), x.mean(2, keepdim=True).permute(0, 1, 3, 2)
        y = F.gelu(self.shared(torch.cat([rows, columns], 2)))
        rows, columns = torch.split(y, [8, 12], 2)
        x = x * self.rows(rows).sigmoid() * self.columns(columns.permute(0, 1, 3, 2)).sigmoid()
        return F.log_softmax(self.last(x), 1)


@pytest.fixture(scope="module")
def module() -> nn.Module:
    torch.manual_seed(1)
    return Coordinates().eval()


@pytest.fixture(scope="module")
def bundle(module: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("parts") / "bundle"
    edgekit.export(module, path, inputs={"x": SHAPE})
    return path


@pytest.fixture
def verified(bundle: Path, module: nn.Module, tmp_path: Path) -> Callable[[str, Change | None], VerifyReport]:
    """Change the layer of a type, or leave it out, and verify the files as if they came from elsewhere."""

    def verify(kind: str, change: Change | None) -> VerifyReport:
        graph = ncnn.read(bundle / "model.ncnn.param", bundle / "model.ncnn.bin")
        (layer,) = (each for each in graph.layers if each.type == kind)
        changed: list[Layer] = []
        for each in graph.layers:
            if each is layer and change is not None:
                changed.append(change(each))
            elif each is not layer:
                inputs = each.inputs
                if change is None:
                    inputs = tuple(layer.inputs[0] if blob == layer.outputs[0] else blob for blob in inputs)
                changed.append(dataclasses.replace(each, inputs=inputs))
        wrong = dataclasses.replace(graph, layers=tuple(changed))
        ncnn.write(wrong, tmp_path / "m.param", tmp_path / "m.bin")
        specs = (InputSpec("x", SHAPE),)
        return edgekit.verify(tmp_path / "m.param", model=module, input_specs=specs)

    return verify


def of(**params: object) -> Change:
    return lambda layer: dataclasses.replace(
        layer, params={**layer.params, **{key.strip("_"): value for key, value in params.items()}}
    )


def test_a_clean_file_passes_with_every_layer_compared(verified) -> None:
    report = verified("Slice", lambda layer: layer)
    assert report.passed
    assert report.compared == len(report.layers)


def test_parts_of_the_wrong_sizes_accuse_nobody_else(verified) -> None:
    report = verified("Slice", of(_0=(12, -233)))
    assert [name.partition("_")[0] for name in report.culprits] == ["split"]


def test_the_softmax_of_a_log_softmax_is_named_itself(verified) -> None:
    report = verified("Softmax", of(_0=1))
    (guilty,) = (layer for layer in report.layers if layer.name in report.culprits)
    assert guilty.type == "Softmax"
    assert guilty.remedy is not None and "axis 0 instead of 1" in guilty.remedy


def test_a_lost_activation_is_said_to_be_lost(verified) -> None:
    report = verified("GELU", None)
    (guilty,) = (layer for layer in report.layers if layer.name in report.culprits)
    assert guilty.why is not None
    assert guilty.why.startswith("an activation is missing behind it: PyTorch has gelu of what it gives")
    assert "at fault" not in guilty.why
