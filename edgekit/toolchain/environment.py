"""What of edgekit's packages and programs is installed here, and which jobs that is enough for.

Packages are looked up in their metadata and never imported; the two that crash rather than raise,
pnnx and ncnn, are started in processes of their own.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from edgekit.devices import LocalDevice, adb, qemu
from edgekit.devices.setup.native import find_runner, runner_target
from edgekit.devices.setup.qemu import find_root
from edgekit.errors import EdgekitError, UserError
from edgekit.toolchain.versions import installed_version

PACKAGES: Mapping[str, tuple[str, ...]] = {
    "": ("numpy",),
    "torch": ("torch", "safetensors"),
    "onnx": ("onnx", "onnxruntime", "onnxsim"),
    "ncnn": ("ncnn", "pnnx"),
    "report": ("matplotlib", "pillow"),
}
"""The packages of each extra of pyproject.toml; "" is what edgekit always needs."""

CORE_JOBS = ("export", "verify", "bench")
_START_TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True)
class Package:
    """A Python package: `version` is None where it is not installed."""

    name: str
    extra: str
    version: str | None


@dataclass(frozen=True, slots=True)
class Ability:
    """Something that edgekit can or cannot do here: why, and what makes it possible."""

    name: str
    usable: bool
    detail: str
    remedy: str | None = None


@dataclass(frozen=True, slots=True)
class Environment:
    """All that `edgekit doctor` knows."""

    edgekit: str
    python: str
    system: str
    packages: tuple[Package, ...]
    jobs: tuple[Ability, ...]
    devices: tuple[Ability, ...]

    @property
    def core_usable(self) -> bool:
        """Whether export, verify and bench can all run on this machine."""
        return all(job.usable for job in self.jobs if job.name in CORE_JOBS)


def inspect_environment() -> Environment:
    """Look at this machine; starts pnnx and ncnn once each."""
    from edgekit import __version__

    packages = tuple(
        Package(name, extra, installed_version(name)) for extra, names in PACKAGES.items() for name in names
    )
    local, *others = check_devices()
    return Environment(
        edgekit=__version__,
        python=platform.python_version(),
        system=f"{platform.platform()} {platform.machine()}",
        packages=packages,
        jobs=check_jobs({package.name for package in packages if package.version}, local, check_pnnx()),
        devices=(local, *others, android_ndk(os.environ)),
    )


def check_jobs(installed: Iterable[str], local: Ability, pnnx: Ability) -> tuple[Ability, ...]:
    """Return what can be done with these packages, this local device and this pnnx."""
    present = set(installed)
    ncnn = Ability("", local.usable, f"ncnn: {local.detail}", local.remedy)
    return (
        _job("export", present, ("torch",), pnnx, ncnn),
        _job("export --route onnx", present, ("torch", "onnx"), pnnx, ncnn),
        _job("verify", present, (), ncnn),
        _job("verify --ladder", present, ("torch", "onnx"), pnnx, ncnn),
        _job("bench", present, (), ncnn),
        _job("plots", present, ("report",)),
    )


def _job(name: str, present: set[str], extras: tuple[str, ...], *needs: Ability) -> Ability:
    missing = {extra: [each for each in PACKAGES[extra] if each not in present] for extra in extras}
    lacking = [extra for extra in extras if missing[extra]]
    if lacking:
        names = ", ".join(name for extra in lacking for name in missing[extra])
        return Ability(name, False, f"not installed: {names}", _pip(*lacking))
    for need in needs:
        if not need.usable:
            return Ability(name, False, need.detail, need.remedy)
    return Ability(name, True, "ready")


def check_local_device() -> Ability:
    """Load ncnn in a worker process, where a crash is an answer."""
    try:
        info = LocalDevice().info()
    except UserError as error:
        return Ability("local", False, error.message, _pip("ncnn"))
    except EdgekitError as error:
        return Ability("local", False, str(error), _pip("ncnn"))
    return Ability("local", True, f"{info.arch}, {info.cpu}, {info.cores} cores, ncnn {info.ncnn}")


def pnnx_program() -> Path | None:
    """Return where the pnnx package keeps its program, without importing the package."""
    spec = importlib.util.find_spec("pnnx")
    if spec is None or not spec.submodule_search_locations:
        return None
    programs = (Path(folder) / "pnnx" for folder in spec.submodule_search_locations)
    return next((program for program in programs if program.is_file()), None)


def check_pnnx(program: Path | None = None) -> Ability:
    """Start pnnx without arguments, to which it answers with its usage."""
    program = program or pnnx_program()
    if program is None:
        return Ability("pnnx", False, "not installed: pnnx", _pip("ncnn"))
    again = "install it again with: pip install --force-reinstall --no-deps pnnx"
    try:
        run = subprocess.run(
            [program], capture_output=True, stdin=subprocess.DEVNULL, timeout=_START_TIMEOUT_S, check=False
        )
    except OSError as error:
        return Ability("pnnx", False, f"pnnx does not start: {error.strerror}", again)
    except subprocess.TimeoutExpired:
        return Ability("pnnx", False, f"pnnx does not answer within {_START_TIMEOUT_S:g} s", again)
    if b"Usage" not in run.stdout + run.stderr:
        return Ability("pnnx", False, f"pnnx does not answer (exit status {run.returncode})", again)
    return Ability("pnnx", True, installed_version("pnnx") or "")


def check_devices() -> tuple[Ability, ...]:
    """Return every kind of device, the local one first: usable from here or not."""
    return (check_local_device(), *check_remote_devices(os.environ))


def check_remote_devices(environment: Mapping[str, str]) -> tuple[Ability, ...]:
    """Look for the programs that each kind of device but `local` is reached with."""
    return (_check_qemu(environment), _check_ssh(environment), _check_adb(environment))


def _check_adb(environment: Mapping[str, str]) -> Ability:
    """Look for adb and the runner; to ask which devices it sees would start its server."""
    name = "adb:SERIAL"
    program = shutil.which("adb", path=environment.get("PATH"))
    if program is None:
        return Ability(name, False, "adb is not installed", "on Debian: apt-get install adb")
    if find_runner(runner_target("aarch64", environment), environment) is None:
        return Ability(name, False, f"{program}, but no program for the device", adb.SETUP_REMEDY)
    return Ability(name, True, program)


def _check_ssh(environment: Mapping[str, str]) -> Ability:
    name = "ssh:USER@HOST"
    program = shutil.which("ssh", path=environment.get("PATH"))
    if program is None:
        return Ability(name, False, "ssh is not installed", "on Debian: apt-get install openssh-client")
    return Ability(name, True, program)


def _check_qemu(environment: Mapping[str, str]) -> Ability:
    name = "qemu:CPU"
    program = qemu.find_program(environment.get("PATH"))
    if program is None:
        return Ability(name, False, f"{qemu.PROGRAMS[0]} is not installed", qemu.PROGRAM_REMEDY)
    root = find_root(environment)
    if root is None:
        return Ability(name, False, f"{program}, but no arm64 Python for it", qemu.SETUP_REMEDY)
    return Ability(name, True, f"{program}; CPU is {', '.join(qemu.CPUS)}")


def android_ndk(environment: Mapping[str, str]) -> Ability:
    """Look for the NDK, which builds for Android."""
    name = "Android NDK"
    folder = environment.get("ANDROID_NDK")
    if not folder:
        return Ability(name, False, "ANDROID_NDK is not set", "set it to the folder of an Android NDK")
    if not (Path(folder) / "build" / "cmake" / "android.toolchain.cmake").is_file():
        detail = f"ANDROID_NDK={folder} holds no NDK"
        return Ability(name, False, detail, "set it to the folder of an Android NDK")
    return Ability(name, True, folder)


def _pip(*extras: str) -> str:
    return f"pip install 'edgekit[{','.join(extras)}]'"
