"""Instruction counts of an emulated run: building the plugin, and reading what it counted."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgekit import processes, scratch
from edgekit.devices.cache import cache_folder, locked
from edgekit.devices.setup.program import run_program
from edgekit.errors import UserError

EMULATOR = "qemu-aarch64"
"""The dynamically linked emulator: a static one cannot load plugins."""

_SOURCE = Path(__file__).parent / "plugin" / "count.c"
_COMPILER_REMEDY = "apt-get install gcc libc6-dev"
_BUILD_TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True)
class Counted:
    """Instructions between two marks, and how many of them were vector arithmetic of each kind."""

    instructions: int
    kinds: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class CountingEmulator:
    """An emulator that loads plugins, and the plugin."""

    emulator: Path
    plugin: Path


def find_counter() -> CountingEmulator:
    """Return what counts instructions; the plugin is built once and kept in the cache.

    Raises:
        UserError: no emulator that loads plugins, no C compiler, or they do not fit together.
    """
    emulator = shutil.which(EMULATOR)
    if emulator is None:
        raise UserError(
            f"instructions are not counted: {EMULATOR} is not installed", "apt-get install qemu-user"
        )
    digest = hashlib.sha256(_SOURCE.read_bytes()).hexdigest()[:16]
    plugin = cache_folder() / "qemu" / f"count-{digest}.so"
    if not plugin.is_file():
        _build(plugin)
    return CountingEmulator(Path(emulator), plugin)


def _build(plugin: Path) -> None:
    compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    if compiler is None:
        raise UserError(
            "instructions are not counted: there is no C compiler", "apt-get install gcc libc6-dev"
        )
    with locked(plugin.parent), scratch.folder(parent=plugin.parent) as folder:
        built = folder / plugin.name
        run_program(
            [compiler, "-std=c11", "-O2", "-shared", "-fPIC", "-fvisibility=hidden", "-o", built, _SOURCE],
            timeout_s=_BUILD_TIMEOUT_S,
            remedy=_COMPILER_REMEDY,
        )
        built.replace(plugin)


def check_counter(counter: CountingEmulator, program: Path, root: Path) -> None:
    """Start a program with the plugin.

    Raises:
        UserError: this emulator does not take it.
    """
    with scratch.folder() as folder:
        plugin = plugin_argument(counter, folder / "out")
        done = processes.run(
            [counter.emulator, "-plugin", plugin, "-L", root, program, "-c", "pass"],
            timeout_s=_BUILD_TIMEOUT_S,
            env={"PYTHONHOME": str(root / "usr")},
        )
    if done.returncode != 0:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no message"]
        raise UserError(f"instructions are not counted: {lines[-1]}", "they are with qemu 6 to 8")


def plugin_argument(counter: CountingEmulator, out: Path) -> str:
    """Return the value of `-plugin` that makes the counts go to a file."""
    return f"{_escaped(counter.plugin)},out={_escaped(out)}"


def _escaped(path: Path) -> str:
    """A comma separates the arguments of a plugin, two stand for one."""
    return os.fspath(path).replace(",", ",,")


def read_counts(path: Path) -> dict[int, list[Counted]]:
    """Return what was counted up to each mark, by its number, in order.

    Raises:
        ValueError: the file is not one that the plugin wrote.
    """
    found: dict[int, list[Counted]] = {}
    for line in path.read_text("ascii").splitlines():
        number, total, *kinds = line.split()
        of_kind: Counter[str] = Counter()
        for kind in kinds:
            name, _, value = kind.partition("=")
            of_kind[name] += int(value)
        found.setdefault(int(number), []).append(Counted(int(total), of_kind))
    return found


def add_counts(message: dict[str, Any], counts: Mapping[int, list[Counted]]) -> None:
    """Put the counts of a bench into its answer: `instructions`, and the same of every layer.

    `simd` lists the kinds of vector arithmetic, the most frequent first.
    """
    marks = message["counted"]
    message["instructions"], message["simd"] = _worked(counts[marks["whole"]])
    of_layer = {index: _worked(counts[number]) for index, number in marks["layers"]}
    for row in message.get("layers", ()):
        if row["index"] in of_layer:
            row["instructions"], row["simd"] = of_layer[row["index"]]


def _worked(counted: Sequence[Counted]) -> tuple[int, dict[str, int]]:
    """Return what an extraction with its work took more than the same one without."""
    first, second = counted
    kinds = {name: value - second.kinds.get(name, 0) for name, value in first.kinds.items()}
    work = {name: value for name, value in kinds.items() if value > 0}
    return max(0, first.instructions - second.instructions), _by_frequency(work)


def _by_frequency(kinds: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(kinds.items(), key=lambda pair: -pair[1]))
