"""A real sshd on 127.0.0.1 with a key of its own, and an `ssh` that finds it: the user's stays untouched."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

_SSHD_CONFIG = """\
ListenAddress 127.0.0.1:{port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/user_key.pub
PidFile {folder}/sshd.pid
StrictModes no
PasswordAuthentication no
UsePAM no
SetEnv HOME={folder}/home PATH={folder}/bin:/usr/bin:/bin TMPDIR={folder}/tmp
"""

_SSH_CONFIG = """\
Host board
    HostName 127.0.0.1
    Port {port}
    User {user}
Host *
    IdentityFile {folder}/user_key
    IdentitiesOnly yes
    UserKnownHostsFile {folder}/known_hosts
"""


@dataclass
class Board:
    """The account that sshd serves: `home` and `tmp` are its folders, `bin` is first in its PATH."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def tmp(self) -> Path:
        return self.folder / "tmp"

    def python(self, text: str) -> None:
        """Make this the board's python3."""
        path = self.folder / "bin" / "python3"
        path.write_text(text)
        path.chmod(0o755)

    def leftovers(self, wait_s: float = 10.0) -> list[str]:
        """What is left in its temporary folder, and processes that work in it, after at most `wait_s`."""
        end = time.monotonic() + wait_s
        while (found := [*map(str, self.tmp.iterdir()), *self._processes()]) and time.monotonic() < end:
            time.sleep(0.05)
        return found

    def _processes(self) -> list[str]:
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                words = (process / "cmdline").read_bytes().decode("utf-8", "replace")
            except OSError:
                continue
            if str(self.tmp) in words:
                found.append(words.replace("\0", " "))
        return found


def missing() -> str | None:
    """Why there can be no board here."""
    if shutil.which("sshd", path=_search_path()) is None:
        return "sshd is not installed; apt-get install openssh-server"
    return None


def start(folder: Path) -> Board:
    """Start sshd with `folder` for everything it needs."""
    for name in ("bin", "home", "tmp"):
        (folder / name).mkdir()
    for key in ("host_key", "user_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / key], check=True)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    host_key = (folder / "host_key.pub").read_text()
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {host_key}")
    (folder / "sshd_config").write_text(_SSHD_CONFIG.format(port=port, folder=folder))
    (folder / "ssh_config").write_text(_SSH_CONFIG.format(port=port, folder=folder, user=getpass.getuser()))
    sshd = shutil.which("sshd", path=_search_path())
    assert sshd is not None
    process = subprocess.Popen([sshd, "-D", "-e", "-f", folder / "sshd_config"], stderr=subprocess.DEVNULL)
    board = Board(folder, port, process)
    board.python(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    client = folder / "client"
    client.mkdir()
    (client / "ssh").write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {folder}/ssh_config "$@"\n')
    (client / "ssh").chmod(0o755)
    _wait_for(port)
    return board


def _wait_for(port: int) -> None:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError("sshd does not listen")


def _search_path() -> str:
    return os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
