"""Run worker processes for many configurations in turns and gather what they measured."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from typing import Protocol as Interface

import numpy as np

from edgekit.bencher.blame import blamed
from edgekit.bencher.journal import Journal
from edgekit.bencher.runtimes import NCNN, module_path, open_runtime
from edgekit.bencher.schedule import interleaved
from edgekit.bencher.settings import OpenMp, Pinning, Protocol, ncnn_options
from edgekit.bencher.targets import Target
from edgekit.devices import Device, DeviceTimeout, WorkerCrashed, WorkerError
from edgekit.numerics.statistics import Samples
from edgekit.toolchain.versions import installed_version
from edgekit.units import counted, format_duration

_TIMEOUT_SLACK_S = 120.0
_WARMER_CELSIUS = 2.0  # than at rest is still cool


class ProgressLine(Interface):
    """Told what is being done, and where it is known how far it is."""

    def __call__(self, step: str, done: int | None = None, total: int | None = None) -> None:
        """Show a step."""
        ...


@dataclass(frozen=True, slots=True)
class Configuration:
    """One thing to measure. `twin` tells apart two runs of the same thing (an A/A run)."""

    target: Target
    threads: int
    precision: str
    twin: bool = False

    @property
    def label(self) -> str:
        """How a progress line names it."""
        return f"{self.target.name}, {counted(self.threads, 'thread')}, {self.precision}"

    def options(self) -> dict[str, bool | int]:
        """The `ncnn.Option` fields."""
        return ncnn_options(self.precision, self.threads)


@dataclass(frozen=True, slots=True)
class Round:
    """What one worker process measured: its message, and its samples in seconds."""

    message: Mapping[str, Any]
    samples: Samples
    layers_s: Samples | None = None
    whole_s: Samples | None = None
    kept: bool = False
    """Measured by an earlier call that was interrupted."""


@dataclass(frozen=True, slots=True)
class Bench:
    """Everything that the turns of one bench share."""

    device: Device
    protocol: Protocol
    pinning: Pinning
    openmp: OpenMp
    seed: int
    layers: bool
    journal: Journal
    progress: ProgressLine


def measure(bench: Bench, configurations: Sequence[Configuration]) -> tuple[list[list[Round]], bool]:
    """Measure every configuration in as many processes as the protocol says, in turns.

    Returns the rounds of each configuration, and whether Ctrl-C ended it early; what was measured until
    then is kept.
    """
    turns = interleaved(len(configurations), bench.protocol.rounds, bench.seed)
    rounds: list[list[Round]] = [[] for _ in configurations]
    clock = _Estimate(bench.protocol.estimate_s(bench.layers), len(turns))
    rested: float | None = None  # degrees Celsius before anything ran
    try:
        for done, turn in enumerate(turns):
            configuration = configurations[turn.configuration]
            bench.progress(f"{configuration.label}{clock.left(done)}", done, len(turns))
            key = _key(bench, configuration, turn.round)
            kept = bench.journal.get(key)
            if kept is None:
                begin = time.monotonic()
                found = _call(bench, configuration, rested)
                clock.took(time.monotonic() - begin)
                bench.journal.put(key, _to_record(found))
            else:
                found = _from_record(kept)
            rounds[turn.configuration].append(found)
            rested = rested or found.message["conditions"]["before"]["celsius"]
    except KeyboardInterrupt:
        return rounds, True
    return rounds, False


def measure_memory(bench: Bench, configuration: Configuration) -> Mapping[str, Any]:
    """Run the memory worker once and return its message; see there why it may be asked a second time."""
    message = {"command": "memory", "runs": 3, **_request(bench, configuration)}
    try:
        return _memory_message(bench, configuration, message)
    except (WorkerCrashed, DeviceTimeout):
        if configuration.threads == 1:
            raise
        return _memory_message(bench, configuration, {**message, "counting_threads": 1})


def _memory_message(
    bench: Bench, configuration: Configuration, message: Mapping[str, Any]
) -> Mapping[str, Any]:
    reply = bench.device.call(
        message,
        configuration.target.tensors(bench.seed),
        environment=bench.openmp.environment(),
        timeout_s=_TIMEOUT_SLACK_S + 60.0,
    )
    reply.close()
    return reply.message


def measure_peaks(bench: Bench, configuration: Configuration) -> Mapping[str, Any]:
    """Let the device show its best in the precision and threads of a configuration."""
    reply = bench.device.call(
        {
            "command": "peaks",
            "options": configuration.options(),
            "pin": bench.pinning.request,
            "seconds": 2.0,
        },
        environment={**bench.openmp.environment(), "OPENBLAS_NUM_THREADS": str(configuration.threads)},
        timeout_s=_TIMEOUT_SLACK_S,
    )
    reply.close()
    return reply.message


def _call(bench: Bench, configuration: Configuration, rested: float | None) -> Round:
    """Run one worker process; it waits until the device is as cool as when it was `rested`."""
    protocol = bench.protocol
    message = {
        "command": "bench",
        **_request(bench, configuration),
        "warmup": protocol.warmup,
        "sampling": protocol.sampling,
        "layers": bench.layers,
        "runtime": configuration.target.runtime,
    }
    if rested is not None and protocol.cool_down_s > 0:
        message["cool_down"] = {"celsius": rested + _WARMER_CELSIUS, "max_s": protocol.cool_down_s}
    longest_s = protocol.max_warmup_s + 3 * protocol.max_s + protocol.cool_down_s
    native = configuration.target.runtime == NCNN
    device = bench.device if native else open_runtime(bench.device)
    try:
        reply = device.call(
            message,
            configuration.target.tensors(bench.seed),
            environment={**bench.openmp.environment(), **({} if native else module_path())},
            timeout_s=_TIMEOUT_SLACK_S + longest_s,
        )
    except (WorkerCrashed, WorkerError) as error:
        if not native:
            raise
        raise blamed(error, device, configuration.target, configuration.options(), bench.seed) from None
    try:
        return Round(
            reply.message,
            np.array(reply.tensors["latency_s"]),
            np.median(reply.tensors["layers_s"], axis=0) if "layers_s" in reply.tensors else None,
            np.array(reply.tensors["whole_s"]) if "whole_s" in reply.tensors else None,
        )
    finally:
        reply.close()


def _request(bench: Bench, configuration: Configuration) -> dict[str, Any]:
    target = configuration.target
    return {
        "files": target.files(),
        "options": configuration.options(),
        "inputs": {each.blob: each.blob for each in target.inputs},
        "outputs": list(target.outputs),
        "seed": bench.seed,
        "pin": bench.pinning.request,
    }


def _key(bench: Bench, configuration: Configuration, round_index: int) -> str:
    """What has to be the same for a kept run to stand for a new one."""
    parts = [
        bench.device.spec,
        installed_version("ncnn"),
        repr(bench.protocol),
        repr(bench.pinning),
        repr(bench.openmp),
        str(bench.seed),
        str(bench.layers),
        configuration.target.sha256(),
        repr(configuration.target.inputs),
        repr(configuration.options()),
        str(configuration.twin),
        str(round_index),
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _to_record(found: Round) -> dict[str, Any]:
    return {
        "message": dict(found.message),
        "samples": found.samples.tolist(),
        "layers_s": None if found.layers_s is None else found.layers_s.tolist(),
        "whole_s": None if found.whole_s is None else found.whole_s.tolist(),
    }


def _from_record(record: Mapping[str, Any]) -> Round:
    def array(name: str) -> Samples | None:
        return None if record[name] is None else np.array(record[name], dtype=np.float64)

    return Round(
        record["message"],
        np.array(record["samples"], dtype=np.float64),
        array("layers_s"),
        array("whole_s"),
        kept=True,
    )


class _Estimate:
    """How long the rest will take, from how long the processes so far took."""

    def __init__(self, guess_s: float, total: int) -> None:
        self._mean_s = guess_s
        self._count = 0
        self._total = total

    def took(self, seconds: float) -> None:
        self._mean_s = (self._mean_s * self._count + seconds) / (self._count + 1)
        self._count += 1

    def left(self, done: int) -> str:
        return f", about {format_duration(round(self._mean_s * (self._total - done)))} left"
