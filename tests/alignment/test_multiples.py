"""A sum over one axis becomes a mean and a product by ONNX: both have their place, and are judged."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from torch import nn

import edgekit
from edgekit.formats import ncnn


class AttentivePooling(nn.Module):
    """Frames weighted and added up, from which a constant of the module was taken."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("typical", torch.linspace(-1, 1, 12)[:, None])
        self.score = nn.Conv1d(12, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x - self.typical
        return (y * torch.softmax(self.score(y), dim=-1)).sum(dim=-1).tanh()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("multiples") / "net"
    torch.manual_seed(3)
    edgekit.export(AttentivePooling().eval(), path, inputs={"x": (1, 12, 20)}, route="onnx")
    return path


def test_every_layer_has_its_place(bundle: Path) -> None:
    report = edgekit.verify(bundle)
    assert report.verdict == "pass"
    assert not report.unmatched
    layers = {layer.type: layer for layer in report.layers}
    mean, constant = layers["Reduction"].source, layers["MemoryData"].source
    assert mean is not None
    assert (mean.op, Path(mean.file or "").name) == ("aten.sum", "test_multiples.py")
    assert constant is not None
    assert (constant.op, Path(constant.file or "").name) == ("constant typical", "test_multiples.py")


def test_a_fault_in_the_mean_is_not_the_product_s(bundle: Path, tmp_path: Path) -> None:
    graph = ncnn.read(bundle / "model.ncnn.param", bundle / "model.ncnn.bin")
    broken = tmp_path / "broken"
    broken.mkdir()
    for file in bundle.iterdir():
        (broken / file.name).write_bytes(file.read_bytes())
    layers = tuple(
        dataclasses.replace(layer, params={**layer.params, "0": 4}) if layer.type == "Reduction" else layer
        for layer in graph.layers
    )
    ncnn.write(
        dataclasses.replace(graph, layers=layers), broken / "model.ncnn.param", broken / "model.ncnn.bin"
    )
    (guilty,) = (layer.name for layer in graph.layers if layer.type == "Reduction")
    assert list(edgekit.verify(broken).culprits) == [guilty]
