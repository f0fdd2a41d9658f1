"""ncnn and the runner compiled from source: for this machine, for any aarch64 Linux, or for Android.

What is built is kept in the user's cache under a name made of everything it was built from, so that a newer
ncnn, compiler or source of ours makes a new one and nothing is ever built twice.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from edgekit import scratch
from edgekit.devices.cache import cache_folder, locked
from edgekit.devices.setup import ncnn_source
from edgekit.devices.setup.compile import Progress, compile_project, silent
from edgekit.errors import UserError, did_you_mean

TARGETS = ("host", "aarch64-linux", "ndk-arm64-v8a", "ndk-x86_64")
CORE = Path(__file__).parents[1] / "native"
"""The sources of the runner: `android_demo/core`."""

NDK_VARIABLE = "ANDROID_NDK"
_ANDROID_PLATFORM = "android-24"
_CROSS_COMPILER = "aarch64-linux-gnu-g++"
_RECORD = "built.json"
_NCNN_OPTIONS: Mapping[str, str] = {
    "NCNN_VERSION": ncnn_source.VERSION.rpartition(".")[2],
    "NCNN_VULKAN": "OFF",
    "NCNN_BUILD_TOOLS": "OFF",
    "NCNN_BUILD_EXAMPLES": "OFF",
    "NCNN_BUILD_BENCHMARK": "OFF",
    "NCNN_PIXEL": "OFF",
    "NCNN_PIXEL_ROTATE": "OFF",
    "NCNN_PIXEL_AFFINE": "OFF",
    "NCNN_PIXEL_DRAWING": "OFF",
    "NCNN_DISABLE_RTTI": "OFF",
    "NCNN_DISABLE_EXCEPTION": "OFF",
}
"""All layers, and nothing that a program without a screen or a GPU could use."""

_PLAIN_X86: Mapping[str, str] = {
    "NCNN_RUNTIME_CPU": "OFF",
    **dict.fromkeys(("NCNN_AVX", "NCNN_AVX512", "NCNN_AVXNECONVERT", "NCNN_AVXVNNI"), "OFF"),
    **dict.fromkeys(("NCNN_FMA4", "NCNN_XOP"), "OFF"),
}
"""For this machine one kernel of each layer, for any x86-64: the wheel has the fast ones, and to compile all
of them takes three times as long. They say nothing on any other architecture."""


@dataclass(frozen=True, slots=True)
class Toolchain:
    """What compiles for a target: CMake's settings for it, and what tells one compiler from another."""

    target: str
    settings: Mapping[str, str]
    identity: str


def toolchain(target: str, environment: Mapping[str, str] | None = None) -> Toolchain:
    """Return what compiles for one of `TARGETS`.

    Raises:
        UserError: an unknown target, or a compiler, CMake or the NDK is missing.
    """
    if target not in TARGETS:
        remedy = did_you_mean(target, TARGETS) or "choose from " + ", ".join(TARGETS)
        raise UserError(f"nothing can be built for '{target}'", remedy)
    if target.startswith("ndk-"):
        return _ndk(target, os.environ if environment is None else environment)
    compiler, package = ("g++", "g++") if target == "host" else (_CROSS_COMPILER, "g++-aarch64-linux-gnu")
    _require({"cmake": "cmake", "make": "make", compiler: package}, target)
    settings = {"CMAKE_CXX_COMPILER": compiler, "CMAKE_C_COMPILER": compiler.replace("g++", "gcc")}
    if target != "host":
        settings |= {"CMAKE_SYSTEM_NAME": "Linux", "CMAKE_SYSTEM_PROCESSOR": "aarch64"}
    return Toolchain(target, settings, f"{_version(compiler)} {platform.machine()}")


def runner_target(arch: str, environment: Mapping[str, str] | None = None) -> str:
    """Return the target that makes a runner for a device of this architecture (`uname -m`).

    Raises:
        UserError: there is none.
    """
    ndk = bool((os.environ if environment is None else environment).get(NDK_VARIABLE))
    if arch in ("aarch64", "arm64"):
        return "ndk-arm64-v8a" if ndk else "aarch64-linux"
    if arch == "x86_64" and (ndk or platform.machine() == "x86_64"):
        return "ndk-x86_64" if ndk else "host"
    raise UserError(f"there is no runner for {arch}", "ncnn's runner is made for aarch64 and x86_64")


def ncnn_path(tools: Toolchain) -> Path:
    """Return where the ncnn that these tools make is kept; it may not have been made."""
    return _folder() / f"ncnn-{tools.target}-{_digest(ncnn_source.SHA256, _settings(tools), tools.identity)}"


def runner_path(tools: Toolchain) -> Path:
    """Return where the runner that these tools make is kept; it may not have been made."""
    return _folder() / f"{_runner_name(tools.target)}-{_digest(ncnn_path(tools).name)}"


def _runner_name(target: str) -> str:
    """How the folders of all runners begin that were made from today's sources, by whatever compiler."""
    sources = {path.relative_to(CORE).as_posix(): path.read_text("utf-8") for path in _core_files()}
    return f"runner-{target}-{_digest(ncnn_source.SHA256, sources)}"


def build_ncnn(target: str, progress: Progress = silent) -> Path:
    """Return a folder with ncnn's headers, static library and CMake package, building it where it is missing.

    `CMAKE_PREFIX_PATH` or `ncnn_DIR=FOLDER/lib/cmake/ncnn` makes CMake find it.

    Raises:
        UserError: a tool is missing, or the source could not be had or compiled.
    """
    tools = toolchain(target)
    path = ncnn_path(tools)
    with locked(_lock(path)):
        if not (path / _RECORD).is_file():
            progress("getting ncnn's source")
            with locked(_folder()):
                source = ncnn_source.source(path.parent)
            with _making(path) as work:
                compile_project(
                    source,
                    work / "build",
                    {**_settings(tools), "CMAKE_INSTALL_PREFIX": str(work / "made")},
                    progress,
                    what=f"ncnn for {target}",
                    log=path.with_suffix(".log"),
                    install=True,
                )
                _keep(work / "made", path)
    return path


def build_runner(target: str, progress: Progress = silent, *, again: bool = False) -> Path:
    """Return the program `edgekit_runner` for a target, building it, and ncnn before, where they are missing.

    `again` builds the runner anew; ncnn, whose source is pinned, stays.

    Raises:
        UserError: a tool is missing, or something could not be had or compiled.
    """
    tools = toolchain(target)
    ncnn = build_ncnn(target, progress)
    path = runner_path(tools)
    with locked(_lock(path)):
        if again or not (path / _RECORD).is_file():
            settings = {
                **tools.settings,
                "ncnn_DIR": str(ncnn / "lib" / "cmake" / "ncnn"),
                "EDGEKIT_STATIC_RUNNER": "OFF" if target.startswith("ndk-") else "ON",
            }
            with _making(path) as work:
                build = work / "build"
                log = path.with_suffix(".log")
                compile_project(CORE, build, settings, progress, what=f"the runner for {target}", log=log)
                made = work / "made"
                made.mkdir()
                shutil.copy2(build / "edgekit_runner", made / "edgekit_runner")
                _keep(made, path)
    return path / "edgekit_runner"


def find_runner(target: str, environment: Mapping[str, str] | None = None) -> Path | None:
    """Return the runner for a target if it has been made, or None; no compiler is needed for that."""
    names = f"{_runner_name(target)}-*/{_RECORD}"
    made = sorted(_folder(environment).glob(names), key=lambda path: path.stat().st_mtime)
    return made[-1].with_name("edgekit_runner") if made else None


def _ndk(target: str, environment: Mapping[str, str]) -> Toolchain:
    folder = environment.get(NDK_VARIABLE, "")
    if not folder:
        raise UserError(f"{NDK_VARIABLE} is not set", "set it to the folder of an Android NDK")
    file = Path(folder) / "build" / "cmake" / "android.toolchain.cmake"
    if not file.is_file():
        raise UserError(f"{NDK_VARIABLE}={folder} holds no NDK", "set it to the folder of an Android NDK")
    _require({"cmake": "cmake", "make": "make"}, target)
    settings = {
        "CMAKE_TOOLCHAIN_FILE": str(file),
        "ANDROID_ABI": target.removeprefix("ndk-"),
        "ANDROID_PLATFORM": _ANDROID_PLATFORM,
        "ANDROID_STL": "c++_static",
    }
    properties = Path(folder) / "source.properties"
    return Toolchain(target, settings, properties.read_text("utf-8") if properties.is_file() else folder)


def _require(programs: Mapping[str, str], target: str) -> None:
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        packages = " ".join(dict.fromkeys(programs[name] for name in missing))
        verb = "is" if len(missing) == 1 else "are"
        remedy = f"on Debian: apt-get install {packages}"
        if target == "aarch64-linux":
            remedy += f"; or set {NDK_VARIABLE} to an Android NDK"
        raise UserError(f"{', '.join(missing)} {verb} not installed", remedy)


def _version(compiler: str) -> str:
    done = subprocess.run([compiler, "-dumpfullversion"], capture_output=True, timeout=60, check=False)
    return f"{compiler} {done.stdout.decode('utf-8', 'replace').strip()}"


def _core_files() -> Sequence[Path]:
    return sorted(path for path in CORE.rglob("*") if path.suffix in (".txt", ".h", ".cpp"))


def _settings(tools: Toolchain) -> dict[str, str]:
    """CMake's settings for ncnn."""
    return {**tools.settings, **_NCNN_OPTIONS, **(_PLAIN_X86 if tools.target == "host" else {})}


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _folder(environment: Mapping[str, str] | None = None) -> Path:
    return cache_folder(environment) / "native"


def _lock(path: Path) -> Path:
    """Return a folder to hold while `path` is made: other targets are made at the same time."""
    return path.parent / "locks" / path.name


def _making(path: Path) -> AbstractContextManager[Path]:
    """Return a folder beside `path` for the work; what is half made goes with it."""
    return scratch.folder("making", path.parent)


def _keep(made: Path, path: Path) -> None:
    (made / _RECORD).write_text(json.dumps({"ncnn": ncnn_source.VERSION}) + "\n", "utf-8")
    shutil.rmtree(path, ignore_errors=True)
    made.replace(path)
