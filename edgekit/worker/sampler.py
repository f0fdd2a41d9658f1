"""Frequency and temperature read beside the run, in a process of their own.

ncnn's binding never lets go of the interpreter: no thread of the measuring process would get its turn. Run by
its path as that other process, this file needs nothing but the standard library:

    python sampler.py '{"khz": [PATH, ...], "celsius": [PATH, ...], "cpus": [1, 2]}'

It prints a line of JSON a reading until its stdin ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any

PERIOD_S = 0.25
_LEAST, _MOST = 1000, 150000  # thousandths of a degree: a broken sensor reads 0 or absurd values


class Sampler:
    """Samples from its making until `stop`, on CPUs that are not measured where there are such.

    `khz` and `celsius` are files of sysfs: current frequencies of the measured CPUs, and thermal zones.
    """

    def __init__(self, khz: Iterable[str], celsius: Iterable[str], cpus: Sequence[int]) -> None:
        clocks, zones = list(khz), list(celsius)
        wanted = {"khz": clocks, "celsius": zones, "cpus": list(cpus)}
        self._process: subprocess.Popen[bytes] | None = None
        if lowest(clocks) is None and hottest(zones) is None:
            return  # nothing to see here, as in most virtual machines
        with contextlib.suppress(OSError):
            self._process = subprocess.Popen(
                [sys.executable, "-S", "-E", os.path.abspath(__file__), json.dumps(wanted)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )

    def stop(self) -> list[dict[str, Any]]:
        """Return the samples: seconds since the start, the lowest frequency and the hottest temperature."""
        if self._process is None:
            return []
        said, _ = self._process.communicate()  # closes its stdin
        return [json.loads(line) for line in said.splitlines()]


def lowest(paths: Iterable[str]) -> int | None:
    """Return the lowest of the frequencies in these files, in kHz."""
    return min((value for value in map(_read, paths) if value), default=None)


def hottest(paths: Iterable[str]) -> float | None:
    """Return the highest of the plausible temperatures in these files, in degrees Celsius."""
    values = [value for value in map(_read, paths) if value is not None and _LEAST < value < _MOST]
    return max(values) / 1000 if values else None


def _read(path: str) -> int | None:
    try:
        with open(path, encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        return None


def _watch(wanted: dict[str, Any]) -> None:
    if wanted["cpus"]:
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, wanted["cpus"])
    begin = time.perf_counter()
    while True:
        sample = {
            "at_s": time.perf_counter() - begin,
            "khz": lowest(wanted["khz"]),
            "celsius": hottest(wanted["celsius"]),
        }
        print(json.dumps(sample), flush=True)
        if select.select([0], [], [], PERIOD_S)[0]:
            return


if __name__ == "__main__":
    _watch(json.loads(sys.argv[1]))
