"""ncnn over ssh, against a real sshd: same results, nothing left behind, every loss one line."""

import getpass
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import edgekit
from edgekit.devices import DeviceTimeout, SshDevice, WorkerCrashed, WorkerError, open_device
from edgekit.devices.setup import setup_device
from edgekit.devices.ssh import Address
from edgekit.errors import UserError
from edgekit.runtimes.ncnn import FP32, Case, Feed, run_cases
from tests.devices.processes import children
from tests.devices.sshd import Board


def relu(
    folder: Path, device: SshDevice, layer: str = "ReLU", channels: int = 4, **options: float
) -> np.ndarray:
    param, weights = folder / "it's a net.param", folder / "$(net).bin"
    param.write_text(f"7767517\n2 2\nInput in0 0 1 in0\n{layer} layer_0 1 1 in0 out0 0=2\n")
    weights.write_bytes(bytes(256))
    array = np.linspace(-1, 1, channels, dtype=np.float32).reshape(channels, 1, 1)
    reply = run_cases(device, param, weights, [Case("a", {"in0": Feed(array)}, ("out0",))], FP32, **options)
    reply.close()
    return np.array(reply.tensors["a:out0"])


def test_the_board_says_what_it_is(board: Board) -> None:
    info = open_device("ssh:board").info()
    assert (info.kind, info.emulated) == ("ssh", False)
    named = SshDevice(f"{getpass.getuser()}@127.0.0.1:{board.port}").info()
    assert named == info


def test_verify_gives_the_verdict_of_the_local_device(board: Board, bundle: Path) -> None:
    here, there = edgekit.verify(bundle), edgekit.verify(bundle, device="ssh:board")
    assert there.passed
    assert there.device.kind == "ssh"
    assert [layer.isolated for layer in there.layers] == [layer.isolated for layer in here.layers]


def test_bench_measures_there(board: Board, bundle: Path) -> None:
    [result] = edgekit.bench(bundle, device="ssh:board").results
    assert result.latency is not None and result.latency.median_s > 0
    assert result.memory is not None


def test_names_of_files_need_no_care(board: Board, tmp_path: Path) -> None:
    array = np.linspace(-1, 1, 4, dtype=np.float32)
    expected = np.where(array < 0, 2 * array, array)
    assert np.array_equal(relu(tmp_path, SshDevice("board")).ravel(), expected)


def test_what_a_login_shell_says_does_no_harm(board: Board, tmp_path: Path) -> None:
    python = (board.folder / "bin" / "python3").read_text()
    board.python(python.replace("exec", "echo Welcome to the board; exec"))
    try:
        assert relu(tmp_path, SshDevice("board")).shape == (4, 1, 1)
    finally:
        board.python(python)


def test_a_crash_there_names_the_layer(board: Board, tmp_path: Path) -> None:
    with pytest.raises(WorkerCrashed, match="SIGSEGV in layer 'layer_0', blob out0"):
        relu(tmp_path, SshDevice("board"), "PReLU", channels=4_000_000)


def test_what_ncnn_refuses_there_is_an_error(board: Board, tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match="refuses the param file"):
        relu(tmp_path, SshDevice("board"), "NoSuchLayer")


def test_a_worker_that_stays_at_one_step_is_ended_there(
    board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgekit.devices.ssh.SILENT_S", 0.01)
    with pytest.raises(DeviceTimeout, match=r"no answer within 0\.01 s \("):
        relu(tmp_path, SshDevice("board"))
    monkeypatch.setattr("edgekit.devices.ssh.SILENT_S", 60.0)
    relu(tmp_path, SshDevice("board"))


def test_a_timeout_ends_the_worker_there(board: Board, tmp_path: Path) -> None:
    with pytest.raises(DeviceTimeout, match=r"no answer within 0\.01 s"):
        relu(tmp_path, SshDevice("board"), timeout_s=0.01)


@pytest.fixture
def slow_board(board: Board) -> Iterator[Board]:
    """A board on which the worker takes a minute to start."""
    path = board.folder / "bin" / "python3"
    usual = path.read_text()
    site = board.folder / "site"
    site.mkdir(exist_ok=True)
    (site / "sitecustomize.py").write_text(
        "import sys, time\nif sys.orig_argv[1].endswith('/worker'): time.sleep(60)\n"
    )
    path.write_text(f'#!/bin/sh\nPYTHONPATH={site} exec {sys.executable} "$@"\n')
    yield board
    path.write_text(usual)


@pytest.mark.parametrize("end", ["client", "server"])
def test_a_dropped_connection_is_one_line_and_leaves_no_orphan(
    slow_board: Board, tmp_path: Path, end: str
) -> None:
    """One end of the connection is killed while the worker is at work."""

    def drop() -> None:
        while not list(slow_board.tmp.glob("edgekit-*/result")):
            time.sleep(0.05)
        of, name = (os.getpid(), "ssh") if end == "client" else (slow_board.process.pid, "sshd")
        for process in children(of, name):
            os.kill(process, signal.SIGKILL)

    killer = threading.Thread(target=drop)
    killer.start()
    with pytest.raises(UserError, match=r"^the connection to board was lost") as caught:
        relu(tmp_path, SshDevice("board"))
    killer.join()
    assert caught.value.remedy
    assert slow_board.leftovers() == []


def test_a_board_that_is_not_there(board: Board) -> None:
    with pytest.raises(UserError, match=r"no connection to 127\.0\.0\.1: .*refused") as caught:
        SshDevice("127.0.0.1:1").info()
    assert "ssh -p 1 -- 127.0.0.1" in str(caught.value.remedy)


def test_a_board_without_python(board: Board) -> None:
    path = board.folder / "bin" / "python3"
    usual = path.read_text()
    board.python("#!/bin/sh\necho python3: not found >&2; exit 127\n")
    try:
        with pytest.raises(UserError, match="board has no python3"):
            SshDevice("board").info()
    finally:
        board.python(usual)


@pytest.mark.slow
def test_a_board_without_ncnn_is_offered_the_setup(board: Board) -> None:
    """Then the setup is taken, with the board's own pip, and ncnn runs in what it made."""
    path = board.folder / "bin" / "python3"
    usual = path.read_text()
    board.python(f'#!/bin/sh\nexec {Path(sys.executable).resolve()} "$@"\n')  # outside this environment
    try:
        with pytest.raises(UserError, match=r"has no (ncnn|numpy)") as caught:
            SshDevice("board").info()
        assert "edgekit device setup ssh:board" in str(caught.value.remedy)
        said = setup_device("ssh:board")
        assert said.startswith("ssh:board is ready: ")
        assert str(board.folder / "home" / ".cache" / "edgekit" / "venv") in said
        assert SshDevice("board").info().ncnn in said
    finally:
        board.python(usual)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("pi", Address(None, "pi", None)),
        ("me@pi.local:2222", Address("me", "pi.local", 2222)),
        ("a@b@pi", Address("a@b", "pi", None)),
        ("[::1]:22", Address(None, "::1", 22)),
    ],
)
def test_addresses(text: str, address: Address) -> None:
    assert Address.parse(text) == address


@pytest.mark.parametrize(
    "text", ["-oProxyCommand=x", "a b", "pi:0", "pi:x", "pi:99999", "@pi", "$(x)", "-l@pi", "pi;ls"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="is no address of a board"):
        open_device(f"ssh:{text}")
