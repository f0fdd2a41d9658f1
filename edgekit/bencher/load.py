"""A report read back from its JSON: of `edgekit bench --json`, or of the Android app.

Statistics are derived from the samples again, so that a file cannot say one thing and show another. What was
measured where the rules of validity are not at hand (on a phone) comes without a grade and is judged here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from edgekit import schema
from edgekit.bencher.result import (
    SCHEMA,
    VERSION,
    BenchReport,
    Comparison,
    Latency,
    Ratio,
    Result,
    Validity,
)
from edgekit.bencher.roofline import Peaks
from edgekit.bencher.settings import CERTIFIED, EMULATED, QUICK, Protocol
from edgekit.bencher.validity import caveats_of, drift_caveats, emulation_caveats, judge
from edgekit.decode import decode
from edgekit.devices import DeviceInfo
from edgekit.errors import FormatError
from edgekit.numerics import statistics as st

_PROTOCOLS = {each.name: each for each in (QUICK, CERTIFIED, EMULATED)}
_STATISTICS = {
    "median": "median_s",
    "p90": "p90_s",
    "min": "min_s",
    "mean": "mean_s",
    "std": "std_s",
    "mad": "mad_s",
}
_REMEDY = "write it again where it was measured"


def load_report(path: str | Path) -> BenchReport:
    """Read a report of schema `edgekit.bench/1`.

    Raises:
        UserError: the file cannot be read, or another version wrote it.
        FormatError: it is not such a report, or its figures do not follow from its samples.
    """
    document = schema.load_json(path, schema.schema_id(SCHEMA, VERSION))
    try:
        return _report(document)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise FormatError(f"'{path}' is damaged: {reason}", _REMEDY) from None


def _report(document: Mapping[str, Any]) -> BenchReport:
    device = decode(DeviceInfo, document["device"], "device")
    mode, seed = str(document["mode"]), int(document["seed"])
    results = tuple(
        _result(entry, f"results[{number}]", device, _PROTOCOLS[mode], seed)
        for number, entry in enumerate(document["results"])
    )
    if not results:
        raise ValueError("it holds no results")
    comparisons = [
        {key: each for key, each in entry.items() if key != "finding"} for entry in document["comparisons"]
    ]
    return BenchReport(
        device=device,
        mode=mode,
        seed=seed,
        started_at=str(document["started_at"]),
        results=results,
        comparisons=decode(tuple[Comparison, ...], comparisons, "comparisons"),
        ratios=decode(tuple[Ratio, ...], document["ratios"], "ratios"),
        against=None if document["against"] is None else decode(str, document["against"], "against"),
        interrupted=decode(bool, document["interrupted"], "interrupted"),
        peaks=decode(tuple[Peaks, ...], document["peaks"], "peaks"),
    )


def _result(
    entry: Mapping[str, Any], where: str, device: DeviceInfo, protocol: Protocol, seed: int
) -> Result:
    plain = dict(entry)
    latency = _latency(plain.pop("latency_s"), f"{where}.latency_s", seed)
    if device.emulated and latency is not None:
        raise ValueError(f"{where} has times from an emulated device")
    if not device.emulated and latency is None:
        raise ValueError(f"{where} has no times, though the device is not emulated")
    if plain["validity"]["grade"] is None and not plain["validity"]["warnings"]:
        plain["validity"] = schema.to_json(_judged(plain, latency, protocol))
    return replace(decode(Result, {**plain, "latency": None}, where), latency=latency)


def _latency(entry: Mapping[str, Any] | None, where: str, seed: int) -> Latency | None:
    if entry is None:
        return None
    samples = np.array(entry["samples"], dtype=np.float64)
    counts = [int(count) for count in entry["rounds"]]
    if samples.size == 0 or sum(counts) != samples.size or min(counts) < 1:
        raise ValueError(f"the samples of {where} do not match their rounds")
    if not (np.isfinite(samples).all() and (samples > 0).all()):
        raise ValueError(f"a sample of {where} is no duration")
    latency = Latency.of(list(np.split(samples, np.cumsum(counts)[:-1])), seed)
    for key, name in _STATISTICS.items():
        if not math.isclose(float(entry[key]), getattr(latency, name), rel_tol=1e-6, abs_tol=1e-12):
            raise ValueError(f"the {key} of {where} is not that of its samples")
    return latency


def _judged(entry: Mapping[str, Any], latency: Latency | None, protocol: Protocol) -> Validity:
    """Give the grade that `edgekit bench` would have given."""
    if latency is None:
        return judge(emulation_caveats(None, entry["memory"] is not None), timed=False)
    messages = [_message(entry["conditions"], each) for each in entry["conditions"]["rounds"]]
    caveats = caveats_of(latency, protocol, messages, int(entry["threads"]))
    return judge(caveats + drift_caveats(_drift(latency.by_round())))


def _message(conditions: Mapping[str, Any], one: Mapping[str, Any]) -> dict[str, Any]:
    """The worker's message of a round, as far as it is judged."""
    return {
        "conditions": one,
        "cpus": one["cpus"],
        "first_s": one["first_s"],
        "openmp": conditions["openmp"],
        "warmup": one["warmup"],
    }


def _drift(rounds: Sequence[st.Samples]) -> float:
    return float(np.median([st.drift(each) for each in rounds]))
