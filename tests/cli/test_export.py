"""`edgekit export` and `edgekit models` as programs: exit codes, streams, documents."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from edgekit.models import registry
from edgekit.schema import Json

NET = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        return self.conv(x).relu()

class Deviation(Net):
    def forward(self, x):
        return torch.sort(self.conv(x), 1)[0]

class Frozen(Net):
    def forward(self, x):
        return nn.functional.interpolate(self.conv(x), size=(int(x.shape[2]), int(x.shape[3])))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "net.py").write_text(NET)
    return tmp_path


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edgekit", *arguments],
        cwd=folder,
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_export_that_holds(folder: Path) -> None:
    done = run(folder, "export", "net.py:Net", "-o", "out", "--input", "x=1x3x8x8", "--json", "result.json")
    assert (done.returncode, done.stderr) == (0, "")
    first, second, third, fourth, *_ = done.stdout.splitlines()
    assert first.startswith("net.py:Net -> out in ")
    assert second == "  x 1x3x8x8 -> out0 1x4x6x6"
    assert third == "  2 layers, 112 parameters, 452 B of fp32 weights, by the pnnx route"
    assert "agrees with the reference on 2 seeded inputs" in fourth
    document: Json = json.loads((folder / "result.json").read_text())
    assert (document["schema"], document["exported"]) == ("edgekit.export/1", True)
    assert [check["passed"] for check in document["checks"]] == [True, True]
    assert (folder / "out/manifest.json").is_file()


def test_a_model_that_cannot_be_converted(folder: Path) -> None:
    done = run(folder, "export", "net.py:Deviation", "-o", "out", "--input", "x=1x3x8x8", "--json", "-")
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert lines[0] == "edgekit: error: net.py:Deviation was not exported: 1 finding"
    assert lines[1] == "  'aten::sort' has no counterpart in ncnn"
    assert lines[2] == "    at net.py:15 (aten.sort)"
    assert lines[3] == "    remedy: return the numbers and sort them on the device"
    document = json.loads(done.stdout)
    assert (document["exported"], document["findings"][0]["kind"]) == (False, "unknown-layer")
    assert any("pass_ncnn" in line for line in document["log"])
    assert not (folder / "out").exists()


def test_a_model_that_converts_to_another_one(folder: Path) -> None:
    done = run(folder, "export", "net.py:Frozen", "-o", "out", "--input", "x=1x3x8x8,1x3x12x10")
    assert done.returncode == 1
    assert "a size of the first input is frozen" in done.stderr
    assert "the converter remarked, which may be why" in done.stderr
    assert not (folder / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "error", "remedy"),
    [
        (("net.py:Nett",), "'net.py' has no attribute 'Nett'", "did you mean 'Net'?"),
        (("mobilenet_v22",), "'mobilenet_v22' names no model", "did you mean 'mobilenet_v2'"),
        (("net.py:Net",), "the shapes of the model's inputs are not known", "add --input x=SHAPE"),
        (("net.py:Net", "--input", "y=1x3x8x8"), "the model has no input 'y'", "forward takes x"),
        (
            ("net.py:Net", "--input", "x=1x5x8x8"),
            "the model, run on x 1x5x8x8, raised RuntimeError",
            "the shapes",
        ),
        (("net.py:Net", "--input", "x=1x3x8x8", "--weights", "w.pt"), "no weights file at 'w.pt'", "check"),
    ],
)
def test_mistakes_are_one_line_and_a_remedy(
    folder: Path, arguments: tuple[str, ...], error: str, remedy: str
) -> None:
    done = run(folder, "export", *arguments, "-o", "out")
    assert (done.returncode, done.stdout) == (2, "")
    first, second = done.stderr.splitlines()
    assert error in first
    assert second.strip().startswith("remedy: ") and remedy in second
    assert not (folder / "out").exists()


def test_a_folder_that_is_no_bundle_is_left_alone(folder: Path) -> None:
    (folder / "out").mkdir()
    (folder / "out/precious.txt").write_text("mine")
    (folder / "net.py").write_text(f"print('loaded'){NET}")
    done = run(folder, "export", "net.py:Net", "-o", "out", "--input", "x=1x3x8x8")
    assert (done.returncode, done.stdout) == (2, "")  # refused before the model is loaded
    assert "exists and" in done.stderr
    assert (folder / "out/precious.txt").read_text() == "mine"


def test_a_recipe_is_reproducible_byte_for_byte(folder: Path) -> None:
    (folder / "net.toml").write_text('model = "net.py:Net"\nseed = 3\n\n[inputs.x]\nshape = [1, 3, 8, 8]\n')
    for name in ("a", "b"):
        assert run(folder, "export", "net.toml", "-o", name).returncode == 0
    names = sorted(path.name for path in (folder / "a").iterdir())
    assert {"manifest.json", "alignment.json", "reference.npz", "converter.log"} <= set(names)
    for name in names:
        assert (folder / "a" / name).read_bytes() == (folder / "b" / name).read_bytes(), name


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--input", "imag=1x3x32x32"], "has no input 'imag'"),
        (["--weights", "no.pt"], "no weights file"),
        (["--route", "onxx"], "onnx"),
    ],
)
def test_mistakes_are_answered_without_torch(words: list[str], message: str, folder: Path) -> None:
    code = (
        "import sys; from edgekit.cli.main import main; "
        f"code = main(['export', 'mobilenet_v2', '-o', 'out', *{words!r}]); "
        "assert 'torch' not in sys.modules; sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stderr
    assert message in done.stderr


def test_the_zoo_is_listed_without_torch(folder: Path) -> None:
    done = run(folder, "models")
    assert done.returncode == 0
    for name in registry.names():
        assert f"\n{name} " in done.stdout
    probe = (
        "import sys; from edgekit.cli.main import main; main(['models']); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", probe], check=True, capture_output=True)


def test_the_zoo_as_json(folder: Path) -> None:
    listed = json.loads(run(folder, "models", "--json", "-").stdout)
    assert [each["name"] for each in listed] == list(registry.names())
    v2 = next(each for each in listed if each["name"] == "mobilenet_v2")
    assert v2["family"] == "MobileNet"
    assert v2["inputs"][0]["shape"] == [1, 3, 224, 224]
    assert 3.4e6 < v2["parameters"] < 3.6e6
    assert 2.9e8 < v2["macs"] < 3.2e8
    assert "1801.04381" in v2["source"]
