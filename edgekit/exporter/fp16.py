"""Store weights as fp16: half the size, and an error that is measured and said.

The numbers are rounded here, to the nearest fp16 number. pnnx's own fp16 output has the same layout, byte for
byte, but turns everything below 2^-14 into zero and rounds ties away from zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from edgekit.bundle import TensorSpec
from edgekit.exporter.compare import Answer
from edgekit.exporter.result import Finding, FindingKind, Fp16Cost
from edgekit.formats.ncnn.bin import TAG_FLOAT16, TAG_FLOAT32
from edgekit.graph import Graph, Layer, Weight
from edgekit.runtimes.trace import finite_scale

_LARGEST = float(np.finfo(np.float16).max)


def with_fp16_weights(graph: Graph) -> Graph:
    """Return the graph with every weight that ncnn can read as fp16 stored so.

    Biases and the parameters of normalisations have no storage flag in ncnn's format and stay float32.
    """
    layers = (replace(layer, weights=tuple(_half(each) for each in layer.weights)) for layer in graph)
    return replace(graph, layers=tuple(layers))


def _half(weight: Weight) -> Weight:
    if weight.tag != TAG_FLOAT32:
        return weight
    with np.errstate(over="ignore", under="ignore"):
        return replace(weight, data=weight.data.astype(np.float16), tag=TAG_FLOAT16)


def overflow_findings(graph: Graph) -> list[Finding]:
    """Return a finding for every layer with a weight that fp16 cannot hold."""
    return [
        Finding(
            FindingKind.NUMBERS,
            f"a weight of layer '{layer.name}' ({layer.type}) is {_peak(layer):.3g}, "
            f"and the largest fp16 number is {_LARGEST:.0f}",
            "export with --precision fp32",
        )
        for layer in graph
        if _peak(layer) > _LARGEST
    ]


def _peak(layer: Layer) -> float:
    flagged = (each.data for each in layer.weights if each.tag == TAG_FLOAT32)
    return max((float(np.max(np.abs(data), initial=0.0)) for data in flagged), default=0.0)


def cost(
    outputs: Sequence[TensorSpec],
    full: Sequence[Answer],
    half: Sequence[Answer],
    bin_bytes_fp32: int,
) -> tuple[Fp16Cost, list[Finding]]:
    """Return what fp16 weights change in the worst output, and findings where they leave no number at all."""
    worst = Fp16Cost(outputs[0].name, 0.0, bin_bytes_fp32)
    findings: list[Finding] = []
    for before, after in zip(full, half, strict=True):
        for spec in outputs:
            wanted, found = before[spec.blob], after[spec.blob]
            if isinstance(wanted, int) or isinstance(found, int) or not np.isfinite(found).all():
                message = f"with fp16 weights output '{spec.name}' is no longer a finite number"
                findings.append(Finding(FindingKind.NUMBERS, message, "export with --precision fp32"))
                continue
            difference = float(np.max(np.abs(np.subtract(found, wanted, dtype=np.float64)), initial=0.0))
            relative = difference / finite_scale(wanted)
            if relative > worst.relative:
                worst = Fp16Cost(spec.name, relative, bin_bytes_fp32)
    return worst, findings
