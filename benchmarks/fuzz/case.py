"""One damaged file, one command on it, and what is wrong with the answer."""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from commands import SUBJECTS, Subject
from damage import KINDS

from edgekit.packager import ASSETS

MEMORY_BYTES = 2 << 30
"""What a case may take beside what the loaded packages have mapped."""

LIMIT_S = 60.0
"""A case that takes longer hangs. One that does harm to nothing may run a whole export."""

REFUSAL_S = 20.0
"""A refusal that takes longer is a bad answer; one by ncnn or pnnx needs a process of theirs."""

_PYTORCHS_CACHE = "torchinductor_"
"""PyTorch's own folder in TMPDIR, one for all its processes."""

_RESULTS = ("result.json", "result.html", "result.xml", "back.safetensors")


@dataclass
class Case:
    """One damaged file and what the command said to it."""

    seed: int
    command: str = ""
    damage: str = ""
    answer: str = "not run"
    said: str = ""
    faults: list[str] = field(default_factory=list)
    duration_s: float = 0.0


class Hangs(BaseException):
    """The time limit of one case; no `except Exception` holds it up."""


@dataclass(frozen=True)
class Pick:
    """What all processes share: the sound files, a folder to work in, and which subjects to take.

    `runner` is the worker in C++, None where it has not been compiled: the cases that need it are then left
    out, and every seed stands for another case.
    """

    folder: Path
    work: Path
    only: str
    cheap: bool
    runner: Path | None

    def subjects(self) -> tuple[list[Subject], list[float]]:
        """Return what may be damaged, and how often each is chosen."""
        chosen = [each for each in SUBJECTS if self.only in each.file]
        if self.runner is None:
            chosen = [each for each in chosen if not each.commands[0].startswith("runner")]
        if self.cheap:
            dear = ("export", "weights", "bench bundle", "bench bare", "bench suite", "--model", "net.py")
            chosen = [each for each in chosen if not any(word in each.commands[0] for word in dear)]
        return chosen, [each.weight for each in chosen]


def run_case(pick: Pick, seed: int, scratch: Path) -> Case:
    place = scratch / "here"
    case = Case(seed)
    case.command, case.damage = _prepare(pick, seed, place)
    before = {path.name for path in place.iterdir()}
    began_s = time.monotonic()
    with _elsewhere(place, scratch / "tmp"):
        code, out, err = _command(case.command, scratch, pick.runner)
    case.duration_s = time.monotonic() - began_s
    case.answer = _answer(code)
    case.said = err or out
    case.faults += _faults(code, out, err, case.duration_s)
    case.faults += [f"left behind: {each}" for each in _left_behind(place, before, code)]
    left = [each.name for each in (scratch / "tmp").iterdir()]
    case.faults += [f"left in TMPDIR: {name}" for name in left if not name.startswith(_PYTORCHS_CACHE)]
    return case


@contextlib.contextmanager
def _elsewhere(folder: Path, temporary: Path) -> Iterator[None]:
    """Work in a folder, with a folder for temporary files that shows what is left in it."""
    temporary.mkdir()
    tempfile.tempdir = os.environ["TMPDIR"] = str(temporary)
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir("/")
        del os.environ["TMPDIR"]
        tempfile.tempdir = None


def described(pick: Pick, seed: int) -> tuple[str, str]:
    with tempfile.TemporaryDirectory(dir=pick.work) as folder:
        return _prepare(pick, seed, Path(folder) / "here")


def _prepare(pick: Pick, seed: int, place: Path) -> tuple[str, str]:
    """Copy the sound files, damage one of them; return the command and what was done."""
    random = Random(seed)
    subjects, weights = pick.subjects()
    (subject,) = random.choices(subjects, weights)
    shutil.copytree(pick.folder, place, symlinks=True)
    change = random.choice(KINDS[subject.kind])
    what = change(place / subject.file, random)
    return random.choice(subject.commands), f"{subject.file}: {change.__name__}: {what}"


def _command(command: str, scratch: Path, runner: Path | None) -> tuple[int | str, str, str]:
    """Run a command line in this process; return its exit code, or the name of what it raised."""
    from edgekit.cli.main import main as edgekit

    _limit_memory()
    out, err = scratch / "out", scratch / "err"
    with _redirected(out, err):
        try:
            signal.setitimer(signal.ITIMER_REAL, LIMIT_S)
            words = command.split()
            code: int | str
            if words[0] == "pnnx":
                code = _pnnx(*words[1:])
            elif words[0] == "runner":
                code = _runner(runner, Path(words[1]), scratch / "answer")
            else:
                code = edgekit(words)
        except Hangs:
            code = "hangs"
            traceback.print_exc()
            subprocess.run(
                ["ps", "-o", "pid,stat,wchan:24,time,args", "--forest", "-g", str(os.getpgrp())], check=False
            )
        except BaseException as error:
            code = type(error).__name__
            traceback.print_exc()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    return code, out.read_text("utf-8", "replace"), err.read_text("utf-8", "replace")


def _pnnx(param: str, binary: str) -> int:
    """Read pnnx's own files as the ladder does, with the answer that a command would give."""
    from edgekit.cli.failures import exit_code_of
    from edgekit.formats import pnnx

    try:
        pnnx.dumps(pnnx.read(param, binary))
    except Exception as error:
        return exit_code_of(error)
    return 0


def _runner(program: Path | None, request: Path, answer: Path) -> int:
    """Give a self-test to the worker in C++; only ncnn may die of it, and in a step that was written down."""
    assert program is not None
    answer.mkdir()
    done = subprocess.run([program, ".", answer], cwd=request, capture_output=True, timeout=30, check=False)
    said = done.stderr.decode("utf-8", "replace").strip()
    if done.returncode == 0:
        document = json.loads((answer / "message.json").read_text("utf-8"))
        if "error" not in document:
            return 0
        said = document["error"]["message"]
    elif done.returncode < 0:
        step = (answer / "progress").read_text("utf-8", "replace")
        if not step.startswith("layer "):
            raise RuntimeError(f"the worker died of signal {-done.returncode} at '{step}'")
        said = f"ncnn died at {step}"
    print(f"edgekit: error: {said:.300}\n  remedy: pack the bundle again", file=sys.stderr)
    return 2


def _limit_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY_BYTES, hard))


@contextlib.contextmanager
def _redirected(out: Path, err: Path) -> Iterator[None]:
    """Send what this process and its children print into files."""
    streams = []
    for number, path in ((1, out), (2, err)):
        with path.open("wb") as file:
            os.dup2(file.fileno(), number)
        streams.append(io.TextIOWrapper(io.FileIO(number, "w", closefd=False), "utf-8", write_through=True))
    with contextlib.redirect_stdout(streams[0]), contextlib.redirect_stderr(streams[1]):
        yield


# --- judging -----------------------------------------------------------------------------------------------


def _answer(code: int | str) -> str:
    return {0: "0: no harm", 1: "1: the check fails", 2: "2: refused"}.get(code, "bad")  # type: ignore[call-overload]


def _faults(code: int | str, out: str, err: str, duration_s: float) -> Iterator[str]:
    if code not in (0, 1, 2):
        yield f"exit code {code}"
    if "Traceback" in out + err:
        yield "a traceback"
    if duration_s > REFUSAL_S and code == 2:
        yield f"a refusal took {duration_s:.0f} s"
    if code == 2:
        yield from _bad_refusal(out, err)
    if code == 1 and not out.strip():
        yield "a failed check says nothing"
    if any(ord(char) < 32 and char != "\n" for char in out + err):
        yield "control characters in the output"


def _bad_refusal(out: str, err: str) -> Iterator[str]:
    lines = err.splitlines()
    findings = "finding" in lines[0] if lines else False  # of an export: a list, each with its remedy
    if out.strip():
        yield "a refusal prints a result"
    if not lines or not lines[0].startswith("edgekit: error: ") or len(lines[0]) < 25:
        yield "no line that says what is wrong"
    elif not findings and len(lines) > 2:
        yield f"a refusal of {len(lines)} lines"
    elif not findings and (len(lines) < 2 or not lines[1].startswith("  remedy: ")):
        yield "no remedy"
    if any(len(line) > 600 for line in lines):
        yield f"a line of {max(map(len, lines))} characters"


def _left_behind(place: Path, before: set[str], code: int | str) -> list[str]:
    """Return names that a command should not have left: temporary files, and any result of a refusal."""
    found = [path.name for path in place.iterdir() if path.name not in before]
    allowed = {*_RESULTS, "out"} if code in (0, 1) else {"result.json"}  # failed exports have a document
    parts = [path.name for path in place.rglob("*.part") if path.parent != place]
    packed = [path.name for path in (place / "app" / ASSETS).rglob("*") if code not in (0, 1)]
    return [name for name in found if name not in allowed] + parts + packed
