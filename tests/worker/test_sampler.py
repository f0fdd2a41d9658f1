"""Clock and temperature beside the run: read in a process of its own, from files as the kernel has them."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from edgekit.worker.conditions import cpu_state, sampler


@pytest.fixture
def board(tmp_path: Path) -> Path:
    """sysfs of a board with two CPUs and two sensors, one of which is broken."""
    for cpu, khz in enumerate((1800000, 2400000)):
        folder = tmp_path / f"cpu{cpu}" / "cpufreq"
        folder.mkdir(parents=True)
        (folder / "scaling_cur_freq").write_text(f"{khz}\n")
        (folder / "scaling_governor").write_text("schedutil\n")
    for zone, millidegrees in enumerate((45250, 0)):
        folder = tmp_path / f"thermal_zone{zone}"
        folder.mkdir()
        (folder / "temp").write_text(f"{millidegrees}\n")
    return tmp_path


def written(process: int, beyond: int) -> int:
    """Wait until a process has written more bytes than that, and return how many."""
    while True:
        lines = Path(f"/proc/{process}/io").read_text().splitlines()
        count = int(next(line for line in lines if line.startswith("wchar")).split()[1])
        if count > beyond:
            return count
        time.sleep(0.01)


def test_what_changes_while_it_samples_is_seen(board: Path) -> None:
    running = sampler([0, 1], sorted(os.sched_getaffinity(0)), str(board), str(board / "thermal_zone*/temp"))
    assert running._process is not None
    first = written(running._process.pid, beyond=0)
    (board / "cpu1" / "cpufreq" / "scaling_cur_freq").write_text("1200000\n")
    (board / "thermal_zone0" / "temp").write_text("71500\n")
    written(running._process.pid, beyond=2 * first)  # one reading may have begun before
    samples = running.stop()
    assert [each["at_s"] for each in samples] == sorted(each["at_s"] for each in samples)
    assert {(each["khz"], each["celsius"]) for each in (samples[0], samples[-1])} == {
        (1800000, 45.25),
        (1200000, 71.5),
    }


def test_nothing_runs_where_there_is_nothing_to_read(tmp_path: Path) -> None:
    assert sampler([0], [], str(tmp_path), str(tmp_path / "thermal_zone*/temp")).stop() == []


def test_the_state_before_and_after(board: Path) -> None:
    state = cpu_state([0, 1], str(board))
    assert state["governors"] == ["schedutil"]
    assert state["khz"] == 1800000
