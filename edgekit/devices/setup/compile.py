"""Running CMake on a project: progress as it goes, and a failure as one line with its log."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Protocol

from edgekit.errors import UserError

_TIMEOUT_S = 3600.0
_NICENESS = 5
_STEP = re.compile(r"^\[ *(\d+)(?:/(\d+)|%)\]")
_ERROR = re.compile(r"(?:error|Error)\b[: ]")


def silent(step: str, done: int | None = None, total: int | None = None) -> None:
    """A progress that nobody watches."""


class Progress(Protocol):
    """Told what is being done, and where it is known how far it is."""

    def __call__(self, step: str, done: int | None = None, total: int | None = None) -> None:
        """Show a step."""
        ...


def compile_project(
    source: Path,
    build: Path,
    settings: Mapping[str, str],
    progress: Progress,
    *,
    what: str,
    log: Path,
    install: bool = False,
) -> None:
    """Configure, compile and, where asked, install a CMake project; every CPU compiles a file at a time.

    `log` keeps what the programs said.

    Raises:
        UserError: one of them failed.
    """
    definitions = [f"-D{name}={value}" for name, value in {"CMAKE_BUILD_TYPE": "Release", **settings}.items()]
    generator = ["-G", "Ninja"] if shutil.which("ninja") else ["-G", "Unix Makefiles"]
    jobs = str(len(os.sched_getaffinity(0)))
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8", errors="replace") as file:
        progress(f"configuring {what}")
        _run(["cmake", *generator, *definitions, "-S", str(source), "-B", str(build)], file, what)
        progress(f"compiling {what}")
        _run(["cmake", "--build", str(build), "-j", jobs], file, what, progress)
        if install:
            _run(["cmake", "--install", str(build)], file, what)


def _run(command: list[str], log: IO[str], what: str, progress: Progress | None = None) -> None:
    """Run a program in a process group of its own; nothing of it survives this call."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
        preexec_fn=lambda: os.nice(_NICENESS),  # noqa: PLW1509 - it is one system call
    )
    clock = threading.Timer(_TIMEOUT_S, _end, [process])
    clock.start()
    said: list[str] = []
    try:
        assert process.stdout is not None
        for line in process.stdout:
            log.write(line)
            said.append(line.strip())
            step = _STEP.match(line)
            if step and progress is not None:
                progress(f"compiling {what}", int(step[1]), int(step[2] or 100))
        code = process.wait()
    finally:
        clock.cancel()
        _end(process)
    if code != 0:
        reason = next((line for line in said if _ERROR.search(line)), said[-1] if said else "no message")
        raise UserError(f"{what} could not be compiled: {reason}", f"the whole log is {log.name}")


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
