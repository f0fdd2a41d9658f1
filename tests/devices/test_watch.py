"""A worker that will never answer is told from one that computes."""

from __future__ import annotations

import sys
import time

import pytest

from edgekit.devices import DeviceTimeout, LocalDevice, WorkerCrashed, watch

_LOCK = "import threading; lock = threading.Lock(); lock.acquire(); lock.acquire()"
_NOTE = "import sys; open(sys.argv[2] + '/progress', 'w').write(\"layer 'conv_1'\")"
_WORK = "while True: pass"


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "POLL_S", 0.1)
    monkeypatch.setattr(watch, "SILENT_S", 2.0)


def call(program: str, timeout_s: float | None = None) -> None:
    LocalDevice([sys.executable, "-c", program]).call({"command": "info"}, timeout_s=timeout_s)


def test_one_that_waits_for_its_own_lock_has_died() -> None:
    start_s = time.monotonic()
    with pytest.raises(WorkerCrashed, match=r"^ncnn died with a deadlock in layer 'conv_1'"):
        call(f"{_NOTE}\n{_LOCK}", timeout_s=600.0)
    assert time.monotonic() - start_s < 300  # the limit was not what ended it


def test_one_that_gets_no_further_is_ended_though_it_computes() -> None:
    with pytest.raises(DeviceTimeout, match=r"no answer within 2 s \(layer 'conv_1'\)"):
        call(f"{_NOTE}\n{_WORK}")


def test_one_that_computes_has_all_the_time_it_is_given() -> None:
    with pytest.raises(DeviceTimeout, match=r"within 4 s"):
        call(f"{_NOTE}\n{_WORK}", timeout_s=4.0)


def test_one_that_pauses_and_wakes_is_no_dead_one() -> None:
    with pytest.raises(DeviceTimeout, match="within 3 s"):
        call("import time\nwhile True: time.sleep(0.05)", timeout_s=3.0)
