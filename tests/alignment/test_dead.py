"""Activations that let next to nothing through: what is left of the numbers is mostly rounding."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import edgekit
from edgekit.runtimes.torch_tape import record
from edgekit.runtimes.trace import NARROW_JITTER


class DeadSmoothly(nn.Module):
    """ELU and tanh of next to nothing; Mish, Softplus and GELU far below zero; x is 1x4x6x6."""

    def __init__(self) -> None:
        super().__init__()
        self.small, self.low = nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.Conv2d(4, 4, 1)
        nn.init.normal_(self.small.weight, std=1e-5)
        nn.init.constant_(self.low.bias, -10.0)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        low = self.low(x)
        low = low - low.abs().mean(1, keepdim=True) * 0.1
        return (
            F.elu(self.small(x)),
            torch.tanh(self.small(x)),
            F.mish(low),
            F.softplus(low),
            F.gelu(low * 0.4),
        )


class ConstantRows(nn.Module):
    """Norms over rows of one number each, and over rows of one number; x is 1x4x6x6."""

    def __init__(self) -> None:
        super().__init__()
        self.flat, self.norm, self.one = nn.Conv2d(4, 4, 1), nn.LayerNorm(6), nn.LayerNorm(1)
        self.groups = nn.GroupNorm(4, 4)
        nn.init.zeros_(self.flat.weight)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        flat, mean = self.flat(x) + 3.3, x.mean(3, keepdim=True) + 2.0
        return self.norm(flat), self.groups(flat), self.one(mean)


def test_a_norm_of_constant_rows_is_no_fault(tmp_path: Path) -> None:
    torch.manual_seed(3)
    edgekit.export(ConstantRows().eval(), tmp_path / "bundle", inputs={"x": (1, 4, 6, 6)})
    report = edgekit.verify(tmp_path / "bundle")
    assert report.passed
    assert report.compared == len(report.layers)


class Cancelling(nn.Module):
    """Equal weights behind a dead activation: what is scaled up cancels there; x is 1x4x1x1."""

    def __init__(self) -> None:
        super().__init__()
        self.dead, self.equal = nn.Conv2d(4, 8, 1), nn.Conv2d(8, 8, 3, padding=1)
        nn.init.constant_(self.dead.bias, -10.0)  # type: ignore[arg-type]
        nn.init.constant_(self.equal.weight, 0.1)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu6(self.dead(x))
        return y + F.relu(self.equal(y))


def test_a_bias_that_is_lost_in_terms_that_cancel_is_no_fault(tmp_path: Path) -> None:
    torch.manual_seed(0)
    edgekit.export(Cancelling().eval(), tmp_path / "bundle", inputs={"x": (1, 4, 1, 1)})
    assert edgekit.verify(tmp_path / "bundle").passed


def test_ncnn_may_round_the_one_that_it_adds_to_an_exponential(tmp_path: Path) -> None:
    torch.manual_seed(3)
    edgekit.export(DeadSmoothly().eval(), tmp_path / "bundle", inputs={"x": (1, 4, 6, 6)})
    report = edgekit.verify(tmp_path / "bundle")
    assert report.passed
    assert report.compared == len(report.layers)


@pytest.mark.parametrize(
    ("function", "held"),
    [
        (F.elu, 1.0),
        (F.selu, 1.7580993),
        (F.softplus, 1.0),
        (F.mish, 9.0),
        (F.gelu, 9.0),
        (torch.tanh, 1.0),
        (F.silu, 0.0),
    ],
)
def test_a_jitter_moves_what_a_function_holds_on_the_way(function: object, held: float) -> None:
    x = torch.full((1, 2, 3), -9.0)
    trace = record(Applied(function), {"x": x})
    (result,) = trace.outputs.values()
    assert trace.replay is not None
    nodes, given = range(len(trace.nodes)), {trace.inputs["x"]: x.numpy()}
    for wide, step in ((True, 2.0**-24), (False, NARROW_JITTER)):
        plain = trace.replay.run(nodes, given, [result], None, wide=wide)[result]
        moved = trace.replay.run(nodes, given, [result], 1, wide=wide)[result]
        assert abs(moved - plain).max() == pytest.approx(held * step, rel=0.2, abs=0.01 * step)


class Applied(nn.Module):
    """A function as a module."""

    def __init__(self, function: object) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)  # type: ignore[operator, no-any-return]
