"""`edgekit device setup adb`: the program that runs ncnn on Android devices, compiled once and kept."""

from __future__ import annotations

from edgekit.devices.adb import AdbDevice
from edgekit.devices.adb_client import Listed, find_adb, listing
from edgekit.devices.setup.compile import Progress
from edgekit.devices.setup.native import build_runner, runner_target

_USUAL_ARCH = "aarch64"


def setup_adb(serial: str | None, progress: Progress, *, again: bool = False) -> str:
    """Make the runner, try it on the device where one is connected, and say what there is now.

    Without a device the runner is made for aarch64, which all phones of today are.

    Raises:
        UserError: a tool is missing, the runner could not be made, or the named device is out of reach.
    """
    device = AdbDevice(serial) if serial is not None or _one_is_there() else None
    target = runner_target(_USUAL_ARCH if device is None else device.about.arch)
    runner = build_runner(target, progress, again=again)
    if device is None:
        return f"adb is ready: {runner} runs ncnn on any {_USUAL_ARCH} device\n"
    progress(f"starting ncnn on {device.spec}")
    info = device.info()
    return f"{device.spec} is ready: {info.cpu}, {info.arch}, ncnn {info.ncnn}\n"


def _one_is_there() -> bool:
    program = find_adb()
    found: list[Listed] = listing(program) if program is not None else []
    return [each.state for each in found] == ["device"]
