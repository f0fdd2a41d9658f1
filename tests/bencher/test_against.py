"""A regression check: what is slower is found, what is noise is not, what differs is refused."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

import edgekit
from edgekit import schema
from edgekit.bencher import BenchReport, Latency, Protocol, against
from edgekit.errors import FormatError, UserError


@pytest.fixture(scope="module")
def report(small_net: Path, brief: Protocol) -> BenchReport:
    return _with_latency(edgekit.bench(small_net, protocol=brief, memory=False), 1.0, seed=1)


def _with_latency(report: BenchReport, factor: float, seed: int) -> BenchReport:
    """The same report with seeded samples around 10 ms: the verdict must not depend on the machine."""
    random = np.random.default_rng(seed)
    rounds = [0.01 * factor * np.exp(random.normal(0, 0.01, 60)) for _ in range(4)]
    (result,) = report.results
    return dataclasses.replace(report, results=(dataclasses.replace(result, latency=Latency.of(rounds, 0)),))


def _save(report: BenchReport, path: Path) -> Path:
    return schema.write_json(report.to_json(), path)


@pytest.mark.parametrize(
    ("factor", "verdict", "holds"),
    [
        (1.0, "no difference", True),
        (1.3, "slower", False),
        (0.7, "faster", True),
        (1.01, "no difference", True),
    ],
)
def test_verdict(report: BenchReport, tmp_path: Path, factor: float, verdict: str, holds: bool) -> None:
    earlier = against.load(_save(report, tmp_path / "old.json"))
    checked = against.check(_with_latency(report, factor, seed=2), earlier)
    (comparison,) = checked.comparisons
    assert comparison.verdict == verdict
    assert checked.holds is holds
    assert checked.to_json()["holds"] is holds


def test_finding_gives_factor_and_interval(report: BenchReport, tmp_path: Path) -> None:
    earlier = against.load(_save(report, tmp_path / "old.json"))
    (comparison,) = against.check(_with_latency(report, 1.25, seed=2), earlier).comparisons
    assert comparison.finding.startswith("slower by 1.2")
    low, high = (float(part) for part in comparison.finding.split("[")[1].rstrip("]").split(", "))
    assert low <= 1.25 <= high


@pytest.mark.parametrize(
    ("place", "name", "value"),
    [
        ("device", "ncnn", "0.1"),
        ("device", "cpu", "another"),
        ("conditions", "openmp", {}),
        ("inputs", "in0", [1]),
    ],
)
def test_other_conditions_are_refused(
    report: BenchReport, tmp_path: Path, place: str, name: str, value: object
) -> None:
    document = json.loads(schema.dumps(report.to_json()))
    holder = document["device"] if place == "device" else document["results"][0][place]
    holder[name] = value
    path = tmp_path / "old.json"
    path.write_text(json.dumps(document))
    with pytest.raises(UserError, match="other conditions"):
        against.check(report, against.load(path))


def test_nothing_in_common_is_refused(report: BenchReport, tmp_path: Path) -> None:
    document = json.loads(schema.dumps(report.to_json()))
    document["results"][0]["target"] = "another"
    path = tmp_path / "old.json"
    path.write_text(json.dumps(document))
    with pytest.raises(UserError, match="nothing that was measured"):
        against.check(report, against.load(path))


@pytest.mark.parametrize("damage", ["schema", "results", "samples", "json"])
def test_damaged_file_is_refused(report: BenchReport, tmp_path: Path, damage: str) -> None:
    document = json.loads(schema.dumps(report.to_json()))
    if damage == "schema":
        document["schema"] = "edgekit.verify/1"
    elif damage == "results":
        del document["results"]
    elif damage == "samples":
        document["results"][0]["latency_s"]["rounds"] = [1]
    path = tmp_path / "old.json"
    path.write_text("{" if damage == "json" else json.dumps(document))
    with pytest.raises(FormatError):
        against.load(path)
