"""A report is the same after it was written and read; a file whose figures are not its own is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import edgekit
from edgekit import schema
from edgekit.bencher import BenchReport, Protocol, load_report
from edgekit.cli.main import main
from edgekit.errors import FormatError, UserError

Change = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def report(small_net: Path, brief: Protocol) -> BenchReport:
    return edgekit.bench(small_net, protocol=brief, layers=True)


@pytest.fixture
def saved(report: BenchReport, tmp_path: Path) -> Path:
    return schema.write_json(report.to_json(), tmp_path / "bench.json")


def _change(path: Path, change: Change) -> Path:
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    return path


def test_written_and_read_it_is_the_same(report: BenchReport, saved: Path) -> None:
    assert load_report(saved) == report


def test_without_a_grade_it_is_given_the_one_of_the_rules(report: BenchReport, saved: Path) -> None:
    """As a phone writes it: each round with its first run, and nothing judged."""

    def ungraded(document: dict[str, Any]) -> None:
        (result,) = document["results"]
        result["validity"] = {"grade": None, "warnings": []}
        for each in result["conditions"]["rounds"]:
            each["first_s"] = result["first_s"]
            each["during"]["other_share"] = None
            each["before"]["governors"] = ["schedutil"]

    (result,) = load_report(_change(saved, ungraded)).results
    codes = {caveat.code for caveat in result.validity.warnings}
    assert "governor" in codes
    assert "busy" not in codes
    assert result.validity.grade in "BCD"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d["results"][0]["latency_s"].update(median=1e-9), "the median of .* is not that"),
        (lambda d: d["results"][0]["latency_s"].update(p90=9.0), "the p90 of .* is not that"),
        (lambda d: d["results"][0]["latency_s"]["samples"].pop(), "do not match their rounds"),
        (lambda d: d["results"][0]["latency_s"]["samples"].__setitem__(0, -1.0), "is no duration"),
        (lambda d: d["results"][0].pop("threads"), "lacks 'threads'"),
        (lambda d: d["results"][0].update(threads="two"), "threads is 'two', which is no int"),
        (lambda d: d["device"].update(emulated=True), "times from an emulated device"),
        (lambda d: d["results"][0].update(latency_s=None), "has no times"),
        (lambda d: d.update(results=[]), "holds no results"),
        (lambda d: d.update(mode="leisurely"), "lacks 'leisurely'"),
        (lambda d: d.pop("device"), "lacks 'device'"),
        (lambda d: d.update(interrupted=2), "interrupted is 2, which is no bool"),
    ],
)
def test_damaged(saved: Path, change: Change, said: str) -> None:
    with pytest.raises(FormatError, match=said):
        load_report(_change(saved, change))


def test_another_version_is_refused(saved: Path) -> None:
    with pytest.raises(UserError):
        load_report(_change(saved, lambda d: d.update(schema="edgekit.bench/99")))


def test_the_command_shows_writes_and_checks(
    saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again, page = tmp_path / "again.json", tmp_path / "page.html"
    argv = ["bench", "--import", str(saved), "--json", str(again), "--html", str(page)]
    assert main([*argv, "--against", str(saved)]) == 0
    assert capsys.readouterr().out.startswith("nothing got slower than in ")
    assert "no difference" in json.loads(again.read_text())["comparisons"][0]["verdict"]
    assert load_report(again).results == load_report(saved).results
    assert page.read_text().startswith("<!doctype html>")


def test_what_was_interrupted_then_is_not_interrupted_now(
    saved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "--import", str(_change(saved, lambda d: d.update(interrupted=True)))]) == 0
    assert capsys.readouterr().err == ""


def test_what_got_slower_is_exit_code_1(saved: Path, tmp_path: Path) -> None:
    def slow(document: dict[str, Any]) -> None:
        latency = document["results"][0]["latency_s"]
        latency["samples"] = [3 * value for value in latency["samples"]]
        for key in ("median", "p90", "min", "mean", "std", "mad"):
            latency[key] *= 3

    slower = tmp_path / "slow.json"
    slower.write_text(saved.read_text())
    _change(slower, slow)
    assert main(["bench", "--import", str(slower), "--against", str(saved)]) == 1


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["net.param", "--import", "x.json"], "--import measures nothing, so 'net.param' has no effect"),
        (["--import", "x.json", "--layers"], "--import measures nothing, so '--layers' has no effect"),
        (["--import", "nowhere.json"], "cannot read 'nowhere.json'"),
        ([], "nothing to measure"),
    ],
)
def test_mistakes(argv: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", *argv]) == 2
    assert said in capsys.readouterr().err
