"""Check a report against an earlier one: has anything got slower?

Only like is compared with like: another CPU, kernel, ncnn or OpenMP setting makes the question
meaningless, and then there is no answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edgekit import schema
from edgekit.bencher.compare import verdict_of
from edgekit.bencher.result import SCHEMA, VERSION, BenchReport, Comparison, Latency, Result
from edgekit.devices import DeviceInfo
from edgekit.errors import UserError, did_you_mean
from edgekit.numerics import statistics as st

_DEVICE_FIELDS = ("kind", "arch", "cpu", "cores", "ncnn", "system", "emulated")
_CONDITION_FIELDS = ("options", "openmp", "cpus", "governors")
_LEAST_NOISE = 0.02  # between two runs of one thing on two days, at best


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier report, as far as it is needed to compare with it."""

    path: str
    device: Mapping[str, Any]
    rounds: Mapping[tuple[str, int, str], list[st.Samples]]
    conditions: Mapping[tuple[str, int, str], Mapping[str, Any]]
    inputs: Mapping[tuple[str, int, str], Mapping[str, Any]]


def load(path: str | Path) -> Earlier:
    """Read a report that `bench --json` wrote.

    Raises:
        UserError: the file cannot be read, or holds no times.
        FormatError: it is not such a report.
    """
    document = schema.load_json(path, schema.schema_id(SCHEMA, VERSION))
    with schema.reading(path, "measure the baseline again"):
        timed = [(_key(entry), entry) for entry in document["results"] if entry["latency_s"] is not None]
        earlier = Earlier(
            path=str(path),
            device=dict(document["device"]),
            rounds={key: _rounds(entry["latency_s"]) for key, entry in timed},
            conditions={key: dict(entry["conditions"]) for key, entry in timed},
            inputs={key: dict(entry["inputs"]) for key, entry in timed},
        )
    if not earlier.rounds:
        raise UserError(f"'{path}' holds no times", "measure the baseline on a device, not on an emulator")
    return earlier


def check_targets(targets: Sequence[str], earlier: Earlier) -> None:
    """Raise `UserError`, before minutes are spent on measuring, when none of the targets is in the report.

    A suite says only when it is read what is in it, and passes.
    """
    known = {target for target, _, _ in earlier.rounds}
    if not any(target in known or target.endswith(".toml") for target in targets):
        raise UserError(
            f"'{earlier.path}' holds no times of {', '.join(targets)}",
            did_you_mean(targets[0], known) or "use the same targets: " + _some_keys(earlier),
        )


def check_device(device: DeviceInfo, earlier: Earlier) -> None:
    """Raise `UserError`, before minutes are spent on measuring, when the report is of another device."""
    differences = [*_device_differences(device, earlier)]
    if differences:
        raise _other_conditions(differences, earlier)


def check(report: BenchReport, earlier: Earlier) -> BenchReport:
    """Return the report with a comparison for every configuration that the earlier one has too.

    Raises:
        UserError: device or conditions differ, or no configuration is in both.
    """
    pairs = [result for result in report.results if result.latency and result.key in earlier.rounds]
    differences = [*_device_differences(report.device, earlier)]
    for result in pairs:
        differences += _condition_differences(result, earlier)
    if differences:
        raise _other_conditions(differences, earlier)
    if not pairs:
        raise UserError(
            f"nothing that was measured is in '{earlier.path}' too",
            "use the same targets, threads and precision: " + _some_keys(earlier),
        )
    comparisons = tuple(
        _compare(result, result.latency, earlier.rounds[result.key], report.seed)
        for result in pairs
        if result.latency is not None
    )
    return replace(report, comparisons=comparisons, against=earlier.path)


def _compare(result: Result, latency: Latency, before: list[st.Samples], seed: int) -> Comparison:
    after = latency.by_round()
    ratio = st.ratio_interval(before, after, paired=False, seed=seed)
    noise = max(_LEAST_NOISE, _own_noise(before, seed), _own_noise(after, seed))
    return Comparison(result.key, result.key, ratio, noise, verdict_of(ratio, noise))


def _own_noise(rounds: list[st.Samples], seed: int) -> float:
    """How much the processes of one run differ among themselves: every second one against the others."""
    half = len(rounds) // 2
    if half == 0:
        return 0.0
    return st.swap_noise(rounds[0 : 2 * half : 2], rounds[1 : 2 * half : 2], seed=seed)


def _other_conditions(differences: Sequence[str], earlier: Earlier) -> UserError:
    return UserError(
        f"'{earlier.path}' was measured under other conditions: " + "; ".join(dict.fromkeys(differences)),
        "measure the baseline again under these conditions",
    )


def _device_differences(device: DeviceInfo, earlier: Earlier) -> Iterator[str]:
    here = schema.to_json(device)
    for name in _DEVICE_FIELDS:
        if earlier.device.get(name) != here[name]:
            yield f"{name} {earlier.device.get(name)!r} there, {here[name]!r} here"


def _condition_differences(result: Result, earlier: Earlier) -> Iterator[str]:
    there = earlier.conditions[result.key]
    here = schema.to_json(result.conditions)
    for name in _CONDITION_FIELDS:
        if there.get(name) != here[name]:
            yield f"{name} {there.get(name)} there, {here[name]} here"
    shapes = schema.to_json(result.inputs)
    if earlier.inputs[result.key] != shapes:
        yield f"input shapes {earlier.inputs[result.key]} there, {shapes} here"


def _key(entry: Mapping[str, Any]) -> tuple[str, int, str]:
    return (str(entry["target"]), int(entry["threads"]), str(entry["precision"]))


def _rounds(latency: Mapping[str, Any]) -> list[st.Samples]:
    samples = np.array(latency["samples"], dtype=np.float64)
    counts = [int(count) for count in latency.get("rounds", [samples.size])]
    if samples.size == 0 or sum(counts) != samples.size or min(counts) < 1:
        raise ValueError("the samples do not match their rounds")
    return [np.asarray(each) for each in np.split(samples, np.cumsum(counts)[:-1])]


def _some_keys(earlier: Earlier) -> str:
    keys = [f"{target} with {threads} threads in {name}" for target, threads, name in earlier.rounds]
    return ", ".join(keys[:3]) + (" ..." if len(keys) > 3 else "")
