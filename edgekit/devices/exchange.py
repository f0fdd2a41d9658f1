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
from edgekit.devices.base import Reply, Tensor, WorkerCrashed, WorkerError
from edgekit.devices.watch import Watch, last_step
from edgekit.errors import MissingPackage
from edgekit.worker.affinity import NoSuchCpu
from edgekit.worker.protocol import MESSAGE_FILE, read_message, write_message

WORKER_FOLDER = Path(edgekit.worker.__file__).parent
_REMEDIES = {NoSuchCpu.__name__: "name others with --cpus, or leave it out"}


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
    command: Sequence[str],
    result: Path,
    environment: Mapping[str, str],
    timeout_s: float | None,
    patience: float = 1.0,
) -> Ending:
    """Run a worker as a child process, and leave no orphan.

    Without `timeout_s` it may take as long as it gets on; `patience` is how much slower than this host it is.

    Raises:
        DeviceTimeout: it gave no answer in time and was ended.
        WorkerCrashed: it waits for itself and was ended.
    """
    process = processes.start(
        command, env=dict(environment), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    return finish_process(process, result, timeout_s, patience)


def finish_process(
    process: subprocess.Popen[bytes],
    result: Path,
    timeout_s: float | None,
    patience: float = 1.0,
    words: bytes | None = None,
) -> Ending:
    """Give a worker `words` on its stdin, where it listens, and wait for its end; see `run_process`.

    Raises:
        DeviceTimeout: it gave no answer in time and was ended.
        WorkerCrashed: it waits for itself and was ended.
    """
    watch = Watch(process.pid, result, timeout_s, patience)
    try:
        while True:
            try:
                _, stderr = process.communicate(words, timeout=watch.pause_s())
                break
            except subprocess.TimeoutExpired:
                words = None  # `communicate` goes on with those it was given first
                watch.check()
    finally:
        processes.end(process)
    return Ending(process.returncode, stderr.decode("utf-8", "replace"))


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
    remedy = _REMEDIES.get(error["type"])
    return WorkerError(f"{error['message']}{step}", remedy)
