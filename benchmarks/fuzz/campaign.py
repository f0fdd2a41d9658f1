"""Feed damaged files to every command, thousands of times, and list every bad answer.

    python benchmarks/fuzz/campaign.py --count 10000
    python benchmarks/fuzz/campaign.py --seed 4711          one case again, with all that it says

A good answer has exit code 0 (the damage does no harm), 1 or 2 within seconds, says in one line what is
wrong and in one what to do, and leaves no file behind but a whole result. Every case is made from its seed
alone. Cases run in a process that has all packages loaded already, one after the other, below a limit of
memory that ncnn's worker inherits; the process is replaced when a case hangs or kills it.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import io
import multiprocessing
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from types import FrameType

sys.path.insert(0, str(Path(__file__).parent))

from commands import SUBJECTS
from damage import KINDS
from material import make

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


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=1000, help="how many cases (default: 1000)")
    parser.add_argument("--first", type=int, default=0, help="the seed of the first case (default: 0)")
    parser.add_argument("--seed", type=int, help="run the one case of this seed and show everything")
    parser.add_argument("--only", default="", help="only subjects whose file contains this text")
    parser.add_argument("--cheap", action="store_true", help="leave out what needs PyTorch or a bench")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default: 2)")
    parser.add_argument("--material", type=Path, help="where the sound files are, or are to be made")
    args = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = args.material or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fuzz-")))
        make(folder.resolve())
        pick = _Pick(folder.resolve(), args.only, args.cheap)
        if args.seed is not None:
            return _show(next(_run(pick, [args.seed], 1)))
        began_s = time.monotonic()
        seeds = range(args.first, args.first + args.count)
        cases = [_told(case) for case in _run(pick, seeds, args.jobs)]
        return _sum_up(cases, time.monotonic() - began_s)


@dataclass(frozen=True)
class _Pick:
    """What all processes share: the sound files, and which subjects to take."""

    folder: Path
    only: str
    cheap: bool

    def subjects(self) -> tuple[list[object], list[float]]:
        chosen = [each for each in SUBJECTS if self.only in each.file]
        if self.cheap:
            dear = ("export", "weights", "bench", "--model")
            chosen = [each for each in chosen if not any(word in each.commands[0] for word in dear)]
        return list(chosen), [each.weight for each in chosen]


# --- processes ---------------------------------------------------------------------------------------------


def _run(pick: _Pick, seeds: range | list[int], jobs: int) -> Iterator[Case]:
    """Yield the cases as they end, from `jobs` processes that are replaced when they die or hang."""
    _load_everything()
    pending = collections.deque(seeds)
    slots = [_Slot(pick) for _ in range(min(jobs, len(pending)))]
    try:
        while pending or any(slot.busy for slot in slots):
            for slot in slots:
                if not slot.busy and pending:
                    slot.start(pending.popleft())
            multiprocessing.connection.wait([slot.pipe for slot in slots if slot.busy], timeout=1.0)
            for slot in slots:
                case = slot.poll()
                if case is not None:
                    yield case
    finally:
        for slot in slots:
            slot.end()


def _load_everything() -> None:
    """Import what commands import when they run, so that a case costs its own work alone."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    import matplotlib.pyplot  # noqa: F401
    import onnx  # noqa: F401
    import onnxruntime  # noqa: F401
    import PIL.Image  # noqa: F401
    import safetensors.torch  # noqa: F401
    import torch

    import edgekit.bencher
    import edgekit.differ
    import edgekit.exporter.run
    import edgekit.restorer
    import edgekit.verifier  # noqa: F401

    torch.set_num_threads(1)


class _Slot:
    """A child process and the case that it has."""

    def __init__(self, pick: _Pick) -> None:
        self._pick = pick
        self._begin()
        self.busy = False

    def _begin(self) -> None:
        context = multiprocessing.get_context("fork")
        self.pipe, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(self._pick, other), daemon=True)
        self._process.start()
        other.close()

    def start(self, seed: int) -> None:
        self._seed, self._began_s, self.busy = seed, time.monotonic(), True
        self.pipe.send(seed)

    def poll(self) -> Case | None:
        if not self.busy:
            return None
        if self.pipe.poll():
            with contextlib.suppress(EOFError):
                self.busy = False
                case: Case = self.pipe.recv()
                return case
            return self._replace("the process died")
        if not self._process.is_alive():
            return self._replace("the process died")
        if time.monotonic() - self._began_s > 2 * LIMIT_S:
            return self._replace("hangs in native code")
        return None

    def _replace(self, fault: str) -> Case:
        self.end()
        code = self._process.exitcode
        self._begin()
        self.busy = False
        case = Case(self._seed, *_described(self._pick, self._seed))
        case.answer, case.faults = "bad", [f"{fault} (exit code {code})"]
        return case

    def end(self) -> None:
        self._process.kill()
        self._process.join()


def _serve(pick: _Pick, pipe: Connection) -> None:
    signal.signal(signal.SIGALRM, _on_alarm)
    while True:
        seed = pipe.recv()
        with tempfile.TemporaryDirectory(prefix="fuzz-case-") as folder:
            pipe.send(_case(pick, seed, Path(folder).resolve()))


def _on_alarm(number: int, frame: FrameType | None) -> None:
    raise Hangs


# --- one case ----------------------------------------------------------------------------------------------


def _case(pick: _Pick, seed: int, scratch: Path) -> Case:
    place = scratch / "here"
    case = Case(seed)
    case.command, case.damage = _prepare(pick, seed, place)
    before = {path.name for path in place.iterdir()}
    began_s = time.monotonic()
    with _elsewhere(place, scratch / "tmp"):
        code, out, err = _command(case.command, scratch)
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


def _described(pick: _Pick, seed: int) -> tuple[str, str]:
    with tempfile.TemporaryDirectory(prefix="fuzz-case-") as folder:
        return _prepare(pick, seed, Path(folder) / "here")


def _prepare(pick: _Pick, seed: int, place: Path) -> tuple[str, str]:
    """Copy the sound files, damage one of them; return the command and what was done."""
    random = Random(seed)
    subjects, weights = pick.subjects()
    (subject,) = random.choices(subjects, weights)
    shutil.copytree(pick.folder, place, symlinks=True)
    shutil.copytree(place / "bundle", place / "sound")
    change = random.choice(KINDS[subject.kind])
    what = change(place / subject.file, random)
    return random.choice(subject.commands), f"{subject.file}: {change.__name__}: {what}"


def _command(command: str, scratch: Path) -> tuple[int | str, str, str]:
    """Run a command line in this process; return its exit code, or the name of what it raised."""
    from edgekit.cli.main import main as edgekit

    _limit_memory()
    out, err = scratch / "out", scratch / "err"
    with _redirected(out, err):
        try:
            signal.setitimer(signal.ITIMER_REAL, LIMIT_S)
            words = command.split()
            code: int | str = _pnnx(*words[1:]) if words[0] == "pnnx" else edgekit(words)
        except Hangs:
            code = "hangs"
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
    return [name for name in found if name not in allowed]


# --- telling -----------------------------------------------------------------------------------------------


def _told(case: Case) -> Case:
    if case.faults:
        print(f"BAD seed {case.seed}: edgekit {case.command}", flush=True)
        print(f"  {case.damage:.300}".encode("ascii", "backslashreplace").decode())
        for fault in case.faults:
            print(f"  {fault}")
        print("  | " + "\n  | ".join(case.said[-1500:].splitlines()[-12:]), flush=True)
    return case


def _show(case: Case) -> int:
    print(f"edgekit {case.command}\n{case.damage}\n{case.answer} in {case.duration_s:.2f} s: {case.faults}\n")
    print(case.said)
    return 1 if case.faults else 0


def _sum_up(cases: list[Case], elapsed_s: float) -> int:
    bad = [case for case in cases if case.faults]
    verbs = sorted({case.command.split()[0] for case in cases})
    print(
        f"{len(cases)} damaged inputs in {elapsed_s:.0f} s, slowest {max(c.duration_s for c in cases):.1f} s"
    )
    for verb in verbs:
        own = [case for case in cases if case.command.split()[0] == verb]
        counts = collections.Counter(case.answer for case in own)
        print(f"  {verb:8} {len(own):6}  " + ", ".join(f"{key} {counts[key]}" for key in sorted(counts)))
    print(f"{len(bad)} bad answers" + (": seeds " + " ".join(str(case.seed) for case in bad) if bad else ""))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
