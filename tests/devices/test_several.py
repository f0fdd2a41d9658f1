"""One bundle on several devices: one report that says where they differ."""

import json
from pathlib import Path

import pytest

from edgekit.cli.main import main
from edgekit.devices.setup.qemu import Root


def verify(bundle: Path, *argv: str) -> int:
    return main(["verify", str(bundle), "--device", "local", *argv])


@pytest.mark.slow
def test_the_device_that_differs_is_named(
    odd_bundle: Path, qemu: Root, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "several.json"
    """For the last 2 columns of a row, the stride-2 depthwise fp16 kernel of ncnn 1.0.20261020 reads two of
    nine pixels from another row."""
    options = ["--device", "qemu:cortex-a53", "--device", "qemu:cortex-a76", "--precision", "fp16"]
    assert verify(odd_bundle, *options, "--json", str(path)) == 1
    text = capsys.readouterr().out
    assert text.splitlines()[0] == "FAIL: another model on 1 of 3 devices: qemu:cortex-a76"
    document = json.loads(path.read_text())
    assert document["schema"] == "edgekit.verify-devices/1" and document["verdict"] == "fail"
    found = {report["name"]: report for report in document["reports"]}
    assert [report["verdict"] for report in found.values()] == ["pass", "pass", "fail"]
    [culprit] = found["qemu:cortex-a76"]["culprits"]
    [layer] = [each for each in found["qemu:cortex-a76"]["layers"] if each["name"] == culprit]
    assert layer["type"] == "ConvolutionDepthWise" and layer["shape"][-3:] == [48, 7, 7]
    [row] = [line for line in text.splitlines() if f" {culprit} " in line and line.endswith("  down")]
    assert row.count("!") == 1


def test_devices_that_agree(bundle: Path, qemu: Root, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(bundle, "--device", "qemu:cortex-a53") == 0
    assert capsys.readouterr().out.startswith("PASS: the same model as in PyTorch on all 2 devices\n")


@pytest.mark.parametrize("option", ["--html", "--junit", "--repro"])
def test_what_is_of_one_device_takes_one(
    bundle: Path, option: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert verify(bundle, "--device", "qemu:max", option, str(tmp_path / "x")) == 2
    assert f"{option} takes one --device" in capsys.readouterr().err


def test_a_wrong_name_ends_it_before_the_work(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(bundle, "--device", "qemu:a77") == 2
    assert "unknown CPU 'a77'" in capsys.readouterr().err


def test_the_same_device_twice_is_one(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(bundle, "--device", "local") == 0
    assert "on all" not in capsys.readouterr().out


def test_bench_puts_the_figures_side_by_side(
    bundle: Path, qemu: Root, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "bench.json"
    options = ["--device", "local", "--device", "qemu:cortex-a53", "--layers", "--cpus", "all"]
    assert main(["bench", str(bundle), *options, "--json", str(path)]) == 0
    first, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{bundle}, 1 thread, fp32: ")
    assert first.endswith(" on local, no times on qemu:cortex-a53: emulated")
    document = json.loads(path.read_text())
    assert document["schema"] == "edgekit.bench-devices/1"
    here, there = document["reports"]
    assert (here["name"], there["name"]) == ("local", "qemu:cortex-a53")
    assert here["results"][0]["latency_s"]["median"] > 0
    assert there["results"][0]["latency_s"] is None
    assert [layer["name"] for layer in here["results"][0]["layers"]] == [
        layer["name"] for layer in there["results"][0]["layers"]
    ]


@pytest.mark.parametrize("option", ["--html", "--plots", "--against"])
def test_a_bench_report_of_one_device_takes_one(
    bundle: Path, option: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    argv = ["bench", str(bundle), "--device", "local", "--device", "qemu:max", option, str(tmp_path / "x")]
    assert main(argv) == 2
    assert f"{option} takes one --device" in capsys.readouterr().err
