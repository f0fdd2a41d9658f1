"""Stage by stage from PyTorch to ncnn: every stage runs for real, and the first wrong one is named."""

from pathlib import Path

import pytest
from torch import nn

import edgekit
from edgekit.ladder import RungStatus, climb


def test_every_stage_of_a_sound_bundle_holds(bundle: Path, module: nn.Module) -> None:
    ladder = climb(bundle, model=module)
    assert [rung.name for rung in ladder.rungs] == [
        "torch",
        "traced",
        "pnnx",
        "ncnn",
        "bundle",
        "bf16",
        "fp16",
    ]
    statuses = {rung.name: rung.status for rung in ladder.rungs}
    assert all(statuses[name] is RungStatus.PASS for name in ("torch", "traced", "pnnx", "ncnn", "bundle"))
    assert ladder.broken is None
    assert ladder.sentence.startswith("every stage computes what the stage before it computes")
    bf16 = next(rung for rung in ladder.rungs if rung.name == "bf16")
    assert bf16.relative is not None
    assert 1e-4 < bf16.relative < 0.5, "bfloat16 really rounds, and not absurdly"


def test_a_fault_in_the_file_breaks_the_bundle_rung(spoil, swap_channels, module: nn.Module) -> None:
    ladder = climb(spoil("Convolution", swap_channels), model=module)
    assert ladder.broken is not None
    assert ladder.broken.name == "bundle"
    assert "the bundle's own files" in ladder.sentence


@pytest.mark.parametrize("route", ["onnx"])
def test_the_onnx_route_has_a_rung_of_its_own(route: str, module: nn.Module, tmp_path: Path) -> None:
    edgekit.export(module, tmp_path / "net", inputs={"x": (1, 3, 24, 24)}, route=route)
    ladder = climb(tmp_path / "net", model=module)
    assert [rung.name for rung in ladder.rungs][:4] == ["torch", "onnx", "pnnx", "ncnn"]
    assert ladder.broken is None
