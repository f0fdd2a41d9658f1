"""`edgekit diff`: exit codes, JSON, sides that name nothing."""

import json
from pathlib import Path

import pytest

from edgekit.cli.main import main

NET = """\
7767517
3 3
Input data 0 1 data
Convolution conv 1 1 data c 0=8 1=3 4=1 5=1 6=216
TanH act 1 1 c out
"""


@pytest.fixture
def pair(tmp_path: Path) -> tuple[str, str]:
    (tmp_path / "a.param").write_text(NET, encoding="ascii")
    (tmp_path / "b.param").write_text(NET.replace("TanH", "Sigmoid"), encoding="ascii")
    return str(tmp_path / "a.param"), str(tmp_path / "b.param")


def test_the_same_is_exit_code_0(pair: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", pair[0], pair[0]]) == 0
    assert capsys.readouterr().out.startswith("SAME")


def test_a_difference_is_exit_code_1(pair: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", *pair]) == 1
    captured = capsys.readouterr()
    assert captured.out.startswith("DIFFERENT: 1 difference, 1 of them P0")
    assert captured.err == ""


def test_json_on_stdout(pair: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", *pair, "--input", "data=1x3x16x16", "--json", "-"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "edgekit.diff/1"
    assert document["totals"]["left"]["macs"] == 8 * 256 * 27
    assert document["differences"][0]["kind"] == "activation"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["nothing.param"], "no ncnn model at 'nothing.param'"),
        (["mobilnet_v2"], "'mobilnet_v2' names no model"),
        (["{a}", "--input", "dta=1x3x8x8"], "neither side has an input 'dta'"),
    ],
)
def test_what_the_user_can_mend(
    pair: tuple[str, str], argv: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diff", pair[0], *(text.format(a=pair[0]) for text in argv)]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first == f"edgekit: error: {message}"
    assert second.startswith("  remedy: ")


def test_a_model_that_cannot_be_exported_says_why(
    pair: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "net.py"
    model.write_text(
        "import torch\nclass Net(torch.nn.Module):\n    def forward(self, x):\n"
        "        return torch.fft.rfft(x).real\n",
        encoding="ascii",
    )
    assert main(["diff", pair[0], f"{model}:Net", "--input", "x=1x4x16"]) == 2
    error = capsys.readouterr().err
    assert "edgekit: error: " in error
    assert "remedy: " in error
