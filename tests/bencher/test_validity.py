"""Every warning appears when its cause does, and the grade is the worst of them."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from edgekit.bencher import QUICK, Latency, OpenMp, Pinning
from edgekit.bencher.compare import verdict_of
from edgekit.bencher.result import LayerTiming
from edgekit.bencher.validity import (
    caveats_of,
    drift_caveats,
    judge,
    layer_caveats,
    limit_caveats,
    openmp_caveats,
)
from edgekit.errors import UserError
from edgekit.numerics.statistics import Interval

ROUND: dict[str, Any] = {
    "first_s": 0.012,
    "warmup": {"runs": 50, "seconds": 0.5, "steady": True},
    "cpus": [1],
    "openmp": {"OMP_WAIT_POLICY": "active"},
    "conditions": {
        "before": {"governors": ["performance"], "khz": 2000000, "celsius": 40.0},
        "after": {"governors": ["performance"], "khz": 2000000, "celsius": 41.0},
        "during": {"cpu_s": 1.0, "other_share": 0.0, "steal_share": 0.0, "migrations": 0},
    },
}


def _latency(spread: float = 0.005, count: int = 40, scale: float = 0.01, rounds: int = 3) -> Latency:
    random = np.random.default_rng(0)
    return Latency.of([scale * (1 + spread * random.standard_normal(count)) for _ in range(rounds)], 0)


def _codes(latency: Latency, changes: dict[str, Any] | None = None, threads: int = 1) -> dict[str, str]:
    rounds = [copy.deepcopy(ROUND) for _ in range(3)]
    for path, value in (changes or {}).items():
        *parents, last = path.split(".")
        place = rounds[1]
        for parent in parents:
            place = place[parent]
        place[last] = value
    return {each.code: each.severity.value for each in caveats_of(latency, QUICK, rounds, threads)}


def test_a_quiet_run_has_nothing_against_it() -> None:
    latency = _latency()
    assert _codes(latency) == {}
    assert judge([]).grade == "A"


@pytest.mark.parametrize(
    ("changes", "code", "severity"),
    [
        ({"warmup.steady": False}, "not-steady", "major"),
        ({"first_s": 0.5}, None, None),  # the fastest first inference counts
        ({"conditions.during.other_share": 0.1}, "busy", "minor"),
        ({"conditions.during.other_share": 0.5}, "busy", "major"),
        ({"conditions.during.other_share": None}, None, None),
        ({"conditions.during.steal_share": 0.03}, "stolen", "minor"),
        ({"conditions.during.migrations": 2}, "migrated", "major"),
        ({"conditions.before.governors": ["powersave"]}, "governor", "minor"),
        ({"conditions.after.khz": 1500000}, "frequency-drop", "major"),
        ({"conditions.after.khz": None}, None, None),
    ],
)
def test_condition(changes: dict[str, Any], code: str | None, severity: str | None) -> None:
    found = _codes(_latency(), changes)
    assert found == ({} if code is None else {code: severity})


@pytest.mark.parametrize(
    ("latency", "code"),
    [
        (_latency(count=10), "few-samples"),
        (_latency(rounds=2), "few-rounds"),
        (_latency(scale=0.0005), "short"),
        (_latency(spread=0.3), "spread"),
        (_latency(spread=0.3), "extreme"),
    ],
)
def test_samples(latency: Latency, code: str) -> None:
    assert code in _codes(latency)


def test_a_sure_median_excuses_stray_samples() -> None:
    random = np.random.default_rng(1)
    rounds = [0.01 * (1 + 0.001 * random.standard_normal(400)) for _ in range(3)]
    for samples in rounds:
        samples[::40] *= 3
    assert _codes(Latency.of(rounds, 0)) == {"spread": "minor", "extreme": "minor", "outliers": "minor"}


def test_slow_first_inference() -> None:
    latency = _latency(scale=0.01)
    rounds = [{**ROUND, "first_s": 0.2}]
    assert "slow-first" in {each.code for each in caveats_of(latency, QUICK, rounds, 1)}


@pytest.mark.parametrize(
    ("settings", "threads", "cpus", "codes"),
    [
        ({"OMP_WAIT_POLICY": "active"}, 2, 2, []),
        ({"OMP_WAIT_POLICY": "PASSIVE"}, 2, 2, ["openmp-passive"]),
        ({"OMP_WAIT_POLICY": "PASSIVE"}, 1, 1, []),
        ({"GOMP_SPINCOUNT": "0"}, 2, 2, ["openmp-passive"]),
        ({"OMP_DYNAMIC": "TRUE"}, 2, 2, ["openmp-dynamic"]),
        ({"OMP_THREAD_LIMIT": "1"}, 2, 2, ["openmp-limit"]),
        ({"GOMP_CPU_AFFINITY": "0"}, 2, 2, ["openmp-affinity"]),
        ({}, 4, 2, ["oversubscribed"]),
    ],
)
def test_openmp(settings: dict[str, str], threads: int, cpus: int, codes: list[str]) -> None:
    assert [each.code for each in openmp_caveats(settings, threads, cpus)] == codes


def test_parts_have_to_add_up() -> None:
    assert layer_caveats(1.02) == [] == layer_caveats(0.98)
    assert [each.code for each in layer_caveats(0.9)] == ["layer-sum"]
    assert [each.code for each in drift_caveats(0.2)] == ["drift"]


def _layer(name: str, of_limit: float | None) -> LayerTiming:
    blank = LayerTiming(0, name, "ReLU", "ReLU", None, None, None, None, None)
    return replace(blank, of_limit=of_limit)


def test_a_layer_faster_than_the_device_says_that_the_limits_are_wrong() -> None:
    assert limit_caveats([_layer("a", None), _layer("b", 0.9), _layer("c", 1.04)]) == []
    (found,) = limit_caveats([_layer("a", 1.06), _layer("b", 1.9), _layer("c", 0.2)])
    assert found.code == "above-limit" and found.severity.value == "minor"
    winograd = replace(_layer("d", 1.9), kind="convolution 3x3", bound="compute")
    assert limit_caveats([winograd]) == []
    assert found.message.startswith("2 layers took less time") and "b 190.0 % of it" in found.message


def test_where_nothing_was_timed_there_is_no_grade() -> None:
    caveats = layer_caveats(1.5)
    assert judge(caveats, timed=False).grade is None
    assert judge(caveats, timed=False).warnings == tuple(caveats)


def test_the_grade_is_the_worst() -> None:
    caveats = [*layer_caveats(0.5), *openmp_caveats({}, 4, 2)]
    validity = judge(caveats)
    assert validity.grade == "C"
    assert [each.severity.value for each in validity.warnings] == ["major", "minor"]
    assert all(each.message and each.remedy for each in validity.warnings)


@pytest.mark.parametrize(
    ("ratio", "noise", "verdict"),
    [
        (Interval(1.31, 1.28, 1.34), 0.02, "faster"),
        (Interval(0.8, 0.78, 0.82), 0.02, "slower"),
        (Interval(1.01, 1.005, 1.02), 0.02, "no difference"),  # inside the A/A noise
        (Interval(1.1, 0.99, 1.2), 0.02, "no difference"),  # the interval holds 1
        (Interval(0.99, 0.985, 0.995), 0.02, "no difference"),
    ],
)
def test_verdict(ratio: Interval, noise: float, verdict: str) -> None:
    assert verdict_of(ratio, noise) == verdict


def test_pinning_is_read() -> None:
    assert Pinning.parse("0,2-4,2").cpus == (0, 2, 3, 4)
    assert Pinning.parse("big").cluster == "big"
    for text in ("", "x", "3-1", "1-", "-1"):
        with pytest.raises(UserError):
            Pinning.parse(text)


def test_openmp_is_set() -> None:
    assert OpenMp("passive", bind=False, spin_count=7).environment() == {
        "OMP_WAIT_POLICY": "passive",
        "OMP_PROC_BIND": "false",
        "GOMP_SPINCOUNT": "7",
        "OPENBLAS_NUM_THREADS": "1",
    }
