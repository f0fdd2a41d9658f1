"""A fake of Android's adbd: what the real `adb` client needs of one, and no more.

It speaks adb's transport (CNXN, AUTH, OPEN, OKAY, WRTE, CLSE), the shell protocol 2 and the first version of
sync, over TCP. Its shell is this machine's; `/data/local/tmp` lies in a folder of its own, `getprop` and
`uname` answer as a phone would, and an aarch64 program that is pushed runs under qemu.
"""

from __future__ import annotations

import contextlib
import os
import queue
import re
import shlex
import signal
import socket
import struct
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

_VERSION, _MAX_DATA = 0x01000001, 256 * 1024
_BANNER = b"device::ro.product.name=fake;ro.product.model=fake;ro.product.device=fake;features=shell_v2,cmd"
_STDIN, _STDOUT, _STDERR, _EXIT, _CLOSE_STDIN = range(5)
_AARCH64_ELF = b"\x7fELF\x02\x01"
_TMP = "/data/local/tmp"

PHONE = {
    "ro.product.manufacturer": "Fake",
    "ro.product.model": "Phone 1",
    "ro.soc.model": "FK1",
    "ro.build.version.release": "14",
}


class FakeAdbd:
    """Listens on a port of 127.0.0.1. `serial` is how adb calls it once it is connected.

    `emulator` is the start of the command line that runs an aarch64 program. With `authorized` False it never
    accepts a key, as a phone whose owner has not said yes.
    """

    def __init__(
        self,
        folder: Path,
        emulator: list[str],
        properties: Mapping[str, str] = PHONE,
        *,
        authorized: bool = True,
    ) -> None:
        self.folder = folder
        self.tmp = folder / _TMP.lstrip("/")
        self.tmp.mkdir(parents=True)
        self._emulator = emulator
        self._authorized = authorized
        self.shells: list[subprocess.Popen[bytes]] = []
        self.pushed: list[str] = []
        self._connections: list[socket.socket] = []
        self._make_programs(properties)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.serial = f"127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def drop(self) -> None:
        """Lose every connection, as when the cable is pulled."""
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Stop."""
        self._listener.close()
        self.drop()

    def leftovers(self) -> list[str]:
        """What is in the folder of edgekit beside the runner, and shells that still run."""
        names = [
            path.name for path in (self.tmp / "edgekit").glob("*") if not path.name.startswith("runner-")
        ]
        return names + [str(shell.args) for shell in self.shells if shell.poll() is None]

    def path(self, there: str) -> Path:
        """Where a path of the device is on this machine."""
        return Path(self.mapped(there))

    def mapped(self, text: str) -> str:
        """A line of shell with its paths put into the folder."""
        return re.sub(rf"(?<![\w]){_TMP}\b", lambda match: str(self.tmp), text)

    def environment(self) -> dict[str, str]:
        return {"PATH": f"{self.folder / 'bin'}:/usr/bin:/bin", "HOME": "/"}

    def receive(self, there: str, content: bytes, mode: int) -> None:
        """Write a file that was pushed; a program becomes one that the emulator runs."""
        path = self.path(there)
        self.pushed.append(there)
        if content.startswith(_AARCH64_ELF):
            program = self.folder / f"program-{len(self.pushed)}"
            program.write_bytes(content)
            program.chmod(0o755)
            command = shlex.join([*self._emulator, str(program)])
            content = f'#!/bin/sh\nexec {command} "$@"\n'.encode()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(mode & 0o777)

    def _make_programs(self, properties: Mapping[str, str]) -> None:
        folder = self.folder / "bin"
        folder.mkdir()
        cases = "\n".join(f"{name}) echo {shlex.quote(value)} ;;" for name, value in properties.items())
        for name, text in {
            "getprop": f'case "$1" in\n{cases}\n*) echo ;;\nesac\n',
            "uname": "echo aarch64\n",
        }.items():
            (folder / name).write_text("#!/bin/sh\n" + text)
            (folder / name).chmod(0o755)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            serve = _Transport(self, connection, self._authorized).serve
            threading.Thread(target=serve, daemon=True).start()


class _Transport:
    """One connection of an adb server."""

    def __init__(self, device: FakeAdbd, connection: socket.socket, authorized: bool) -> None:
        self.device = device
        self._connection = connection
        self._authorized = authorized
        self._lock = threading.Lock()
        self._streams: dict[int, _Stream] = {}

    def send(self, command: bytes, first: int, second: int, data: bytes = b"") -> None:
        magic = struct.unpack("<I", command)[0] ^ 0xFFFFFFFF
        header = struct.pack(
            "<4s5I", command, first, second, len(data), sum(data) & 0xFFFFFFFF if data else 0, magic
        )
        with self._lock:
            self._connection.sendall(header + data)

    def serve(self) -> None:
        try:
            while True:
                command, first, second, size, _, _ = struct.unpack("<4s5I", self._read(24))
                self._handle(command, first, second, self._read(size))
        except (OSError, EOFError):
            pass
        finally:
            for stream in list(self._streams.values()):
                stream.end()
            self._connection.close()

    def _handle(self, command: bytes, first: int, second: int, data: bytes) -> None:
        if command == b"CNXN" and self._authorized:
            self.send(b"CNXN", _VERSION, _MAX_DATA, _BANNER)
        elif command in (b"CNXN", b"AUTH"):
            self.send(b"AUTH", 1, 0, b"t" * 20)
        elif command == b"OPEN":
            stream = _Stream(self, len(self._streams) + 1, first)
            self._streams[stream.id] = stream
            stream.open(data.rstrip(b"\0").decode())
        elif second in self._streams:
            stream = self._streams[second]
            if command == b"WRTE":
                stream.receive(data)
                self.send(b"OKAY", stream.id, first)
            elif command == b"OKAY":
                stream.acknowledged.set()
            elif command == b"CLSE":
                stream.end()

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            part = self._connection.recv(size - len(data))
            if not part:
                raise EOFError
            data += part
        return data


class _Stream:
    """One service that the client opened."""

    def __init__(self, transport: _Transport, id: int, peer: int) -> None:
        self.id = id
        self.device = transport.device
        self.acknowledged = threading.Event()
        self.at_end: Callable[[], None] = lambda: None
        self._transport = transport
        self._peer = peer
        self._incoming: queue.Queue[bytes] = queue.Queue()
        self._left = b""
        self._ended = False

    def open(self, service: str) -> None:
        name, _, argument = service.partition(":")
        serve = _sync if name == "sync" else _shell if name.startswith("shell") else None
        if serve is None:
            self._transport.send(b"CLSE", 0, self._peer)
            return
        self._transport.send(b"OKAY", self.id, self._peer)
        threading.Thread(target=self._serve, args=(serve, argument), daemon=True).start()

    def _serve(self, serve: Callable[[_Stream, str], None], argument: str) -> None:
        with contextlib.suppress(OSError, EOFError):
            serve(self, argument)
        with contextlib.suppress(OSError):
            self._transport.send(b"CLSE", self.id, self._peer)

    def receive(self, data: bytes) -> None:
        self._incoming.put(data)

    def end(self) -> None:
        if not self._ended:
            self._ended = True
            self._incoming.put(b"")
            self.acknowledged.set()
            self.at_end()

    def read(self, size: int) -> bytes:
        while len(self._left) < size:
            part = self._incoming.get()
            if not part:
                raise EOFError
            self._left += part
        data, self._left = self._left[:size], self._left[size:]
        return data

    def write(self, data: bytes) -> None:
        for start in range(0, len(data), _MAX_DATA):
            self.acknowledged.clear()
            if self._ended:
                raise EOFError
            self._transport.send(b"WRTE", self.id, self._peer, data[start : start + _MAX_DATA])
            self.acknowledged.wait()


def _shell(stream: _Stream, command: str) -> None:
    """Run a command; the end of the connection closes its stdin and sends it SIGHUP, as adbd does."""
    process = subprocess.Popen(
        ["/bin/sh", "-c", stream.device.mapped(command)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=stream.device.environment(),
        start_new_session=True,
    )
    stream.device.shells.append(process)
    assert process.stdin is not None and process.stdout is not None and process.stderr is not None
    stdin = process.stdin

    def hang_up() -> None:
        with contextlib.suppress(OSError):
            stdin.close()
        if process.poll() is None:
            os.kill(process.pid, signal.SIGHUP)

    stream.at_end = hang_up
    lock = threading.Lock()

    def send(kind: int, data: bytes) -> None:
        with lock:
            stream.write(struct.pack("<BI", kind, len(data)) + data)

    def forward(pipe: int, kind: int) -> None:
        with contextlib.suppress(OSError, EOFError):
            while data := os.read(pipe, 32768):
                send(kind, data)

    def feed() -> None:
        with contextlib.suppress(OSError, EOFError, ValueError):
            while True:
                kind, size = struct.unpack("<BI", stream.read(5))
                data = stream.read(size)
                if kind == _STDIN:
                    stdin.write(data)
                    stdin.flush()
                elif kind == _CLOSE_STDIN:
                    stdin.close()

    pipes = ((process.stdout.fileno(), _STDOUT), (process.stderr.fileno(), _STDERR))
    threads = [threading.Thread(target=forward, args=pair, daemon=True) for pair in pipes]
    threading.Thread(target=feed, daemon=True).start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    code = process.wait()
    send(_EXIT, bytes([code if code >= 0 else 128 - code]))


def _sync(stream: _Stream, _: str) -> None:
    """Serve pushes and pulls."""
    device = stream.device
    while True:
        word, size = struct.unpack("<4sI", stream.read(8))
        text = stream.read(size).decode()
        if word == b"STAT":
            stream.write(b"STAT" + _status(device.path(text)))
        elif word == b"LIST":
            for path in sorted(device.path(text).iterdir()):
                name = path.name.encode()
                stream.write(b"DENT" + _status(path) + struct.pack("<I", len(name)) + name)
            stream.write(b"DONE" + bytes(16))
        elif word == b"SEND":
            path, _, mode = text.rpartition(",")
            content = b""
            while (part := struct.unpack("<4sI", stream.read(8)))[0] == b"DATA":
                content += stream.read(part[1])
            device.receive(path, content, int(mode))
            stream.write(b"OKAY" + bytes(4))
        elif word == b"RECV":
            content = device.path(text).read_bytes()
            for start in range(0, len(content), 65536):
                part_of = content[start : start + 65536]
                stream.write(b"DATA" + struct.pack("<I", len(part_of)) + part_of)
            stream.write(b"DONE" + bytes(4))
        else:
            return


def _status(path: Path) -> bytes:
    if not path.exists():
        return bytes(12)
    status = path.stat()
    return struct.pack("<III", status.st_mode, status.st_size, int(status.st_mtime))
