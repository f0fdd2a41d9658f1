"""Does `edgekit bench` measure what ncnn's own benchncnn measures?

    python benchmarks/benchncnn.py BENCHNCNN PARAM --shape 224,224,3 [--threads 1] [--rounds 10] [--loops 200]
                                   [--weights zero|random] [--runner RUNNER]

BENCHNCNN is the program, built from ncnn's source for the instruction sets of this CPU (the wheel picks its
kernels at run time); PARAM is a .param file and the shape is as benchncnn takes it, width first. Processes
take turns on the same CPUs. benchncnn reports the least, the greatest and the mean time of its loops: the
least of all rounds and the median of the rounds' means are compared. Exit code 1 when either differs by more
than 3 %. benchncnn's weights are zeros, and so are ours here; `--weights random` shows what that makes out.
RUNNER is `edgekit_runner`, built from `android_demo/core` with the ncnn that benchncnn was linked with: the
bench then measures through it, and a difference that is left is not that of two builds of ncnn.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edgekit.bencher import OpenMp, Pinning, Protocol, bench
from edgekit.devices import LocalDevice
from edgekit.formats import ncnn
from edgekit.graph import Weight
from edgekit.ops import weight_layout
from edgekit.worker.affinity import choose

TOLERANCE = 0.03
_LINE = re.compile(r"min =\s*([\d.]+)\s+max =\s*([\d.]+)\s+avg =\s*([\d.]+)")


@dataclass(frozen=True)
class Round:
    """The least and the mean time of one process, seconds."""

    least_s: float
    mean_s: float


def theirs(program: str, args: argparse.Namespace, cpus: list[int]) -> Round:
    """Run benchncnn once."""
    command = [
        "taskset", "-c", ",".join(map(str, cpus)),
        program, str(args.loops), str(args.threads), "0", "-1", "0",
        f"param={args.param}", f"shape=[{args.shape}]",
    ]  # fmt: skip
    environment = {**os.environ, **OpenMp().environment()}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    found = _LINE.search(done.stderr + done.stdout)
    if found is None:
        sys.exit(f"benchncnn said no times: {done.stderr.strip()[-300:]}")
    return Round(float(found[1]) / 1e3, float(found[3]) / 1e3)


def with_zeros(param: Path, folder: Path) -> Path:
    """Write the net into the folder with weights that are all zero."""
    graph = ncnn.read(param)
    layers = [
        replace(
            layer,
            weights=tuple(
                Weight(each.name, np.zeros(each.shape, np.float32), 0 if each.storage == "tagged" else None)
                for each in weight_layout(layer)
            ),
        )
        for layer in graph.layers
    ]
    ncnn.write(replace(graph, layers=tuple(layers)), folder / param.name, folder / f"{param.stem}.bin")
    return folder / param.name


def ours(param: Path, args: argparse.Namespace, cpus: list[int]) -> Round:
    """Run `edgekit bench` once, as many times as benchncnn does."""
    protocol = Protocol("quick", 1, min_runs=args.loops, min_s=0.0, max_s=60.0, warmup_s=0.5)
    report = bench(
        param, threads=(args.threads,), precision="fp32", protocol=protocol, memory=False,
        pinning=Pinning(cpus=tuple(cpus)), device=LocalDevice(args.runner),
    )  # fmt: skip
    latency = report.results[0].latency
    assert latency is not None
    samples = np.concatenate(latency.by_round())
    return Round(float(samples.min()), float(samples.mean()))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("program", metavar="BENCHNCNN")
    parser.add_argument("param", type=Path)
    parser.add_argument("--shape", required=True, help="width, height, channels")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--runner", nargs=1, default=(), help="instead of ncnn's Python package")
    parser.add_argument("--loops", type=int, default=200, help="inferences of each process")
    parser.add_argument("--weights", choices=("zero", "random"), default="zero")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        param = args.param if args.weights == "random" else with_zeros(args.param, Path(folder))
        return compare(param, args)


def compare(param: Path, args: argparse.Namespace) -> int:
    """Let both take turns, and say whether they agree."""
    cpus = choose(args.threads, {})
    rounds: tuple[list[Round], list[Round]] = ([], [])
    for number in range(args.rounds):
        for turn in (0, 1) if number % 2 == 0 else (1, 0):
            rounds[turn].append(theirs(args.program, args, cpus) if turn else ours(param, args, cpus))
        print(f"\rround {number + 1} of {args.rounds}", end="", file=sys.stderr)
    print(file=sys.stderr)
    least = [min(each.least_s for each in side) for side in rounds]
    mean = [float(np.median([each.mean_s for each in side])) for side in rounds]
    for name, (mine, other) in (("least", least), ("mean", mean)):
        times = f"edgekit bench {mine * 1e3:.3f} ms, benchncnn {other * 1e3:.3f} ms"
        print(f"{name:5}  {times}, ratio {mine / other:.4f}")
    holds = all(abs(mine / other - 1) <= TOLERANCE for mine, other in (least, mean))
    print("holds" if holds else "FAILS")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
