"""Stage by stage from PyTorch to ncnn: every stage runs for real, and the first wrong one is named."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import edgekit
from edgekit.ladder import RungStatus, climb
from edgekit.toolchain.pnnx import PnnxRun

ladder_module = importlib.import_module("edgekit.ladder.climb")


def test_every_stage_of_a_sound_bundle_holds(bundle: Path, module: nn.Module) -> None:
    ladder = climb(bundle, model=module)
    assert [rung.name for rung in ladder.rungs] == [
        "torch",
        "traced",
        "pnnx",
        "ncnn",
        "bundle",
        "fp16-weights",
        "bf16",
        "fp16-storage",
        "fp16",
    ]
    statuses = {rung.name: rung.status for rung in ladder.rungs}
    assert all(statuses[name] is RungStatus.PASS for name in ("torch", "traced", "pnnx", "ncnn", "bundle"))
    assert ladder.broken is None
    assert ladder.sentence.startswith("every stage computes what the stage before it computes")
    for name in ("fp16-weights", "bf16"):
        rung = next(rung for rung in ladder.rungs if rung.name == name)
        assert rung.relative is not None
        assert 1e-5 < rung.relative < 0.5, f"{name} really rounds, and not absurdly"


def test_a_fault_in_the_file_breaks_the_bundle_rung(spoil, swap_channels, module: nn.Module) -> None:
    ladder = climb(spoil("Convolution", swap_channels), model=module)
    assert ladder.broken is not None
    assert ladder.broken.name == "bundle"
    assert "the bundle's own files" in ladder.sentence


def damage_trace(run: PnnxRun, other: nn.Module) -> None:
    torch.jit.trace(other, torch.zeros(1, 3, 24, 24)).save(str(run.folder / f"{run.stem}.pt"))


def damage_pnnx(run: PnnxRun, other: nn.Module) -> None:
    text = run.pnnx_param.read_text()
    assert "expr=add(@0,@1)" in text, "the residual"
    run.pnnx_param.write_text(text.replace("expr=add(@0,@1)", "expr=sub(@0,@1)"))


def damage_ncnn(run: PnnxRun, other: nn.Module) -> None:
    numbers = np.fromfile(run.bin, np.float32)
    numbers[1:10] += 1  # after the first weight's flag
    numbers.tofile(run.bin)


@pytest.mark.parametrize(
    ("damage", "name", "words"),
    [
        (damage_trace, "traced", "the TorchScript trace"),
        (damage_pnnx, "pnnx", "the graph that pnnx made of it"),
        (damage_ncnn, "ncnn", "a fresh ncnn conversion in float32"),
    ],
)
def test_each_stage_of_the_conversion_can_be_the_first_that_breaks(
    bundle: Path,
    module: nn.Module,
    other_module: nn.Module,
    monkeypatch: pytest.MonkeyPatch,
    damage: Callable[[PnnxRun, nn.Module], None],
    name: str,
    words: str,
) -> None:
    """The files of a real conversion are damaged between it and the runs of its stages."""
    real = ladder_module._convert

    def damaged(*arguments: Any) -> PnnxRun:
        run = real(*arguments)
        damage(run, other_module)
        return run

    monkeypatch.setattr(ladder_module, "_convert", damaged)
    ladder = climb(bundle, model=module)
    assert ladder.broken is not None
    assert ladder.broken.name == name
    assert ladder.sentence.startswith(f"the first stage that breaks is {words}: 'out0' moves by ")


class Loud(nn.Module):
    """A weight that half precision cannot hold."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Conv2d(3, 4, 1)
        self.scale.weight.data[0, 0] = 1e5

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.scale(x) / 1e5


def test_weights_that_half_precision_cannot_hold_break_their_rung(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = Loud()
    edgekit.export(module, tmp_path / "net", inputs={"x": (1, 3, 8, 8)})
    ladder = climb(tmp_path / "net", model=module)
    assert ladder.broken is not None
    assert ladder.broken.name == "fp16-weights"
    assert ladder.sentence == (
        "the first stage that breaks is the bundle, its weights rounded to fp16: "
        "another shape, NaN or infinity"
    )


@pytest.mark.parametrize("route", ["onnx"])
def test_the_onnx_route_has_a_rung_of_its_own(route: str, module: nn.Module, tmp_path: Path) -> None:
    edgekit.export(module, tmp_path / "net", inputs={"x": (1, 3, 24, 24)}, route=route)
    ladder = climb(tmp_path / "net", model=module)
    assert [rung.name for rung in ladder.rungs][:4] == ["torch", "onnx", "pnnx", "ncnn"]
    assert ladder.broken is None
