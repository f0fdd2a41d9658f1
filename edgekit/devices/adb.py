"""An Android device that adb reaches: ncnn in a native program, which needs nothing installed there.

The program (`android_demo/core`) is pushed once and stays, named by its content. Every request has one
connection: the program makes a folder, the files are pushed into it, the work is done, the result is pulled.
When the connection ends, for whatever reason, the program there ends the work and removes the folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shlex
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any

from edgekit import processes
from edgekit.devices.adb_client import Client, choose, listing, require_adb
from edgekit.devices.base import DeviceInfo, Reply, Tensor, ask
from edgekit.devices.exchange import Ending, exchange
from edgekit.devices.setup.native import find_runner, runner_target
from edgekit.devices.watch import LONGEST_S, SILENT_S, timed_out
from edgekit.errors import UserError

SETUP_REMEDY = "make it with: edgekit device setup adb"

_FOLDER = "/data/local/tmp/edgekit"  # where the shell of every Android may write and start programs
_ANSWER = b"edgekit:"
_START_S = 60.0
_SLACK_S = 60.0  # for the connection, beside the work
_PULL_S = 600.0
# what the device is, in one connection; an emulator says so under one of two names
_QUESTION = (
    "uname -m; getprop ro.product.manufacturer; getprop ro.product.model; getprop ro.soc.model; "
    "getprop ro.build.version.release; getprop ro.boot.qemu; getprop ro.kernel.qemu"
)


@dataclass(frozen=True, slots=True)
class About:
    """What a device says of itself; anything but the architecture may be empty."""

    arch: str
    model: str
    soc: str
    android: str
    emulator: bool

    @classmethod
    def parse(cls, text: str) -> About:
        """Read the answer.

        Raises:
            UserError: it is none.
        """
        lines = [line.strip() for line in text.split("\n")]
        if len(lines) < 7 or not lines[0]:
            raise UserError("the device does not say what it is", "is it Android 7 or newer?")
        arch, maker, model, soc, android, *emulator = lines[:7]
        if maker and not model.lower().startswith(maker.lower()):
            model = f"{maker} {model}"
        return cls(arch, model.strip(), soc, android, "1" in emulator)

    def environment(self, seen: Mapping[str, Any]) -> dict[str, str]:
        """Return what is better known here than to the runner, which has `seen` the kernel alone."""
        better = {}
        if self.model:
            better["cpu"] = f"{self.model} ({self.soc or seen['cpu']})"
        if self.android:
            better["system"] = f"Android {self.android}, {seen['system']}"
        return better


class AdbDevice:
    """ncnn on an Android device: the one with this serial number, or the only one.

    Raises:
        UserError: when it is used: adb or the runner is missing, or the device is out of reach.
    """

    def __init__(self, serial: str | None = None) -> None:
        self._serial = serial
        self.spec = "adb" if serial is None else f"adb:{serial}"

    @property
    def emulated(self) -> bool:
        """Whether it is Android's emulator, whose times say nothing about a phone."""
        return self.about.emulator

    @cached_property
    def about(self) -> About:
        """What the device says of itself."""
        return About.parse(self.client().shell_text(_QUESTION))

    def client(self) -> Client:
        """Return adb for this device.

        Raises:
            UserError: adb is missing, sees no such device, or several where none is named.
        """
        program = require_adb()
        return Client(program, choose(self._serial, listing(program)))

    def info(self) -> DeviceInfo:
        """Start a worker that only says where it is."""
        return ask(self, "adb", timeout_s=_SLACK_S)

    def call(
        self,
        message: Mapping[str, Any],
        tensors: Iterable[Tensor] = (),
        *,
        environment: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Reply:
        """Run one request in a fresh process on the device; see `Device.call`."""
        client = self.client()
        runner = install_runner(client, require_runner(self.about.arch))
        files = {role: Path(path) for role, path in message.get("files", {}).items()}
        there = {**message, "files": {role: f"files/{role}" for role in files}}
        longest_s = LONGEST_S if timeout_s is None else timeout_s
        silent_s = SILENT_S if timeout_s is None else None
        header = {"timeout_s": longest_s, "silent_s": silent_s, "environment": dict(environment or {})}

        def carry(request: Path, result: Path) -> Ending:
            with _Connection(client, runner) as connection:
                folder = connection.read_answer(_START_S)["folder"]
                client.push(sorted(request.iterdir()), f"{folder}/request/")
                for role, path in files.items():
                    client.push([path], f"{folder}/files/{role}")
                connection.send(header)
                ending = connection.read_answer(longest_s + _SLACK_S)
                client.pull(f"{folder}/result", result.parent, _PULL_S)
            if ending["limit_s"] is not None:
                raise timed_out(result, ending["limit_s"])
            return Ending(int(ending["code"]), str(ending["stderr"]))

        reply = exchange(there if files else message, tensors, carry)
        if "environment" in reply.message:
            reply.message["environment"] |= self.about.environment(reply.message["environment"])
        if self.emulated and message["command"] == "bench":
            reply.message["not_counted"] = (
                "instructions are not counted in Android's emulator; they are on qemu:CPU"
            )
        return reply


def require_runner(arch: str) -> Path:
    """Return the runner for devices of this architecture.

    Raises:
        UserError: it has not been made, or there is none.
    """
    runner = find_runner(runner_target(arch))
    if runner is None:
        raise UserError("the program that runs ncnn on an Android device has not been made", SETUP_REMEDY)
    return runner


def install_runner(client: Client, runner: Path) -> str:
    """Put the runner on the device unless it is there, and return its path there.

    It is copied beside its place and renamed: one that is half there is never started. Earlier ones go.

    Raises:
        UserError: the device is out of reach, or full.
    """
    digest = hashlib.sha256(runner.read_bytes()).hexdigest()[:16]
    path = f"{_FOLDER}/runner-{digest}"
    there = client.shell_text(f"mkdir -p {_FOLDER}; [ -x {path} ] && echo yes; true").strip()
    if not there.endswith("yes"):
        part = f"{_FOLDER}/new-{digest}"
        client.push([runner], part)
        client.shell_text(f"rm -f {_FOLDER}/runner-*; chmod 755 {part} && mv {part} {path}")
    return path


class _Connection:
    """One `adb shell` in which the runner serves one request."""

    def __init__(self, client: Client, runner: str) -> None:
        self._client = client
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed in __exit__
        self._command = client.command("shell", "-T", shlex.join(["exec", runner, "--serve", _FOLDER]))
        self._late = False

    def __enter__(self) -> _Connection:
        self._process = processes.start(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors
        )
        return self

    def __exit__(self, *error: object) -> None:
        """End the connection: whatever still runs there ends, and its folder goes."""
        with contextlib.suppress(OSError):
            self._process.stdin.close()  # type: ignore[union-attr]
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()  # type: ignore[union-attr]
        self._errors.close()

    def send(self, header: Mapping[str, Any]) -> None:
        """Send a line of JSON."""
        try:
            self._process.stdin.write(json.dumps(header).encode() + b"\n")  # type: ignore[union-attr]
            self._process.stdin.flush()  # type: ignore[union-attr]
        except OSError:
            raise self._lost(0) from None

    def read_answer(self, longest_s: float) -> dict[str, Any]:
        """Read the next line of JSON from the runner.

        Raises:
            UserError: the connection ended, or the runner said nothing in time.
        """
        clock = threading.Timer(longest_s, self._end_late)
        clock.daemon = True
        clock.start()
        try:
            for line in self._process.stdout:  # type: ignore[union-attr]
                if line.startswith(_ANSWER):
                    answer: dict[str, Any] = json.loads(line.removeprefix(_ANSWER))
                    return answer
        finally:
            clock.cancel()
        raise self._lost(longest_s)

    def _end_late(self) -> None:
        self._late = True
        self._process.kill()

    def _lost(self, longest_s: float) -> UserError:
        self._process.wait()
        if self._late:
            return UserError(
                f"{self._client.serial} gave no answer within {longest_s:g} s", "is it still there?"
            )
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        said = f": {lines[-1].strip()}" if lines else ""
        return UserError(
            f"the connection to {self._client.serial} was lost{said}", "nothing is left there; try again"
        )
