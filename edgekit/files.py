"""Bytes in and out: bounded reading, memory mapping of large files, all-or-nothing writing."""

from __future__ import annotations

import mmap
import stat
import tomllib
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from edgekit import scratch
from edgekit.errors import FormatError, UserError

Buffer = bytes | mmap.mmap

# Below this a file is read whole: a mapped file that another program shortens kills the process.
_MAP_FROM_BYTES = 64 << 20
_LONGEST_TEXT_BYTES = 256 << 20


def check_regular(path: Path) -> None:
    """Raise `UserError` unless a regular file is at the path: a pipe would be waited for."""
    _open_size(path)


def _open_size(path: Path) -> int:
    """Return the size of a regular file in bytes."""
    try:
        status = path.stat()
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise _cannot("read", path, error) from None
    if not stat.S_ISREG(status.st_mode):
        raise UserError(f"cannot read '{path}': it is not a regular file", "give the path of a file")
    return status.st_size


def _cannot(verb: str, path: Path, error: OSError | ValueError) -> UserError:
    why = error.strerror if isinstance(error, OSError) else None
    return UserError(f"cannot {verb} '{path}': {(why or str(error)).lower()}", "check the path")


def read_text_bytes(path: Path) -> bytes:
    """Return the bytes of a text file of sensible length: a .param, JSON, TOML.

    Raises:
        UserError: the file cannot be read, or is a folder, a pipe or a device.
        FormatError: it is far too long to be such a text.
    """
    size = _open_size(path)
    if size > _LONGEST_TEXT_BYTES:
        raise FormatError(f"'{path}': {size} bytes are too many for a text file", "give the right file here")
    try:
        return path.read_bytes()
    except OSError as error:
        raise _cannot("read", path, error) from None


def read_toml(path: Path) -> dict[str, Any]:
    """Return the content of a TOML file.

    Raises:
        UserError: the file cannot be read.
        FormatError: it is not TOML.
    """
    data = read_text_bytes(path)
    try:
        return tomllib.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # of the text's bytes, of TOML, of a number in it
        raise FormatError(f"'{path}' is not TOML: {error}", "mend the file") from None


def read_buffer(path: Path) -> Buffer:
    """Return the contents of a file: mapped read-only when large, else as bytes.

    Raises:
        UserError: the file cannot be read.
    """
    size = _open_size(path)
    try:
        if size < _MAP_FROM_BYTES:
            return path.read_bytes()
        with path.open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise _cannot("read", path, error) from None


def write_files(files: Sequence[tuple[Path, Iterable[bytes]]]) -> None:
    """Write several files, each whole or not at all; none is replaced before all are written.

    Arrays that still look into a replaced file keep its old contents.

    Raises:
        UserError: a file cannot be written.
    """
    with ExitStack() as stack:
        parts = [(path, _write_beside(path, chunks, stack)) for path, chunks in files]
        for path, part in parts:
            try:
                part.replace(path)
            except OSError as error:
                raise _cannot("write", path, error) from None


def _write_beside(path: Path, chunks: Iterable[bytes], stack: ExitStack) -> Path:
    """Write a temporary file in the folder of `path` and return where it is until the stack unwinds."""
    try:
        part, file = stack.enter_context(scratch.part_of(path))
        for chunk in chunks:
            file.write(chunk)
        file.flush()
    except OSError as error:
        raise _cannot("write", path, error) from None
    return part
