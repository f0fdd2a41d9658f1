"""`edgekit.bench`: measure targets and return a report."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from edgekit import scratch
from edgekit.bencher.compare import compare as compare_results
from edgekit.bencher.compare import suite_ratios
from edgekit.bencher.exported import export_target
from edgekit.bencher.extras import Extras, Taken, results_of
from edgekit.bencher.journal import Journal
from edgekit.bencher.measure import (
    Bench,
    Configuration,
    ProgressLine,
    Round,
    measure,
)
from edgekit.bencher.result import BenchReport, Comparison, Latency, Result
from edgekit.bencher.runtimes import NCNN
from edgekit.bencher.runtimes import check as check_runtimes
from edgekit.bencher.settings import (
    CERTIFIED,
    COMPARE,
    EMULATED,
    PRECISIONS,
    QUICK,
    SUITE,
    OpenMp,
    Pinning,
    Protocol,
)
from edgekit.bencher.suite import load_suite
from edgekit.bencher.targets import Target, in_runtime, is_path, resolve
from edgekit.devices import Device, DeviceInfo, device_info, open_device
from edgekit.errors import UserError, did_you_mean
from edgekit.numerics import statistics as st
from edgekit.sources.spec import parse_spec


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
    runtimes: Sequence[str] = (),
    seed: int = 0,
    pinning: Pinning | None = None,
    openmp: OpenMp | None = None,
    journal: Path | None = None,
    progress: ProgressLine = _silent,
) -> BenchReport:
    """Time targets in ncnn, each configuration in fresh worker processes that take turns.

    Args:
        targets: bundles, `.param` files (random weights without a `.bin` beside them), suites (`.toml`), and
            model specs (`mobilenet_v2`, `net.py:Net`, `net.onnx`), which are exported first.
        threads: thread counts, each a configuration of its own.
        precision: names of `edgekit.bencher.settings.PRECISIONS`; None is what each target was exported in.
        device: where ncnn runs.
        certified: at least 1024 runs and 60 s per configuration instead of 50 and 1 s.
        protocol: overrides the mode.
        layers: time each layer too.
        compare: compare every configuration with the first, against the noise of an A/A run.
        memory: measure memory in a process of its own.
        inputs: shapes of inputs by name, where a target does not say them or another is wanted.
        runtimes: of `edgekit.bencher.runtimes.OTHERS`, to time the model of each bundle in them too.
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
    _check_asked(names, threads, runtimes)
    with scratch.folder() as folder:
        found = _targets(names, inputs or {}, folder, progress)
        found += _elsewhere(found, runtimes, folder)
        configurations = _configurations(found, threads, precision, compare and not place.emulated)
        run = Bench(
            device=place,
            protocol=protocol
            or _protocol(place, certified, compare, suite=any("suite" in target.facts for target in found)),
            pinning=pinning or Pinning(),
            openmp=openmp or OpenMp(),
            seed=seed,
            layers=layers,
            journal=Journal(journal),
            progress=progress,
        )
        return _report(run, configurations, memory)


def _check_asked(names: Sequence[str | Path], threads: Sequence[int], runtimes: Sequence[str]) -> None:
    """Refuse what is mistyped before the first model is exported, which takes minutes."""
    for count in threads:
        if count < 1:
            raise UserError(f"{count} threads cannot run anything", "give a positive number")
    for name in names:
        if Path(name).suffix != ".toml" and not is_path(str(name)):
            parse_spec(str(name))
    check_runtimes(tuple(runtimes))


def _protocol(device: Device, certified: bool, compare: bool, *, suite: bool) -> Protocol:
    if device.emulated:
        return EMULATED
    if certified:
        return CERTIFIED
    return COMPARE if compare else SUITE if suite else QUICK


def _targets(
    names: Sequence[str | Path],
    inputs: Mapping[str, tuple[int, ...]],
    folder: Path,
    progress: ProgressLine,
) -> tuple[Target, ...]:
    """Resolve every name; a suite becomes many targets, and a model is exported, with files in `folder`."""
    found: list[Target] = []
    for index, name in enumerate(names):
        place = folder / str(index)
        if Path(name).suffix == ".toml":
            place.mkdir()
            found += load_suite(Path(name), place)
        elif is_path(str(name)):
            found.append(resolve(str(name), inputs))
        else:
            progress(f"exporting {name}")
            found.append(export_target(str(name), inputs, place))
    return tuple(found)


def _elsewhere(targets: Sequence[Target], runtimes: Sequence[str], folder: Path) -> tuple[Target, ...]:
    """Return every target in every other runtime."""
    found = []
    for number, target in enumerate(targets):
        for runtime in runtimes:
            place = folder / f"{runtime}-{number}"
            place.mkdir()
            found.append(in_runtime(target, runtime, place))
    return tuple(found)


def _configurations(
    targets: Sequence[Target],
    threads: Sequence[int],
    precision: str | Sequence[str] | None,
    compare: bool,
) -> list[Configuration]:
    """Return every combination, and for a comparison the first one again as its A/A twin."""
    chosen = (precision,) if isinstance(precision, str) else precision
    found = [
        Configuration(target, count, name)
        for target in targets
        for name in (chosen if chosen and target.runtime == NCNN else (target.precision,))
        for count in threads
    ]
    for name in (each.precision for each in found):
        if name not in PRECISIONS:
            raise UserError(
                f"unknown precision '{name}'",
                did_you_mean(name, PRECISIONS) or "choose from " + ", ".join(PRECISIONS),
            )
    if not compare:
        return found
    if len(found) < 2:
        raise UserError(
            "a comparison needs two configurations", "name a second target, thread count or precision"
        )
    return [*found, replace(found[0], twin=True)]


def _report(run: Bench, configurations: Sequence[Configuration], memory: bool) -> BenchReport:
    started_at = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    try:
        rounds, interrupted = measure(run, configurations)
    finally:
        run.journal.close()
    if not any(rounds):
        raise KeyboardInterrupt
    taken: list[Taken] = []
    twin = None
    extras = Extras(run, memory=memory and not interrupted)
    for configuration, own in zip(configurations, rounds, strict=True):
        if configuration.twin and own:
            twin = Latency.of([each.samples for each in own], run.seed)
        elif own:
            taken.append((configuration, own, extras.measure(configuration)))
    results = results_of(run, taken, extras)
    interrupted = interrupted or extras.interrupted
    if not interrupted:
        run.journal.finish()
    return BenchReport(
        device=_device_info(run, rounds),
        mode=run.protocol.name,
        seed=run.seed,
        started_at=started_at,
        results=tuple(results),
        comparisons=tuple(_comparisons(results, twin, run.seed)),
        ratios=suite_ratios(results, run.seed),
        interrupted=interrupted,
        peaks=extras.peaks,
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
    messages = [each.message for own in rounds for each in own if "environment" in each.message]
    if not messages:  # interrupted before ncnn had a turn
        return run.device.info()
    environment = messages[0]["environment"]
    return device_info(environment, kind=run.device.spec.partition(":")[0], emulated=run.device.emulated)
