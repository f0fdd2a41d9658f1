"""Feed damaged files to every command, thousands of times, and list every bad answer.

    python benchmarks/fuzz/campaign.py --count 10000
    python benchmarks/fuzz/campaign.py --seed 4711          one case again, with all that it says
    python -c "from edgekit.devices.setup.native import build_runner as b; b('host')"
                                        beforehand: the worker in C++, which reads the app's self-tests

A good answer has exit code 0 (the damage does no harm), 1 or 2 within seconds, says in one line what is
wrong and in one what to do, and leaves no file behind but a whole result. Every case is made from its seed
alone. Cases run in a process that has all packages loaded already, one after the other, below a limit of
memory that ncnn's worker inherits; the process is replaced when a case hangs or kills it. Ctrl-C sums up
what was done until then.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from case import LIMIT_S, MEMORY_BYTES, REFUSAL_S, Case, Hangs, Pick, described, run_case
from damage import KINDS
from material import make

from edgekit.devices.setup.native import find_runner
from edgekit.schema import write_json


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
    parser.add_argument("--json", type=Path, help="where the summary goes, or nowhere")
    parser.add_argument("--material", type=Path, help="where the sound files are, or are to be made")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as work:
        material = make((args.material or Path(work) / "material").resolve())
        pick = Pick(material, Path(work), args.only, args.cheap, find_runner("host"))
        if args.seed is not None:
            return _show(next(_run(pick, [args.seed], 1)))
        return _campaign(pick, range(args.first, args.first + args.count), args.jobs, args.json)


def _campaign(pick: Pick, seeds: range, jobs: int, json: Path | None) -> int:
    began_s = time.monotonic()
    cases: list[Case] = []
    with contextlib.suppress(KeyboardInterrupt):
        for case in _run(pick, seeds, jobs):
            cases.append(_told(case))
            if len(cases) % 500 == 0:
                print(f"{len(cases)} of {len(seeds)}", file=sys.stderr, flush=True)
    document = _summary(pick, cases, seeds.start, time.monotonic() - began_s)
    _print(document)
    if json is not None:
        write_json(document, json)
    return 1 if document["bad"] else 0


# --- processes ---------------------------------------------------------------------------------------------


def _run(pick: Pick, seeds: range | list[int], jobs: int) -> Iterator[Case]:
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

    def __init__(self, pick: Pick) -> None:
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
        case = Case(self._seed, *described(self._pick, self._seed))
        case.answer, case.faults = "bad", [f"{fault} (exit code {code})"]
        return case

    def end(self) -> None:
        self._process.kill()
        self._process.join()


def _serve(pick: Pick, pipe: Connection) -> None:
    signal.signal(signal.SIGALRM, _on_alarm)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this process
    while True:
        seed = pipe.recv()
        with tempfile.TemporaryDirectory(dir=pick.work) as folder:
            pipe.send(run_case(pick, seed, Path(folder).resolve()))


def _on_alarm(number: int, frame: FrameType | None) -> None:
    raise Hangs


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


def _summary(pick: Pick, cases: list[Case], first: int, elapsed_s: float) -> dict[str, Any]:
    """Return what there is to say of all cases: answers by command, kinds of damage, every bad answer.

    "repeat" is the command line that makes the same cases again, "seeds" says what a seed chooses from: the
    file, then the damage, then the command, each by `random.Random(seed)`.
    """
    bad = sorted((case for case in cases if case.faults), key=lambda case: case.seed)
    return {
        "schema": "edgekit.fuzz/1",
        "first_seed": first,
        "count": len(cases),
        "bad": [{"seed": case.seed, "command": case.command, "faults": case.faults} for case in bad],
        "answers": _counted(cases, lambda case: case.command.split()[0], lambda case: case.answer),
        "damage": _counted(
            cases, lambda case: case.damage.split(": ")[0], lambda case: case.damage.split(": ")[1]
        ),
        "repeat": _repeat(pick, first, len(cases)),
        "seeds": [
            {
                "file": each.file,
                "weight": each.weight,
                "damage": dict(collections.Counter(change.__name__ for change in KINDS[each.kind])),
                "commands": each.commands,
            }
            for each in pick.subjects()[0]
        ],
        "limits": {"memory_bytes": MEMORY_BYTES, "refusal_s": REFUSAL_S, "any_answer_s": LIMIT_S},
        "slowest": [
            {"seed": case.seed, "duration_s": round(case.duration_s, 1), "command": case.command}
            for case in sorted(cases, key=lambda case: -case.duration_s)[:5]
        ],
        "slowest_s": round(max((case.duration_s for case in cases), default=0.0), 1),
        "elapsed_s": round(elapsed_s),
        "packages": {name: version(name) for name in ("ncnn", "numpy", "onnx", "pnnx", "torch")},
    }


def _repeat(pick: Pick, first: int, count: int) -> str:
    options = [f"--first {first}", f"--count {count}"]
    options += [f"--only {pick.only}"] if pick.only else []
    options += ["--cheap"] if pick.cheap else []
    without = "" if pick.runner else "  (without the worker in C++)"
    return f"python benchmarks/fuzz/campaign.py {' '.join(options)}{without}"


def _counted(
    cases: list[Case], row: Callable[[Case], str], column: Callable[[Case], str]
) -> dict[str, dict[str, int]]:
    counts: dict[str, collections.Counter[str]] = {}
    for case in cases:
        counts.setdefault(row(case), collections.Counter())[column(case)] += 1
    return {key: dict(sorted(counts[key].items())) for key in sorted(counts)}


def _print(document: dict[str, Any]) -> None:
    took = f"in {document['elapsed_s']} s, slowest {document['slowest_s']} s"
    print(f"{document['count']} damaged inputs {took}")
    for verb, answers in document["answers"].items():
        said = ", ".join(f"{key} {count}" for key, count in answers.items())
        print(f"  {verb:8} {sum(answers.values()):6}  {said}")
    seeds = " ".join(str(each["seed"]) for each in document["bad"])
    print(f"{len(document['bad'])} bad answers" + (f": seeds {seeds}" if seeds else ""))


if __name__ == "__main__":
    sys.exit(main())
