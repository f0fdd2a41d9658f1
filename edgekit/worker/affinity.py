"""CPU clusters from sysfs, and pinning. Import this and pin before ncnn is imported.

ncnn's `powersave=2` does not isolate a prime core and libgomp reads the affinity mask when it is loaded,
so the mask is set from the kernel's own description of the clusters before either exists.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

SYSFS_CPU = "/sys/devices/system/cpu"


class NoSuchCpu(ValueError):
    """A CPU was named that this process may not use."""


def clusters(cpus: Iterable[int] | None = None, sysfs: str = SYSFS_CPU) -> list[dict[str, Any]]:
    """Group the allowed CPUs into clusters of equal speed, fastest first.

    Returns entries `{"cpus": [...], "capacity": int | None, "max_khz": int | None}`. Capacity is the
    kernel's `cpu_capacity` (1024 for the fastest core of the system).
    """
    allowed = sorted(os.sched_getaffinity(0) if cpus is None else cpus)
    groups: dict[tuple[int, int], list[int]] = {}
    for cpu in allowed:
        folder = os.path.join(sysfs, f"cpu{cpu}")
        capacity = read_number(os.path.join(folder, "cpu_capacity"))
        max_khz = read_number(os.path.join(folder, "cpufreq", "cpuinfo_max_freq"))
        groups.setdefault((capacity or 0, max_khz or 0), []).append(cpu)
    return [
        {"cpus": members, "capacity": capacity or None, "max_khz": max_khz or None}
        for (capacity, max_khz), members in sorted(groups.items(), reverse=True)
    ]


def choose(threads: int, pin: Mapping[str, Any], sysfs: str = SYSFS_CPU) -> list[int]:
    """Return the CPUs to run on: `pin` is `{"cpus": [...]}`, `{"cluster": "big"|"little"|"all"}` or empty.

    Without a wish: one CPU per thread, fastest first, other cores before the second thread of a core, and
    CPU 0 (which takes most interrupts) last among equals.

    Raises:
        NoSuchCpu: a CPU that this process may not use.
        ValueError: an unknown cluster.
    """
    allowed = sorted(os.sched_getaffinity(0))
    if pin.get("cpus"):
        wanted = [int(cpu) for cpu in pin["cpus"]]
        outside = [cpu for cpu in wanted if cpu not in allowed]
        if outside:
            raise NoSuchCpu(f"CPUs {outside} are not among those this process may use ({allowed})")
        return wanted
    found = clusters(allowed, sysfs)
    name = pin.get("cluster") or "fastest"
    if name == "all":
        return allowed
    if name == "little":
        return list(found[-1]["cpus"])
    if name == "big":
        return list(found[0]["cpus"])
    if name != "fastest":
        raise ValueError(f"unknown cluster {name!r}")
    ordered = [cpu for group in found for cpu in _spread(group["cpus"], sysfs)]
    return sorted(ordered[:threads])


def pin_process(threads: int, pin: Mapping[str, Any]) -> list[int]:
    """Choose CPUs and bind this process, and every thread it will start, to them."""
    cpus = choose(threads, pin)
    os.sched_setaffinity(0, cpus)
    return sorted(os.sched_getaffinity(0))


def _spread(cpus: Iterable[int], sysfs: str) -> list[int]:
    """First one CPU of every physical core, highest number first, then their siblings."""
    seen: set[tuple[int | None, int | None]] = set()
    first: list[int] = []
    second: list[int] = []
    for cpu in sorted(cpus, reverse=True):
        topology = os.path.join(sysfs, f"cpu{cpu}", "topology")
        core = (
            read_number(os.path.join(topology, "physical_package_id")),
            read_number(os.path.join(topology, "core_id")),
        )
        known = core != (None, None)
        (second if known and core in seen else first).append(cpu)
        seen.add(core)
    return first + second


def read_number(path: str) -> int | None:
    """Return the integer in a sysfs file, or None where there is none."""
    try:
        with open(path, encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        return None


def read_text(path: str) -> str | None:
    """Return the text of a sysfs file, or None where there is none."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return None
