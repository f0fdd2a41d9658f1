"""Results go to stdout or to their files, and stdout carries one of them."""

import argparse
import json
from pathlib import Path

import pytest

from edgekit.cli.output import check_destinations, deliver
from edgekit.errors import UserError


def destinations(**options: str | None) -> argparse.Namespace:
    return argparse.Namespace(**options)


def test_text_alone(capsys: pytest.CaptureFixture[str]) -> None:
    deliver(destinations(json=None), text="fine", document={})
    assert capsys.readouterr().out == "fine\n"


def test_files_stand_beside_the_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = destinations(json=str(tmp_path / "r.json"), html=str(tmp_path / "r.html"), junit=None)
    deliver(args, text="fine\n", document={"a": 1}, html=lambda: "<p>", junit=lambda: 1 / 0)  # type: ignore[arg-type, return-value]
    assert capsys.readouterr().out == "fine\n"
    assert json.loads((tmp_path / "r.json").read_text()) == {"a": 1}
    assert (tmp_path / "r.html").read_text() == "<p>"


def test_json_on_stdout_stands_alone(capsys: pytest.CaptureFixture[str]) -> None:
    deliver(destinations(json="-"), text="fine", document={"a": float("nan")})
    assert json.loads(capsys.readouterr().out) == {"a": None}


def test_a_file_that_cannot_be_written_is_refused_before_the_work(tmp_path: Path) -> None:
    check_destinations(destinations(json="/dev/null", html=str(tmp_path / "new" / "r.html"), junit=None))
    (tmp_path / "file").touch()
    for name, said in (("file/r.json", "cannot write"), (".", "is a folder")):
        with pytest.raises(UserError, match=said):
            check_destinations(destinations(json=str(tmp_path / name)))


def test_two_results_cannot_share_stdout() -> None:
    check_destinations(destinations(json="-", html="x", junit=None))
    with pytest.raises(UserError, match="--json and --junit"):
        check_destinations(destinations(json="-", html=None, junit="-"))
