"""An emulator's clock means nothing: no milliseconds, whatever was asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import edgekit
from edgekit import schema
from edgekit.bencher import BenchReport
from edgekit.devices import LocalDevice
from edgekit.report.bench.text import bench_text


class Emulator(LocalDevice):
    """The local device in the role of an emulated one."""

    spec = "qemu:cortex-a76"
    emulated = True


@pytest.fixture(scope="module")
def report(small_net: Path) -> BenchReport:
    return edgekit.bench([small_net, small_net], device=Emulator(), layers=True, compare=True, certified=True)


def test_no_time_anywhere(report: BenchReport) -> None:
    document = json.loads(schema.dumps(report.to_json()))
    assert document["device"]["emulated"] is True
    assert document["comparisons"] == []
    assert document["peaks"] == []
    for result in document["results"]:
        assert result["latency_s"] is None
        assert result["validity"]["grade"] is None, "there is no time to trust or not"
        assert result["load_s"] is None and result["first_s"] is None
        assert result["memory"]["blob_peak_bytes"] > 0
        for layer in result["layers"]:
            assert layer["latency_s"] is None and layer["share"] is None and layer["gain_s"] is None
            assert layer["macs"] is not None


def test_text_says_so(report: BenchReport) -> None:
    text = bench_text(report)
    assert text.splitlines()[0] == "no times: the device is emulated"
    assert " ms" not in text and " us" not in text
    assert "depthwise 3x3" in text
