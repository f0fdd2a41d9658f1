"""What rounding explains depends on whose kernels run."""

from pathlib import Path

import torch

import edgekit
from edgekit.alignment import store
from edgekit.bundle import open_bundle
from edgekit.formats import ncnn
from edgekit.numerics.floors import ESTIMATE
from edgekit.verifier.limits import Limits


class InverseRoot(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.rsqrt(x * x + 1.0)


def test_only_kernels_for_arm_estimate_reciprocals(tmp_path: Path) -> None:
    edgekit.export(InverseRoot(), tmp_path / "net", inputs={"x": (1, 4, 8, 8)})
    bundle = open_bundle(tmp_path / "net")
    graph = ncnn.read(bundle.param, bundle.bin)
    alignment, samples, _ = store.read(bundle.path)
    (blob,) = graph.layers[-1].outputs
    arm, other = (Limits(graph, alignment, samples, "fp32", on_arm=each) for each in (True, False))
    assert arm.isolated(blob, 0) >= ESTIMATE * samples[0].noise[blob].isolated.peak
    assert other.isolated(blob, 0) < arm.isolated(blob, 0) / 4
