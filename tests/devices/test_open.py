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
        ("adb:", "unknown device 'adb:'", "known devices: local, qemu:CPU, ssh:[USER@]HOST[:PORT], adb["),
        ("", "unknown device ''", "known devices: local, qemu:CPU, ssh:"),
        ("qemu", "unknown device 'qemu'", "known devices: local, qemu:CPU, ssh:"),
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


@pytest.mark.parametrize("spec", ["local", "adb:", "qemu:cortex-a77"])
def test_setup_refuses_what_it_cannot_set_up(spec: str) -> None:
    with pytest.raises(UserError):
        setup_device(spec)
