"""Warm-up, sampling and cool-down on made-up latencies."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable

import pytest

from edgekit.worker.timing import cool_down, sample, warm_up


def _infer(latencies: Iterable[float]) -> Callable[[], float]:
    stream = iter(latencies)
    return lambda: next(stream)


def test_warm_up_ends_when_windows_agree() -> None:
    cooling = itertools.chain((10.0 - 0.25 * step for step in range(32)), itertools.repeat(2.0))
    result = warm_up(_infer(cooling), min_s=0.0, max_s=60.0, tolerance=0.03)
    assert result["steady"]
    assert 32 < result["runs"] < 60


def test_warm_up_lasts_its_minimum() -> None:
    result = warm_up(_infer(itertools.repeat(1.0)), min_s=0.05, max_s=60.0, tolerance=0.03)
    assert result["seconds"] >= 0.05


def test_warm_up_that_never_settles_says_so() -> None:
    result = warm_up(_infer(1.1**step for step in itertools.count()), 0.0, 0.005, tolerance=0.03)
    assert not result["steady"]


def test_sampling_reaches_both_minima() -> None:
    samples = sample(_infer(itertools.count(1.0)), min_runs=20, min_s=0.0, max_s=60.0)
    assert samples.tolist() == [float(number) for number in range(1, 21)]
    begin = time.perf_counter()
    sample(_infer(itertools.repeat(1.0)), min_runs=1, min_s=0.02, max_s=60.0)
    assert time.perf_counter() - begin >= 0.02


def test_sampling_ends_early_with_at_least_three() -> None:
    assert len(sample(_infer(itertools.repeat(1.0)), min_runs=1000, min_s=60.0, max_s=0.0)) == 3
    assert len(sample(_infer(itertools.repeat(1.0)), min_runs=1, min_s=60.0, max_s=0.0)) == 1


@pytest.mark.parametrize(("temperatures", "reads"), [([50.0, 45.0, 39.0], 3), ([None], 1), ([39.0], 1)])
def test_cool_down_waits_for_the_temperature(
    temperatures: list[float | None], reads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    seen: list[float | None] = []

    def read() -> float | None:
        seen.append(temperatures[len(seen)])
        return seen[-1]

    cool_down(40.0, 60.0, read)
    assert len(seen) == reads


def test_cool_down_gives_up() -> None:
    assert cool_down(40.0, 0.02, lambda: 90.0) < 5.0
