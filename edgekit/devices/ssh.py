"""A board that ssh reaches: the user's own ssh, with its configuration, agent and jump hosts.

One connection per request carries a small program, the worker, the model and the inputs there, and the result
back. On the board nothing is installed and nothing stays: when the connection ends, for whatever reason, the
program there ends the worker and removes its folder.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import subprocess
import tarfile
import tempfile
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from edgekit import processes
from edgekit.devices.base import DeviceInfo, Reply, Tensor, ask
from edgekit.devices.exchange import WORKER_FOLDER, Ending, exchange
from edgekit.devices.remote.supervisor import RESULT_FILES
from edgekit.devices.watch import LONGEST_S, SILENT_S, timed_out
from edgekit.errors import MissingPackage, UserError

_REMOTE = Path(__file__).parent / "remote"
_SUPERVISOR = _REMOTE / "supervisor.py"
_MAKE_VENV = _REMOTE / "make_venv.py"
_CONNECT_S = 20
_SLACK_S = 60.0  # for the connection and the transfer, beside the work
_SSH_FAILED = 255
_NOT_FOUND = (126, 127)
_DROPPED = re.compile(r"closed by remote host|Broken pipe|reset by peer|not responding")
_ANSWER = b"edgekit:"
_HOST = re.compile(r"[A-Za-z0-9_.%~-]+|\[[0-9A-Fa-f:.%A-Za-z]+\]")
_USER = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.@\\-]*\$?")
# stdin: a line with the length of a program, the program, and what the program itself reads
_BOOTSTRAP = """\
import os, sys
source = os.fdopen(0, "rb", 0, closefd=False)
length, program = int(source.readline()), b""
while len(program) < length:
    part = source.read(length - len(program))
    if not part:
        sys.exit(1)
    program += part
exec(compile(program, "edgekit", "exec"))
"""
_SHELL = 'p="$HOME/.cache/edgekit/venv/bin/python"; [ -x "$p" ] || p=python3; exec "$p" -c "$1"'


@dataclass(frozen=True, slots=True)
class Address:
    """`[USER@]HOST[:PORT]`; the host may be a name from the user's ssh configuration."""

    user: str | None
    host: str
    port: int | None

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read an address; an IPv6 one stands in brackets.

        Raises:
            UserError: it is none.
        """
        user, at, rest = text.rpartition("@")
        match = re.fullmatch(rf"({_HOST.pattern})(?::([0-9]+))?", rest)
        port = int(match[2]) if match and match[2] else None
        good_user = not at or _USER.fullmatch(user) is not None
        if (
            match is None
            or match[1].startswith("-")
            or not good_user
            or not (port is None or 0 < port < 65536)
        ):
            raise UserError(
                f"'{text}' is no address of a board", "write ssh:HOST, ssh:USER@HOST or ssh:USER@HOST:PORT"
            )
        return cls(user or None, match[1].strip("[]"), port)

    @property
    def arguments(self) -> list[str]:
        """The arguments of ssh that say where."""
        port = [] if self.port is None else ["-p", str(self.port)]
        user = [] if self.user is None else ["-l", self.user]
        return [*port, *user, "--", self.host]


class SshDevice:
    """ncnn on a board, in its python3 or in the environment that `edgekit device setup` made there.

    Raises:
        UserError: no address; when it is used, the board is out of reach or lacks Python, ncnn or numpy.
    """

    emulated = False

    def __init__(self, address: str) -> None:
        self.address = Address.parse(address)
        self.spec = f"ssh:{address}"

    def info(self) -> DeviceInfo:
        """Start a worker that only says where it is."""
        return ask(self, "ssh", timeout_s=_SLACK_S)

    def call(
        self,
        message: Mapping[str, Any],
        tensors: Iterable[Tensor] = (),
        *,
        environment: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Reply:
        """Run one request in a fresh process on the board; see `Device.call`."""
        files = {role: Path(path) for role, path in message.get("files", {}).items()}
        there = {**message, "files": {role: f"files/{role}" for role in files}}
        longest_s = LONGEST_S if timeout_s is None else timeout_s
        silent_s = SILENT_S if timeout_s is None else None
        header = {"timeout_s": longest_s, "silent_s": silent_s, "environment": dict(environment or {})}

        def carry(request: Path, result: Path) -> Ending:
            return self._carry(header, request, files, result)

        try:
            return exchange(there if files else message, tensors, carry)
        except MissingPackage:
            raise self._lacks("ncnn") from None

    def setup(self, packages: Sequence[str], *, again: bool = False) -> str:
        """Make a virtual environment with these packages on the board; return its interpreter.

        Raises:
            UserError: the board is out of reach, or could not make it.
        """
        with _Connection(self, _MAKE_VENV, LONGEST_S) as connection:
            connection.send(json.dumps({"packages": list(packages), "again": again}).encode() + b"\n")
            answer = connection.read_header()
        if "error" in answer:
            raise UserError(f"{self.address.host}: {answer['error']}", answer["remedy"])
        return str(answer["python"])

    def _carry(
        self, header: Mapping[str, Any], request: Path, files: Mapping[str, Path], result: Path
    ) -> Ending:
        with _Connection(self, _SUPERVISOR, float(header["timeout_s"]) + _SLACK_S) as connection:
            connection.send(json.dumps(header).encode() + b"\n")
            connection.send_archive(request, files)
            answer = connection.read_header()
            if "refused" in answer:
                raise UserError(f"{self.address.host}: {answer['refused']}", "install a newer python3 there")
            connection.read_archive(result)
        if answer["limit_s"] is not None:
            raise timed_out(result, answer["limit_s"])
        missing = re.search(r"No module named '(ncnn|numpy)'", answer["stderr"])
        if missing:
            raise self._lacks(missing[1])
        return Ending(int(answer["code"]), str(answer["stderr"]))

    def _lacks(self, package: str) -> UserError:
        return UserError(
            f"the Python of {self.address.host} has no {package}",
            f"make one that has it with: edgekit device setup {self.spec}",
        )


class _Connection:
    """One ssh process that executes a program of ours on the board."""

    def __init__(self, device: SshDevice, program: Path, longest_s: float) -> None:
        ssh = shutil.which("ssh")
        if ssh is None:
            raise UserError("ssh is not installed", "on Debian: apt-get install openssh-client")
        self._device = device
        self._program = program.read_bytes()
        self._longest_s = longest_s
        self._late = False
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed in __exit__
        remote = " ".join(shlex.quote(part) for part in ("sh", "-c", _SHELL, "sh", _BOOTSTRAP))
        options = (
            "BatchMode=yes",
            f"ConnectTimeout={_CONNECT_S}",
            "ServerAliveInterval=10",
            "ServerAliveCountMax=3",
        )
        self._command = [ssh, "-T", *(part for option in options for part in ("-o", option))]
        self._command += [*device.address.arguments, remote]

    def __enter__(self) -> _Connection:
        self._process = processes.start(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors
        )
        self._clock = threading.Timer(self._longest_s, self._end_late)
        self._clock.daemon = True
        self._clock.start()
        self.send(str(len(self._program)).encode() + b"\n" + self._program)
        return self

    def __exit__(self, *error: object) -> None:
        """Close the connection, which ends everything on the board."""
        self._clock.cancel()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()  # type: ignore[union-attr]
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()

    def send(self, data: bytes) -> None:
        """Write to the program's stdin."""
        try:
            self._process.stdin.write(data)  # type: ignore[union-attr]
            self._process.stdin.flush()  # type: ignore[union-attr]
        except OSError:
            raise self._lost() from None

    def send_archive(self, request: Path, files: Mapping[str, Path]) -> None:
        """Send the worker, the request and the model's files as one tar archive."""
        try:
            with tarfile.open(fileobj=self._process.stdin, mode="w|") as archive:
                for path in sorted(WORKER_FOLDER.glob("*.py")):
                    _add(archive, path, f"worker/{path.name}")
                for path in sorted(request.iterdir()):
                    _add(archive, path, f"request/{path.name}")
                for role, path in files.items():
                    _add(archive, path, f"files/{role}")
            self._process.stdin.flush()  # type: ignore[union-attr]
        except BrokenPipeError:
            raise self._lost() from None

    def read_header(self) -> dict[str, Any]:
        """Read the line of JSON that the program answers with."""
        for line in self._process.stdout:  # type: ignore[union-attr]
            if line.startswith(_ANSWER):  # a login shell may say something of its own before
                answer: dict[str, Any] = json.loads(line.removeprefix(_ANSWER))
                return answer
        raise self._lost()

    def read_archive(self, folder: Path) -> None:
        """Read what the worker wrote: the files that a result has, and no other."""
        try:
            with tarfile.open(fileobj=self._process.stdout, mode="r|") as archive:
                for member in archive:
                    content = archive.extractfile(member) if member.name in RESULT_FILES else None
                    if content is not None:
                        with (folder / member.name).open("wb") as file:
                            shutil.copyfileobj(content, file, 1 << 20)
        except (tarfile.TarError, OSError):
            raise self._lost() from None

    def _end_late(self) -> None:
        self._late = True
        self._process.kill()

    def _lost(self) -> UserError:
        """Return the error of a connection that ended before the answer was whole."""
        try:
            code = self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        said = lines[-1].strip() if lines else "the connection was closed"
        host = self._device.address.host
        if self._late:
            return UserError(f"{host} gave no answer within {self._longest_s:g} s", "is it still there?")
        if code in _NOT_FOUND:
            return UserError(f"{host} has no python3: {said}", "install python3 (3.10 or newer) there")
        if code == _SSH_FAILED and not _DROPPED.search(said):
            remedy = f"log in once with: {shlex.join(['ssh', *self._device.address.arguments])}"
            return UserError(f"no connection to {host}: {said}", remedy)
        return UserError(f"the connection to {host} was lost: {said}", "nothing is left there; try again")


def _add(archive: tarfile.TarFile, path: Path, name: str) -> None:
    """Add the content of a file, whoever owns it and whatever links to it here."""
    with path.open("rb") as file:
        entry = tarfile.TarInfo(name)
        entry.size = os.fstat(file.fileno()).st_size
        entry.mode = 0o600
        archive.addfile(entry, file)
