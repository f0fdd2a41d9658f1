"""Instruction counts under qemu: as many multiply-adds as the layer has, the same every time, no times."""

import json
import re
import shutil
from pathlib import Path

import pytest

import edgekit
from edgekit import schema
from edgekit.bencher import BenchReport
from edgekit.cli.main import main
from edgekit.devices.counting import Counted, add_counts, find_counter, read_counts
from edgekit.devices.setup.qemu import Root
from edgekit.errors import UserError
from edgekit.report.bench.text import bench_text

NET = """\
7767517
4 4
Input                    in0    0 1 in0 0=16 1=16 2=32
Convolution              wide_0 1 1 in0 1 0=64 1=1 5=1 6=2048
ConvolutionDepthWise     dw_0   1 1 1 2 0=64 1=3 4=1 5=1 6=576 7=64
Pooling                  pool_0 1 1 2 out0 0=1 4=1
"""
WIDE_MACS = 64 * 32 * 16 * 16


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("nets") / "block.param"
    path.write_text(NET, "ascii")
    return path


@pytest.fixture(scope="module")
def report(net: Path, qemu: Root) -> BenchReport:
    if shutil.which("qemu-aarch64") is None:
        pytest.skip("qemu-aarch64 is not installed; apt-get install qemu-user")
    precisions = ("fp32", "fp16")
    return edgekit.bench(net, device="qemu:cortex-a76", precision=precisions, layers=True, memory=False)


def test_a_pointwise_convolution_takes_the_multiply_adds_that_it_has(report: BenchReport) -> None:
    full, half = (result.layers[0] for result in report.results)
    assert full.macs == WIDE_MACS
    assert full.simd["fmla.s"] == WIDE_MACS // 4  # four lanes of a 128-bit register
    assert half.simd["fmla.h"] == WIDE_MACS // 8
    assert "fmla.s" not in half.simd
    assert half.instructions is not None and full.instructions is not None
    assert half.instructions < 0.7 * full.instructions


def test_the_layers_add_up_to_the_net(report: BenchReport) -> None:
    for result in report.results:
        assert result.instructions is not None
        parts = sum(layer.instructions or 0 for layer in result.layers)
        assert parts == pytest.approx(result.instructions, rel=0.05)


def test_a_second_count_is_the_same(report: BenchReport, net: Path) -> None:
    again = edgekit.bench(net, device="qemu:cortex-a76", precision="fp32", layers=True, memory=False)
    first, second = report.results[0].instructions, again.results[0].instructions
    assert first == pytest.approx(second, rel=0.01)
    assert again.results[0].layers[0].simd == report.results[0].layers[0].simd


def test_no_time_is_shown(report: BenchReport) -> None:
    document = json.loads(schema.dumps(report.to_json()))
    assert document["device"]["features"]["arm_asimdhp"] is True
    for result in document["results"]:
        assert result["latency_s"] is None
        assert result["instructions"] > 0
    text = bench_text(report)
    assert not re.search(r"\d (ms|us|s)\b", text)
    assert "no times: the device is emulated" in text.splitlines()[0]
    assert "dispatch arm_asimdhp, arm_neon" in text
    assert "fmla.h" in text


def test_the_cpu_decides_how_many(net: Path, qemu: Root, report: BenchReport) -> None:
    """A Cortex-A53 has no fp16 arithmetic: fp16 there computes in fp32 lanes."""
    old = edgekit.bench(net, device="qemu:cortex-a53", precision="fp16", layers=True, memory=False)
    assert "fmla.h" not in old.results[0].layers[0].simd
    assert old.results[0].layers[0].simd["fmla.s"] == WIDE_MACS // 4


def test_with_two_threads_the_reason_is_given(
    net: Path, qemu: Root, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", str(net), "--device", "qemu:cortex-a53", "--threads", "2", "--json", "-"]) == 0
    [result] = json.loads(capsys.readouterr().out)["results"]
    assert result["instructions"] is None and result["latency_s"] is None
    assert result["memory"]["blob_peak_bytes"] > 0
    assert [each["code"] for each in result["validity"]["warnings"]] == ["emulated-memory", "not-counted"]


def test_counts_are_read_and_the_calls_own_cost_taken_off(tmp_path: Path) -> None:
    path = tmp_path / "counts"
    path.write_text("0 99\n1 1000 fmla.s=40 fmul.s=2 fmla.s=8\n0 7\n1 100 fmul.s=2\n2 500\n2 600\n")
    counts = read_counts(path)
    assert counts[1] == [Counted(1000, {"fmla.s": 48, "fmul.s": 2}), Counted(100, {"fmul.s": 2})]
    message = {"counted": {"whole": 1, "layers": [[3, 2]]}, "layers": [{"index": 3}, {"index": 4}]}
    add_counts(message, counts)
    assert message["instructions"] == 900
    assert message["layers"] == [{"index": 3, "instructions": 0, "simd": {}}, {"index": 4}]


def test_without_a_compiler_the_reason_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    emulator = tmp_path / "qemu-aarch64"
    emulator.write_text("#!/bin/sh\n")
    emulator.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(UserError, match="no C compiler"):
        find_counter()
