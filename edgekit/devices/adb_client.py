"""The user's own adb: which devices it sees, and running, pushing and pulling on one of them."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgekit.errors import UserError, did_you_mean

_ANSWER_S = 60.0  # for anything that is no transfer
_SLOWEST_BYTES_PER_S = 200e3  # of a bad cable
_STATES: Mapping[str, tuple[str, str]] = {
    "unauthorized": (
        "has not allowed this computer",
        "unlock its screen and accept the question about USB debugging",
    ),
    "authorizing": ("is still answering", "try again in a moment"),
    "offline": ("is offline", "unplug it and plug it in again, or: adb reconnect"),
    "no permissions": (
        "may not be used by this user",
        "on Debian: apt-get install android-sdk-platform-tools-common, then plug it in again",
    ),
}


@dataclass(frozen=True, slots=True)
class Listed:
    """A line of `adb devices`: `state` is `device` for one that can be used."""

    serial: str
    state: str


@dataclass(frozen=True, slots=True)
class Client:
    """adb for one device."""

    program: str
    serial: str

    def command(self, *arguments: str | Path) -> list[str]:
        """Return the command line of adb with these arguments, for this device."""
        return [self.program, "-s", self.serial, *map(str, arguments)]

    def shell_text(self, text: str) -> str:
        """Run a line of shell there and return its output.

        Raises:
            UserError: the device is gone, or the command failed.
        """
        return self._run("shell", "-T", text, timeout_s=_ANSWER_S)

    def push(self, files: Sequence[Path], to: str) -> None:
        """Copy files to a path there; more than one go into that folder.

        Raises:
            UserError: the device is gone or full.
        """
        size = sum(path.stat().st_size for path in files)
        self._run("push", *files, to, timeout_s=_ANSWER_S + size / _SLOWEST_BYTES_PER_S)

    def pull(self, path: str, to: Path, longest_s: float) -> None:
        """Copy a folder from there into one that exists here.

        Raises:
            UserError: the device is gone.
        """
        self._run("pull", path, to, timeout_s=longest_s)

    def _run(self, *arguments: str | Path, timeout_s: float) -> str:
        try:
            done = subprocess.run(
                self.command(*arguments),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise UserError(
                f"{self.serial} gave no answer within {timeout_s:g} s", "is it still there?"
            ) from None
        if done.returncode != 0:
            lines = (done.stdout + done.stderr).decode("utf-8", "replace").strip().splitlines()
            last = re.sub(r"^(adb: |error: )+", "", lines[-1].strip()) if lines else "no message"
            raise UserError(f"{self.serial}: {last}", "is it still there, and has it room?")
        return done.stdout.decode("utf-8", "replace")


def find_adb() -> str | None:
    """Return the program, or None."""
    return shutil.which("adb")


def require_adb() -> str:
    """Return the program.

    Raises:
        UserError: it is not installed.
    """
    program = find_adb()
    if program is None:
        raise UserError("adb is not installed", "on Debian: apt-get install adb")
    return program


def listing(program: str) -> list[Listed]:
    """Return what `adb devices` lists; this starts adb's server where none runs.

    Raises:
        UserError: adb does not work.
    """
    try:
        done = subprocess.run(
            [program, "devices"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_ANSWER_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise UserError("adb gives no answer", "restart its server: adb kill-server") from None
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no message"]
        raise UserError(f"adb does not work: {said[-1]}", "restart its server: adb kill-server")
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    rows = [line.partition("\t") for line in lines if "\t" in line]
    return [Listed(serial.strip(), _state(state.strip())) for serial, _, state in rows]


def choose(serial: str | None, listed: Sequence[Listed]) -> str:
    """Return the serial number of the device to use: the named one, or the only one.

    Raises:
        UserError: there is none, there are several, or it cannot be used.
    """
    serials = [each.serial for each in listed]
    if serial is None:
        if not serials:
            raise UserError(
                "adb sees no device", "plug one in with USB debugging turned on, or: adb connect HOST"
            )
        usable = [each.serial for each in listed if each.state == "device"]
        if len(usable) > 1:
            names = ", ".join(f"adb:{name}" for name in usable)
            raise UserError(f"adb sees {len(usable)} devices", f"name one of them: {names}")
        serial = usable[0] if usable else serials[0]
    if serial not in serials:
        there = "it sees " + ", ".join(f"adb:{name}" for name in serials) if serials else "it sees none"
        raise UserError(f"adb sees no device '{serial}'", did_you_mean(serial, serials) or there)
    state = next(each.state for each in listed if each.serial == serial)
    if state != "device":
        what, remedy = _STATES.get(state, (f"is in state '{state}'", "start Android on it"))
        raise UserError(f"{serial} {what}", remedy)
    return serial


def _state(text: str) -> str:
    """Return one of `_STATES`, some of which adb explains at length, or what adb says."""
    return next((state for state in _STATES if text.startswith(state)), text)
