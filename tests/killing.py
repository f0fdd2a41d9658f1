"""Run a command in a folder, end it at a random moment, and look at what it left."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from edgekit.bundle import open_bundle

_RUN = """
import sys
from edgekit.cli.main import main
print("ready", flush=True)
sys.exit(main())
"""
EXPORT = ["export", "depthwise_separable:in_channels=4,out_channels=4", "-o", "bundle"]
SIGNALS = {
    signal.SIGKILL: (-signal.SIGKILL, ""),
    signal.SIGINT: (130, "edgekit: interrupted\n"),
    signal.SIGTERM: (143, "edgekit: terminated\n"),
}
_FINISHED = (0, 1)  # the command was faster


def start(arguments: list[str], folder: Path) -> subprocess.Popen[str]:
    (folder / "tmp").mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-c", _RUN, *arguments],
        cwd=folder,
        env={**os.environ, "TMPDIR": str(folder / "tmp")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # where the tests run in the background, children would ignore Ctrl-C
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    )


def run(arguments: list[str], folder: Path) -> None:
    with start(arguments, folder) as process:
        _, err = process.communicate()
    assert process.returncode == 0, err


def digests(bundle: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in bundle.iterdir()}


def still_running(folder: Path) -> list[str]:
    """The command lines of processes that have this folder among their words, or for temporary files."""
    mark = f"TMPDIR={folder / 'tmp'}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes()
                if os.fsencode(folder) in words or mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(words.decode("utf-8", "replace").replace("\0", " "))
            except OSError:
                continue
    return found


def kill(place: Path, arguments: list[str], number: signal.Signals, longest_s: float) -> None:
    """Send a signal within `longest_s` of the start; the bundle at `place` has to be whole all the same."""
    before = digests(place / "bundle")
    delay_s = random.uniform(0.0, longest_s)
    with start(arguments, place) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(delay_s)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    said = f"{arguments[0]}, {number.name} after {delay_s:.3f} s: {err}"
    code, line = SIGNALS[number]
    if process.returncode not in _FINISHED:
        assert (process.returncode, err) == (code, line), said
        if arguments[0] != "export":  # which may be killed when its own bundle is in place already
            assert digests(place / "bundle") == before, said
    assert open_bundle(place / "bundle").changed_files() == (), said
    for _ in range(100):
        left = still_running(place)
        if not left:
            break
        time.sleep(0.1)
    assert not left, said
    if number is not signal.SIGKILL:
        assert [path.name for path in place.iterdir() if path.suffix == ".part"] == [], said
