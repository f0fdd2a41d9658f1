"""Wherever a command is run: names, locales, no terminal, no home, no network, no space, no permission."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import edgekit
from edgekit.bundle import open_bundle
from tests.killing import digests

EXPORT = ("export", "depthwise_separable:in_channels=4,out_channels=4", "-o")

# Any use of a network socket ends the program; Unix sockets and the loop-back stay.
_OFFLINE = """
import socket, sys
def refuse(self, address, *rest):
    raise SystemExit(f"used the network: {address}")
def lookup(*words, **options):
    raise SystemExit(f"asked for an address: {words}")
socket.socket.connect = socket.socket.connect_ex = refuse
socket.getaddrinfo = socket.gethostbyname = lookup
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("made") / "bundle"
    edgekit.export(EXPORT[1], path)
    return path


def run(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("LC_")}
    return subprocess.run(
        [sys.executable, "-m", "edgekit", *arguments],
        cwd=folder,
        env={**environment, "PYTHONPATH": str(Path(edgekit.__file__).parents[1]), **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
        check=False,
    )


def test_spaces_and_other_alphabets_in_every_name(tmp_path: Path) -> None:
    folder = tmp_path / "мои модели und so's 模型"
    folder.mkdir()
    (folder / "сеть x.py").write_text(
        "import torch\nclass Net(torch.nn.Module):\n"
        "    def forward(self, x):\n        return torch.relu(x) * 2\n", "utf-8"
    )  # fmt: skip
    done = run(folder, "export", "сеть x.py:Net", "--input", "x=1x3x4x4", "-o", "мой bundle")
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    done = run(folder, "verify", "мой bundle", "--json", "ä ö.json", "--html", "ü.html", "--junit", "ß.xml")
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert json.loads((folder / "ä ö.json").read_text())["verdict"] == "pass"
    assert run(folder, "inspect", "мой bundle").returncode == 0
    assert run(folder, "diff", "мой bundle", "мой bundle").returncode == 0


@pytest.mark.parametrize(
    "variables",
    [
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "latin-1"},
        {"LC_ALL": "C", "TERM": "dumb", "NO_COLOR": "1"},
        {"LC_ALL": "de_DE.ISO-8859-1", "PYTHONUTF8": "0"},
    ],
    ids=["C", "latin-1", "dumb", "missing locale"],
)
def test_other_locales(tmp_path: Path, made: Path, variables: dict[str, str]) -> None:
    """Files are UTF-8 whatever the locale; what the terminal cannot show becomes a question mark."""
    shutil.copytree(made, tmp_path / "übung")
    done = run(tmp_path, "verify", "übung", "--json", "r.json", "--html", "r.html", **variables)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "r.json").read_text("utf-8"))["target"] == "übung"
    assert "übung" in (tmp_path / "r.html").read_text("utf-8")
    assert len(refusal(run(tmp_path, "inspect", "übing", **variables))) < 100


def test_an_export_in_another_locale(tmp_path: Path) -> None:
    """TorchScript cannot name a source file whose name the locale cannot read; all else may have one."""
    for name in ("net.py", "netz ü.py"):
        (tmp_path / name).write_text(
            "import torch\nclass Net(torch.nn.Module):\n    def forward(self, x): return x * 2\n", "utf-8"
        )
    variables = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = run(tmp_path, "export", "net.py:Net", "--input", "x=1x3x4x4", "-o", "büchse", **variables)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert open_bundle(tmp_path / "büchse").changed_files() == ()
    done = run(tmp_path, "export", "netz ü.py:Net", "--input", "x=1x3x4x4", "-o", "b", **variables)
    assert "has a name that this locale cannot read" in refusal(done)


@pytest.mark.parametrize("command", ["inspect", "verify"])
def test_no_escape_codes_without_a_terminal(tmp_path: Path, made: Path, command: str) -> None:
    done = run(tmp_path, command, str(made), NO_COLOR="1", TERM="xterm-256color")
    assert done.returncode == 0 and done.stderr == ""
    assert "\x1b" not in done.stdout


def test_a_home_that_cannot_be_written(tmp_path: Path, made: Path) -> None:
    """The network `digits` is trained anew where its weights cannot be kept; a journal is not needed."""
    (tmp_path / "home").touch()  # not even root can write into a file
    variables = {"HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": str(tmp_path / "home" / "cache")}
    assert run(tmp_path, *EXPORT, "b", **variables).returncode == 0
    assert run(tmp_path, "verify", "b", **variables).returncode == 0
    done = run(tmp_path, "device", "list", **variables)
    assert (done.returncode, done.stderr) == (0, "")


def test_no_network_is_used(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(_OFFLINE)
    path = f"{tmp_path / 'site'}:{Path(edgekit.__file__).parents[1]}"
    for arguments in ((*EXPORT, "b"), ("verify", "b"), ("inspect", "b"), ("device", "list"), ("models",)):
        done = run(tmp_path, *arguments, PYTHONPATH=path)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
    check = run(tmp_path, "verify", "b", "--device", "ssh:board", PYTHONPATH=path)
    assert check.returncode == 2  # ssh is another program: it fails, edgekit says so
    assert check.stderr.startswith("edgekit: error: ")


# --- no space, no permission --------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 128 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("only root can mount a small disk, and not in every container")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    lines = done.stderr.splitlines()
    assert done.returncode == 2, done.stderr
    assert lines[0].startswith("edgekit: error: ") and lines[1].startswith("  remedy: "), done.stderr
    assert len(lines) == 2
    return lines[0]


def test_a_full_disk(small_disk: Path, tmp_path: Path, made: Path) -> None:
    """The reference alone has 200 KiB."""
    refusal(run(small_disk, *EXPORT, "new/folder/bundle"))
    assert list(small_disk.iterdir()) == []
    earlier = small_disk / "bundle"
    earlier.mkdir()
    for name in ("manifest.json", "model.ncnn.param", "model.ncnn.bin"):
        shutil.copy(made / name, earlier / name)
    before = digests(earlier)
    assert "No space left on device" in refusal(run(small_disk, *EXPORT, "bundle"))
    assert digests(earlier) == before
    assert [path.name for path in small_disk.iterdir()] == ["bundle"]
    (small_disk / "rest").write_bytes(bytes(shutil.disk_usage(small_disk).free - (4 << 10)))
    line = refusal(run(small_disk, "verify", str(made), "--html", "big.html"))
    assert "cannot write 'big.html': No space left on device" in line
    line = refusal(run(tmp_path, "verify", str(made), TMPDIR=str(small_disk)))
    assert "No space left on device" in line
    assert {path.name for path in small_disk.iterdir()} == {"bundle", "rest"}


def test_a_folder_that_cannot_be_written(tmp_path: Path, made: Path) -> None:
    (tmp_path / "file").touch()  # stands for a folder without permission, which root would not notice
    assert "cannot write" in refusal(run(tmp_path, *EXPORT, "file/bundle"))
    assert "cannot write" in refusal(run(tmp_path, "verify", str(made), "--json", "file/r.json"))
    assert "cannot write" in refusal(run(tmp_path, *EXPORT, "bundle", "--json", "file/r.json"))
    assert not (tmp_path / "bundle").exists()  # refused before the work is done
    assert "cannot write" in refusal(run(tmp_path, "inspect", str(made), "--json", "/proc/r.json"))
    assert "not" in refusal(run(tmp_path, *EXPORT, "/proc/bundle"))


# --- two at once --------------------------------------------------------------------------------------------


def test_two_exports_into_one_bundle_do_not_mix(tmp_path: Path) -> None:
    """Each has a seed of its own: whichever comes last, every file is its."""
    command = [sys.executable, "-m", "edgekit", *EXPORT, "bundle", "--seed"]
    both = [subprocess.Popen([*command, seed], cwd=tmp_path, stdout=subprocess.DEVNULL) for seed in "12"]
    assert [process.wait() for process in both] == [0, 0]
    bundle = open_bundle(tmp_path / "bundle")
    assert bundle.changed_files() == ()
    assert edgekit.verify(bundle).passed
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_ctrl_c_is_130_and_one_line(tmp_path: Path, made: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "edgekit", "bench", str(made)],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    )
    while not list(tmp_path.glob(".edgekit.*/request/message.json")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate()
    assert (process.returncode, error) == (130, "edgekit: interrupted\n")
    assert list(tmp_path.iterdir()) == []
