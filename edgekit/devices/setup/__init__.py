"""`edgekit device setup`: what a device needs before it can be used, made once and kept."""

from __future__ import annotations

from edgekit.devices.setup.compile import Progress, silent
from edgekit.errors import UserError, did_you_mean

_KINDS = ("qemu", "ssh", "adb")


def setup_device(spec: str, progress: Progress = silent, *, again: bool = False) -> str:
    """Make what a device of this name needs, and say in a line or two what there is now.

    Raises:
        UserError: the kind needs no setup or does not exist, or the setup cannot be done here.
    """
    from edgekit.devices import open_device

    kind, _, name = spec.partition(":")
    if kind == "qemu":
        from edgekit.devices.qemu import QemuDevice, setup_qemu

        if name:
            QemuDevice(name)  # refuses a CPU that qemu would not know
        root = setup_qemu(progress, again=again)
        return f"qemu is ready: arm64 Python with ncnn in {root.folder.parent}\n"
    if kind == "ssh" and name:
        from edgekit.devices.setup.qemu import WHEELS
        from edgekit.devices.ssh import SshDevice

        progress(f"making a virtual environment on {name}")
        python = SshDevice(name).setup(tuple(WHEELS), again=again)
        info = SshDevice(name).info()
        return f"{spec} is ready: {info.cpu}, {info.arch}, ncnn {info.ncnn} in {python}\n"
    if spec == "adb" or (kind == "adb" and name):
        from edgekit.devices.setup.adb import setup_adb

        return setup_adb(name or None, progress, again=again)
    if spec == "local":
        raise UserError("local needs no setup", "pip install 'edgekit[ncnn]' is all it takes")
    if kind in _KINDS:
        open_device(spec)  # says what its name lacks
    raise UserError(
        f"unknown device '{spec}'", did_you_mean(kind, _KINDS) or "setup knows " + ", ".join(_KINDS)
    )
