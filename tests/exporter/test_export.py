"""From a module to a bundle, by the real converter and the real ncnn."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

import edgekit
from edgekit.alignment import Ahead
from edgekit.bundle import open_bundle
from edgekit.formats import ncnn


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.fc = nn.Linear(8, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.norm(self.conv(x)).relu()
        x = x.mean((2, 3))
        return self.fc(x)


def test_a_module_becomes_a_checked_bundle(tmp_path: Path) -> None:
    module = Net().train()
    result = edgekit.export(module, tmp_path / "net", inputs={"x": (1, 3, 16, 16)})

    bundle = open_bundle(tmp_path / "net")
    assert bundle.changed_files() == ()
    assert [(each.name, each.blob, each.shape) for each in bundle.manifest.inputs] == [
        ("x", "in0", (1, 3, 16, 16))
    ]
    assert [(each.name, each.blob, each.shape) for each in bundle.manifest.outputs] == [
        ("out0", "out0", (1, 4))
    ]
    graph = ncnn.read(bundle.param, bundle.bin)
    assert [layer.type for layer in graph] == ["Input", "Convolution", "Reduction", "InnerProduct"]
    assert result.layers == 4
    assert result.parameters == 3 * 8 * 9 + 8 + 8 * 4 + 4
    assert len(result.checks) == 2
    assert all(check.passed and check.relative < 1e-5 for check in result.checks)
    assert module.training, "the caller's module is left as it was"


def test_two_exports_are_the_same_byte_for_byte(tmp_path: Path) -> None:
    module = Net()
    for name in ("a", "b"):
        edgekit.export(module, tmp_path / name, inputs={"x": (1, 3, 16, 16)})
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == sorted(path.name for path in (tmp_path / "b").iterdir())
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_a_failed_export_leaves_the_earlier_bundle_alone(tmp_path: Path) -> None:
    out = tmp_path / "net"
    edgekit.export(Net(), out, inputs={"x": (1, 3, 16, 16)})
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    with pytest.raises(edgekit.UserError):
        edgekit.export(Net(), out, inputs={"x": (1, 5, 16, 16)})
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["net"]


def test_the_manifest_names_tools_and_rewrites(tmp_path: Path) -> None:
    class Squares(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            left, right = x.chunk(2, 1)
            return left * left + (right + right)

    result = edgekit.export(Squares(), tmp_path / "net", inputs={"x": (1, 4, 8, 8)})
    assert "wrote x * x as x ** 2" in result.rewrites
    assert "wrote x + x as x * 2" in result.rewrites
    manifest = json.loads((tmp_path / "net" / "manifest.json").read_text())
    assert manifest["extra"]["rewrites"] == list(result.rewrites)
    assert {"torch", "pnnx", "ncnn"} <= manifest["tools"].keys()


def test_what_is_asked_while_the_converter_works_has_the_answer_that_it_has_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    module, inputs = Residual(), {"x": (1, 4, 12, 12)}
    asked: list[int] = []

    def all_steps(self: Ahead, steps: Callable[[Ahead], Iterator[None]] = Ahead.steps) -> Iterator[None]:
        asked.append(sum(1 for _ in steps(self)))
        return iter(())

    with monkeypatch.context() as patch:
        patch.setattr(Ahead, "steps", all_steps)
        edgekit.export(module, tmp_path / "everything", inputs=inputs)
        patch.setattr(Ahead, "steps", lambda self: iter(()))
        edgekit.export(module, tmp_path / "nothing", inputs=inputs)
    assert asked[0] > 4
    for name in ("alignment.json", "reference.npz"):
        assert (tmp_path / "everything" / name).read_bytes() == (tmp_path / "nothing" / name).read_bytes()


def test_the_converter_has_a_time_of_its_own(tmp_path: Path) -> None:
    times = edgekit.export(Residual(), tmp_path / "net", inputs={"x": (1, 4, 12, 12)}).timings_s
    assert times["convert"] > 0 and "wait" in times


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.act = nn.SiLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm(self.conv(x)).relu()
        return self.act(y + x) * y
