"""`edgekit inspect`: exit codes, JSON on stdout, Netron."""

import json
import os
import sys
from pathlib import Path

import pytest

from edgekit.cli.main import main

NET = """\
7767517
2 2
Input       data 0 1 data
Convolution conv 1 1 data out0 0=8 1=3 4=1 5=1 6=216
"""


@pytest.fixture
def param(tmp_path: Path) -> Path:
    path = tmp_path / "net.param"
    path.write_text(NET, encoding="ascii")
    return path


def test_text(param: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(param), "--input", "data=1x3x10x10"]) == 0
    captured = capsys.readouterr()
    out = " ".join(captured.out.split())
    assert "2 layers, 224 parameters, 21.6 K MACs" in out
    assert captured.err == ""


def test_json_on_stdout(param: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(param), "--json", "-"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "edgekit.inspect/1"
    assert document["totals"]["macs"] is None


def test_a_missing_file_is_two_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(tmp_path / "net.param")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_netron_that_is_missing_is_named_with_its_install_line(
    param: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "netron", None)
    assert main(["inspect", str(param), "--netron"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines()[1] == "  remedy: install it with: pip install netron"


def test_netron_is_opened_on_the_param(
    param: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "bin" / "netron"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho "opened $@"\n', encoding="ascii")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setitem(sys.modules, "netron", None)
    assert main(["inspect", str(param), "--netron"]) == 0
    assert f"opened --browse {param}" in capfd.readouterr().out
