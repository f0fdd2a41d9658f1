"""Models that are .onnx files: aligned, with floors and scaled probes like those that PyTorch runs."""

from __future__ import annotations

import dataclasses
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import edgekit
from edgekit.alignment import store
from edgekit.formats import ncnn
from edgekit.ladder import climb


class Cancelling(nn.Module):
    """The mean of what a norm has taken the mean from, behind an activation whose bound nothing reaches."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 8, 3, padding=1), nn.InstanceNorm2d(8, affine=True)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y = self.norm(torch.clamp(self.conv(x), -6.0, 6.0))
        return y.mean((2, 3)), F.relu(y)


class Sequence(nn.Module):
    """Attention and a recurrent layer: their sizes are computed in the file; x is 1x9x32."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True, dropout=0.0)
        self.gru = nn.GRU(32, 16, batch_first=True, bidirectional=True)

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.gru(self.encoder(x))[0])


def exported(net: nn.Module, shape: tuple[int, ...], folder: Path) -> Path:
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            net.eval(),
            (torch.zeros(shape),),
            folder / "net.onnx",
            dynamo=False,
            opset_version=17,
            input_names=["x"],
        )
    edgekit.export(str(folder / "net.onnx"), folder / "net")
    return folder / "net"


@pytest.fixture
def cancelling(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    return exported(Cancelling(), (1, 3, 16, 16), tmp_path)


def test_what_cancels_is_no_finding(cancelling: Path) -> None:
    report = edgekit.verify(cancelling)
    assert report.passed
    assert report.compared == len(report.layers)


def test_a_bound_that_nothing_reaches_is_named(cancelling: Path) -> None:
    param = cancelling / "model.ncnn.param"
    text = param.read_text("utf-8")
    assert "-6.0,6.0" in text
    param.write_text(text.replace("-6.0,6.0", "-6.0,8.0"), "utf-8")
    report = edgekit.verify(cancelling)
    assert [layer.type for layer in report.layers if layer.name in report.culprits] == ["Convolution"]


def test_sizes_that_the_file_computes_are_no_operations(tmp_path: Path) -> None:
    torch.manual_seed(0)
    alignment, _ = store.read(exported(Sequence(), (1, 9, 32), tmp_path))[:2]
    assert alignment.coverage == 1.0
    main = {layer.type: layer.source.op for layer in alignment.layers if layer.source is not None}
    assert main["GRU"] == "onnx.GRU"
    assert main["MultiHeadAttention"] == "onnx.Gemm"
    assert {layer.type: layer.source.module for layer in alignment.layers if layer.source}["GRU"] == "gru"
    norms = [layer.source.module for layer in alignment.layers if layer.type == "LayerNorm" and layer.source]
    assert norms == ["encoder.norm1", "encoder.norm2"]


def test_everything_that_runs_the_model_again_runs_the_file(cancelling: Path, tmp_path: Path) -> None:
    """New inputs, the ladder, and files of other make; it executes nobody's code, so it need not be named."""
    np.savez(tmp_path / "more.npz", x=np.random.default_rng(3).standard_normal((1, 3, 16, 16), np.float32))
    report = edgekit.verify(cancelling, inputs=tmp_path / "more.npz")
    assert report.passed
    assert report.samples == ("more.npz",)
    rungs = climb(cancelling).rungs
    assert [rung.name for rung in rungs[:4]] == ["onnx-file", "onnx", "pnnx", "ncnn"]
    assert rungs[3].status == "pass"
    graph = ncnn.read(cancelling / "model.ncnn.param", cancelling / "model.ncnn.bin")
    (guilty,) = [layer for layer in graph.layers if layer.type == "Convolution"]
    weights = (dataclasses.replace(guilty.weights[0], data=guilty.weights[0].data * 2), *guilty.weights[1:])
    layers = [
        dataclasses.replace(layer, weights=weights) if layer is guilty else layer for layer in graph.layers
    ]
    ncnn.write(dataclasses.replace(graph, layers=tuple(layers)), tmp_path / "m.param", tmp_path / "m.bin")
    report = edgekit.verify(tmp_path / "m.param", model=str(tmp_path / "net.onnx"))
    assert list(report.culprits) == [guilty.name]
