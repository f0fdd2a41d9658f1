"""`edgekit weights`: the file, exit codes, and the differences where the networks are others."""

import json
from pathlib import Path

import pytest
import safetensors.torch

import edgekit
from edgekit.cli.main import main


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bundles") / "separable"
    edgekit.export("depthwise_separable", path)
    return path


def test_the_weights_are_written_and_it_is_said_how_well_they_were_checked(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "deep" / "weights.safetensors"
    assert main(["weights", str(bundle), "depthwise_separable", "-o", str(out), "--seed", "5"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    text = " ".join(captured.out.split())
    assert "705 parameters in 5 tensors of depthwise_separable, from fp32" in text
    assert "4 tensors set to do nothing, since the binary has them folded: bn.bias," in text
    assert "3 of 3 layers compared" in text
    assert set(safetensors.torch.load_file(out)) >= {"depth_conv.weight", "bn.running_var", "act.weight"}


def test_json(bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "weights.safetensors"
    assert main(["weights", str(bundle), "depthwise_separable", "-o", str(out), "--json", "-"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "edgekit.weights/1"
    assert document["restored"] is True
    assert all(check["passed"] for check in document["checks"])
    assert document["layers_compared"] == document["layers"] == 3


def test_another_network_is_shown_and_is_exit_code_1(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "weights.safetensors"
    assert main(["weights", str(bundle), "depthwise_separable:kernel=5", "-o", str(out)]) == 1
    captured = capsys.readouterr()
    assert captured.out.startswith("DIFFERENT: 1 difference")
    assert "kernel" in captured.out
    first, second = captured.err.splitlines()
    assert first.endswith("are different networks: 1 difference")
    assert second.startswith("  remedy: make the changes that are listed")
    assert not out.exists()


def test_another_network_as_json(bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "weights.safetensors"
    argv = ["weights", str(bundle), "depthwise_separable:kernel=5", "-o", str(out), "--json", "-"]
    assert main(argv) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["restored"] is False
    assert document["diff"]["differences"][0]["kind"] == "kernel"


def test_a_mistake_is_two_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "nothing.param", "digits", "-o", str(tmp_path / "w.safetensors")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2
