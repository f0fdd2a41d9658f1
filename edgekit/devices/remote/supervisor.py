"""Runs one worker on a board for the length of one connection, and leaves nothing behind.

Sent through stdin and executed there. What follows on stdin is a line of JSON (`timeout_s`, `silent_s`,
`environment`) and a tar archive with `worker/`, `request/` and the model's files; stdin then stays open, and
its end means that the connection is gone. On stdout comes a line of JSON after the word `edgekit:` (`code`,
`stderr`, `limit_s`, or `refused`) and a tar archive of what the worker wrote.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from typing import Any

_MIN_PYTHON = (3, 10)
_KEPT_STDERR = 4000
_PR_SET_PDEATHSIG = 1
_POLL_S = 1.0
RESULT_FILES = ("message.json", "tensors.bin", "progress")


def main() -> None:
    """Serve the request on stdin."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, _leave)
    source = os.fdopen(0, "rb", buffering=0, closefd=False)
    header = json.loads(source.readline())
    if sys.version_info < _MIN_PYTHON:
        version = "{}.{}".format(*sys.version_info)
        _answer({"refused": "its Python is " + version + ", ncnn's worker needs 3.10"})
        while os.read(0, 65536):  # what is still being sent
            pass
        return
    folder = tempfile.mkdtemp(prefix="edgekit-")
    try:
        with tarfile.open(fileobj=source, mode="r|") as archive:
            _unpack(archive, folder)
        result = os.path.join(folder, "result")
        os.mkdir(result)
        _answer(_run(folder, result, header))
        with tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as archive:
            for name in RESULT_FILES:
                if os.path.exists(os.path.join(result, name)):
                    archive.add(os.path.join(result, name), name)
        sys.stdout.buffer.flush()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unpack(archive: tarfile.TarFile, folder: str) -> None:
    for member in archive:
        path = os.path.join(folder, *member.name.split("/"))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        content = archive.extractfile(member)
        assert content is not None
        with open(path, "wb") as file:
            shutil.copyfileobj(content, file, 1 << 20)


def _run(folder: str, result: str, header: dict[str, Any]) -> dict[str, Any]:
    stderr = os.path.join(folder, "stderr")
    with open(stderr, "wb") as errors:
        worker = subprocess.Popen(
            [sys.executable, os.path.join(folder, "worker"), os.path.join(folder, "request"), result],
            cwd=folder,
            env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1", **header["environment"]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - there is one thread until later
        )
    try:
        threading.Thread(target=_end_with_connection, args=(worker,), daemon=True).start()
        limit_s = _wait(worker, os.path.join(result, RESULT_FILES[-1]), header)
    finally:
        _end(worker)
    with open(stderr, "rb") as file:
        said = file.read().decode("utf-8", "replace")[-_KEPT_STDERR:]
    return {"code": worker.returncode, "stderr": said, "limit_s": limit_s}


def _wait(worker: subprocess.Popen[bytes], progress: str, header: dict[str, Any]) -> float | None:
    """Wait for the worker's end; return the limit that it went beyond, None where it ended itself.

    `timeout_s` is for all of its work, `silent_s` (None: no limit) for one step of it, which it notes in the
    file `progress`. The clock of a board may be set meanwhile, so only changes of the file's time count.
    """
    timeout_s, silent_s = header["timeout_s"], header["silent_s"]
    begin = heard = time.monotonic()
    noted = None
    while True:
        limits = [begin + timeout_s] + ([] if silent_s is None else [heard + silent_s])
        try:
            worker.wait(max(0.0, min(_POLL_S, min(limits) - time.monotonic())))
            return None
        except subprocess.TimeoutExpired:
            now, seen = time.monotonic(), _changed_at(progress)
        if now >= begin + timeout_s:
            return float(timeout_s)
        if seen != noted:
            noted, heard = seen, now
        elif silent_s is not None and now >= heard + silent_s:
            return float(silent_s)


def _changed_at(path: str) -> int | None:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return None


def _die_with_parent() -> None:
    """Ask Linux to end the worker when this program is killed itself."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _end_with_connection(worker: subprocess.Popen[bytes]) -> None:
    """Read stdin to its end: nobody waits for the answer then."""
    while os.read(0, 65536):
        pass
    _end(worker)


def _end(worker: subprocess.Popen[bytes]) -> None:
    if worker.poll() is None:
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()


def _answer(header: dict[str, Any]) -> None:
    sys.stdout.buffer.write(b"edgekit:" + json.dumps(header).encode() + b"\n")
    sys.stdout.buffer.flush()


def _leave(number: int, frame: object) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    main()
