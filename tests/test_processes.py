"""Child processes end with their parent, and take no more memory than there is."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgekit import processes


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def until_gone(pid: int) -> bool:
    """Wait as long as a busy machine may need."""
    for _ in range(300):
        if not alive(pid):
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_a_child_ends_with_its_parent(number: signal.Signals) -> None:
    code = (
        "from edgekit import processes; import time\n"
        "child = processes.start(['sleep', '1000']); print(child.pid, flush=True); time.sleep(1000)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert alive(child)
    parent.send_signal(number)
    parent.wait()
    assert until_gone(child)


def test_end_kills_what_the_child_started_too() -> None:
    process = processes.start(["sh", "-c", "sleep 1000 & echo $!; wait"], stdout=subprocess.PIPE)
    assert process.stdout is not None
    grandchild = int(process.stdout.readline())
    processes.end(process)
    assert process.returncode == -signal.SIGKILL
    assert until_gone(grandchild)


def test_exit_status_and_output_are_the_programs() -> None:
    done = processes.run(["sh", "-c", "echo out; echo err >&2; exit 7"], timeout_s=60)
    assert (done.returncode, done.stdout, done.stderr) == (7, b"out\n", b"err\n")
    done = processes.run(["sh", "-c", "kill -SEGV $$"], timeout_s=60)
    assert done.returncode == -signal.SIGSEGV


def test_a_program_that_does_not_exist_is_named() -> None:
    done = processes.run(["/no/such/program"], timeout_s=60)
    assert done.returncode == 1
    assert done.stderr == b"/no/such/program does not start: No such file or directory\n"


def test_a_program_that_takes_too_long_is_gone() -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        processes.run(["sleep", "1000"], timeout_s=0.5)


def test_more_memory_than_there_is_is_an_error_in_the_child() -> None:
    limit = processes.memory_bytes()
    assert limit is not None
    code = f"import mmap; mmap.mmap(-1, {limit + (1 << 30)}, mmap.MAP_PRIVATE)"
    done = processes.run([sys.executable, "-c", code], timeout_s=60)
    assert done.returncode == 1
    assert b"Cannot allocate memory" in done.stderr


def test_no_core_file_is_written() -> None:
    done = processes.run(["sh", "-c", "ulimit -c"], timeout_s=60)
    assert done.stdout == b"0\n"
