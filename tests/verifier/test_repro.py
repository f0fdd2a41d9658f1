"""A culprit written as a case of its own runs with ncnn and numpy alone and shows the same error."""

import subprocess
import sys
from pathlib import Path

import pytest

import edgekit
from edgekit.errors import UserError


def test_the_case_shows_the_error(spoil, swap_channels, name_of, tmp_path: Path) -> None:
    name = name_of("ConvolutionDepthWise")
    broken = spoil("ConvolutionDepthWise", swap_channels)
    report = edgekit.verify(broken, repro=tmp_path / "case")
    assert report.culprits == (name,)
    culprit = next(layer for layer in report.layers if layer.name == name)
    assert culprit.isolated is not None

    files = {path.name for path in (tmp_path / "case").iterdir()}
    arrays = {"input_0.npy", "reference_0.npy"}
    assert files == {"case.json", "issue.md", "layer.param", "layer.bin", "repro.py", *arrays}
    issue = (tmp_path / "case" / "issue.md").read_text()
    assert f"`{name}` differs from PyTorch" in issue
    assert f"off by {culprit.isolated.max_abs:.2g}, where rounding explains {culprit.floor:.2g}" in issue
    line = next(each for each in (tmp_path / "case" / "layer.param").read_text().splitlines() if name in each)
    assert line.strip() in issue
    script = (tmp_path / "case" / "repro.py").read_text()
    assert "edgekit" not in script
    assert len(script.splitlines()) <= 25
    done = subprocess.run(
        [sys.executable, tmp_path / "case" / "repro.py"], cwd="/", capture_output=True, text=True, check=True
    )
    words = done.stdout.split()
    assert words[words.index("code") + 1] == "0"
    error = float(words[words.index("error") + 1])
    assert error == pytest.approx(culprit.isolated.max_abs, rel=1e-3)
    assert error > float(words[-1]), "the error is above what rounding explains"


def test_a_clean_bundle_has_nothing_to_reproduce(bundle: Path, tmp_path: Path) -> None:
    report = edgekit.verify(bundle, repro=tmp_path / "case")
    assert report.passed
    assert "no case was written" in report.warnings[0]
    assert not (tmp_path / "case").exists()


def test_a_folder_of_something_else_is_left_alone(spoil, swap_channels, tmp_path: Path) -> None:
    broken = spoil("ConvolutionDepthWise", swap_channels)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("important")
    with pytest.raises(UserError, match="exists"):
        edgekit.verify(broken, repro=tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "important"
