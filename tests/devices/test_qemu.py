"""ncnn's aarch64 wheel under qemu: the same verdicts as here, from NEON and fp16 kernels."""

from pathlib import Path

import numpy as np
import pytest

import edgekit
from edgekit.devices import DeviceTimeout, QemuDevice, WorkerCrashed, WorkerError
from edgekit.runtimes.ncnn import FP32, Case, Feed, run_cases
from edgekit.verifier import VerifyReport

FEATURES = {  # fp16 arithmetic, dot product, int8 matrix product, bf16
    "cortex-a53": (False, False, False, False),
    "cortex-a72": (False, False, False, False),
    "cortex-a76": (True, True, False, False),
    "max": (True, True, True, True),
}

pytestmark = pytest.mark.usefixtures("qemu")


def table(report: VerifyReport) -> list[tuple[object, ...]]:
    return [(layer.name, layer.blob, layer.shape, layer.status, layer.label) for layer in report.layers]


@pytest.mark.parametrize("cpu", sorted(FEATURES))
def test_the_cpu_decides_what_ncnn_sees(cpu: str) -> None:
    info = QemuDevice(cpu).info()
    assert (info.kind, info.arch, info.emulated) == ("qemu", "aarch64", True)
    assert info.cpu.startswith(f"{cpu} (qemu ")
    seen = [info.features[f"arm_{name}"] for name in ("asimdhp", "asimddp", "i8mm", "bf16")]
    assert tuple(seen) == FEATURES[cpu]
    assert info.features["arm_neon"]


def test_fp32_gives_the_table_of_the_local_device(bundle: Path) -> None:
    there, here = edgekit.verify(bundle, device="qemu:cortex-a53"), edgekit.verify(bundle)
    assert there.passed and here.passed
    assert table(there) == table(here)
    assert there.device.emulated and there.device.arch == "aarch64"


def test_fp16_rounds_where_the_cpu_can_and_raises_no_alarm(bundle: Path) -> None:
    here = edgekit.verify(bundle)
    there = edgekit.verify(bundle, device="qemu:cortex-a76", precision="fp16")
    assert there.passed, there.culprits
    assert [entry[:3] for entry in table(there)] == [entry[:3] for entry in table(here)]
    worst = max(layer.isolated.max_abs for layer in there.layers if layer.isolated)
    assert worst > 1e-4  # 11 bits: fp16 kernels ran


def run(
    device: QemuDevice, folder: Path, layer: str, channels: int = 4, timeout_s: float | None = None
) -> None:
    """Run a layer behind a ReLU, with a few zeros for weights."""
    param, weights = folder / "net.param", folder / "net.bin"
    param.write_text(f"7767517\n3 3\nInput in0 0 1 in0\nReLU relu_0 1 1 in0 1\n{layer} 1 1 1 2 0=2\n")
    weights.write_bytes(bytes(4 * 64))
    case = Case("a", {"in0": Feed(np.ones((channels, 1, 1), np.float32))}, ("1", "2"))
    run_cases(device, param, weights, [case], FP32, timeout_s=timeout_s).close()


def test_a_crash_names_the_layer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A PReLU with two slopes reads far outside them for four million channels."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WorkerCrashed) as caught:
        run(QemuDevice("max"), tmp_path, "PReLU prelu_0", channels=4_000_000)
    assert caught.value.message == "ncnn died with SIGSEGV in layer 'prelu_0', blob 2 of case a"
    assert not list(tmp_path.glob("*core*"))


def test_what_ncnn_refuses_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match="refuses the param file"):
        run(QemuDevice("max"), tmp_path, "NoSuchLayer none_0")


def test_a_timeout_ends_the_process(tmp_path: Path) -> None:
    with pytest.raises(DeviceTimeout, match="no answer within"):
        run(QemuDevice("max"), tmp_path, "ReLU relu_1", timeout_s=0.001)
