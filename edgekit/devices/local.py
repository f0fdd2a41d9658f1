"""The host itself: the worker runs as a child process of this Python."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgekit import processes
from edgekit.devices.base import DeviceInfo, Reply, Tensor, ask
from edgekit.devices.exchange import WORKER_FOLDER, Ending, exchange, finish_process, run_process

__all__ = ["WORKER_FOLDER", "LocalDevice"]


class LocalDevice:
    """ncnn in a child process on this machine.

    `program` replaces the worker by another one that keeps its protocol and takes the same two arguments.
    """

    spec = "local"
    emulated = False

    def __init__(self, program: Sequence[str] = ()) -> None:
        self._program = tuple(program) or (sys.executable, str(WORKER_FOLDER))
        self._waiting: list[subprocess.Popen[bytes]] = []

    def info(self) -> DeviceInfo:
        """Start a worker that only says where it is."""
        return ask(self, "local")

    def call(
        self,
        message: Mapping[str, Any],
        tensors: Iterable[Tensor] = (),
        *,
        environment: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Reply:
        """Run one request in a fresh process; see `Device.call`."""
        variables = {**os.environ, **(environment or {})}

        def carry(request: Path, result: Path) -> Ending:
            if self._waiting and not environment:
                words = f"{request}\n{result}\n".encode()
                return finish_process(self._waiting.pop(), result, timeout_s, words=words)
            return run_process([*self._program, str(request), str(result)], result, variables, timeout_s)

        return exchange(message, tensors, carry)

    @contextmanager
    def ahead(self, count: int) -> Iterator[None]:
        """Start the workers of the next calls now, while the caller has other things to do.

        Each still serves one request; those that nobody needed are ended. They share the processors with
        the caller, so NumPy's linear algebra, of which they need none, gets no threads to spin in.
        """
        alone = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
        command = [*self._program, "-"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
        try:
            for _ in range(count):
                self._waiting.append(processes.start(command, env=alone, **pipes))
            yield
        finally:
            while self._waiting:
                process = self._waiting.pop()
                processes.end(process)
                process.communicate()
