"""Does `edgekit bench` measure what a plain loop over the ncnn API measures?

    python benchmarks/fidelity.py BUNDLE [--threads 1] [--rounds 10] [--seconds 2]

Both run in fresh processes that take turns, on the same CPUs, files, inputs and options. Exit code 1 when the
medians differ by more than 2 %.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from edgekit.bencher import OpenMp, Pinning, Protocol, bench
from edgekit.bencher.targets import Target, resolve
from edgekit.numerics import statistics as st
from edgekit.worker.affinity import choose

TOLERANCE = 0.02
WARM_UP_S = 0.5


def plain(target: Target, inputs: Path, threads: int, cpus: list[int], seconds: float) -> np.ndarray:
    """Run the plain loop once in a process of its own."""
    command = [
        "taskset", "-c", ",".join(str(cpu) for cpu in cpus),
        sys.executable, str(Path(__file__).with_name("plain_loop.py")),
        str(target.param), str(target.bin), str(inputs), target.outputs[0],
        str(threads), str(WARM_UP_S), str(seconds),
    ]  # fmt: skip
    environment = {**os.environ, **OpenMp().environment()}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return np.array(json.loads(done.stdout))


def write_inputs(target: Target, path: Path) -> None:
    """Write the inputs of the bench for the plain loop, without the batch axis that ncnn keeps apart."""
    arrays = {}
    for blob, array, batch_axis in target.tensors(0):
        arrays[blob] = array if batch_axis is None else array.squeeze(batch_axis)
    np.savez(path, **arrays)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bundle")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each process")
    args = parser.parse_args()
    target = resolve(args.bundle, {})
    cpus = choose(args.threads, {})
    protocol = Protocol("quick", 1, min_runs=1, min_s=args.seconds, max_s=60.0, warmup_s=WARM_UP_S)
    ours: list[np.ndarray] = []
    theirs: list[np.ndarray] = []
    with tempfile.TemporaryDirectory() as folder:
        inputs = Path(folder) / "inputs.npz"
        write_inputs(target, inputs)
        for number in range(args.rounds):
            for turn in (0, 1) if number % 2 == 0 else (1, 0):
                if turn == 0:
                    report = bench(
                        args.bundle, threads=(args.threads,), precision="fp32", protocol=protocol,
                        memory=False, pinning=Pinning(cpus=tuple(cpus)),
                    )  # fmt: skip
                    latency = report.results[0].latency
                    assert latency is not None
                    ours += latency.by_round()
                else:
                    theirs.append(plain(target, inputs, args.threads, cpus, args.seconds))
            print(f"\rround {number + 1} of {args.rounds}", end="", file=sys.stderr)
    print(file=sys.stderr)
    ratio = st.ratio_interval(ours, theirs)
    noise = st.swap_noise(ours, theirs)
    print(f"edgekit bench {st.median(np.concatenate(ours)) * 1e3:.3f} ms")
    print(f"plain loop    {st.median(np.concatenate(theirs)) * 1e3:.3f} ms")
    print(
        f"ratio         {ratio.estimate:.4f} [{ratio.low:.4f}, {ratio.high:.4f}], noise {noise * 100:.1f} %"
    )
    holds = abs(ratio.estimate - 1) <= TOLERANCE
    print(f"{'holds' if holds else 'FAILS'}: the medians differ by {abs(ratio.estimate - 1) * 100:.2f} %")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
