"""The host itself: the worker runs as a child process of this Python."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import edgekit.worker
from edgekit.devices.base import DeviceInfo, DeviceTimeout, Reply, Tensor, WorkerCrashed, WorkerError
from edgekit.errors import MissingPackage
from edgekit.worker.protocol import MESSAGE_FILE, PROGRESS_FILE, read_message, write_message

WORKER_FOLDER = Path(edgekit.worker.__file__).parent


class LocalDevice:
    """ncnn in a child process on this machine.

    `program` replaces the worker by another one that keeps its protocol and takes the same two arguments.
    """

    spec = "local"
    emulated = False

    def __init__(self, program: Sequence[str] = ()) -> None:
        self._program = tuple(program) or (sys.executable, str(WORKER_FOLDER))

    def info(self) -> DeviceInfo:
        """Start a worker that only says where it is."""
        reply = self.call({"command": "info"})
        reply.close()
        return device_info(reply.message["environment"], kind="local", emulated=False)

    def call(
        self,
        message: Mapping[str, Any],
        tensors: Iterable[Tensor] = (),
        *,
        environment: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Reply:
        """Run one request in a fresh process; see `Device.call`."""
        folder = Path(tempfile.mkdtemp(prefix="edgekit-"))
        try:
            return _call(
                self._program, folder, message, tensors, {**os.environ, **(environment or {})}, timeout_s
            )
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise


def device_info(environment: Mapping[str, Any], *, kind: str, emulated: bool) -> DeviceInfo:
    """Build a `DeviceInfo` from the `environment` of any worker reply."""
    return DeviceInfo(
        kind=kind,
        arch=environment["arch"],
        cpu=environment["cpu"],
        emulated=emulated,
        ncnn=environment["ncnn"],
        cores=int(environment["cores"] or 1),
        system=environment["system"],
        features=dict(environment["features"]),
    )


def _call(
    program: Sequence[str],
    folder: Path,
    message: Mapping[str, Any],
    tensors: Iterable[Tensor],
    environment: Mapping[str, str],
    timeout_s: float | None,
) -> Reply:
    request, result = folder / "request", folder / "result"
    request.mkdir()
    result.mkdir()
    write_message(str(request), message, tensors)
    command = [*program, str(request), str(result)]
    process = subprocess.Popen(
        command,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        _, stderr = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        raise DeviceTimeout(
            f"the worker gave no answer within {timeout_s:g} s ({_step(result) or 'start-up'})"
        ) from None
    finally:
        _end(process)
    if process.returncode != 0 or not (result / MESSAGE_FILE).exists():
        raise _crash(process.returncode, _step(result), stderr.decode("utf-8", "replace"))
    answer, arrays, batch_axes = read_message(str(result))
    if "error" in answer:
        raise _worker_error(answer["error"])
    return Reply(answer, arrays, batch_axes, folder)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Leave no orphan behind, whatever interrupted the wait."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _step(result: Path) -> str:
    try:
        return (result / PROGRESS_FILE).read_text("utf-8", "replace")
    except OSError:
        return ""


def _crash(code: int, step: str, stderr: str) -> WorkerCrashed:
    name = signal.Signals(-code).name if code < 0 else f"exit status {code}"
    last = stderr.strip().splitlines()[-1:] or [""]
    remedy = f"its last words were: {last[0]}" if last[0] else None
    return WorkerCrashed(name, step, remedy)


def _worker_error(error: Mapping[str, Any]) -> WorkerError | MissingPackage:
    if error["type"] == "ModuleNotFoundError" and "ncnn" in error["message"]:
        return MissingPackage("ncnn", "ncnn")
    step = f" at {error['step']}" if error["step"] else ""
    return WorkerError(f"{error['message']}{step}")
