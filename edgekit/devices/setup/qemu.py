"""The arm64 Python that ncnn runs in under qemu: Debian's packages and the wheels, unpacked in the cache.

Everything comes through the host's own apt and pip, from wherever they are configured to look. apt checks the
packages against its signed index, whose hashes are compared once more here; pip takes no wheel but the ones
whose hashes stand below. apt works on a state of its own in a folder of the user's, so no root is needed and
the system's packages are not touched.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgekit import scratch
from edgekit.devices.cache import cache_folder, locked
from edgekit.devices.setup.program import run_program
from edgekit.errors import UserError

PYTHON = "3.11"
PACKAGES = (
    f"python{PYTHON}-minimal",
    f"libpython{PYTHON}-minimal",
    f"libpython{PYTHON}-stdlib",
    "libbz2-1.0",
    "libc6",
    "libexpat1",
    "libffi8",
    "libgcc-s1",
    "liblzma5",
    "libssl3",
    "libstdc++6",
    "zlib1g",
)
"""arm64 packages of Debian 12: Python and the libraries that it and the wheels are linked with."""

WHEELS: Mapping[str, str] = {
    "ncnn==1.0.20261020": "0503da4f3960ee2e555feef55db13adffd6c62eb59a4bd22f8083b12d1757ad8",
    "numpy==2.4.6": "0ab0a9c4ffb1a6d95ef519fe4247dba8eb6b18ad93999f76b7f657039acabd47",
}
"""What is installed into that Python -> sha256 of the wheel for manylinux_2_28_aarch64."""

_PLATFORM = "manylinux_2_28_aarch64"
_LAYOUT = 1  # of the folder; another number makes a new one
_RECORD = "root.json"
_TIMEOUT_S = 900.0
_HASHED_URI = re.compile(r"^'[^']*' (?P<file>\S+) \d+ SHA256:(?P<sha256>[0-9a-f]{64})$", re.MULTILINE)

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Root:
    """An unpacked arm64 Python: `folder` is the root of its file system, `packages` its site-packages."""

    folder: Path
    packages: Path

    @property
    def python(self) -> Path:
        """The interpreter."""
        return self.folder / "usr" / "bin" / f"python{PYTHON}"

    @property
    def home(self) -> Path:
        """What PYTHONHOME has to be."""
        return self.folder / "usr"


def root_path(environment: Mapping[str, str] | None = None) -> Path:
    """Return the folder of the root in the user's cache; its name changes with what belongs into it."""
    recipe = json.dumps([_LAYOUT, PACKAGES, sorted(WHEELS.items())])
    digest = hashlib.sha256(recipe.encode()).hexdigest()[:16]
    return cache_folder(environment) / "qemu" / f"root-{digest}"


def find_root(environment: Mapping[str, str] | None = None) -> Root | None:
    """Return the root in the user's cache, or None where it has not been made."""
    path = root_path(environment)
    return _root(path) if (path / _RECORD).is_file() else None


def make_root(
    check: Callable[[Root], None], progress: Progress = lambda step: None, *, again: bool = False
) -> Root:
    """Return the root, making it first where it is missing or wanted anew.

    It is made in a folder beside it and renamed when `check` has passed: a setup that was ended half-way
    leaves nothing that could be taken for a root.

    Raises:
        UserError: apt-get, dpkg-deb or pip is missing, or could not get what is needed.
    """
    path = root_path()
    with locked(path.parent):
        found = None if again else find_root()
        if found is not None:
            return found
        work = scratch.make_folder("making", path.parent)
        try:
            record = _make(work, progress)
            progress("starting ncnn in it")
            check(_root(work))
            (work / _RECORD).write_text(json.dumps(record, indent=1) + "\n", "utf-8")
            work.chmod(0o755)
            with scratch.folder("making", path.parent) as aside:
                if path.exists():
                    path.rename(aside / path.name)
                work.rename(path)
        finally:
            scratch.remove(work)
    return _root(path)


def _root(path: Path) -> Root:
    return Root(path / "root", path / "packages")


def _make(work: Path, progress: Progress) -> dict[str, Any]:
    """Fill `work`; return what went into it."""
    progress("asking apt for the arm64 packages")
    debs = _download_packages(work / "apt")
    root = work / "root"
    for deb in debs:
        progress(f"unpacking {deb.name.partition('_')[0]}")
        _run("dpkg-deb", "-x", str(deb), str(root))
    if not (root / "lib").exists():  # newer Debian ships no /lib of its own
        (root / "lib").symlink_to("usr/lib")
    record = {deb.name: _sha256(deb) for deb in debs}
    shutil.rmtree(work / "apt")
    progress("installing " + " and ".join(WHEELS))
    _install_wheels(work)
    return {"python": PYTHON, "packages": record, "wheels": dict(WHEELS)}


def _download_packages(state: Path) -> list[Path]:
    """Download the packages with a private apt state, and compare them with apt's own hashes."""
    for name in ("lists/partial", "archives/partial", "debs"):
        (state / name).mkdir(parents=True)
    (state / "status").touch()
    apt = ["apt-get", "-qq"]
    for option in (
        f"Dir::State={state}",
        f"Dir::State::lists={state / 'lists'}",
        f"Dir::State::status={state / 'status'}",
        f"Dir::Cache={state}",
        f"Dir::Cache::archives={state / 'archives'}",
        "APT::Architecture=arm64",
        "APT::Architectures=arm64",
        "APT::Get::AllowUnauthenticated=false",
        f"APT::Sandbox::User={_user()}",
    ):
        apt += ["-o", option]
    _run(*apt, "update")
    folder = state / "debs"
    _run(*apt, "download", *PACKAGES, folder=folder)
    listed = _run(
        *(part for part in apt if part != "-qq"), "download", "--print-uris", *PACKAGES, folder=state
    )
    hashes = {match["file"]: match["sha256"] for match in _HASHED_URI.finditer(listed)}
    debs = sorted(folder.glob("*.deb"))
    if len(debs) != len(PACKAGES):
        raise UserError(f"apt gave {len(debs)} of {len(PACKAGES)} arm64 packages", _APT_REMEDY)
    for deb in debs:
        if hashes.get(deb.name) != _sha256(deb):
            raise UserError(f"{deb.name} is not the file that apt's index names", "try again")
    return debs


_APT_REMEDY = "it takes a Debian 12 with apt-get and dpkg-deb whose package sources offer arm64"


def _run(*command: str, folder: Path | None = None) -> str:
    return run_program(command, timeout_s=_TIMEOUT_S, remedy=_APT_REMEDY, folder=folder)


def _user() -> str:
    """Apt drops root for a user who cannot write into this folder, unless it is told otherwise."""
    return "root" if os.geteuid() == 0 else ""


def _install_wheels(work: Path) -> None:
    requirements = work / "requirements.txt"
    requirements.write_text("".join(f"{name} --hash=sha256:{value}\n" for name, value in WHEELS.items()))
    run_program(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
            *("--no-deps", "--no-compile", "--require-hashes", "--only-binary=:all:"),
            *("--platform", _PLATFORM, "--python-version", PYTHON, "--implementation", "cp"),
            *("--target", str(work / "packages"), "--requirement", str(requirements)),
        ],
        timeout_s=_TIMEOUT_S,
        remedy="pip needs a package index that offers these wheels for aarch64",
    )
    requirements.unlink()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
