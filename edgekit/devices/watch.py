"""Tells a worker that computes from one that never will again.

A damaged heap can leave ncnn waiting for a lock that it holds itself: no signal, no exit, no answer. Such a
process sleeps in every thread and gets no nanosecond of CPU, which Linux counts in each thread's `schedstat`;
one that waits for the disk, for memory or for its turn does not look like that, and one that pauses wakes.
"""

from __future__ import annotations

import time
from pathlib import Path

from edgekit.devices.base import DeviceTimeout, WorkerCrashed
from edgekit.worker.protocol import PROGRESS_FILE

LONGEST_S = 3600.0
"""How long a worker may take where the caller does not say: nothing waits for ever."""

SILENT_S = 600.0
"""How long it may then be at one step, a layer or the loading of a net."""

POLL_S = 1.0
_STILL_POLLS = 8


class Watch:
    """Looks at one worker process every `POLL_S`. `longest_s` None stands for the limits above."""

    def __init__(self, pid: int, result: Path, longest_s: float | None, patience: float = 1.0) -> None:
        self._pid = pid
        self._progress = result / PROGRESS_FILE
        self._longest_s = LONGEST_S if longest_s is None else longest_s
        self._silent_s = SILENT_S * patience if longest_s is None else None
        self._start_s = time.monotonic()
        self._still, self._clock = 0, ""

    def pause_s(self) -> float:
        """Return how long to wait until the next `check`."""
        return max(0.0, min(POLL_S, self._longest_s - (time.monotonic() - self._start_s)))

    def check(self) -> None:
        """Look once.

        Raises:
            DeviceTimeout: its time is over, or it has been at one step for too long.
            WorkerCrashed: it waits for itself.
        """
        if time.monotonic() - self._start_s >= self._longest_s:
            raise timed_out(self._progress.parent, self._longest_s)
        if self._silent_s is not None and self._silence_s() > self._silent_s:
            raise timed_out(self._progress.parent, self._silent_s)
        clock = asleep(self._pid)
        self._still = self._still + 1 if clock and clock == self._clock else 0
        self._clock = clock
        if self._still >= _STILL_POLLS:
            remedy = "its parameters may not fit together; see: edgekit inspect"
            raise WorkerCrashed("a deadlock", last_step(self._progress.parent), remedy)

    def _silence_s(self) -> float:
        try:
            return time.time() - self._progress.stat().st_mtime
        except OSError:
            return time.monotonic() - self._start_s


def asleep(pid: int) -> str:
    """Return the CPU times of a process all of whose threads sleep; empty where one does not."""
    times = []
    try:
        for thread in sorted(Path(f"/proc/{pid}/task").iterdir()):
            state = (thread / "stat").read_text("ascii", "replace").rpartition(") ")[2][:1]
            if state != "S":
                return ""
            times.append(f"{thread.name}:{(thread / 'schedstat').read_text('ascii').split()[0]}")
    except (OSError, IndexError):
        return ""
    return " ".join(times)


def timed_out(result: Path, timeout_s: float) -> DeviceTimeout:
    """Return the error of a worker that did not answer in time, with the step it was at."""
    step = last_step(result) or "start-up"
    return DeviceTimeout(
        f"the worker gave no answer within {timeout_s:g} s ({step})",
        "use smaller shapes, or a device that is less busy",
    )


def last_step(result: Path) -> str:
    """Return the step that the worker noted last, or nothing."""
    try:
        return (result / PROGRESS_FILE).read_text("utf-8", "replace")
    except OSError:
        return ""
