"""Model specs are told apart without running anything, and a mistake names its nearest match."""

from pathlib import Path

import pytest

from edgekit.errors import UserError
from edgekit.sources.spec import SpecKind, parse_spec

CODE = """
raise SystemExit("this must not run")

class Net:
    pass

def make_net():
    return Net()

shared = Net()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "net.py").write_text(CODE)
    (tmp_path / "net.onnx").write_bytes(b"")
    (tmp_path / "net.pt").write_bytes(b"")
    (tmp_path / "net.toml").write_text("")
    return tmp_path


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("mobilenet_v2", SpecKind.ZOO),
        ("mobilenet_v1:width=0.5,resolution=160", SpecKind.ZOO),
        ("net.toml", SpecKind.RECIPE),
        ("net.py:Net", SpecKind.FILE),
        ("net.py:make_net", SpecKind.FILE),
        ("net.pt", SpecKind.TORCHSCRIPT),
        ("net.onnx", SpecKind.ONNX),
        ("package.module:Net", SpecKind.MODULE),
        ("torch:nn.Identity", SpecKind.MODULE),
    ],
)
def test_what_a_spec_names(folder: Path, text: str, kind: SpecKind) -> None:
    assert parse_spec(text, folder).kind is kind


@pytest.mark.parametrize(
    ("text", "message", "remedy"),
    [
        ("mobilenet_v9", "names no model", "mobilenet_v"),
        ("mobilenet_w1:width=0.5", "names no model", "mobilenet_v1"),
        ("net.py:Nett", "has no attribute 'Nett'", "did you mean 'Net'?"),
        ("net.py:make_nt", "has no attribute", "make_net"),
        ("net.py", "names a file and no model", "Net"),
        ("net.py:", "names no attribute", "net.py:ATTR"),
        ("nett.py:Net", "no file", "net.py"),
        ("nett.onnx", "no file", "net.onnx"),
        ("", "names no model", "edgekit"),
    ],
)
def test_a_mistake_names_the_nearest_match(folder: Path, text: str, message: str, remedy: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_spec(text, folder)
    assert message in caught.value.message
    if text:
        assert caught.value.remedy is not None and remedy in caught.value.remedy
