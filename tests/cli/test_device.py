"""`edgekit device`: what it shows, and what it refuses."""

import json

import pytest

from edgekit.cli.main import main


def test_list_shows_every_kind(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["device", "list"]) == 0
    text = capsys.readouterr().out
    assert "  ok  local" in text
    assert "qemu:CPU" in text
    assert main(["device", "list", "--json", "-"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "edgekit.devices/1"
    assert document["devices"][0]["usable"] is True


def test_info_says_what_ncnn_sees(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["device", "info", "local", "--json", "-"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "edgekit.device/1"
    assert document["device"]["kind"] == "local"
    assert document["device"]["emulated"] is False
    assert main(["device", "info", "local"]) == 0
    assert "  dispatch   " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["lst"], "'lst' is not a command"),
        (["info", "qemu:a76"], "unknown CPU 'a76' of device qemu"),
        (["info", "local", "--jsn", "x"], "edgekit device info has no option '--jsn'"),
        (["setup", "local"], "local needs no setup"),
    ],
)
def test_a_mistake_is_one_line_and_a_remedy(
    capsys: pytest.CaptureFixture[str], argv: list[str], words: str
) -> None:
    assert main(["device", *argv]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    first, second = captured.err.splitlines()
    assert words in first
    assert second.startswith("  remedy: ")
