"""`edgekit.bench`: measure targets and return a report."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from edgekit.bencher.compare import compare as compare_results
from edgekit.bencher.gather import gather, memory_of
from edgekit.bencher.journal import Journal
from edgekit.bencher.measure import (
    Bench,
    Configuration,
    ProgressLine,
    Round,
    measure,
    measure_memory,
    measure_peaks,
)
from edgekit.bencher.result import BenchReport, Comparison, Latency, Result
from edgekit.bencher.roofline import Peaks
from edgekit.bencher.settings import CERTIFIED, COMPARE, QUICK, OpenMp, Pinning, Protocol
from edgekit.bencher.targets import Target, resolve
from edgekit.devices import Device, DeviceInfo, device_info, open_device
from edgekit.devices.options import PRECISIONS
from edgekit.errors import UserError, did_you_mean
from edgekit.numerics import statistics as st


def _silent(step: str, done: int | None = None, total: int | None = None) -> None:
    """Show nothing."""


def bench(
    targets: str | Path | Iterable[str | Path],
    *,
    threads: Sequence[int] = (1,),
    precision: str | Sequence[str] | None = None,
    device: str | Device = "local",
    certified: bool = False,
    protocol: Protocol | None = None,
    layers: bool = False,
    compare: bool = False,
    memory: bool = True,
    inputs: Mapping[str, tuple[int, ...]] | None = None,
    seed: int = 0,
    pinning: Pinning | None = None,
    openmp: OpenMp | None = None,
    journal: Path | None = None,
    progress: ProgressLine = _silent,
) -> BenchReport:
    """Time targets in ncnn, each configuration in fresh worker processes that take turns.

    Args:
        targets: bundles, `.param` files (random weights without a `.bin` beside them).
        threads: thread counts, each a configuration of its own.
        precision: names of `edgekit.devices.options.PRECISIONS`; None takes what each target was exported in.
        device: where ncnn runs.
        certified: at least 1024 runs and 60 s per configuration instead of 50 and 1 s.
        protocol: overrides the mode.
        layers: time each layer too.
        compare: compare every configuration with the first, against the noise of an A/A run.
        memory: measure memory in a process of its own.
        inputs: shapes of inputs by name, where a target does not say them or another is wanted.
        seed: of inputs, random weights, the order of the processes and the bootstrap.
        pinning: which CPUs to run on.
        openmp: how OpenMP threads wait.
        journal: file that keeps finished processes, so that an interrupted bench can go on.
        progress: told of every step.

    Raises:
        UserError: a target, thread count, precision or device that does not exist, or that ncnn refuses.
    """
    names = [targets] if isinstance(targets, str | Path) else list(targets)
    if not names:
        raise UserError("nothing to measure", "name a bundle, a .param or a suite.toml")
    place = open_device(device) if isinstance(device, str) else device
    run = Bench(
        device=place,
        protocol=protocol or (CERTIFIED if certified else COMPARE if compare else QUICK),
        pinning=pinning or Pinning(),
        openmp=openmp or OpenMp(),
        seed=seed,
        layers=layers,
        journal=Journal(journal),
        progress=progress,
    )
    found = [resolve(str(name), inputs or {}) for name in names]
    configurations = _configurations(found, threads, precision)
    if compare:
        if len(configurations) < 2:
            raise UserError(
                "a comparison needs two configurations", "name a second target, thread count or precision"
            )
        first = configurations[0]
        configurations.append(Configuration(first.target, first.threads, first.precision, twin=True))
    return _report(run, configurations, memory)


def _configurations(
    targets: Sequence[Target], threads: Sequence[int], precision: str | Sequence[str] | None
) -> list[Configuration]:
    for count in threads:
        if count < 1:
            raise UserError(f"{count} threads cannot run anything", "give a positive number")
    chosen = (precision,) if isinstance(precision, str) else precision
    for name in chosen or ():
        if name not in PRECISIONS:
            raise UserError(
                f"unknown precision '{name}'",
                did_you_mean(name, PRECISIONS) or "choose from " + ", ".join(PRECISIONS),
            )
    return [
        Configuration(target, count, name)
        for target in targets
        for name in (chosen or (target.precision,))
        for count in threads
    ]


def _report(run: Bench, configurations: Sequence[Configuration], memory: bool) -> BenchReport:
    started_at = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    try:
        rounds, interrupted = measure(run, configurations)
    finally:
        run.journal.close()
    if not any(rounds):
        raise KeyboardInterrupt
    results, twin = [], None
    peaks: dict[tuple[int, str], Peaks] = {}
    for configuration, own in zip(configurations, rounds, strict=True):
        if not own:
            continue
        if configuration.twin:
            twin = Latency.of([each.samples for each in own], run.seed)
            continue
        run.progress(f"{configuration.label}, memory")
        measured = memory_of(measure_memory(run, configuration)) if memory and not interrupted else None
        key = (configuration.threads, configuration.precision)
        if run.layers and key not in peaks and not run.device.emulated:
            run.progress(f"what the device can do with {configuration.threads} threads")
            peaks[key] = Peaks.of(measure_peaks(run, configuration), configuration.precision)
        results.append(gather(run, configuration, own, measured, peaks.get(key)))
    if not interrupted:
        run.journal.finish()
    return BenchReport(
        device=_device_info(run, rounds),
        mode=run.protocol.name,
        seed=run.seed,
        started_at=started_at,
        results=tuple(results),
        comparisons=tuple(_comparisons(results, twin, run.seed)),
        interrupted=interrupted,
        peaks=tuple(peaks.values()),
    )


def _comparisons(results: Sequence[Result], twin: Latency | None, seed: int) -> list[Comparison]:
    if twin is None or not results or results[0].latency is None:
        return []
    first = results[0].latency
    if len(first.rounds) != len(twin.rounds):
        return []
    noise = st.swap_noise(first.by_round(), twin.by_round(), seed=seed)
    found = [compare_results(results[0], other, noise, seed) for other in results[1:]]
    return [each for each in found if each is not None]


def _device_info(run: Bench, rounds: Sequence[Sequence[Round]]) -> DeviceInfo:
    environment = next(each.message["environment"] for own in rounds for each in own)
    return device_info(environment, kind=run.device.spec.partition(":")[0], emulated=run.device.emulated)
