"""Child processes that end with this one, however this one ends, and take no more memory than there is."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# Runs between fork and the program itself, in the child's own place, because a preexec_fn could lock up
# where other threads run. Linux sends the signal when the parent dies; one that died before is noticed by
# its number. No core files, and no more private memory than the machine has: a program that asks for more
# gets an error from malloc and says so, where otherwise the system would choose whom to kill.
_LAUNCH = """\
import ctypes, os, resource, sys
ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
limit, hard = int(sys.argv[2]), resource.getrlimit(resource.RLIMIT_DATA)[1]
if limit and (hard == resource.RLIM_INFINITY or limit < hard):
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
if os.getppid() == int(sys.argv[1]):
    try:
        os.execvp(sys.argv[3], sys.argv[3:])
    except OSError as error:
        sys.exit(f"{sys.argv[3]} does not start: {error.strerror}")
"""
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


def start(command: Sequence[str | os.PathLike[str]], **options: Any) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own; `options` are those of `subprocess.Popen`.

    It is killed when the thread that calls this ends, by whatever cause.
    """
    launch = [sys.executable, "-I", "-S", "-c", _LAUNCH, str(os.getpid()), str(memory_bytes() or 0)]
    options = {"stdin": subprocess.DEVNULL, "start_new_session": True, **options}
    words = [*launch, *(str(each) for each in command)]
    process: subprocess.Popen[bytes] = subprocess.Popen(words, **options)
    return process


def run(
    command: Sequence[str | os.PathLike[str]], *, timeout_s: float, **options: Any
) -> subprocess.CompletedProcess[bytes]:
    """Run a program to its end and return its exit status and what it printed.

    Raises:
        subprocess.TimeoutExpired: it did not end in time and was killed.
    """
    process = start(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
    try:
        out, err = process.communicate(timeout=timeout_s)
    finally:
        end(process)
    return subprocess.CompletedProcess(list(command), process.returncode, out, err)


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill a program that `start` started, and all that it started in its session."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def memory_bytes() -> int | None:
    """Return how much memory this machine or container has, None where it does not say."""
    sizes = []
    with contextlib.suppress(ValueError, OSError):
        sizes.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    with contextlib.suppress(ValueError, OSError):  # ValueError: it says "max"
        sizes.append(int(_CGROUP_LIMIT.read_text("ascii")))
    return min(sizes, default=None)
