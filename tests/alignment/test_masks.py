"""Masks of minus infinity are numbers like others: they have their place, and are no finding."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import edgekit


class Decoder(nn.Module):
    """Causal attention by hand, behind a norm."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(16)
        nn.init.uniform_(self.norm.weight, 0.5, 1.5)
        self.qkv = nn.Linear(16, 48, bias=False)
        self.register_buffer("seen", torch.tril(torch.ones(9, 9)).bool())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        steps = x.shape[1]
        q, k, v = (each.view(1, -1, 2, 8).transpose(1, 2) for each in self.qkv(self.norm(x)).chunk(3, -1))
        scores = (q @ k.transpose(2, 3)) / 3.0
        scores = scores.masked_fill(~self.seen[:steps, :steps], float("-inf"))
        y = (torch.softmax(scores, -1) @ v).transpose(1, 2).reshape(1, -1, 16)
        return x + y


@pytest.mark.parametrize("route", ["pnnx", "onnx"])
def test_every_layer_of_masked_attention_has_its_place(route: str, tmp_path: Path) -> None:
    torch.manual_seed(5)
    edgekit.export(Decoder().eval(), tmp_path / "net", inputs={"x": (1, 6, 16)}, route=route)
    report = edgekit.verify(tmp_path / "net")
    assert report.passed, report
    assert not report.unmatched
