"""Files of other make that keep the axis of size 1 which most drop, or have their batch elsewhere."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import edgekit
from edgekit.formats import ncnn
from edgekit.sources.inputs import InputSpec
from edgekit.verifier.batch import output_axis, usual_axis


class Kept(nn.Module):
    """Works on the first axis, so that pnnx keeps it."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.fc(x.abs().mean(2, keepdim=True) * x), F.softmax(x.flip(0).reshape(-1, 8), -1)


class StepsFirst(nn.Module):
    """One step of a batch of six."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(8, 6)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.gru(x)[0]
        return result


def shipped(net: nn.Module, folder: Path) -> Path:
    """The files of a net without anything that says where its batch is."""
    edgekit.export(net, folder / "bundle", inputs={"x": (1, 6, 8)})
    for suffix in ("param", "bin"):
        shutil.copy(folder / "bundle" / f"model.ncnn.{suffix}", folder / f"shipped.{suffix}")
    return folder / "shipped.param"


def verified(param: Path, net: nn.Module) -> edgekit.VerifyReport:
    return edgekit.verify(param, model=net, input_specs=(InputSpec("x", (1, 6, 8)),))


@pytest.mark.parametrize("net", [Kept, StepsFirst])
def test_a_sound_file_passes_wherever_its_batch_is(net: type[nn.Module], tmp_path: Path) -> None:
    torch.manual_seed(0)
    made = net().eval()
    report = verified(shipped(made, tmp_path), made)
    assert report.passed
    assert report.compared == len(report.layers)


def test_a_fault_in_such_a_file_is_named(tmp_path: Path) -> None:
    torch.manual_seed(0)
    made = Kept().eval()
    param = shipped(made, tmp_path)
    graph = ncnn.read(param, param.with_suffix(".bin"))
    (guilty,) = [layer for layer in graph.layers if layer.weights]
    weights = (dataclasses.replace(guilty.weights[0], data=-np.asarray(guilty.weights[0].data)),)
    layers = [
        dataclasses.replace(layer, weights=(*weights, *layer.weights[1:])) if layer is guilty else layer
        for layer in graph.layers
    ]
    ncnn.write(dataclasses.replace(graph, layers=tuple(layers)), param, param.with_suffix(".bin"))
    assert list(verified(param, made).culprits) == [guilty.name]


def test_an_output_lacks_the_axis_that_its_blob_lacks() -> None:
    assert usual_axis((1, 6, 8)) == 0
    assert usual_axis((6, 8)) is None
    assert output_axis((1, 6, 8), (6, 8)) == 0
    assert output_axis((1, 6, 8), (1, 6, 8)) is None
    assert output_axis((6, 1, 8), (6, 8)) == 1
    assert output_axis((1, 6, 8), (3, 16)) == 0, "a wrong shape says nothing"
