"""What may be timed: files, and models that are exported first."""

from __future__ import annotations

from pathlib import Path

import pytest

import edgekit
from edgekit.bencher import Protocol
from edgekit.bencher.targets import is_path
from edgekit.errors import UserError

NET = """\
import torch
from torch import nn

class Net(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 4, 1))
"""


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("build/net", True), ("net.param", True), ("suite", True), ("mobilenet_v2", False),
        ("mobilenet_v1:width=0.5", False), ("net.py:Net", False), ("nets/net.py:Net", False),
        ("package.module:Net", False), ("net.onnx", False), ("net.pt", False), ("a:b/net.param", True),
    ],
)  # fmt: skip
def test_paths_and_models_are_told_apart(spec: str, expected: bool) -> None:
    assert is_path(spec) is expected


def test_a_model_is_exported_and_timed_under_its_own_name(tmp_path: Path, brief: Protocol) -> None:
    path = tmp_path / "net.py"
    path.write_text(NET)
    report = edgekit.bench(f"{path}:Net", protocol=brief, layers=True, inputs={"input": (1, 3, 12, 16)})
    (result,) = report.results
    assert result.target == f"{path}:Net"
    assert result.weights == "file" and result.input_values == "reference"
    assert [layer.module for layer in result.layers] == ["0", "2"]
    macs = 12 * 16 * (8 * 3 * 9 + 4 * 8)
    assert result.ridge[0] == (0.0, macs)


@pytest.mark.parametrize(
    ("spec", "message", "remedy"),
    [
        ("mobilenet_v22", "no such target: 'mobilenet_v22'", "did you mean 'mobilenet_v2'"),
        ("mobilenet_v1:widht=1", "no argument 'widht'", "did you mean 'width'"),
        ("nothing.py:Net", "no file 'nothing.py'", "check the path"),
    ],
)
def test_a_mistyped_target_gets_the_nearest(spec: str, message: str, remedy: str) -> None:
    with pytest.raises(UserError) as caught:
        edgekit.bench(spec)
    assert message in str(caught.value) and remedy in (caught.value.remedy or "")


def test_a_mistyped_path_gets_the_nearest_in_its_folder(tmp_path: Path) -> None:
    (tmp_path / "mobilenet").mkdir()
    with pytest.raises(UserError) as caught:
        edgekit.bench(tmp_path / "mobilnet")
    assert caught.value.remedy == f"did you mean '{tmp_path / 'mobilenet'}'?"


@pytest.mark.parametrize(
    ("targets", "options", "said"),
    [
        (["mobilenet_v1", "mobilnet:width=0.5"], {}, "names no model"),
        (["mobilenet_v1"], {"runtimes": ("trch",)}, "no runtime 'trch'"),
        (["mobilenet_v1"], {"threads": (0,)}, "0 threads"),
    ],
)
def test_what_is_mistyped_is_answered_before_any_export(targets, options, said) -> None:
    steps: list[str] = []
    with pytest.raises(UserError, match=said):
        edgekit.bench(targets, progress=lambda step, done=None, total=None: steps.append(step), **options)
    assert steps == []
