"""ARM without ARM: ncnn's own aarch64 wheel in an arm64 Python under qemu's user-mode emulation.

The choice of CPU decides what ncnn dispatches to (a Cortex-A53 has no fp16 arithmetic, a Cortex-A76 has fp16
and dot products). The arithmetic is exact; the times mean nothing and are never shown.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from edgekit.devices.base import DeviceInfo, Reply, Tensor, ask
from edgekit.devices.counting import (
    CountingEmulator,
    add_counts,
    check_counter,
    find_counter,
    plugin_argument,
    read_counts,
)
from edgekit.devices.exchange import WORKER_FOLDER, Ending, exchange, run_process
from edgekit.devices.setup.qemu import Progress, Root, find_root, make_root
from edgekit.devices.watch import LONGEST_S
from edgekit.errors import UserError, did_you_mean

CPUS = ("cortex-a53", "cortex-a72", "cortex-a76", "max")
PROGRAMS = ("qemu-aarch64-static", "qemu-aarch64")
PROGRAM_REMEDY = "on Debian: apt-get install qemu-user-static"
SETUP_REMEDY = "make it with: edgekit device setup qemu"

_COUNTS_FILE = "counts"
_SLOWDOWN = 30.0  # of what a caller thinks is enough
_PATIENCE = 3.0  # with one step of it
_QEMU_WORDS = re.compile(r"^qemu: uncaught target signal.*\n?", re.MULTILINE)


class QemuDevice:
    """ncnn on an emulated aarch64 CPU.

    Raises:
        UserError: an unknown CPU; when it is used, qemu or the arm64 Python is missing.
    """

    emulated = True

    def __init__(self, cpu: str, root: Root | None = None) -> None:
        if cpu not in CPUS:
            remedy = did_you_mean(cpu, CPUS) or "choose from " + ", ".join(f"qemu:{each}" for each in CPUS)
            raise UserError(f"unknown CPU '{cpu}' of device qemu", remedy)
        self.cpu = cpu
        self.spec = f"qemu:{cpu}"
        self._root = root

    def info(self) -> DeviceInfo:
        """Start a worker that only says where it is."""
        return ask(self, "qemu")

    def call(
        self,
        message: Mapping[str, Any],
        tensors: Iterable[Tensor] = (),
        *,
        environment: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Reply:
        """Run one request in a fresh emulated process; see `Device.call`.

        `timeout_s` is what the caller would give a real device: an emulated one gets a multiple of it.
        """
        program, root = require_program(), self._root or _require_root()
        counter, why_not = _counter(message, root)
        if counter is not None:
            program, message = counter.emulator, {**message, "count": True}
        longest_s = None if timeout_s is None else min(LONGEST_S, timeout_s * _SLOWDOWN)

        def carry(request: Path, result: Path) -> Ending:
            command = [str(program), "-cpu", self.cpu, "-L", str(root.folder)]
            if counter is not None:
                command += ["-plugin", plugin_argument(counter, result / _COUNTS_FILE)]
            command += [str(root.python), str(WORKER_FOLDER), str(request), str(result)]
            ending = run_process(command, result, _variables(root, environment or {}), longest_s, _PATIENCE)
            return Ending(ending.code, _QEMU_WORDS.sub("", ending.stderr))  # the code says the same

        reply = exchange(message, tensors, carry)
        if "environment" in reply.message:
            # /proc/cpuinfo is the host's
            reply.message["environment"]["cpu"] = f"{self.cpu} (qemu {program_version(program)})"
        if counter is not None and reply.folder is not None:
            add_counts(reply.message, read_counts(reply.folder / "result" / _COUNTS_FILE))
        reply.message["not_counted"] = why_not
        return reply


def _counter(message: Mapping[str, Any], root: Root) -> tuple[CountingEmulator | None, str | None]:
    """Return what counts the instructions of a bench, or None and the reason."""
    if message["command"] != "bench":
        return None, None
    if message.get("options", {}).get("num_threads", 1) != 1:
        return None, "instructions are counted for one thread only"
    try:
        counter = find_counter()
        check_counter(counter, root.python, root.folder)
    except UserError as error:
        return None, str(error)
    return counter, None


def find_program(path: str | None = None) -> Path | None:
    """Return qemu's user-mode emulator for aarch64, or None."""
    found = (shutil.which(name, path=path) for name in PROGRAMS)
    return next((Path(each) for each in found if each), None)


def require_program() -> Path:
    """Return qemu's user-mode emulator for aarch64.

    Raises:
        UserError: there is none.
    """
    program = find_program()
    if program is None:
        raise UserError(f"{PROGRAMS[0]} is not installed", PROGRAM_REMEDY)
    return program


def program_version(program: Path) -> str:
    """Return the version that qemu prints, or 'unknown'."""
    done = subprocess.run([program, "--version"], capture_output=True, timeout=60, check=False)
    match = re.search(rb"version (\d[\d.]*)", done.stdout)
    return match[1].decode() if match else "unknown"


def setup_qemu(progress: Progress = lambda step: None, *, again: bool = False) -> Root:
    """Make the arm64 Python where it is missing; ncnn has run in it when this returns.

    Raises:
        UserError: qemu is missing, or something could not be downloaded.
    """
    require_program()

    def check(root: Root) -> None:
        QemuDevice(CPUS[-1], root).info()
        QemuDevice(CPUS[0], root).info()

    return make_root(check, progress, again=again)


def _require_root() -> Root:
    root = find_root()
    if root is None:
        raise UserError("the arm64 Python that ncnn runs in under qemu has not been made", SETUP_REMEDY)
    return root


def _variables(root: Root, environment: Mapping[str, str]) -> dict[str, str]:
    """Return all the variables of the emulated process: the host's say nothing to another system."""
    return {
        "HOME": os.environ.get("HOME", "/"),
        "LANG": "C.UTF-8",
        "PATH": "/usr/bin:/bin",
        "PYTHONHOME": str(root.home),
        "PYTHONPATH": str(root.packages),
        "PYTHONHASHSEED": "0",  # or instruction counts would differ from run to run
        "PYTHONNOUSERSITE": "1",
        **environment,
    }
