"""A phone that is not one: the fake adbd, and an adb server of its own for the real client."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.devices.fake_adbd import PHONE, FakeAdbd


class Phones:
    """Connects fakes to an adb server on a port of its own; the user's server and keys stay untouched."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: list[FakeAdbd] = []
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.server_port = probe.getsockname()[1]
        home = folder / "home"
        home.mkdir()
        self._environment = {
            **os.environ,
            "HOME": str(home),
            "TMPDIR": str(folder),  # its server keeps a log
            "ANDROID_ADB_SERVER_PORT": str(self.server_port),
        }
        self._adb("start-server")

    def connect(
        self, cpu: str, properties: Mapping[str, str] = PHONE, *, authorized: bool = True
    ) -> FakeAdbd:
        """A new phone with this CPU."""
        qemu = shutil.which("qemu-aarch64-static") or "qemu-aarch64"
        folder = self._folder / f"phone-{len(self._made)}"
        phone = FakeAdbd(folder, [qemu, "-cpu", cpu], properties, authorized=authorized)
        self._made.append(phone)
        self._adb("connect", phone.serial)
        return phone

    def plug_in(self, phone: FakeAdbd) -> None:
        """Connect a phone again if it was lost."""
        if f"{phone.serial}\tdevice" not in self._adb("devices"):
            self._adb("disconnect", phone.serial)
            self._adb("connect", phone.serial)

    def disconnect(self, phone: FakeAdbd) -> None:
        """Unplug it."""
        self._adb("disconnect", phone.serial)
        phone.close()

    def close(self) -> None:
        """Unplug everything and end the server."""
        for phone in self._made:
            phone.close()
        self._adb("kill-server")

    def _adb(self, *arguments: str) -> str:
        done = subprocess.run(
            ["adb", *arguments], env=self._environment, check=False, capture_output=True, timeout=60
        )
        return done.stdout.decode("utf-8", "replace")


def missing() -> str | None:
    """Why there can be no phone here."""
    needed: dict[str, Callable[[str], str | None]] = dict.fromkeys(
        ("adb", "qemu-aarch64-static"), shutil.which
    )
    lacking = [name for name, find in needed.items() if find(name) is None]
    return f"not installed: {', '.join(lacking)}" if lacking else None
