"""The host itself: the worker runs as a child process of this Python."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from edgekit.devices.base import DeviceInfo, Reply, Tensor, device_info
from edgekit.devices.exchange import LONGEST_S, WORKER_FOLDER, exchange, run_process

__all__ = ["WORKER_FOLDER", "LocalDevice"]


class LocalDevice:
    """ncnn in a child process on this machine.

    `program` replaces the worker by another one that keeps its protocol and takes the same two arguments.
    """

    spec = "local"
    emulated = False

    def __init__(self, program: Sequence[str] = ()) -> None:
        self._program = tuple(program) or (sys.executable, str(WORKER_FOLDER))

    def info(self) -> DeviceInfo:
        """Start a worker that only says where it is."""
        reply = self.call({"command": "info"})
        reply.close()
        return device_info(reply.message["environment"], kind="local", emulated=False)

    def call(
        self,
        message: Mapping[str, Any],
        tensors: Iterable[Tensor] = (),
        *,
        environment: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Reply:
        """Run one request in a fresh process; see `Device.call`."""
        longest_s = LONGEST_S if timeout_s is None else timeout_s
        variables = {**os.environ, **(environment or {})}
        return exchange(
            message,
            tensors,
            lambda request, result: run_process(
                [*self._program, str(request), str(result)], result, variables, longest_s
            ),
        )
