"""ncnn over adb: the real client, a fake adbd, the real program under qemu; no loss leaves anything there."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import edgekit
from edgekit.bencher.settings import EMULATED
from edgekit.devices import AdbDevice, DeviceTimeout, WorkerCrashed, WorkerError
from edgekit.devices.adb import About
from edgekit.devices.adb_client import Listed, choose
from edgekit.devices.setup import setup_device
from edgekit.errors import UserError
from edgekit.runtimes.ncnn import FP32, Case, Feed, run_cases
from tests.devices.fake_adbd import PHONE, FakeAdbd
from tests.devices.phone import Phones, missing
from tests.devices.processes import children

CPU = "cortex-a76"


@pytest.fixture(scope="module")
def phones(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Phones]:
    reason = missing()
    if reason:
        pytest.skip(reason)
    phones = Phones(tmp_path_factory.mktemp("phones"))
    yield phones
    phones.close()


@pytest.fixture(scope="module")
def plugged_in(phones: Phones) -> FakeAdbd:
    return phones.connect(CPU)


@pytest.fixture
def server(phones: Phones, monkeypatch: pytest.MonkeyPatch) -> Phones:
    """The adb server that edgekit finds."""
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(phones.server_port))
    return phones


@pytest.fixture
def phone(server: Phones, plugged_in: FakeAdbd, runner: Path) -> Iterator[FakeAdbd]:
    """The phone; clean again after each test."""
    server.plug_in(plugged_in)
    yield plugged_in
    end = time.monotonic() + 10
    while plugged_in.leftovers() and time.monotonic() < end:
        time.sleep(0.05)
    assert plugged_in.leftovers() == []


def device_of(phone: FakeAdbd) -> AdbDevice:
    return AdbDevice(phone.serial)


def relu(
    folder: Path, device: AdbDevice, layer: str = "ReLU", channels: int = 4, **options: float
) -> np.ndarray:
    param, weights = folder / "it's a net.param", folder / "$(net).bin"
    param.write_text(f"7767517\n2 2\nInput in0 0 1 in0\n{layer} layer_0 1 1 in0 out0 0=2\n")
    weights.write_bytes(bytes(256))
    array = np.linspace(-1, 1, channels, dtype=np.float32).reshape(channels, 1, 1)
    reply = run_cases(device, param, weights, [Case("a", {"in0": Feed(array)}, ("out0",))], FP32, **options)
    reply.close()
    return np.array(reply.tensors["a:out0"])


def test_the_phone_says_what_it_is(phone: FakeAdbd) -> None:
    info = AdbDevice().info()
    assert (info.kind, info.arch, info.emulated) == ("adb", "aarch64", False)
    assert info.cpu == "Fake Phone 1 (FK1)"
    assert info.system.startswith("Android 14, Linux-")
    assert info.features["arm_asimdhp"] and info.features["arm_asimddp"]


def test_the_program_is_pushed_once(phone: FakeAdbd, tmp_path: Path) -> None:
    device_of(phone).info()
    before = len(phone.pushed)
    relu(tmp_path, device_of(phone))
    names = [Path(path).name for path in phone.pushed[before:]]
    assert sorted(names) == ["bin", "message.json", "param", "tensors.bin"]


def test_names_of_files_need_no_care(phone: FakeAdbd, tmp_path: Path) -> None:
    array = np.linspace(-1, 1, 4, dtype=np.float32)
    expected = np.where(array < 0, 2 * array, array)
    assert np.array_equal(relu(tmp_path, device_of(phone)).ravel(), expected)


def test_a_crash_there_names_the_layer(phone: FakeAdbd, tmp_path: Path) -> None:
    with pytest.raises(WorkerCrashed, match="SIGSEGV in layer 'layer_0', blob out0"):
        relu(tmp_path, device_of(phone), "PReLU", channels=4_000_000)


def test_what_ncnn_refuses_there_is_an_error(phone: FakeAdbd, tmp_path: Path) -> None:
    with pytest.raises(
        WorkerError, match=r"refuses the param file \(load_param returned -1\) at loading the net"
    ):
        relu(tmp_path, device_of(phone), "NoSuchLayer")


def test_a_timeout_ends_the_work_there(phone: FakeAdbd, tmp_path: Path) -> None:
    with pytest.raises(DeviceTimeout, match=r"no answer within 0\.001 s"):
        relu(tmp_path, device_of(phone), timeout_s=0.001)


def test_a_program_that_stays_at_one_step_is_ended_there(
    phone: FakeAdbd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgekit.devices.adb.SILENT_S", 0.001)
    with pytest.raises(DeviceTimeout, match=r"no answer within 0\.001 s \("):
        relu(tmp_path, device_of(phone))
    monkeypatch.setattr("edgekit.devices.adb.SILENT_S", 60.0)
    relu(tmp_path, device_of(phone))


def test_verify_gives_the_verdict_of_the_same_cpu(phone: FakeAdbd, bundle: Path) -> None:
    there = edgekit.verify(bundle, device=f"adb:{phone.serial}")
    assert there.passed
    assert there.device.kind == "adb"
    assert all(layer.isolated is not None for layer in there.layers if layer.status == "pass")


def test_bench_measures_there(phone: FakeAdbd, bundle: Path) -> None:
    """The figures are an emulator's, of course: only that they are all there is looked at."""
    [result] = edgekit.bench(bundle, device=f"adb:{phone.serial}", protocol=EMULATED).results
    assert result.latency is not None and result.latency.median_s > 0
    assert result.memory is not None and result.memory.blob_peak_bytes > 0


def test_androids_emulator_shows_no_times(server: Phones, runner: Path, bundle: Path) -> None:
    phone = server.connect(CPU, {**PHONE, "ro.boot.qemu": "1"})
    try:
        [result] = edgekit.bench(bundle, device=f"adb:{phone.serial}", layers=True).results
    finally:
        server.disconnect(phone)
    assert result.latency is None and result.load_s is None
    assert result.layers and all(layer.latency_s is None for layer in result.layers)
    assert any("not counted in Android's emulator" in each.message for each in result.validity.warnings)


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    """A net that takes an emulated phone a minute."""
    param = tmp_path / "slow.param"
    param.write_text(
        "7767517\n2 2\nInput in0 0 1 in0\nConvolution conv 1 1 in0 out0 0=512 1=7 5=0 6=12845056\n"
    )
    return param


def bench_slow(phone: FakeAdbd, param: Path) -> None:
    array = np.zeros((512, 128, 128), np.float32)
    message = {
        "command": "bench",
        "files": {"param": str(param)},
        "seed": 0,
        "inputs": {"in0": "in0"},
        "outputs": ["out0"],
        "warmup": {"min_s": 0, "max_s": 0, "tolerance": 1},
        "sampling": {"min_runs": 1, "min_s": 0, "max_s": 0},
    }
    device_of(phone).call(message, [("in0", array, None)])


@pytest.mark.parametrize("end", ["cable", "client"])
def test_a_lost_connection_is_one_line_and_leaves_no_orphan(phone: FakeAdbd, slow: Path, end: str) -> None:
    """The connection is lost while the program there is at work."""

    def lose() -> None:
        while not any(phone.tmp.glob("edgekit/run-*/result/progress")):
            time.sleep(0.05)
        if end == "cable":
            phone.drop()
        else:
            for process in children(os.getpid(), "adb"):
                os.kill(process, signal.SIGKILL)

    loser = threading.Thread(target=lose)
    loser.start()
    with pytest.raises(UserError, match=rf"^the connection to {phone.serial} was lost") as caught:
        bench_slow(phone, slow)
    loser.join()
    assert caught.value.remedy == "nothing is left there; try again"


def test_what_a_killed_program_left_is_removed_by_the_next(
    phone: FakeAdbd, slow: Path, tmp_path: Path
) -> None:
    """Nobody can clean up after a kill -9: the next one that comes does."""

    def kill() -> None:
        while not any(phone.tmp.glob("edgekit/run-*/result/progress")):
            time.sleep(0.05)
        os.kill(phone.shells[-1].pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(UserError, match="was lost"):
        bench_slow(phone, slow)
    killer.join()
    assert any(phone.tmp.glob("edgekit/run-*"))
    relu(tmp_path, device_of(phone))


def test_a_phone_that_has_not_said_yes(server: Phones) -> None:
    phone = server.connect(CPU, authorized=False)
    try:
        with pytest.raises(
            UserError, match=rf"^{phone.serial} (has not allowed|is still answering)"
        ) as caught:
            device_of(phone).info()
        assert caught.value.remedy
    finally:
        server.disconnect(phone)


def test_two_phones_want_a_name(server: Phones, phone: FakeAdbd) -> None:
    other = server.connect(CPU)
    try:
        with pytest.raises(UserError, match="adb sees 2 devices") as caught:
            AdbDevice().info()
        assert f"adb:{phone.serial}" in str(caught.value.remedy)
        assert f"adb:{other.serial}" in str(caught.value.remedy)
    finally:
        server.disconnect(other)


def test_setup_says_what_there_is(phone: FakeAdbd) -> None:
    said = setup_device(f"adb:{phone.serial}")
    assert said.startswith(f"adb:{phone.serial} is ready: Fake Phone 1 (FK1), aarch64, ncnn ")


@pytest.mark.parametrize(
    ("serial", "listed", "message", "remedy"),
    [
        (None, [], "adb sees no device", "plug one in"),
        ("x", [], "adb sees no device 'x'", "it sees none"),
        (
            "emulator-5556",
            [Listed("emulator-5554", "device")],
            "adb sees no device",
            "did you mean 'emulator-5554'",
        ),
        (None, [Listed("a", "unauthorized")], "a has not allowed this computer", "unlock its screen"),
        (None, [Listed("a", "offline")], "a is offline", "unplug it"),
        (None, [Listed("a", "recovery")], "a is in state 'recovery'", "start Android"),
        (None, [Listed("a", "device"), Listed("b", "device")], "adb sees 2 devices", "adb:a, adb:b"),
    ],
)
def test_what_cannot_be_used_is_told_why(
    serial: str | None, listed: list[Listed], message: str, remedy: str
) -> None:
    with pytest.raises(UserError) as caught:
        choose(serial, listed)
    assert caught.value.message.startswith(message)
    assert remedy in str(caught.value.remedy)


def test_the_only_usable_device_needs_no_name() -> None:
    assert choose(None, [Listed("a", "offline"), Listed("b", "device")]) == "b"


def test_a_device_that_says_little_is_still_one() -> None:
    about = About.parse("aarch64\n\n\n\n\n\n\n")
    assert about == About("aarch64", "", "", "", False)
    assert about.environment({"cpu": "0xd0b", "system": "Linux"}) == {}


def test_without_adb_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="adb is not installed") as caught:
        AdbDevice().info()
    assert "apt-get install adb" in str(caught.value.remedy)
