"""Devices: where ncnn runs. `open_device("local")` and its relatives."""

from edgekit.devices.adb import AdbDevice
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
from edgekit.devices.ssh import SshDevice
from edgekit.errors import UserError, did_you_mean

__all__ = [
    "KINDS",
    "AdbDevice",
    "Device",
    "DeviceInfo",
    "DeviceTimeout",
    "LocalDevice",
    "QemuDevice",
    "Reply",
    "SshDevice",
    "Tensor",
    "WorkerCrashed",
    "WorkerError",
    "device_info",
    "open_device",
]

KINDS = ("local", "qemu", "ssh", "adb")
_FORMS = ("local", "qemu:CPU", "ssh:[USER@]HOST[:PORT]", "adb[:SERIAL]")
_LACKS = {
    "qemu": ("a CPU", "name one, as in qemu:cortex-a76"),
    "ssh": ("a host", "name one as you log in to it, as in ssh:pi@raspberry"),
    "adb": ("a serial number", "name it as `adb devices` does, or leave the colon out"),
}
"""What a kind without its name lacks, and how to give it."""


def open_device(spec: str) -> Device:
    """Return the device that `spec` names: `local`, `qemu:CPU`, `ssh:[USER@]HOST[:PORT]` or `adb[:SERIAL]`.

    Raises:
        UserError: no such kind of device, or a name that its kind cannot have.
    """
    kind, colon, name = spec.partition(":")
    if spec == "local":
        return LocalDevice()
    if kind == "qemu" and colon:
        return QemuDevice(name)
    if kind == "ssh" and name:
        return SshDevice(name)
    if spec == "adb" or (kind == "adb" and name):
        return AdbDevice(name or None)
    if kind in _LACKS and not name:
        raise UserError(f"the device '{kind}' lacks {_LACKS[kind][0]}", _LACKS[kind][1])
    known = "known devices: " + ", ".join(_FORMS)
    near = None if kind in KINDS else did_you_mean(kind, KINDS)
    raise UserError(f"unknown device '{spec}'", f"{near} {known}" if near else known)
