"""The conditions of a measurement: governor, frequency, temperature, and who else used the CPUs."""

from __future__ import annotations

import glob
import os
import resource
import time
from collections.abc import Sequence
from typing import Any

from .affinity import SYSFS_CPU, read_text
from .sampler import Sampler, hottest, lowest

THERMAL_ZONES = "/sys/class/thermal/thermal_zone*/temp"
_OPENMP_PREFIXES = ("OMP_", "GOMP_", "KMP_")


class Watch:
    """Counts what happened to this process and to its CPUs between two moments."""

    def __init__(self, cpus: Sequence[int]) -> None:
        self._cpus = list(cpus)
        self._start = _counters(self._cpus)

    def stop(self) -> dict[str, Any]:
        """Return what changed since the start; `cpu_s` is what this process itself computed.

        `other_share` is the share of the pinned CPUs' time that went to other processes (and, in a virtual
        machine, `steal_share` to other machines); None where the kernel does not tell.
        """
        before, after = self._start, _counters(self._cpus)
        elapsed = (after["wall_s"] - before["wall_s"]) * len(self._cpus)
        busy = after["busy_s"] - before["busy_s"]
        own = after["own_s"] - before["own_s"]
        steal = after["steal_s"] - before["steal_s"]
        known = elapsed > 0 and after["busy_s"] > 0
        return {
            "seconds": after["wall_s"] - before["wall_s"],
            "cpu_s": own,
            "involuntary_switches": after["involuntary"] - before["involuntary"],
            "voluntary_switches": after["voluntary"] - before["voluntary"],
            "minor_faults": after["minor_faults"] - before["minor_faults"],
            "migrations": _difference(before["migrations"], after["migrations"]),
            "other_share": max(0.0, busy - own) / elapsed if known else None,
            "steal_share": max(0.0, steal) / elapsed if known else None,
        }


def cpu_state(cpus: Sequence[int], sysfs: str = SYSFS_CPU) -> dict[str, Any]:
    """Return governors, current frequencies (kHz) and the hottest temperature (degrees Celsius)."""
    governors = {read_text(path) for path in _cpufreq(cpus, "scaling_governor", sysfs)}
    return {
        "governors": sorted(name for name in governors if name),
        "khz": lowest(_cpufreq(cpus, "scaling_cur_freq", sysfs)),
        "celsius": temperature(),
    }


def temperature(pattern: str = THERMAL_ZONES) -> float | None:
    """Return the hottest thermal zone in degrees Celsius, or None where there is none."""
    return hottest(glob.glob(pattern))


def sampler(
    cpus: Sequence[int], others: Sequence[int], sysfs: str = SYSFS_CPU, zones: str = THERMAL_ZONES
) -> Sampler:
    """Start sampling the clock of these CPUs and the temperature, from some of the `others`."""
    return Sampler(_cpufreq(cpus, "scaling_cur_freq", sysfs), glob.glob(zones), others)


def _cpufreq(cpus: Sequence[int], name: str, sysfs: str) -> list[str]:
    return [os.path.join(sysfs, f"cpu{cpu}", "cpufreq", name) for cpu in cpus]


def openmp_settings() -> dict[str, str]:
    """Return the OpenMP variables that this process was started with."""
    return {name: value for name, value in sorted(os.environ.items()) if name.startswith(_OPENMP_PREFIXES)}


def _counters(cpus: Sequence[int]) -> dict[str, Any]:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    busy, steal = _cpu_times(cpus)
    return {
        "wall_s": time.perf_counter(),
        "own_s": usage.ru_utime + usage.ru_stime,
        "involuntary": usage.ru_nivcsw,
        "voluntary": usage.ru_nvcsw,
        "minor_faults": usage.ru_minflt,
        "migrations": _migrations(),
        "busy_s": busy,
        "steal_s": steal,
    }


def _cpu_times(cpus: Sequence[int], path: str = "/proc/stat") -> tuple[float, float]:
    """Return (busy, stolen) seconds of the given CPUs since boot; zeros where the file is closed to us."""
    wanted = {f"cpu{cpu}" for cpu in cpus}
    tick = os.sysconf("SC_CLK_TCK")
    busy = steal = 0.0
    for line in (read_text(path) or "").splitlines():
        name, *fields = line.split()
        if name in wanted:
            user, nice, system, _idle, _iowait, irq, softirq, stolen = (int(field) for field in fields[:8])
            busy += (user + nice + system + irq + softirq) / tick
            steal += stolen / tick
    return busy, steal


def _migrations(path: str = "/proc/self/sched") -> int | None:
    for line in (read_text(path) or "").splitlines():
        if line.startswith("se.nr_migrations"):
            return int(line.rpartition(":")[2])
    return None


def _difference(before: int | None, after: int | None) -> int | None:
    return None if before is None or after is None else after - before
