"""How to measure: the protocol of a mode, where threads run, how OpenMP waits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgekit.errors import UserError
from edgekit.runtimes import ncnn

PRECISIONS = (*ncnn.PRECISIONS, "int8")


def ncnn_options(precision: str, threads: int) -> dict[str, bool | int]:
    """Return the `ncnn.Option` fields of one of `PRECISIONS`.

    int8 is a property of the weights: with it, what is not quantised stays in fp32.
    """
    flags = ncnn.PRECISIONS["fp32" if precision == "int8" else precision]
    return {"num_threads": threads, "use_vulkan_compute": False, **flags}


@dataclass(frozen=True, slots=True)
class Protocol:
    """How long one configuration is measured.

    `rounds` worker processes share the minima `min_runs` and `min_s`; each warms up for at least
    `warmup_s` and until the medians of neighbouring windows agree within `steady_tolerance`.
    `max_s` ends a process's sampling early: too few samples then show in the grade. `cool_down_s` is the
    longest wait of a process for the device to be back at its starting temperature.
    """

    name: str
    rounds: int
    min_runs: int
    min_s: float
    max_s: float
    warmup_s: float = 0.5
    max_warmup_s: float = 4.0
    steady_tolerance: float = 0.03
    cool_down_s: float = 0.0

    @property
    def warmup(self) -> dict[str, float]:
        """The worker's `warmup`."""
        return {"min_s": self.warmup_s, "max_s": self.max_warmup_s, "tolerance": self.steady_tolerance}

    @property
    def sampling(self) -> dict[str, float]:
        """The worker's `sampling`: this process's part of the minima."""
        return {
            "min_runs": -(-self.min_runs // self.rounds),
            "min_s": self.min_s / self.rounds,
            "max_s": self.max_s / self.rounds,
        }

    def estimate_s(self, layers: bool) -> float:
        """A first guess of how long one process takes."""
        sampling_s = self.min_s / self.rounds
        return 0.4 + self.warmup_s + sampling_s * (2.5 if layers else 1.0)


QUICK = Protocol("quick", rounds=3, min_runs=50, min_s=1.0, max_s=30.0)
SUITE = Protocol("quick", rounds=2, min_runs=50, min_s=1.0, max_s=20.0)
COMPARE = Protocol("quick", rounds=6, min_runs=100, min_s=2.0, max_s=60.0)
EMULATED = Protocol(
    "emulated",
    rounds=1,
    min_runs=1,
    min_s=0.0,
    max_s=0.0,
    warmup_s=0.0,
    max_warmup_s=0.0,
    steady_tolerance=1.0,
)
CERTIFIED = Protocol(
    "certified", rounds=10, min_runs=1024, min_s=60.0, max_s=600.0, max_warmup_s=20.0, cool_down_s=120.0
)


@dataclass(frozen=True, slots=True)
class Pinning:
    """Which CPUs to run on: named ones, a cluster (`big`, `little`, `all`), or else one per thread."""

    cpus: tuple[int, ...] = ()
    cluster: str | None = None

    @property
    def request(self) -> dict[str, object]:
        """The worker's `pin`."""
        return {"cpus": list(self.cpus), "cluster": self.cluster}

    @classmethod
    def parse(cls, text: str) -> Pinning:
        """Read `big`, `little`, `all`, or CPUs as in `0,2-3`.

        Raises:
            UserError: anything else.
        """
        if text in ("big", "little", "all"):
            return cls(cluster=text)
        cpus: list[int] = []
        for part in text.split(","):
            first, dash, last = part.strip().partition("-")
            if not first.isdigit() or (dash and not last.isdigit()) or (dash and int(last) < int(first)):
                raise UserError(f"'{text}' names no CPUs", "write big, little, all, or numbers as in 0,2-3")
            cpus.extend(range(int(first), int(last or first) + 1))
        return cls(cpus=tuple(dict.fromkeys(cpus)))


@dataclass(frozen=True, slots=True)
class OpenMp:
    """How the threads of a parallel region wait for the next one, and whether they may wander.

    ncnn has a parallel region per layer: threads that sleep between them cost more than the layer.
    """

    wait_policy: str = "active"
    bind: bool = True
    spin_count: int | None = None

    def environment(self) -> Mapping[str, str]:
        """The variables that the worker process is started with."""
        variables = {
            "OMP_WAIT_POLICY": self.wait_policy,
            "OMP_PROC_BIND": "true" if self.bind else "false",
            "OPENBLAS_NUM_THREADS": "1",
        }
        if self.spin_count is not None:
            variables["GOMP_SPINCOUNT"] = str(self.spin_count)
        return variables
