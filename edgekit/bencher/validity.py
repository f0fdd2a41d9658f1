"""What speaks against a number: warnings as values, and a grade made of them.

The rules are those of pyperf, hyperfine and Android's benchmarking notes. A grade is the worst severity that
occurs: A none, B minor, C major, D fatal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from edgekit.bencher.result import Caveat, Latency, LayerTiming, Severity, Validity
from edgekit.bencher.settings import Protocol
from edgekit.units import counted, format_duration, format_percent

_GRADES = {Severity.NOTE: "A", Severity.MINOR: "B", Severity.MAJOR: "C", Severity.FATAL: "D"}

_OUTLIER_MADS = 14.8  # |x - median| / MAD, hyperfine's threshold
_EXTREME = 0.5  # of the median, pyperf's threshold
_SPREAD = 0.10  # standard deviation over mean, pyperf's threshold
_WILD_SPREAD = 0.50  # the same, where no median of it is worth reporting
_SURE = 0.02  # width of the 95 % interval over the median: narrower than what anybody decides on
_OTHERS = 0.05  # share of a CPU; what a machine has to do beside a measurement stays below
_DRIFT = 0.05  # of the median or the clock
_SLOW_FIRST = 10.0  # times the median
_LIMIT_NOISE = 0.05
_SUM_TOLERANCE = 0.03  # a clock around each layer and the noise between two runs explain no more


def judge(caveats: Sequence[Caveat], *, timed: bool = True) -> Validity:
    """Return the grade with its reasons, the worst first; no grade where nothing was `timed`."""
    ordered = tuple(sorted(caveats, key=lambda each: -each.severity.rank))
    if not timed:
        return Validity(None, ordered)
    return Validity(_GRADES[ordered[0].severity] if ordered else "A", ordered)


def caveats_of(
    latency: Latency, protocol: Protocol, rounds: Sequence[Mapping[str, Any]], threads: int
) -> list[Caveat]:
    """Return everything that speaks against the latency of one configuration.

    `rounds` are the worker's messages, one per process.
    """
    found = [*_about_samples(latency, protocol), *_about_spread(latency), *_about_start(latency, rounds)]
    found += _about_machine(rounds, latency)
    found += openmp_caveats(rounds[0]["openmp"], threads, len(rounds[0]["cpus"]))
    return found


def emulation_caveats(not_counted: str | None, memory: bool) -> list[Caveat]:
    """Say why an emulated device counted no instructions, and what its memory is worth."""
    found = []
    if memory:
        found.append(
            Caveat(
                "emulated-memory",
                Severity.NOTE,
                "the resident set is the emulator's, with the code that it translated",
                "take blob, workspace and weights, which are exact",
            )
        )
    if not_counted is not None:
        what, _, remedy = not_counted.partition("; ")
        found.append(Caveat("not-counted", Severity.NOTE, what, remedy or "count with one thread"))
    return found


def layer_caveats(ratio: float) -> list[Caveat]:
    """The parts have to add up to the whole: `ratio` is sum of layers over whole net."""
    if abs(ratio - 1) <= _SUM_TOLERANCE:
        return []
    return [
        Caveat(
            "layer-sum",
            Severity.MINOR,
            f"the layers add up to {format_percent(ratio)} of the whole net",
            "take the times of single layers as proportions; one thread on a quiet machine adds up",
        )
    ]


def limit_caveats(layers: Sequence[LayerTiming]) -> list[Caveat]:
    """No layer can be faster than the device: one that is says that its limits were measured too low."""
    above = [layer for layer in layers if is_above_limit(layer)]
    if not above:
        return []
    worst = max(above, key=lambda layer: layer.of_limit or 0.0)
    return [
        Caveat(
            "above-limit",
            Severity.MINOR,
            f"{counted(len(above), 'layer')} took less time than the measured limits of this device allow, "
            f"{worst.name} {format_percent(worst.of_limit)} of it: something slowed the device down then",
            "take 'of limit' as too high in all rows, and measure again on a quiet machine",
        )
    ]


def is_above_limit(layer: LayerTiming) -> bool:
    """Whether a layer is faster than its limit by more than the noise between two measurements.

    A winograd kernel multiplies less often than there are MACs: a 3x3 convolution may be.
    """
    fewer = layer.kind == "convolution 3x3" and layer.bound == "compute"
    return layer.of_limit is not None and layer.of_limit > 1 + _LIMIT_NOISE and not fewer


def openmp_caveats(settings: Mapping[str, str], threads: int, cpus: int) -> list[Caveat]:
    """Return what is wrong with the OpenMP settings of a run with `threads` threads on `cpus` CPUs."""
    found = []
    if threads > cpus:
        found.append(
            Caveat(
                "oversubscribed",
                Severity.MAJOR,
                f"{threads} threads share {cpus} CPUs",
                "use no more threads than CPUs",
            )
        )
    if threads == 1:
        return found
    if settings.get("OMP_WAIT_POLICY", "").lower() == "passive" or settings.get("GOMP_SPINCOUNT") == "0":
        found.append(
            Caveat(
                "openmp-passive",
                Severity.MINOR,
                "OpenMP threads sleep between layers, which can double the latency",
                "set OMP_WAIT_POLICY=active, here and in the application",
            )
        )
    if settings.get("OMP_DYNAMIC", "").lower() == "true":
        found.append(
            Caveat("openmp-dynamic", Severity.MINOR, "OMP_DYNAMIC lets OpenMP use fewer threads", "unset it")
        )
    limit = settings.get("OMP_THREAD_LIMIT", "")
    if limit.isdigit() and int(limit) < threads:
        found.append(
            Caveat(
                "openmp-limit",
                Severity.MAJOR,
                f"OMP_THREAD_LIMIT={limit} allows fewer than {threads} threads",
                "unset it",
            )
        )
    for name in ("GOMP_CPU_AFFINITY", "KMP_AFFINITY"):
        if name in settings:
            found.append(
                Caveat(
                    "openmp-affinity", Severity.MINOR, f"{name} moves threads off the pinned CPUs", "unset it"
                )
            )
    return found


def _about_samples(latency: Latency, protocol: Protocol) -> Iterator[Caveat]:
    count = len(latency.samples_s)
    if count < protocol.min_runs:
        yield Caveat(
            "few-samples",
            Severity.FATAL if count < 10 else Severity.MAJOR,
            f"{count} samples, {protocol.name} asks for {protocol.min_runs}",
            "measure longer with --certified, or a smaller model",
        )
    if len(latency.rounds) < protocol.rounds:
        yield Caveat(
            "few-rounds",
            Severity.MAJOR,
            f"{len(latency.rounds)} of {protocol.rounds} processes finished",
            "run the same command again to measure the rest",
        )
    if latency.median_s < 1e-3:
        yield Caveat(
            "short",
            Severity.NOTE,
            f"one inference takes {format_duration(latency.median_s)}: calling ncnn is part of that",
            "read differences of a few percent with care",
        )


def _about_spread(latency: Latency) -> Iterator[Caveat]:
    spread = latency.std_s / latency.mean_s
    low, high = latency.ci95_s
    unsure = (high - low) / latency.median_s  # stray samples do not move a median
    if spread >= _SPREAD:
        wild = spread >= _WILD_SPREAD and unsure > _SPREAD
        yield Caveat(
            "spread",
            Severity.MINOR if unsure <= _SURE else Severity.FATAL if wild else Severity.MAJOR,
            f"the standard deviation is {format_percent(spread)} of the mean",
            "quiet the machine, or measure longer with --certified",
        )
    if unsure > _SPREAD:
        yield Caveat(
            "interval",
            Severity.MAJOR,
            f"the 95 % interval spans {format_percent(unsure)} of the median",
            "measure longer with --certified",
        )
    extreme = max(abs(value - latency.median_s) for value in (latency.min_s, max(latency.samples_s)))
    if extreme >= _EXTREME * latency.median_s:
        yield Caveat(
            "extreme",
            Severity.MINOR,
            f"an extreme lies {format_percent(extreme / latency.median_s)} off the median",
            "use median and interval, not minimum, maximum or mean",
        )
    if latency.mad_s > 0:
        outliers = sum(
            abs(value - latency.median_s) > _OUTLIER_MADS * latency.mad_s for value in latency.samples_s
        )
        if outliers > 0.01 * len(latency.samples_s):
            yield Caveat(
                "outliers",
                Severity.MINOR,
                f"{outliers} of {len(latency.samples_s)} samples are outliers",
                "something else ran at the same time: close it",
            )


def _about_start(latency: Latency, rounds: Sequence[Mapping[str, Any]]) -> Iterator[Caveat]:
    unsteady = sum(not each["warmup"]["steady"] for each in rounds)
    if unsteady:
        yield Caveat(
            "not-steady",
            Severity.MAJOR,
            f"{unsteady} of {len(rounds)} processes were not steady after warming up",
            "quiet the machine, or let the device cool down",
        )
    first_s = min(float(each["first_s"]) for each in rounds)
    if first_s > _SLOW_FIRST * latency.median_s:
        yield Caveat(
            "slow-first",
            Severity.NOTE,
            f"the first inference takes {format_duration(first_s)}",
            "an application that runs once pays that, not the median",
        )


def _about_machine(rounds: Sequence[Mapping[str, Any]], latency: Latency) -> Iterator[Caveat]:
    during = [each["conditions"]["during"] for each in rounds]
    others = max((float(each["other_share"] or 0.0) for each in during), default=0.0)
    if others > _OTHERS:
        cpu_s = sum(float(each["cpu_s"]) for each in during) / len(latency.samples_s)
        yield Caveat(
            "busy",
            Severity.MAJOR if others > 4 * _OTHERS else Severity.MINOR,
            f"other processes took {format_percent(others)} of the measured CPUs "
            f"(an inference itself takes {format_duration(cpu_s)} of CPU time)",
            "close them, or pin to other CPUs with --cpus",
        )
    stolen = max((float(each["steal_share"] or 0.0) for each in during), default=0.0)
    if stolen > 0.01:
        yield Caveat(
            "stolen",
            Severity.MINOR,
            f"the hypervisor took {format_percent(stolen)} of the measured CPUs",
            "measure on a machine of your own",
        )
    if any((each["migrations"] or 0) > 0 for each in during) and len(rounds[0]["cpus"]) == 1:
        yield Caveat("migrated", Severity.MAJOR, "the process moved to another CPU", "pin it with --cpus")
    yield from _about_clock(rounds)


def _about_clock(rounds: Sequence[Mapping[str, Any]]) -> Iterator[Caveat]:
    governors = sorted({name for each in rounds for name in each["conditions"]["before"]["governors"]})
    if any(name != "performance" for name in governors):
        yield Caveat(
            "governor",
            Severity.MINOR,
            f"the CPU frequency governor is {', '.join(governors)}",
            "set it to performance where you may",
        )
    for each in rounds:
        conditions = each["conditions"]
        seen = [conditions["after"], *conditions.get("samples", ())]
        known = [state["khz"] for state in seen if state["khz"]]
        before, lowest = conditions["before"]["khz"], min(known, default=None)
        if before and lowest and lowest < (1 - _DRIFT) * before:
            yield Caveat(
                "frequency-drop",
                Severity.MAJOR,
                f"the clock fell from {before / 1000:.0f} to {lowest / 1000:.0f} MHz while measuring",
                "let the device cool down, use --certified",
            )
            return


def resumed_caveats(kept: int, rounds: int) -> list[Caveat]:
    """`kept` of the processes were measured before an interruption."""
    if not kept:
        return []
    return [
        Caveat(
            "resumed",
            Severity.NOTE,
            f"{kept} of {rounds} processes were measured before an interruption",
            "measure again for numbers of one hour",
        )
    ]


def drift_caveats(drift: float) -> list[Caveat]:
    """`drift` is the relative change of the median from a process's first to its last samples."""
    if abs(drift) <= _DRIFT:
        return []
    direction = "slower" if drift > 0 else "faster"
    return [
        Caveat(
            "drift",
            Severity.MINOR,
            f"within a process inferences became {format_percent(abs(drift))} {direction}",
            "the device throttles or the machine is not quiet: use --certified with cool-down",
        )
    ]
