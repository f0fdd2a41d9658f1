"""Calling one inference again and again: until it is steady, then for the record.

Knows nothing of ncnn: `infer` runs once and returns its seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from .protocol import Array

Infer = Callable[[], float]

_WINDOW = 8
_LEAST_SAMPLES = 3


def warm_up(infer: Infer, min_s: float, max_s: float, tolerance: float) -> dict[str, Any]:
    """Run for at least `min_s` and until the medians of the last two windows agree within `tolerance`."""
    begin = time.perf_counter()
    latencies: list[float] = []
    steady = False
    while True:
        latencies.append(infer())
        elapsed = time.perf_counter() - begin
        if elapsed >= min_s and len(latencies) >= 2 * _WINDOW:
            last = float(np.median(latencies[-_WINDOW:]))
            previous = float(np.median(latencies[-2 * _WINDOW : -_WINDOW]))
            steady = abs(last - previous) <= tolerance * last
        if steady or elapsed >= max_s:
            return {"runs": len(latencies), "seconds": elapsed, "steady": steady}


def sample(infer: Infer, min_runs: int, min_s: float, max_s: float) -> Array:
    """Run until both minima are reached, or `max_s` is over; at least three runs, or `min_runs` if fewer."""
    begin = time.perf_counter()
    latencies: list[float] = []
    while True:
        latencies.append(infer())
        elapsed = time.perf_counter() - begin
        enough = len(latencies) >= min_runs and elapsed >= min_s
        if enough or (elapsed >= max_s and len(latencies) >= min(_LEAST_SAMPLES, min_runs)):
            return np.array(latencies, dtype=np.float64)


def cool_down(celsius: float, max_s: float, read: Callable[[], float | None]) -> float:
    """Sleep until the temperature is no higher than `celsius`, at most `max_s`; return the seconds slept."""
    begin = time.perf_counter()
    while time.perf_counter() - begin < max_s:
        now = read()
        if now is None or now <= celsius:
            break
        time.sleep(min(1.0, max_s))
    return time.perf_counter() - begin
