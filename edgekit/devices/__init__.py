"""Devices: where ncnn runs. `open_device("local")` and its relatives."""

from edgekit.devices.base import (
    Device,
    DeviceInfo,
    DeviceTimeout,
    Reply,
    Tensor,
    WorkerCrashed,
    WorkerError,
)
from edgekit.devices.local import LocalDevice, device_info
from edgekit.errors import UserError, did_you_mean

__all__ = [
    "Device",
    "DeviceInfo",
    "DeviceTimeout",
    "LocalDevice",
    "Reply",
    "Tensor",
    "WorkerCrashed",
    "WorkerError",
    "device_info",
    "open_device",
]

_KINDS = ("local",)


def open_device(spec: str) -> Device:
    """Return the device that `spec` names.

    Raises:
        UserError: no such kind of device.
    """
    if spec == "local":
        return LocalDevice()
    kind = spec.partition(":")[0]
    remedy = did_you_mean(kind, _KINDS) or "known devices: " + ", ".join(_KINDS)
    raise UserError(f"unknown device '{spec}'", remedy)
