"""fp16 weights: half the bytes, rounded to nearest, and a cost that is measured."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import edgekit
from edgekit.exporter import ExportError
from edgekit.formats import ncnn
from edgekit.report.export_text import fp16_text


def net(scale: float = 1.0) -> nn.Module:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 15, 3), nn.ReLU(), nn.Conv2d(15, 7, 1))
    with torch.no_grad():
        module[0].weight.mul_(scale)
    return module


def test_weights_are_halved_and_the_cost_is_said(tmp_path: Path) -> None:
    shape = {"input": (1, 3, 8, 8)}
    full = edgekit.export(net(), tmp_path / "full", inputs=shape)
    half = edgekit.export(net(), tmp_path / "half", inputs=shape, precision="fp16")
    assert full.fp16 is None and half.fp16 is not None
    assert half.fp16.bin_bytes_fp32 == full.bin_bytes
    assert half.bin_bytes < 0.65 * full.bin_bytes
    assert 1e-5 < half.fp16.relative < 1e-2
    assert half.checks == full.checks
    assert "instead of" in fp16_text(half.fp16, half.bin_bytes)

    exact = ncnn.read(tmp_path / "full/model.ncnn.param", tmp_path / "full/model.ncnn.bin")
    rounded = ncnn.read(tmp_path / "half/model.ncnn.param", tmp_path / "half/model.ncnn.bin")
    for left, right in zip(exact, rounded, strict=True):
        for before, after in zip(left.weights, right.weights, strict=True):
            if before.name == "bias_data":
                assert after.data.dtype == np.float32
            else:
                np.testing.assert_array_equal(after.data, before.data.astype(np.float16))


def test_small_weights_are_kept(tmp_path: Path) -> None:
    """pnnx's own conversion turns everything below 2^-14 into zero."""
    edgekit.export(net(1e-4), tmp_path / "net", inputs={"input": (1, 3, 8, 8)}, precision="fp16")
    graph = ncnn.read(tmp_path / "net/model.ncnn.param", tmp_path / "net/model.ncnn.bin")
    weight = graph.layers[1].weights[0].data
    assert weight.dtype == np.float16
    assert np.count_nonzero(weight) > 0.9 * weight.size


def test_a_weight_that_fp16_cannot_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="the largest fp16 number is 65504"):
        edgekit.export(net(1e6), tmp_path / "net", inputs={"input": (1, 3, 8, 8)}, precision="fp16")
    assert not (tmp_path / "net").exists()
