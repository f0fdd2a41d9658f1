"""One request and one reply, whatever carries them: folders on this machine, and what an ending means."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import edgekit.worker
from edgekit import processes, scratch
from edgekit.devices.base import DeviceTimeout, Reply, Tensor, WorkerCrashed, WorkerError
from edgekit.errors import MissingPackage
from edgekit.worker.protocol import MESSAGE_FILE, PROGRESS_FILE, read_message, write_message

WORKER_FOLDER = Path(edgekit.worker.__file__).parent
LONGEST_S = 3600.0
"""How long a worker may take where the caller does not say: nothing waits for ever."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a worker process ended: its return code (negative: the signal), and what it said on stderr."""

    code: int
    stderr: str


Carry = Callable[[Path, Path], Ending]
"""Takes a request folder to a worker and brings back what it wrote into the result folder."""


def exchange(message: Mapping[str, Any], tensors: Iterable[Tensor], carry: Carry) -> Reply:
    """Write the request, have it carried, read the reply; nothing is left behind when that fails.

    Raises:
        WorkerError: the worker answered with an error.
        WorkerCrashed: the process died.
    """
    folder = scratch.make_folder()
    try:
        request, result = folder / "request", folder / "result"
        request.mkdir()
        result.mkdir()
        write_message(str(request), message, tensors)
        ending = carry(request, result)
        if ending.code != 0 or not (result / MESSAGE_FILE).exists():
            raise _crash(ending, last_step(result))
        answer, arrays, batch_axes = read_message(str(result))
        if "error" in answer:
            raise _worker_error(answer["error"])
    except BaseException:
        scratch.remove(folder)
        raise
    return Reply(answer, arrays, batch_axes, folder)


def run_process(
    command: Sequence[str], result: Path, environment: Mapping[str, str], timeout_s: float
) -> Ending:
    """Run a worker as a child process, and leave no orphan.

    Raises:
        DeviceTimeout: it gave no answer in time and was ended.
    """
    process = processes.start(
        command, env=dict(environment), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    return finish_process(process, result, timeout_s)


def finish_process(
    process: subprocess.Popen[bytes], result: Path, timeout_s: float, words: bytes | None = None
) -> Ending:
    """Give a worker `words` on its stdin, where it listens, and wait for its end.

    Raises:
        DeviceTimeout: it gave no answer in time and was ended.
    """
    try:
        _, stderr = process.communicate(words, timeout=timeout_s)
    except subprocess.TimeoutExpired:
        raise timed_out(result, timeout_s) from None
    finally:
        processes.end(process)
    return Ending(process.returncode, stderr.decode("utf-8", "replace"))


def timed_out(result: Path, timeout_s: float) -> DeviceTimeout:
    """Return the error of a worker that did not answer in time, with the step it was at."""
    step = last_step(result) or "start-up"
    return DeviceTimeout(
        f"the worker gave no answer within {timeout_s:g} s ({step})",
        "use smaller shapes, or a device that is less busy",
    )


def last_step(result: Path) -> str:
    """Return the step that the worker noted last, or nothing."""
    try:
        return (result / PROGRESS_FILE).read_text("utf-8", "replace")
    except OSError:
        return ""


def _crash(ending: Ending, step: str) -> WorkerCrashed:
    name = _signal_name(-ending.code) if ending.code < 0 else f"exit status {ending.code}"
    last = ending.stderr.strip().splitlines()[-1:] or [""]
    remedy = f"its last words were: {last[0]}" if last[0] else None
    return WorkerCrashed(name, step, remedy)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _worker_error(error: Mapping[str, Any]) -> WorkerError | MissingPackage:
    if error["type"] == "ModuleNotFoundError" and "ncnn" in error["message"]:
        return MissingPackage("ncnn", "ncnn")
    step = f" at {error['step']}" if error["step"] else ""
    return WorkerError(f"{error['message']}{step}")
