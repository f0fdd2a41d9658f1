"""ncnn's own source package, of the version whose wheels edgekit runs."""

from __future__ import annotations

import hashlib
import shutil
import sys
import tarfile
from pathlib import Path

from edgekit import scratch
from edgekit.devices.setup.program import run_program
from edgekit.errors import UserError

VERSION = "1.0.20261020"
SHA256 = "ad8cdd63e9755cfa8e23b9b6d9ce46156077d80298a89e7c3ba325ffccfca200"

_ARCHIVE = f"ncnn-{VERSION}.tar.gz"
_DOWNLOADER = Path(__file__).parent / "pip_sdist.py"
_TIMEOUT_S = 600.0


def source(folder: Path) -> Path:
    """Return the unpacked source in `folder`, downloading the archive where it is not there yet.

    An archive that somebody put there is as good, as long as it is the pinned one.

    Raises:
        UserError: pip cannot get it, or it is another file than the pinned one.
    """
    archive = folder / _ARCHIVE
    if not archive.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        _download(archive)
    if _sha256(archive) != SHA256:
        archive.unlink()
        raise UserError(f"{_ARCHIVE} is not the file that edgekit was tested with", "try again")
    unpacked = folder / f"ncnn-{VERSION}"
    if not (unpacked / "CMakeLists.txt").is_file():
        _unpack(archive, unpacked)
    return unpacked


def _download(archive: Path) -> None:
    part = archive.with_suffix(".part")
    run_program(
        [sys.executable, _DOWNLOADER, "ncnn", VERSION, part],
        timeout_s=_TIMEOUT_S,
        remedy=f"put {_ARCHIVE} from a package index that has it into {archive.parent}",
    )
    part.replace(archive)


def _unpack(archive: Path, to: Path) -> None:
    with scratch.folder("unpacking", to.parent) as folder:
        with tarfile.open(archive) as content:
            content.extractall(folder, filter="data")
        shutil.rmtree(to, ignore_errors=True)
        (folder / to.name).replace(to)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
