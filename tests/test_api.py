"""`import edgekit` is light, and its functions come on first use."""

import subprocess
import sys
from pathlib import Path

import pytest

import edgekit

ROOT = Path(__file__).resolve().parents[1]
HEAVY = (
    "torch", "onnx", "onnxruntime", "onnxsim", "ncnn", "pnnx", "matplotlib", "PIL", "safetensors", "numpy",
)  # fmt: skip


@pytest.mark.parametrize(
    "statement",
    ["import edgekit", "from edgekit.cli.main import build_parser; build_parser().format_help()"],
)
def test_nothing_heavy_is_imported(statement: str) -> None:
    code = f"{statement}\nimport sys\nprint(*(name for name in {HEAVY!r} if name in sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == []


def test_every_public_name_is_there() -> None:
    for name in edgekit.__all__:
        assert getattr(edgekit, name) is not None
        assert name in dir(edgekit)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'verfiy'"):
        edgekit.verfiy  # noqa: B018
