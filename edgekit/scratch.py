"""Temporary folders and files that do not outlive their owner for long.

A program that is killed cannot clean up. Everything temporary is therefore named `.NAME.RANDOM.part` and held
by a lock (`flock`) that the system drops with its owner; whoever makes the next one beside it removes those
that nobody holds. One that is interrupted removes what it has, even where the signal came before a block that
would have: what is made is noted first.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import fcntl
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_SUFFIX = ".part"
_locks: dict[Path, int] = {}
_swept: set[tuple[Path, str]] = set()
_made: set[Path] = set()


def make_folder(name: str = "edgekit", parent: str | os.PathLike[str] | None = None) -> Path:
    """Make a private folder in `parent` (default: where temporary files go); `remove` ends it.

    Raises:
        OSError: it cannot be made.
    """
    place = Path(tempfile.gettempdir() if parent is None else parent).absolute()
    _sweep_once(place, name)
    while True:
        folder = _noted(name, place)
        try:
            folder.mkdir(0o700)
        except FileExistsError:
            _made.discard(folder)
            continue
        if _hold(folder):
            return folder


def remove(folder: Path) -> None:
    """Remove a folder that `make_folder` made, wherever its content has been moved since."""
    shutil.rmtree(folder, ignore_errors=True)
    _made.discard(folder)
    descriptor = _locks.pop(folder, None)
    if descriptor is not None:
        os.close(descriptor)


@contextlib.contextmanager
def folder(name: str = "edgekit", parent: str | os.PathLike[str] | None = None) -> Iterator[Path]:
    """Yield a private folder that is gone when the block ends.

    Raises:
        OSError: it cannot be made.
    """
    made = make_folder(name, parent)
    try:
        yield made
    finally:
        remove(made)


@contextlib.contextmanager
def part_of(target: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """Yield a temporary file beside `target`, open for writing; it is gone when the block ends, unless moved.

    It has the permissions of the file that is there, else those of a new one.

    Raises:
        OSError: it cannot be made.
    """
    _sweep_once(target.parent.absolute(), target.name)
    part = _noted(target.name, target.parent.absolute())
    try:
        with open(part, "xb", opener=_private) as file:
            with contextlib.suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            part.chmod(_creation_mode(target))
            yield part, file
    finally:
        with contextlib.suppress(OSError):
            part.unlink()
        _made.discard(part)


def _noted(name: str, place: Path) -> Path:
    """Return the path of something temporary that is to be made, and see that it is gone at the end."""
    path = place / f".{name}.{os.urandom(4).hex()}{_SUFFIX}"
    _made.add(path)
    return path


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


@atexit.register
def remove_all() -> None:
    """Remove everything temporary that this process has: it ends."""
    for path in tuple(_made):
        if path.is_dir() and not path.is_symlink():
            remove(path)
        else:
            with contextlib.suppress(OSError):
                path.unlink()


os.register_at_fork(after_in_child=_made.clear)


def _creation_mode(path: Path) -> int:
    """Return the permissions of the file that is there, or those of a new one."""
    with contextlib.suppress(OSError):
        return stat.S_IMODE(path.stat().st_mode)
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _hold(folder: Path) -> bool:
    """Lock a folder; False when somebody who took it for abandoned has removed it meanwhile."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL):
            raise
    if not folder.is_dir() or not os.path.samestat(folder.stat(), os.fstat(descriptor)):
        os.close(descriptor)
        return False
    _locks[folder] = descriptor
    return True


def _sweep_once(place: Path, name: str) -> None:
    """Remove what dead processes left of this name, the first time that this process works there."""
    if (place, name) in _swept:
        return
    _swept.add((place, name))
    ours = re.compile(rf"\.{re.escape(name)}\.[a-z0-9_]{{8}}{re.escape(_SUFFIX)}")
    with contextlib.suppress(OSError), os.scandir(place) as entries:
        for entry in entries:
            if ours.fullmatch(entry.name):
                with contextlib.suppress(OSError):
                    _remove_abandoned(Path(entry.path))


def _remove_abandoned(path: Path) -> None:
    """Remove a folder or file that is this user's and that no living process holds."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if os.fstat(descriptor).st_uid != os.geteuid():
            return
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # BlockingIOError: its owner lives
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()
    finally:
        os.close(descriptor)
