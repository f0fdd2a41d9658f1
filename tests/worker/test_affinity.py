"""CPU clusters and pinning on made-up machines, and on this one in a process of its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgekit.devices import open_device
from edgekit.errors import UserError
from edgekit.worker.affinity import choose, clusters

Cpu = tuple[int, int, int]  # capacity, max kHz, core


def _sysfs(folder: Path, cpus: dict[int, Cpu]) -> str:
    for number, (capacity, khz, core) in cpus.items():
        place = folder / f"cpu{number}"
        (place / "cpufreq").mkdir(parents=True)
        (place / "topology").mkdir()
        (place / "cpu_capacity").write_text(f"{capacity}\n")
        (place / "cpufreq" / "cpuinfo_max_freq").write_text(f"{khz}\n")
        (place / "topology" / "core_id").write_text(f"{core}\n")
        (place / "topology" / "physical_package_id").write_text("0\n")
    return str(folder)


@pytest.fixture
def phone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Four little cores, three big ones, one prime core that is merely clocked higher."""
    cpus = {cpu: (380, 1800000, cpu) for cpu in range(4)}
    cpus |= {cpu: (1024, 2400000, cpu) for cpu in (4, 5, 6)} | {7: (1024, 2900000, 7)}
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)))
    return _sysfs(tmp_path, cpus)


def test_clusters_are_found_fastest_first(phone: str) -> None:
    assert [group["cpus"] for group in clusters(sysfs=phone)] == [[7], [4, 5, 6], [0, 1, 2, 3]]


@pytest.mark.parametrize(
    ("threads", "pin", "expected"),
    [
        (1, {}, [7]),
        (2, {}, [6, 7]),
        (5, {}, [3, 4, 5, 6, 7]),
        (1, {"cluster": "big"}, [7]),
        (2, {"cluster": "little"}, [0, 1, 2, 3]),
        (1, {"cluster": "all"}, list(range(8))),
        (2, {"cpus": [4, 5]}, [4, 5]),
    ],
)
def test_choice(phone: str, threads: int, pin: dict[str, object], expected: list[int]) -> None:
    assert choose(threads, pin, sysfs=phone) == expected


def test_other_cores_come_before_second_threads_of_a_core(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(4)))
    sysfs = _sysfs(tmp_path, {cpu: (1024, 0, cpu % 2) for cpu in range(4)})  # 0 and 2, 1 and 3 are siblings
    assert choose(2, {}, sysfs=sysfs) == [2, 3]


@pytest.mark.parametrize("pin", [{"cpus": [99]}, {"cluster": "medium"}])
def test_what_is_not_there_is_an_error(phone: str, pin: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        choose(1, pin, sysfs=phone)


def test_a_machine_that_tells_nothing_is_one_cluster(tmp_path: Path) -> None:
    assert [group["cpus"] for group in clusters([0, 1], sysfs=str(tmp_path))] == [[0, 1]]


def test_the_worker_process_is_pinned() -> None:
    cpu = max(os.sched_getaffinity(0))
    reply = open_device("local").call(
        {"command": "peaks", "options": {"num_threads": 1}, "pin": {"cpus": [cpu]}, "seconds": 0.0}
    )
    reply.close()
    assert reply.message["cpus"] == [cpu]
    with pytest.raises(UserError, match="not among those"):
        open_device("local").call({"command": "peaks", "pin": {"cpus": [4095]}})
