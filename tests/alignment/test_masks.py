"""Numbers that change nothing or stand for nothing: masks of minus infinity, a zero that is taken off."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import edgekit
from edgekit.alignment import Ahead
from edgekit.runtimes.torch_tape import record


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


class NothingOff(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x - 0.0).abs().clamp(0, 1)


def test_what_changes_no_number_asks_no_question_ahead() -> None:
    ahead = Ahead([record(NothingOff(), {"x": torch.randn(1, 3, 4)})])
    ahead.measure_whole()
    assert sum(1 for _ in ahead.steps()) > 1
