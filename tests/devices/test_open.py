"""Names of devices, and what is said of the wrong ones."""

import pytest

from edgekit.devices import LocalDevice, QemuDevice, open_device
from edgekit.devices.setup import setup_device
from edgekit.errors import UserError


def test_every_kind_opens_without_being_there() -> None:
    assert isinstance(open_device("local"), LocalDevice)
    device = open_device("qemu:cortex-a72")
    assert isinstance(device, QemuDevice)
    assert (device.spec, device.cpu, device.emulated) == ("qemu:cortex-a72", "cortex-a72", True)
    assert open_device("adb").spec == "adb"
    assert open_device("adb:192.168.1.7:5555").spec == "adb:192.168.1.7:5555"


@pytest.mark.parametrize(
    ("spec", "message", "remedy"),
    [
        (
            "quem:max",
            "unknown device 'quem:max'",
            "did you mean 'qemu'? known devices: local, qemu:CPU, ssh:",
        ),
        ("adb:", "the device 'adb' lacks a serial number", "name it as `adb devices` does"),
        ("ssh", "the device 'ssh' lacks a host", "name one as you log in to it, as in ssh:"),
        ("", "unknown device ''", "known devices: local, qemu:CPU, ssh:"),
        ("qemu", "the device 'qemu' lacks a CPU", "name one, as in qemu:cortex-a76"),
        ("qemu:", "unknown CPU '' of device qemu", "choose from qemu:cortex-a53"),
        ("qemu:cortexa76", "unknown CPU 'cortexa76' of device qemu", "did you mean 'cortex-a76'"),
        ("local:1", "unknown device 'local:1'", "known devices: local, qemu:CPU, ssh:"),
    ],
)
def test_a_wrong_name_is_told_what_there_is(spec: str, message: str, remedy: str) -> None:
    with pytest.raises(UserError) as caught:
        open_device(spec)
    assert caught.value.message == message
    assert str(caught.value.remedy).startswith(remedy)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("local", "needs no setup"),
        ("adb:", "lacks a serial number"),
        ("ssh", "lacks a host"),
        ("qemu:cortex-a77", "unknown CPU"),
        ("moon", "unknown device 'moon'"),
    ],
)
def test_setup_refuses_what_it_cannot_set_up(spec: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        setup_device(spec)
