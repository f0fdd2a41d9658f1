"""What does a checked export cost beside `pnnx.export` alone?

    python benchmarks/export_cost.py [--rounds 5]

In one warm process, in turns, of the same module: the whole of `edgekit.export` (conversion, numbers on two
inputs, alignment of every layer, references) and the Python wrapper `pnnx.export`, which converts and checks
nothing.
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
from pathlib import Path

import pnnx
import torch

import edgekit
from edgekit.models import registry
from edgekit.sources.adapter import forward_inputs


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--model", default="mobilenet_v2")
    arguments = parser.parse_args()
    spec = registry.parse(arguments.model)
    module = registry.build(spec, 0)
    inputs = tuple(torch.rand(*each.shape) for each in spec.inputs)
    names, _ = forward_inputs(module)
    shapes = {name: tuple(each.shape) for name, each in zip(names, spec.inputs, strict=True)}
    times: dict[str, list[float]] = {"edgekit.export": [], "pnnx.export": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _edgekit(module, shapes, folder)
        _pnnx(module, inputs, folder)  # both warm
        for _ in range(arguments.rounds):
            times["edgekit.export"].append(_edgekit(module, shapes, folder))
            times["pnnx.export"].append(_pnnx(module, inputs, folder))
    medians = {each: statistics.median(values) for each, values in times.items()}
    for each, median in medians.items():
        spread = f"{min(times[each]):.2f} .. {max(times[each]):.2f}"
        print(f"{each:15} {median:6.2f} s   ({spread})")
    print(f"ratio           {medians['edgekit.export'] / medians['pnnx.export']:6.2f}")
    return 0


def _edgekit(module: torch.nn.Module, shapes: dict[str, tuple[int, ...]], folder: Path) -> float:
    began_s = time.perf_counter()
    edgekit.export(module, folder / "bundle", inputs=shapes)
    return time.perf_counter() - began_s


def _pnnx(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...], folder: Path) -> float:
    before = Path.cwd()
    os.chdir(folder)
    try:
        began_s = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):
            pnnx.export(module, "plain.pt", inputs)
        return time.perf_counter() - began_s
    finally:
        os.chdir(before)


if __name__ == "__main__":
    sys.exit(main())
