"""ncnn on this machine without the start-up: requests are served by forks of a worker that has ncnn loaded.

A benchmark asks thousands of small questions; importing numpy and ncnn for each would cost more than the
answers. Each request still runs in a process of its own, so a crash of ncnn is what it is elsewhere.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from edgekit.devices.base import Reply, Tensor
from edgekit.devices.exchange import Ending, exchange
from edgekit.devices.local import LocalDevice
from edgekit.devices.watch import asleep

_LONGEST_S = 30
"""How long a request may take."""
_POLL_S, _STILL_POLLS = 0.5, 4
"""How often a fork is looked at, and how often asleep means for ever: a broken net can bring ncnn there."""


class WarmDevice(LocalDevice):
    """The local device with a worker that stays; `environment` and `timeout_s` of a call are not honoured."""

    def __init__(self) -> None:
        super().__init__()
        self._server = subprocess.Popen(
            [sys.executable, str(Path(__file__).resolve()), "serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def call(
        self,
        message: Mapping[str, Any],
        tensors: Iterable[Tensor] = (),
        *,
        environment: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Reply:
        """Run one request in a fork of the warm worker."""
        return exchange(message, tensors, self._carry)

    def _carry(self, request: Path, result: Path) -> Ending:
        assert self._server.stdin is not None and self._server.stdout is not None
        self._server.stdin.write(f"{request}\t{result}\n")
        self._server.stdin.flush()
        answer = self._server.stdout.readline()
        return Ending(int(answer), "") if answer else Ending(1, "the warm worker is gone")


def _ended(child: int) -> int:
    """Wait for a fork and return its status; one that sleeps for good is ended."""
    handle, still, clock = os.pidfd_open(child), 0, ""
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    while not poll.poll(_POLL_S * 1000):
        now = asleep(child)
        still, clock = still + 1 if now and now == clock else 0, now
        if still == _STILL_POLLS:
            os.kill(child, signal.SIGKILL)
    os.close(handle)
    return os.waitpid(child, 0)[1]


def serve() -> None:
    """Answer lines `REQUEST<tab>RESULT` with the exit status of a fork that serves them."""
    import ncnn  # noqa: F401  # loaded once, for all forks

    from edgekit.worker import __main__ as worker
    from edgekit.worker import run  # noqa: F401

    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            signal.alarm(_LONGEST_S)  # ends it as a crash would
            silence = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silence, 1)
            os.dup2(silence, 2)
            os._exit(worker.main(line.rstrip("\n").split("\t")))
        status = _ended(child)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
