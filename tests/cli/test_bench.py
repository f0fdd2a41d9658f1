"""`edgekit bench` from the command line: exit codes, JSON, refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgekit.cli.main import main

NET = """\
7767517
2 2
Input                    in0      0 1 in0 0=12 1=10 2=3
Convolution              conv_0   1 1 in0 out0 0=8 1=3 4=1 5=1 6=216 9=1
"""


@pytest.fixture
def net(tmp_path: Path) -> Path:
    path = tmp_path / "net.param"
    path.write_text(NET)
    return path


def test_bench_prints_and_writes_and_checks_against_itself(
    net: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = tmp_path / "bench.json"
    assert main(["bench", str(net), "--json", str(document)]) == 0
    shown = capsys.readouterr()
    assert "per inference with 1 thread" in shown.out.splitlines()[0]
    assert shown.err == ""
    report = json.loads(document.read_text())
    assert report["schema"] == "edgekit.bench/1"
    assert report["results"][0]["latency_s"]["samples"]

    for result in report["results"]:  # ten times slower than now: nothing can have got slower since
        result["latency_s"]["samples"] = [10 * value for value in result["latency_s"]["samples"]]
    document.write_text(json.dumps(report))
    assert main(["bench", str(net), "--against", str(document)]) == 0
    for result in report["results"]:  # and ten times faster
        result["latency_s"]["samples"] = [value / 100 for value in result["latency_s"]["samples"]]
    document.write_text(json.dumps(report))
    assert main(["bench", str(net), "--against", str(document)]) == 1
    assert "got slower" in capsys.readouterr().out

    report["device"]["cpu"] = "another"
    document.write_text(json.dumps(report))
    assert main(["bench", str(net), "--against", str(document)]) == 2
    assert "other conditions" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.param"], "no such file"),
        (["--precision", "fp61"], "'fp61' is not a value of --precision"),
        (["--cpus", "big,1"], "names no CPUs"),
        (["--against", "nowhere.json"], "cannot read"),
        (["--cpus", "4095"], "remedy: name others with --cpus"),
        (["--input", "x=3x8x8"], "no input 'x'"),
    ],
)
def test_a_mistake_is_one_line_and_a_remedy(
    net: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    targets = [] if arguments[0].endswith(".param") else [str(net)]
    assert main(["bench", *targets, *arguments]) == 2
    shown = capsys.readouterr()
    assert message in shown.err
    assert "Traceback" not in shown.err
    assert shown.out == ""
