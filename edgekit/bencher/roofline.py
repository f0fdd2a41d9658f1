"""The roofline: what the device could do at best, and how far each layer is from it.

A layer cannot be faster than its MACs at peak compute, nor than its bytes at peak bandwidth (Williams et al.
2009). Bandwidth is taken at the size of the working set, because activations of mobile networks live in
caches; weights are read once per inference, so they come from where the whole net fits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

RIDGE_POINTS = (0, 1, 2, 5, 10, 15, 20, 30, 40, 50, 75, 100, 150, 200, 250, 300, 400, 500)
"""MACs per byte, the range of figure 2 of the MobileNet V4 paper (arXiv:2404.10518)."""


@dataclass(frozen=True, slots=True)
class Bandwidth:
    """Bytes per second when the working set has a size."""

    working_set_bytes: int
    bytes_per_s: float


@dataclass(frozen=True, slots=True)
class Peaks:
    """The best that a device did in one precision with one number of threads, and by which means."""

    threads: int
    precision: str
    macs_per_s: float
    method: str
    memory: tuple[Bandwidth, ...]

    @classmethod
    def of(cls, message: Mapping[str, Any], precision: str) -> Peaks:
        """Read the answer of the worker's `peaks`; the fastest compute counts."""
        best = max(message["compute"], key=lambda entry: float(entry["macs_per_s"]))
        memory = sorted(
            (
                Bandwidth(int(entry["working_set_bytes"]), float(entry["bytes_per_s"]))
                for entry in message["memory"]
            ),
            key=lambda entry: entry.working_set_bytes,
        )
        return cls(
            int(message["threads"]), precision, float(best["macs_per_s"]), best["method"], tuple(memory)
        )

    def best_with(self, other: Peaks) -> Peaks:
        """Return the better of two measurements of one device, number by number."""
        fastest = max((self, other), key=lambda each: each.macs_per_s)
        again = {entry.working_set_bytes: entry for entry in other.memory}
        memory = tuple(
            max(entry, again.get(entry.working_set_bytes, entry), key=lambda each: each.bytes_per_s)
            for entry in self.memory
        )
        return replace(fastest, memory=memory)

    def bandwidth(self, working_set_bytes: float) -> float:
        """Return bytes per second for a working set: of the smallest measured one that holds it."""
        for entry in self.memory:
            if entry.working_set_bytes >= working_set_bytes:
                return entry.bytes_per_s
        return self.memory[-1].bytes_per_s

    @property
    def ridge(self) -> float:
        """MACs per byte of main memory above which a layer is bound by compute."""
        return self.macs_per_s / self.memory[-1].bytes_per_s


@dataclass(frozen=True, slots=True)
class Traffic:
    """What one layer has to do: MACs, bytes of weights, bytes of activations read and written."""

    macs: int
    weight_bytes: int
    activation_bytes: int

    @property
    def bytes(self) -> int:
        """All bytes."""
        return self.weight_bytes + self.activation_bytes

    @property
    def intensity(self) -> float | None:
        """MACs per byte, None without bytes."""
        return self.macs / self.bytes if self.bytes else None


@dataclass(frozen=True, slots=True)
class Limit:
    """The least time of a layer on a device, and what sets it: `compute` or `memory`."""

    seconds: float
    bound: str


def limit(traffic: Traffic, peaks: Peaks, net_weight_bytes: int) -> Limit:
    """Return max(MACs / peak, weights / bandwidth(net) + activations / bandwidth(layer))."""
    compute_s = traffic.macs / peaks.macs_per_s
    memory_s = traffic.activation_bytes / peaks.bandwidth(traffic.activation_bytes)
    memory_s += traffic.weight_bytes / peaks.bandwidth(net_weight_bytes)
    return Limit(compute_s, "compute") if compute_s > memory_s else Limit(memory_s, "memory")


def ridge_sweep(
    layers: Sequence[Traffic], points: Sequence[float] = RIDGE_POINTS
) -> tuple[tuple[float, float], ...]:
    """Return (ridge point, cost) for hardware of many balances, as in the MobileNet V4 paper.

    The cost is sum over layers of max(MACs, ridge point * bytes): the time in units of one MAC at peak. At 0
    it is the net's MACs; where it grows in proportion to the ridge point, memory alone counts.
    """
    return tuple(
        (float(point), float(sum(max(layer.macs, point * layer.bytes) for layer in layers)))
        for point in points
    )
