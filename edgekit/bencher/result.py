"""What a bench finds, as frozen values. Samples are kept, statistics derived from them.

JSON has the keys of the `edgekit.bench/1` contract; everything else stands beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np

from edgekit import schema
from edgekit.bencher.roofline import Peaks
from edgekit.devices import DeviceInfo
from edgekit.numerics import statistics as st

SCHEMA = "edgekit.bench"
VERSION = 1


class Severity(StrEnum):
    """How much a warning takes away from a number."""

    NOTE = "note"
    MINOR = "minor"
    MAJOR = "major"
    FATAL = "fatal"

    @property
    def rank(self) -> int:
        """0 for a note, 3 for the worst."""
        return tuple(Severity).index(self)


@dataclass(frozen=True, slots=True)
class Caveat:
    """Something that a reader of a number has to know, and what to do about it."""

    code: str
    severity: Severity
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Validity:
    """How far a time can be trusted: A nothing against it, B minor, C major, D do not use.

    None where there is no time to judge: an emulated device counts instructions, which do not vary.
    """

    grade: str | None
    warnings: tuple[Caveat, ...]


@dataclass(frozen=True, slots=True)
class Latency:
    """Latency of one configuration in seconds; `samples_s` in order, `rounds` of them per process."""

    median_s: float
    p90_s: float
    min_s: float
    mean_s: float
    std_s: float
    mad_s: float
    ci95_s: tuple[float, float]
    samples_s: tuple[float, ...]
    rounds: tuple[int, ...]

    @classmethod
    def of(cls, rounds: list[st.Samples], seed: int) -> Latency:
        """Summarise the samples of every process."""
        samples = np.concatenate(rounds)
        interval = st.median_interval(rounds, seed=seed)
        return cls(
            median_s=interval.estimate,
            p90_s=st.percentile(samples, 90),
            min_s=float(samples.min()),
            mean_s=st.mean(samples),
            std_s=st.std(samples),
            mad_s=st.mad(samples),
            ci95_s=(interval.low, interval.high),
            samples_s=tuple(float(value) for value in samples),
            rounds=tuple(len(each) for each in rounds),
        )

    def by_round(self) -> list[st.Samples]:
        """Return the samples of each process again."""
        ends = np.cumsum(self.rounds)[:-1]
        return [np.asarray(each) for each in np.split(np.array(self.samples_s), ends)]

    def to_json(self) -> dict[str, Any]:
        """Return the object under `latency_s`."""
        return {
            "median": self.median_s,
            "p90": self.p90_s,
            "min": self.min_s,
            "mean": self.mean_s,
            "std": self.std_s,
            "mad": self.mad_s,
            "ci95": list(self.ci95_s),
            "rounds": list(self.rounds),
            "samples": list(self.samples_s),
        }


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory of one configuration, measured in a run of its own.

    `peak_rss_bytes` is the highest resident set above what the process held before it loaded the net;
    blob and workspace peaks are what the net asked its allocators for, the input tensors left out, in a run
    with `counting_threads`.
    """

    peak_rss_bytes: int
    loaded_rss_bytes: int
    blob_peak_bytes: int
    workspace_peak_bytes: int
    weights_bytes: int
    counting_threads: int = 1
    layers: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class LayerTiming:
    """One layer of one configuration; see `edgekit.bencher.layers` for where each number comes from.

    `simd` is how many of its `instructions` were vector arithmetic of each kind, where an emulator counted.
    `kind` is what a person calls it (depthwise, pointwise, 3x3 convolution), `type` what ncnn does.
    """

    index: int
    name: str
    type: str
    kind: str
    latency_s: float | None
    share: float | None
    macs: int | None
    bytes: int | None
    intensity: float | None = None
    instructions: int | None = None
    simd: Mapping[str, int] = field(default_factory=dict)
    bound: str | None = None
    limit_s: float | None = None
    of_limit: float | None = None
    gain_s: float | None = None
    shape: tuple[int, ...] = ()
    pack: int | None = None
    module: str | None = None
    reason: str | None = None
    blob_peak_bytes: int | None = None
    workspace_peak_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Conditions:
    """Under what a configuration was measured."""

    cpus: tuple[int, ...]
    clusters: tuple[Mapping[str, Any], ...]
    openmp: Mapping[str, str]
    governors: tuple[str, ...]
    options: Mapping[str, Any]
    rounds: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Result:
    """One target at one thread count in one precision. `latency` is None where times mean nothing.

    `cpu_s` is the mean CPU time of one inference, of all its threads together: less than the latency of one
    thread where others had the CPU in between. `ridge` holds (ridge point in MAC/byte, cost in MACs), see
    `edgekit.bencher.roofline.ridge_sweep`.
    """

    target: str
    runtime: str
    threads: int
    precision: str
    weights: str
    inputs: Mapping[str, tuple[int, ...]]
    input_values: str
    model_sha256: str
    latency: Latency | None
    cpu_s: float | None
    instructions: int | None
    load_s: float | None
    first_s: float | None
    memory: Memory | None
    layers: tuple[LayerTiming, ...]
    layer_sum_ratio: float | None
    ridge: tuple[tuple[float, float], ...]
    validity: Validity
    conditions: Conditions
    facts: Mapping[str, Any] = field(default_factory=dict)
    simd: Mapping[str, int] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, int, str]:
        """What tells results of one report apart."""
        return (self.target, self.threads, self.precision)

    def to_json(self) -> dict[str, Any]:
        """Return the object in `results`."""
        plain: dict[str, Any] = schema.to_json(
            {name: getattr(self, name) for name in self.__slots__ if name != "latency"}
        )
        latency = None if self.latency is None else self.latency.to_json()
        return {**plain, "latency_s": latency}


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two results of one report measured in turns: `ratio` is median(baseline) / median(candidate)."""

    baseline: tuple[str, int, str]
    candidate: tuple[str, int, str]
    ratio: st.Interval
    noise: float
    verdict: str

    @property
    def finding(self) -> str:
        """The verdict in words: `faster by 1.31x [1.28, 1.34]` or `no difference`."""
        if self.verdict == "no difference":
            return f"no difference (ratio {self.ratio.estimate:.3f} {_bounds(self.ratio)})"
        ratio = self.ratio
        if self.verdict == "slower":
            ratio = st.Interval(1 / ratio.estimate, 1 / ratio.high, 1 / ratio.low)
        return f"{self.verdict} by {ratio.estimate:.2f}x {_bounds(ratio)}"


@dataclass(frozen=True, slots=True)
class Ratio:
    """A row of a suite against its baseline: the share of its work, and the share of its time.

    `work` is the ratio of MACs (1/N + 1/k^2 for a depthwise separable convolution), `time` of medians.
    """

    target: str
    baseline: str
    threads: int
    precision: str
    work: float
    time: st.Interval


@dataclass(frozen=True, slots=True)
class BenchReport:
    """Everything that one call of `bench` measured."""

    device: DeviceInfo
    mode: str
    seed: int
    started_at: str
    results: tuple[Result, ...]
    comparisons: tuple[Comparison, ...] = ()
    ratios: tuple[Ratio, ...] = ()
    against: str | None = None
    interrupted: bool = False
    peaks: tuple[Peaks, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether nothing got slower than the report that this one was checked against."""
        return self.against is None or all(each.verdict != "slower" for each in self.comparisons)

    def to_json(self) -> dict[str, Any]:
        """Return the document of schema `edgekit.bench/1`."""
        comparisons = [{**schema.to_json(each), "finding": each.finding} for each in self.comparisons]
        return {
            "schema": schema.schema_id(SCHEMA, VERSION),
            "mode": self.mode,
            "seed": self.seed,
            "started_at": self.started_at,
            "interrupted": self.interrupted,
            "device": schema.to_json(self.device),
            "peaks": schema.to_json(self.peaks),
            "results": [result.to_json() for result in self.results],
            "comparisons": comparisons,
            "ratios": schema.to_json(self.ratios),
            "against": self.against,
            "holds": self.holds,
        }


def _bounds(interval: st.Interval) -> str:
    return f"[{interval.low:.2f}, {interval.high:.2f}]"
