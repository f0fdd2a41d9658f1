"""Bytes in and out: bounded reading, memory mapping of large files, all-or-nothing writing."""

from __future__ import annotations

import mmap
import os
import stat
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from edgekit.errors import FormatError, UserError

Buffer = bytes | mmap.mmap

# Below this a file is read whole: a mapped file that another program shortens kills the process.
_MAP_FROM_BYTES = 64 << 20
_LONGEST_TEXT_BYTES = 256 << 20


def _open_size(path: Path) -> int:
    """Return the size of a regular file in bytes."""
    try:
        status = path.stat()
    except OSError as error:
        raise _cannot("read", path, error) from None
    if not stat.S_ISREG(status.st_mode):
        raise UserError(f"cannot read '{path}': it is not a regular file", "give the path of a file")
    return status.st_size


def _cannot(verb: str, path: Path, error: OSError) -> UserError:
    return UserError(f"cannot {verb} '{path}': {(error.strerror or str(error)).lower()}", "check the path")


def read_text_bytes(path: Path) -> bytes:
    """Return the bytes of a text file of sensible length.

    Raises:
        UserError: the file cannot be read.
        FormatError: it is far too long to be a text of layers.
    """
    size = _open_size(path)
    if size > _LONGEST_TEXT_BYTES:
        raise FormatError(f"{path}: {size} bytes are too many for a .param file", "give the .param file here")
    try:
        return path.read_bytes()
    except OSError as error:
        raise _cannot("read", path, error) from None


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
    done: list[tuple[Path, Path]] = []
    try:
        for path, chunks in files:
            done.append((_write_beside(path, chunks), path))
        for temporary, path in done:
            _replace(temporary, path)
    finally:
        for temporary, _ in done:
            with suppress(OSError):
                temporary.unlink()


def _write_beside(path: Path, chunks: Iterable[bytes]) -> Path:
    """Write a temporary file in the folder of `path` and return where it is."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise _cannot("write", path, error) from None
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            for chunk in chunks:
                file.write(chunk)
        temporary.chmod(_creation_mode(path))
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            raise _cannot("write", path, error) from None
        raise
    return temporary


def _creation_mode(path: Path) -> int:
    """Return the permissions of the file that is there, or those of a new one."""
    with suppress(OSError):
        return stat.S_IMODE(path.stat().st_mode)
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _replace(temporary: Path, path: Path) -> None:
    try:
        temporary.replace(path)
    except OSError as error:
        raise _cannot("write", path, error) from None
