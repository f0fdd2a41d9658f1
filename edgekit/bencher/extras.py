"""What is measured beside the times: memory, and for layers the limits of the device; Ctrl-C ends it."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.bencher.gather import gather, memory_of
from edgekit.bencher.measure import Bench, Configuration, Round, measure_memory, measure_peaks
from edgekit.bencher.result import Memory, Result
from edgekit.bencher.roofline import Peaks
from edgekit.bencher.runtimes import NCNN
from edgekit.bencher.validity import is_above_limit
from edgekit.units import counted

Taken = tuple[Configuration, Sequence[Round], Memory | None]
"""A configuration, its processes, and its memory."""


def results_of(run: Bench, taken: Sequence[Taken], extras: Extras) -> list[Result]:
    """Gather what was measured; where a layer beats the device's limits, these are measured once more."""

    def all_of() -> list[Result]:
        return [
            gather(run, configuration, own, memory, extras.peaks_of(configuration))
            for configuration, own, memory in taken
        ]

    found = all_of()
    doubted = {
        (configuration.threads, configuration.precision): configuration
        for (configuration, _, _), result in zip(taken, found, strict=True)
        if any(map(is_above_limit, result.layers))
    }
    for configuration in doubted.values():
        extras.measure_again(configuration)
    return all_of() if doubted else found


class Extras:
    """What is measured beside the times: memory, and for layers the peaks; Ctrl-C ends it."""

    def __init__(self, run: Bench, memory: bool) -> None:
        self._run = run
        self._memory = memory
        self._peaks: dict[tuple[int, str], Peaks] = {}
        self.interrupted = False

    @property
    def peaks(self) -> tuple[Peaks, ...]:
        """The limits of the device, for each number of threads and precision."""
        return tuple(self._peaks.values())

    def measure(self, configuration: Configuration) -> Memory | None:
        """Measure the memory of a configuration, and the limits for its threads and precision."""
        memory = None
        key = (configuration.threads, configuration.precision)
        try:
            if configuration.target.runtime != NCNN:
                return None
            if self._memory and not self.interrupted:
                self._run.progress(f"{configuration.label}, memory")
                memory = memory_of(measure_memory(self._run, configuration))
            wanted = self._run.layers and not self._run.device.emulated and not self.interrupted
            if wanted and key not in self._peaks:
                self._run.progress(f"limits of the device, {counted(configuration.threads, 'thread')}")
                self._peaks[key] = self._measured(configuration)
        except KeyboardInterrupt:
            self.interrupted = True
        return memory

    def peaks_of(self, configuration: Configuration) -> Peaks | None:
        """Return the limits that a configuration is held against."""
        if configuration.target.runtime != NCNN:
            return None
        return self._peaks.get((configuration.threads, configuration.precision))

    def measure_again(self, configuration: Configuration) -> None:
        """Measure the limits once more and keep the better of both."""
        key = (configuration.threads, configuration.precision)
        try:
            if not self.interrupted:
                self._run.progress("limits of the device once more: a layer was faster")
                self._peaks[key] = self._peaks[key].best_with(self._measured(configuration))
        except KeyboardInterrupt:
            self.interrupted = True

    def _measured(self, configuration: Configuration) -> Peaks:
        return Peaks.of(measure_peaks(self._run, configuration), configuration.precision)
