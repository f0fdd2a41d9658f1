"""The roofline on round numbers, and the layer table on a real net."""

from __future__ import annotations

from pathlib import Path

import pytest

import edgekit
from edgekit.bencher import BenchReport, Protocol
from edgekit.bencher.roofline import Bandwidth, Peaks, Traffic, limit, ridge_sweep
from edgekit.report.bench.text import bench_text

PEAKS = Peaks(1, "fp32", 1e9, "by definition", (Bandwidth(1000, 4e9), Bandwidth(10**6, 1e9)))


def test_limit_is_the_larger_of_compute_and_memory() -> None:
    compute = limit(Traffic(10**6, 0, 1000), PEAKS, 0)
    assert compute.bound == "compute"
    assert compute.seconds == pytest.approx(1e-3)
    memory = limit(Traffic(0, 0, 1000), PEAKS, 0)
    assert memory.bound == "memory"
    assert memory.seconds == pytest.approx(1000 / 4e9)


def test_weights_come_from_where_the_whole_net_fits() -> None:
    small = limit(Traffic(0, 500, 0), PEAKS, 500)
    large = limit(Traffic(0, 500, 0), PEAKS, 10**7)
    assert large.seconds == pytest.approx(4 * small.seconds)


def test_bandwidth_is_of_the_smallest_set_that_holds_it() -> None:
    assert PEAKS.bandwidth(1) == PEAKS.bandwidth(1000) == 4e9
    assert PEAKS.bandwidth(1001) == PEAKS.bandwidth(10**9) == 1e9
    assert PEAKS.ridge == 1.0


def test_of_two_measurements_the_better_counts_number_by_number() -> None:
    again = Peaks(1, "fp32", 2e9, "another", (Bandwidth(1000, 3e9), Bandwidth(10**6, 2e9)))
    best = PEAKS.best_with(again)
    assert (best.macs_per_s, best.method) == (2e9, "another")
    assert [each.bytes_per_s for each in best.memory] == [4e9, 2e9]
    assert again.best_with(PEAKS) == best


def test_ridge_sweep_starts_at_the_macs_and_ends_at_the_bytes() -> None:
    layers = [Traffic(1000, 10, 90), Traffic(100, 0, 1000)]
    sweep = dict(ridge_sweep(layers, (0, 1, 500)))
    assert sweep[0.0] == 1100
    assert sweep[1.0] == 1000 + 1000
    assert sweep[500.0] == 500 * 1100
    values = [cost for _, cost in ridge_sweep(layers)]
    assert values == sorted(values)


@pytest.fixture(scope="module")
def report(small_net: Path, brief: Protocol) -> BenchReport:
    return edgekit.bench(small_net, protocol=brief, layers=True)


def test_every_layer_has_time_work_and_bound(report: BenchReport) -> None:
    (result,) = report.results
    assert [layer.type for layer in result.layers] == [
        "Convolution", "Split", "ConvolutionDepthWise", "BinaryOp", "Pooling",
    ]  # fmt: skip
    assert sum(layer.share or 0.0 for layer in result.layers) == pytest.approx(1.0)
    assert all(layer.latency_s is not None and layer.latency_s > 0 for layer in result.layers)
    assert all(layer.bound in ("compute", "memory") for layer in result.layers)
    assert all(layer.gain_s is not None and layer.gain_s >= 0 for layer in result.layers)
    assert result.layer_sum_ratio is not None and result.layer_sum_ratio > 0
    convolution, split, depthwise, *_ = result.layers
    assert convolution.macs == 16 * 20 * 24 * 3 * 9
    assert convolution.shape == (16, 20, 24)
    assert convolution.bytes == 4 * ((3 + 16) * 20 * 24 + 432 + 16)
    assert depthwise.macs == 16 * 20 * 24 * 9
    assert (split.macs, split.bytes) == (0, 0)
    assert depthwise.blob_peak_bytes is not None and depthwise.blob_peak_bytes > 0


def test_peaks_of_the_device_stand_beside_it(report: BenchReport) -> None:
    (peaks,) = report.peaks
    assert peaks.threads == 1
    assert peaks.macs_per_s > 0
    sizes = [entry.working_set_bytes for entry in peaks.memory]
    assert sizes == sorted(sizes)
    text = bench_text(report)
    assert "limits:" in text
    assert report.to_json()["peaks"][0]["macs_per_s"] == peaks.macs_per_s
