"""The C++ program and the Python worker are one worker: the same answers to the same requests."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgekit
from edgekit.devices import Device, DeviceTimeout, LocalDevice, QemuDevice, Reply, WorkerCrashed, WorkerError
from edgekit.devices.setup.qemu import Root
from edgekit.runtimes.ncnn import CALM, FP32, PRECISIONS, Case, Feed, run_cases
from tests.devices.conftest import native_runner

CPU = "cortex-a76"

# batches, integers, a state that is carried, an output of four axes
EVERYTHING = """\
7767517
8 9
Input            in0    0 1 in0
Input            ids    0 1 ids
Split            split  1 2 in0 a b
Convolution      conv   1 1 a c 0=8 1=3 4=1 5=1 6=216 9=1
Pooling          pool   1 1 c d 0=1 1=2 2=2
Embed            embed  1 1 ids e 0=6 1=5 3=30
ExpandDims       axes   1 1 b f -23303=1,0
Swish            swish  1 1 d out0
"""


@pytest.fixture(scope="module")
def host_runner() -> Path:
    return native_runner("host")


@pytest.fixture(scope="module")
def native(host_runner: Path) -> LocalDevice:
    return LocalDevice((str(host_runner),))


@pytest.fixture(scope="module")
def emulated(runner: Path) -> LocalDevice:
    qemu = shutil.which("qemu-aarch64-static")
    if qemu is None:
        pytest.skip("qemu-aarch64-static is not installed")
    return LocalDevice((qemu, "-cpu", CPU, str(runner)))


@pytest.fixture
def everything(tmp_path: Path) -> tuple[Path, Path]:
    param, weights = tmp_path / "net.param", tmp_path / "net.bin"
    param.write_text(EVERYTHING)
    random = np.random.default_rng(0)
    flag = np.zeros(1, np.float32)
    parts = [flag, random.normal(size=216), random.normal(size=8), flag, random.normal(size=30)]
    weights.write_bytes(b"".join(part.astype(np.float32).tobytes() for part in parts))
    return param, weights


def capture(device: Device, files: tuple[Path, Path], options: Mapping[str, bool]) -> Reply:
    random = np.random.default_rng(1)
    image = random.normal(size=(3, 9, 7)).astype(np.float32)
    batch = random.normal(size=(3, 2, 9, 7)).astype(np.float32)
    ids = np.array([4, 0, 3], np.int32)
    outputs = ("c", "d", "e", "f", "out0")
    cases = [
        Case("one", {"in0": Feed(image), "ids": Feed(ids)}, outputs, keep=("c",)),
        Case("alone", {}, ("d",), carried={"c": "c"}, carried_from="one"),
        Case("light", {"in0": Feed(image)}, ("out0",), light_mode=True),
        Case("batch", {"in0": Feed(batch, 1)}, ("c", "out0")),
        Case("refused", {"nowhere": Feed(image)}, ("out0",)),
    ]
    return run_cases(device, *files, cases, options)


def shape(value: Any) -> Any:
    """What a message looks like, its values aside."""
    if isinstance(value, Mapping):
        return {key: shape(each) for key, each in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], Mapping):
        return [shape(value[0])]
    return "list" if isinstance(value, Sequence) and not isinstance(value, str) else "value"


def test_captures_are_bit_for_bit_those_of_the_wheel_on_the_same_cpu(
    everything: tuple[Path, Path], emulated: LocalDevice, qemu: Root
) -> None:
    ours, theirs = (capture(device, everything, CALM) for device in (emulated, QemuDevice(CPU, qemu)))
    assert ours.message["status"] == theirs.message["status"]
    assert ours.batch_axes == theirs.batch_axes
    assert set(ours.tensors) == set(theirs.tensors)
    for key, array in theirs.tensors.items():
        assert ours.tensors[key].dtype == array.dtype
        if not key.endswith(":out0"):  # an exponential, see below
            assert np.array_equal(ours.tensors[key], array), key


@pytest.mark.parametrize(("precision", "rounding"), [("fp32", 2e-6), ("fp16", 2e-3)])
def test_what_two_compilers_may_round_otherwise_is_the_last_bit(
    everything: tuple[Path, Path], emulated: LocalDevice, qemu: Root, precision: str, rounding: float
) -> None:
    """Winograd's transforms and exponentials are plain C++ in parts: a compiler fuses what it likes."""
    options = PRECISIONS[precision]
    ours, theirs = (capture(device, everything, options) for device in (emulated, QemuDevice(CPU, qemu)))
    for key, array in theirs.tensors.items():
        assert np.abs(ours.tensors[key] - array).max() <= rounding * np.abs(array).max(), key


def test_a_whole_net_is_bit_for_bit_the_same(bundle: Path, emulated: LocalDevice, qemu: Root) -> None:
    """With every layer of it: packed kernels, depthwise and pointwise, of the CPU that both were given."""
    ours, theirs = (
        edgekit.verify(bundle, device=emulated),
        edgekit.verify(bundle, device=QemuDevice(CPU, qemu)),
    )
    assert ours.passed and theirs.passed
    assert [layer.isolated for layer in ours.layers] == [layer.isolated for layer in theirs.layers]
    assert [layer.propagated for layer in ours.layers] == [layer.propagated for layer in theirs.layers]


def test_here_it_passes_where_the_wheel_passes(bundle: Path, native: LocalDevice) -> None:
    """Other kernels than the wheel's: the floors hold for any."""
    report = edgekit.verify(bundle, device=native)
    assert report.passed and report.compared == edgekit.verify(bundle).compared


def test_all_of_the_protocol_is_answered_as_the_wheel_answers(
    everything: tuple[Path, Path], native: LocalDevice
) -> None:
    ours, theirs = (capture(device, everything, FP32) for device in (native, LocalDevice()))
    assert ours.message["status"] == theirs.message["status"]
    for key, array in theirs.tensors.items():
        np.testing.assert_allclose(ours.tensors[key], array, atol=1e-5)


@pytest.mark.parametrize("command", ["bench", "memory", "peaks", "info"])
def test_answers_have_the_same_form(everything: tuple[Path, Path], native: LocalDevice, command: str) -> None:
    image = np.ones((3, 9, 7), np.float32)
    message = {
        "command": command,
        "files": {"param": str(everything[0]), "bin": str(everything[1])},
        "options": {"num_threads": 1, "use_fp16_storage": False},
        "inputs": {"in0": "in0", "ids": "ids"},
        "outputs": ["e", "out0"],
        "pin": {"cpus": [], "cluster": "all"},
        "warmup": {"min_s": 0.0, "max_s": 0.0, "tolerance": 1.0},
        "sampling": {"min_runs": 3, "min_s": 0.0, "max_s": 1.0},
        "cool_down": {"celsius": 200.0, "max_s": 1.0},
        "layers": True,
        "seconds": 0.1,
        "layer_types": ["ReLU", "NoSuchLayer"],
    }
    tensors = [("in0", image, None), ("ids", np.array([1, 2], np.int32), None)]
    ours, theirs = (device.call(message, tensors) for device in (native, LocalDevice()))
    for reply in (ours, theirs):
        reply.message["environment"] = sorted(
            set(reply.message["environment"]) - {"python", "runner"}  # what they were written in
        )
        reply.close()
    assert shape(ours.message) == shape(theirs.message)
    for key, array in theirs.tensors.items():
        assert ours.tensors[key].dtype == array.dtype and ours.tensors[key].ndim == array.ndim
    for exact in ("layers", "layer_types", "blob_peak_bytes", "cpus", "clusters", "weights_bytes"):
        if exact in theirs.message and command != "peaks":
            assert without_layout(ours.message[exact]) == without_layout(theirs.message[exact]), exact


def test_both_workers_see_the_same_cpu(native: LocalDevice) -> None:
    theirs, ours = LocalDevice().info().features, native.info().features
    assert {name: ours[name] for name in theirs} == theirs


def without_layout(value: Any) -> Any:
    """Packing is a matter of the widest vectors, workspaces of the kernel."""
    if isinstance(value, Mapping):
        skipped = ("pack", "workspace_peak_bytes", "blob_peak_bytes")
        return {key: without_layout(each) for key, each in value.items() if key not in skipped}
    return [without_layout(each) for each in value] if isinstance(value, list) else value


def test_a_net_without_weights_gets_random_ones(native: LocalDevice, tmp_path: Path) -> None:
    layers = [f"Convolution conv_{i} 1 1 {i} {i + 1} 0=32 1=3 4=1 5=1 6=9216 9=1\n" for i in range(40)]
    path = tmp_path / "deep.param"
    path.write_text("7767517\n41 41\nInput in0 0 1 0\n" + "".join(layers))
    message = {
        "command": "bench",
        "files": {"param": str(path)},
        "options": {"num_threads": 1},
        "seed": 1,
        "inputs": {"0": "x"},
        "outputs": ["40"],
        "warmup": {"min_s": 0, "max_s": 0, "tolerance": 1},
        "sampling": {"min_runs": 1, "min_s": 0, "max_s": 0},
    }
    reply = native.call(message, [("x", np.ones((32, 8, 8), np.float32), None)])
    assert reply.message["random_weights"] is True
    assert reply.message["weights_bytes"] == 40 * (9216 + 32) * 4
    case = {"id": "a", "inputs": {"0": "x"}, "outputs": ["40"]}
    request = {"command": "run", "files": message["files"], "seed": 1, "cases": [case]}
    out = native.call(request, [("x", np.ones((32, 8, 8), np.float32), None)]).tensors["a:40"]
    assert np.isfinite(out).all() and 1e-3 < np.abs(out).mean() < 1e3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"options": {"use_magic": True}}, "this ncnn has no option 'use_magic' at loading the net"),
        ({"command": "fly"}, "unknown worker command 'fly'"),
        ({"cases": [{"id": "a", "inputs": {"in0": "lost"}, "outputs": []}]}, "no tensor 'lost'"),
        ({"cases": [{"id": "a", "inputs": {"in0": "@b:c"}, "outputs": []}]}, "no earlier case kept 'b:c'"),
    ],
)
def test_what_it_refuses_is_one_line(
    everything: tuple[Path, Path], native: LocalDevice, change: dict[str, Any], message: str
) -> None:
    request = {
        "command": "run",
        "files": {"param": str(everything[0]), "bin": str(everything[1])},
        "cases": [],
        **change,
    }
    with pytest.raises(WorkerError, match=message):
        native.call(request)


def test_a_crash_names_the_layer(native: LocalDevice, tmp_path: Path) -> None:
    param, weights = tmp_path / "net.param", tmp_path / "net.bin"
    param.write_text("7767517\n2 2\nInput in0 0 1 in0\nPReLU layer_0 1 1 in0 out0 0=2\n")
    weights.write_bytes(bytes(256))
    array = np.full((4_000_000, 1, 1), -1, np.float32)
    with pytest.raises(WorkerCrashed, match="SIGSEGV in layer 'layer_0', blob out0"):
        run_cases(native, param, weights, [Case("a", {"in0": Feed(array)}, ("out0",))], {})


def test_a_request_that_is_no_json_is_an_error(host_runner: Path, tmp_path: Path) -> None:
    for text in ("", "{", '{"protocol": 2}', '{"protocol": 1, "command": "run"', "[" * 100000):
        for name in ("request", "result"):
            shutil.rmtree(tmp_path / name, ignore_errors=True)
            (tmp_path / name).mkdir()
        (tmp_path / "request" / "message.json").write_text(text)
        (tmp_path / "request" / "tensors.bin").touch()
        done = subprocess.run(
            [host_runner, tmp_path / "request", tmp_path / "result"], check=False, timeout=60
        )
        assert done.returncode == 0
        assert '"error"' in (tmp_path / "result" / "message.json").read_text()


def test_what_is_no_utf8_is_answered_in_utf8(host_runner: Path, tmp_path: Path) -> None:
    """Bytes, too long forms and half pairs, as a damaged self-test has them; the rest is kept."""
    command = b"\xc3\xbc\xff\xc0\x80\xed\xa0\x80\\ud800\xf0\x9f\x93\xb1\xe2\x82"
    (tmp_path / "message.json").write_bytes(b'{"protocol": 1, "tensors": [], "command": "%s"}' % command)
    (tmp_path / "tensors.bin").touch()
    (tmp_path / "result").mkdir()
    subprocess.run([host_runner, tmp_path, tmp_path / "result"], check=True, timeout=60)
    answer = json.loads((tmp_path / "result" / "message.json").read_bytes().decode("utf-8"))
    bad = "\ufffd"
    assert f"ü{bad * 9}\U0001f4f1{bad * 2}" in answer["error"]["message"]


@pytest.mark.parametrize("cluster", ["all", None])
def test_openmp_knows_the_cpus_it_was_given(
    everything: tuple[Path, Path], native: LocalDevice, cluster: str | None
) -> None:
    """GNU's OpenMP binds the first thread before the program begins: that is not all there is."""
    message = {
        "command": "bench",
        "files": {"param": str(everything[0]), "bin": str(everything[1])},
        "options": {"num_threads": 1},
        "inputs": {"in0": "in0", "ids": "ids"},
        "outputs": ["out0"],
        "pin": {"cluster": cluster},
        "warmup": {"min_s": 0, "max_s": 0, "tolerance": 1},
        "sampling": {"min_runs": 1, "min_s": 0, "max_s": 0},
    }
    tensors = [("in0", np.ones((3, 9, 7), np.float32), None), ("ids", np.array([1], np.int32), None)]
    openmp = {"OMP_PROC_BIND": "true", "OMP_WAIT_POLICY": "active"}
    ours, theirs = (device.call(message, tensors, environment=openmp) for device in (native, LocalDevice()))
    assert ours.message["cpus"] == theirs.message["cpus"]
    assert ours.message["clusters"] == theirs.message["clusters"]


def test_time_is_limited(native: LocalDevice, everything: tuple[Path, Path]) -> None:
    message = {
        "command": "bench",
        "files": {"param": str(everything[0]), "bin": str(everything[1])},
        "inputs": {"in0": "in0", "ids": "ids"},
        "outputs": ["out0"],
        "warmup": {"min_s": 60, "max_s": 60, "tolerance": 0},
        "sampling": {"min_runs": 1, "min_s": 0, "max_s": 0},
    }
    tensors = [("in0", np.ones((3, 9, 7), np.float32), None), ("ids", np.array([1], np.int32), None)]
    with pytest.raises(DeviceTimeout, match=r"within 1 s \(warming up\)"):
        native.call(message, tensors, timeout_s=1)


WIDE = """\
7767517
2 2
Input        in    0 1 x
Convolution  wide  1 1 x y 0=1 1=7 6=49
"""


def test_a_window_that_does_not_fit_gives_a_code_and_no_result(native: LocalDevice, tmp_path: Path) -> None:
    """ncnn calls it a success, with negative sizes; what fits is answered all the same, by both programs."""
    param, weights = tmp_path / "net.param", tmp_path / "net.bin"
    param.write_text(WIDE, "utf-8")
    weights.write_bytes(bytes(4) + np.ones(49, np.float32).tobytes())
    cases = [
        Case(name, {"x": Feed(np.ones((1, size, size), np.float32), None)}, ("y",))
        for name, size in (("small", 4), ("large", 9))
    ]
    for device in (LocalDevice(), native):
        reply = run_cases(device, param, weights, cases, FP32)
        reply.close()
        assert reply.message["status"] == {"small": {"y": -1}, "large": {"y": 0}}
        assert reply.tensors["large:y"].shape == (1, 3, 3)
