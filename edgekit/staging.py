"""Folders that appear whole: written under another name beside their place, then put there in one step.

A command that fails or is killed leaves the folder that was there before as it was.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from edgekit import scratch
from edgekit.errors import UserError

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


@contextlib.contextmanager
def staged_folder(target: str | os.PathLike[str], marker: str) -> Iterator[Path]:
    """Yield a temporary folder that takes the place of `target` when the block ends well.

    An earlier folder there is replaced when it holds the file `marker`, by which it is known as ours.

    Raises:
        UserError: the place cannot be written, or holds something that is not ours.
    """
    place = Path(target).absolute()
    check_replaceable(place, marker)
    new = [each for each in place.parents if not each.exists()]
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        staging = scratch.make_folder(place.name, place.parent)
    except OSError as error:
        raise UserError(
            f"cannot write to '{place.parent}': {error.strerror}", "choose another folder with -o"
        ) from None
    try:
        yield staging
        # The folder is private to its owner so far; a bundle is as public as its parent allows.
        mask = os.umask(0)
        os.umask(mask)
        staging.chmod(0o777 & ~mask)
        check_replaceable(place, marker)
        _exchange(staging, place)
    finally:
        scratch.remove(staging)  # where the earlier folder is by now
        for folder in new:
            with contextlib.suppress(OSError):  # not empty: the bundle is in it
                folder.rmdir()


def check_replaceable(target: str | os.PathLike[str], marker: str) -> None:
    """Refuse a place that holds something without the file `marker`: it is not ours to replace.

    `staged_folder` does so itself; whoever works for minutes before it asks here first.

    Raises:
        UserError: the place holds something that is not ours.
    """
    place = Path(target).absolute()
    if place.is_dir() and not any(place.iterdir()):
        return
    if place.exists() and not (place / marker).is_file():
        raise UserError(
            f"'{place}' exists and holds no {marker}", "choose another folder, or remove it yourself"
        )


def _cannot_write(place: Path, why: str) -> UserError:
    return UserError(f"cannot write '{place}': {why}", "mend the permissions, or name another folder")


def _exchange(staging: Path, place: Path) -> None:
    """Put `staging` at `place`; an earlier folder there ends up at `staging`.

    `renameat2(RENAME_EXCHANGE)` swaps both in one step; where the system lacks it, two renames do.
    """
    while not place.exists():
        try:
            staging.rename(place)
            return
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):  # somebody else was faster
                raise _cannot_write(place, os.strerror(error.errno or 0)) from None
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):
        renameat2 = None
    if renameat2 is not None:
        source, target = os.fsencode(staging), os.fsencode(place)
        if renameat2(_AT_FDCWD, source, _AT_FDCWD, target, _RENAME_EXCHANGE) == 0:
            return
        if ctypes.get_errno() not in (errno.ENOSYS, errno.EINVAL):
            raise _cannot_write(place, os.strerror(ctypes.get_errno()))
    aside = staging.with_suffix(".old")
    place.rename(aside)
    staging.rename(place)
    aside.rename(staging)
