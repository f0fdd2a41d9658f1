"""What a device is: something that carries one worker request to where ncnn runs, and its reply back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from edgekit import scratch
from edgekit.errors import UserError
from edgekit.worker.protocol import Array

Tensor = tuple[str, Array, int | None]
"""(key, array, batch axis) of a request."""


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """Where ncnn ran. `emulated` devices never report times."""

    kind: str
    arch: str
    cpu: str
    emulated: bool
    ncnn: str
    cores: int
    system: str = ""
    features: Mapping[str, bool] = field(default_factory=dict)


class WorkerError(UserError):
    """ncnn refused the request: the message is ncnn's or the worker's own."""

    def __init__(self, message: str, remedy: str | None = None) -> None:
        super().__init__(message, remedy or _OTHERWISE)


_REMEDIES = {
    "SIGKILL": "the machine may be out of memory: use smaller shapes, or close other programs",
    "SIGSEGV": "give the shapes that the model was made for; if they are, its parameters do not fit together",
}
_OTHERWISE = "look for unusual layers and shapes with: edgekit inspect"


class WorkerCrashed(UserError):
    """The worker process died; `signal_name` and `step` say how and at which step."""

    def __init__(self, signal_name: str, step: str, remedy: str | None = None) -> None:
        self.signal_name = signal_name
        self.step = step
        where = f"in {step}" if step.startswith("layer ") else f"at {step or 'start-up'}"
        known = _REMEDIES.get(signal_name, _OTHERWISE)
        super().__init__(f"ncnn died with {signal_name} {where}", remedy or known)


class DeviceTimeout(UserError):
    """The worker did not answer in time and was ended."""


@dataclass(slots=True)
class Reply:
    """A worker's answer. Tensors are read-only maps of a temporary folder, which `close` removes.

    The maps stay valid after `close` on POSIX systems: an unlinked file lives while it is mapped.
    """

    message: dict[str, Any]
    tensors: dict[str, Array]
    batch_axes: dict[str, int | None]
    folder: Path | None = None

    def close(self) -> None:
        """Remove the temporary folder."""
        if self.folder is not None:
            scratch.remove(self.folder)
            self.folder = None


class Device(Protocol):
    """One place where ncnn can run."""

    spec: str

    @property
    def emulated(self) -> bool:
        """Whether its times mean nothing."""
        ...

    def info(self) -> DeviceInfo:
        """Ask the device what it is."""
        ...

    def call(
        self,
        message: Mapping[str, Any],
        tensors: Iterable[Tensor] = (),
        *,
        environment: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Reply:
        """Carry one request to a fresh worker process and bring back its reply.

        `message["files"]` maps roles to paths on the host; the device rewrites them to where the
        worker finds them. `environment` adds variables to the worker's environment. Without
        `timeout_s` the device has a limit of its own: nothing waits for ever.

        Raises:
            WorkerError: the worker answered with an error.
            WorkerCrashed: the process died.
            DeviceTimeout: no answer within `timeout_s`.
        """
        ...


def ask(device: Device, kind: str, timeout_s: float | None = None) -> DeviceInfo:
    """Start a worker on a device that only says where it is; see `Device.call`."""
    reply = device.call({"command": "info"}, timeout_s=timeout_s)
    reply.close()
    return device_info(reply.message["environment"], kind=kind, emulated=device.emulated)


def device_info(environment: Mapping[str, Any], *, kind: str, emulated: bool) -> DeviceInfo:
    """Build a `DeviceInfo` from the `environment` of any worker reply."""
    return DeviceInfo(
        kind=kind,
        arch=environment["arch"],
        cpu=environment["cpu"],
        emulated=emulated,
        ncnn=environment["ncnn"],
        cores=int(environment["cores"] or 1),
        system=environment["system"],
        features=dict(environment["features"]),
    )
