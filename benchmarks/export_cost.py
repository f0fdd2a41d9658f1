"""What does a checked export cost beside `pnnx.export` alone?

    python benchmarks/export_cost.py [--rounds 25] [--model mobilenet_v2] [--json FILE]

In one warm process, in turns, of the same module: the whole of `edgekit.export` (conversion, numbers on two
inputs, alignment of every layer, references) and the Python wrapper `pnnx.export`, which converts and checks
nothing. The ratio is that of the medians, its interval a bootstrap over rounds.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pnnx
import torch

import edgekit
from edgekit import schema
from edgekit.devices import LocalDevice
from edgekit.models import registry
from edgekit.numerics.statistics import ratio_interval
from edgekit.sources.adapter import forward_inputs


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--model", default="mobilenet_v2")
    parser.add_argument("--json", type=Path, help="write the results there")
    arguments = parser.parse_args()
    times = _times(arguments.model, arguments.rounds)
    ratio = ratio_interval(*([np.array([each]) for each in times[tool]] for tool in ("edgekit", "pnnx")))
    for name, values in times.items():
        spread = f"{min(values):.2f} .. {max(values):.2f}"
        print(f"{name + '.export':15} {statistics.median(values):6.2f} s   ({spread})")
    print(f"{'ratio':15} {ratio.estimate:6.2f}     [{ratio.low:.2f}, {ratio.high:.2f}]")
    if arguments.json:
        schema.write_json(
            {
                "schema": "edgekit.export_cost/1",
                "model": arguments.model,
                "device": LocalDevice().info(),
                "edgekit_export_s": times["edgekit"],
                "pnnx_export_s": times["pnnx"],
                "ratio": ratio,
            },
            arguments.json,
        )
    return 0


def _times(model: str, rounds: int) -> dict[str, list[float]]:
    """Return the seconds of every round, after one of each that does not count."""
    spec = registry.parse(model)
    module = registry.build(spec, 0)
    inputs = tuple(torch.rand(*each.shape) for each in spec.inputs)
    names, _ = forward_inputs(module)
    shapes = {name: tuple(each.shape) for name, each in zip(names, spec.inputs, strict=True)}
    times: dict[str, list[float]] = {"edgekit": [], "pnnx": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(rounds + 1):
            took_s = {"edgekit": _edgekit(module, shapes, folder), "pnnx": _pnnx(module, inputs, folder)}
            for tool, each_s in took_s.items():
                times[tool] += [each_s] if number else []
    return times


def _edgekit(module: torch.nn.Module, shapes: dict[str, tuple[int, ...]], folder: Path) -> float:
    began_s = time.perf_counter()
    edgekit.export(module, folder / "bundle", inputs=shapes)
    return time.perf_counter() - began_s


def _pnnx(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...], folder: Path) -> float:
    before = Path.cwd()
    os.chdir(folder)
    try:
        began_s = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()), _quiet():
            pnnx.export(module, "plain.pt", inputs)
        return time.perf_counter() - began_s
    finally:
        os.chdir(before)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Send what the program says on stderr, file descriptor 2, nowhere."""
    with Path(os.devnull).open("wb") as nowhere:
        stderr = os.dup(2)
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


if __name__ == "__main__":
    sys.exit(main())
