"""What does a verification cost beside a script that just runs both runtimes once?

    python benchmarks/verify_cost.py [--layers 1000]

Prints, for MobileNet V2 at 224x224, the wall time of `edgekit verify` and that of a plain script which
imports torch and ncnn and runs the model once in each, taken in turns, and their ratio; then how the time
of a verification grows with the number of layers of a synthetic net.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from torch import nn

import edgekit

_PLAIN = """
import sys
import ncnn, numpy as np, torch
from edgekit.models import registry
module = registry.build(registry.parse("mobilenet_v2"), 0)
image = torch.rand(1, 3, 224, 224)
with torch.no_grad():
    module(image)
net = ncnn.Net()
net.load_param(sys.argv[1] + "/model.ncnn.param")
net.load_model(sys.argv[1] + "/model.ncnn.bin")
array = image[0].numpy()
extractor = net.create_extractor()
extractor.input("in0", ncnn.Mat(array).clone())
extractor.extract("out0")
"""


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        _against_plain(Path(folder), arguments.rounds)
        _growth(Path(folder), arguments.layers)
    return 0


def _against_plain(folder: Path, rounds: int) -> None:
    bundle = folder / "mobilenet_v2"
    edgekit.export("mobilenet_v2", bundle)
    verify = [sys.executable, "-m", "edgekit", "verify", str(bundle)]
    plain = [sys.executable, "-c", _PLAIN, str(bundle)]
    times: dict[str, list[float]] = {"verify": [], "plain": []}
    for _ in range(rounds):
        for name, command in (("verify", verify), ("plain", plain)):
            began_s = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            times[name].append(time.perf_counter() - began_s)
    medians = {name: statistics.median(values) for name, values in times.items()}
    print(f"edgekit verify            {medians['verify']:6.2f} s")
    print(f"both runtimes, once each  {medians['plain']:6.2f} s")
    print(f"ratio                     {medians['verify'] / medians['plain']:6.2f}")


class _Chain(nn.Module):
    """Depthwise and pointwise convolutions in turn, each with an activation that ncnn keeps apart."""

    def __init__(self, layers: int) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        for index in range(layers // 2):
            blocks += [nn.Conv2d(8, 8, 3, 1, 1, groups=8 if index % 2 else 1), nn.GELU()]
        self.blocks = nn.Sequential(*blocks)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.blocks(x)


def _growth(folder: Path, layers: int) -> None:
    print("layers  export   verify  verify per layer")
    for count in (layers // 8, layers // 4, layers // 2, layers):
        torch.manual_seed(0)
        began_s = time.perf_counter()
        edgekit.export(_Chain(count), folder / str(count), inputs={"x": (1, 8, 16, 16)})
        exported_s = time.perf_counter()
        report = edgekit.verify(folder / str(count))
        ended_s = time.perf_counter()
        verify_s = ended_s - exported_s
        print(
            f"{len(report.layers):6d}  {exported_s - began_s:5.1f} s  {verify_s:5.2f} s  "
            f"{1e3 * verify_s / len(report.layers):5.2f} ms  {report.verdict.value}"
        )


if __name__ == "__main__":
    sys.exit(main())
