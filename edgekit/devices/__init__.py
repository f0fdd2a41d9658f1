"""Devices: where ncnn runs. `open_device("local")` and its relatives."""

from edgekit.devices.base import (
    Device,
    DeviceInfo,
    DeviceTimeout,
    Reply,
    Tensor,
    WorkerCrashed,
    WorkerError,
    device_info,
)
from edgekit.devices.local import LocalDevice
from edgekit.devices.qemu import QemuDevice
from edgekit.errors import UserError, did_you_mean

__all__ = [
    "KINDS",
    "Device",
    "DeviceInfo",
    "DeviceTimeout",
    "LocalDevice",
    "QemuDevice",
    "Reply",
    "Tensor",
    "WorkerCrashed",
    "WorkerError",
    "device_info",
    "open_device",
]

KINDS = ("local", "qemu")
_FORMS = ("local", "qemu:CPU")


def open_device(spec: str) -> Device:
    """Return the device that `spec` names: `local` or `qemu:CPU`.

    Raises:
        UserError: no such kind of device, or a name that its kind cannot have.
    """
    kind, colon, name = spec.partition(":")
    if spec == "local":
        return LocalDevice()
    if kind == "qemu" and colon:
        return QemuDevice(name)
    known = "known devices: " + ", ".join(_FORMS)
    near = None if kind in KINDS else did_you_mean(kind, KINDS)
    raise UserError(f"unknown device '{spec}'", f"{near} {known}" if near else known)
