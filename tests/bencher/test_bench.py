"""The bench on a small net: what it measures, what it says, and in which JSON. Never how fast."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import edgekit
from edgekit import schema
from edgekit.bencher import BenchReport, Protocol
from edgekit.errors import UserError
from edgekit.report.bench.text import bench_text


@pytest.fixture(scope="module")
def report(small_net: Path, brief: Protocol) -> BenchReport:
    return edgekit.bench(small_net, protocol=brief)


def test_samples_are_kept_and_statistics_derived(report: BenchReport, brief: Protocol) -> None:
    (result,) = report.results
    latency = result.latency
    assert latency is not None
    assert len(latency.rounds) == brief.rounds
    assert sum(latency.rounds) == len(latency.samples_s) >= brief.min_runs
    assert latency.min_s <= latency.ci95_s[0] <= latency.median_s <= latency.ci95_s[1]
    assert latency.median_s == np.median(latency.samples_s)
    assert latency.median_s <= latency.p90_s
    assert all(sample > 0 for sample in latency.samples_s)
    assert [len(each) for each in latency.by_round()] == list(latency.rounds)


def test_load_and_first_inference_stand_apart(report: BenchReport) -> None:
    (result,) = report.results
    assert result.load_s is not None and result.load_s > 0
    assert result.first_s is not None and result.first_s > 0


def test_random_weights_are_stated(report: BenchReport) -> None:
    (result,) = report.results
    assert result.weights == "random, seed 0"
    assert "weights  random" in bench_text(report)


def test_memory_is_exact_where_it_can_be(report: BenchReport) -> None:
    (result,) = report.results
    memory = result.memory
    assert memory is not None
    assert memory.weights_bytes == 4 * (432 + 16 + 144 + 16)
    plane = 16 * 20 * 24 * 4
    # the first convolution's output, the depthwise one's, and the sum are alive together
    assert 2 * plane <= memory.blob_peak_bytes <= 3 * plane + 4096
    assert len(memory.layers) == 5
    assert memory.blob_peak_bytes == max(layer["blob_peak_bytes"] for layer in memory.layers)
    assert memory.peak_rss_bytes >= memory.loaded_rss_bytes


def test_json_keeps_the_contract(report: BenchReport) -> None:
    document = json.loads(schema.dumps(report.to_json()))
    assert document["schema"] == "edgekit.bench/1"
    assert document["device"]["emulated"] is False
    (result,) = document["results"]
    assert {"target", "threads", "precision", "instructions", "load_s", "first_s", "layers"} <= set(result)
    assert {"median", "p90", "min", "mean", "std", "ci95", "samples"} <= set(result["latency_s"])
    wanted = {"peak_rss_bytes", "blob_peak_bytes", "workspace_peak_bytes", "weights_bytes"}
    assert wanted <= set(result["memory"])
    assert result["validity"]["grade"] in "ABCD"
    assert all(
        set(each) == {"code", "severity", "message", "remedy"} for each in result["validity"]["warnings"]
    )


def test_every_thread_count_has_its_own_processes(small_net: Path, brief: Protocol) -> None:
    report = edgekit.bench(small_net, threads=(1, 2), protocol=brief, memory=False)
    assert [result.threads for result in report.results] == [1, 2]
    for result in report.results:
        assert result.conditions.options["num_threads"] == result.threads
        assert len(result.conditions.cpus) <= result.threads
        assert result.conditions.openmp["OMP_WAIT_POLICY"] == "active"
        assert result.memory is None


def test_comparison_of_a_thing_with_itself_is_a_comparison(small_net: Path, brief: Protocol) -> None:
    report = edgekit.bench([small_net, small_net], compare=True, protocol=brief, memory=False)
    assert len(report.results) == 2  # the A/A twin is not a result
    (comparison,) = report.comparisons
    assert comparison.noise >= 0
    assert comparison.ratio.low <= comparison.ratio.estimate <= comparison.ratio.high
    assert comparison.finding.startswith(("faster by", "slower by", "no difference"))
    assert comparison.finding in bench_text(report).splitlines()[0]


def test_given_shape_overrides_the_files(small_net: Path, brief: Protocol) -> None:
    report = edgekit.bench(small_net, inputs={"in0": (1, 3, 8, 8)}, protocol=brief)
    (result,) = report.results
    assert result.inputs == {"in0": (3, 8, 8)}
    assert result.memory is not None and result.memory.blob_peak_bytes < 16 * 20 * 24 * 4


def test_progress_tells_every_process(small_net: Path, brief: Protocol) -> None:
    steps: list[tuple[str, int | None, int | None]] = []
    edgekit.bench(
        small_net,
        protocol=brief,
        memory=False,
        progress=lambda step, done=None, total=None: steps.append((step, done, total)),
    )
    assert [step[1:] for step in steps if step[1] is not None] == [(0, 2), (1, 2)]
    assert all("left" in step[0] for step in steps if step[1] is not None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"targets": "nowhere"}, "no such target"),
        ({"targets": []}, "nothing to measure"),
        ({"threads": (0,)}, "0 threads"),
        ({"precision": "fp23"}, "unknown precision"),
        ({"device": "locla"}, "unknown device"),
        ({"compare": True}, "needs two"),
        ({"inputs": {"in1": (3, 8, 8)}}, "no input 'in1'"),
    ],
)
def test_a_mistake_is_named(small_net: Path, arguments: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        edgekit.bench(**{"targets": small_net, **arguments})  # type: ignore[arg-type]


def test_a_shape_that_the_weights_are_not_for_is_an_error(small_net: Path, brief: Protocol) -> None:
    with pytest.raises(UserError, match="takes 3 channels and would get 5"):
        edgekit.bench(small_net, inputs={"in0": (5, 8, 8)}, protocol=brief)


def test_a_missing_shape_has_a_remedy(tmp_path: Path) -> None:
    path = tmp_path / "open.param"
    path.write_text("7767517\n2 2\nInput in0 0 1 in0\nReLU relu 1 1 in0 out0\n", encoding="ascii")
    with pytest.raises(UserError) as caught:
        edgekit.bench(path)
    assert caught.value.remedy is not None and "--input in0=" in caught.value.remedy
