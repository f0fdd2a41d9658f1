"""One row per layer: its time, its work, what bounds it, and where it comes from.

Times are medians of runs in which ncnn computed a layer at a time (see the worker's `layers`), the
median over processes; work follows from shapes that the worker saw and from the cost rules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from edgekit.bencher.fastpath import slow_reason
from edgekit.bencher.measure import Round
from edgekit.bencher.result import LayerTiming
from edgekit.bencher.roofline import Peaks, Traffic, limit
from edgekit.errors import UserError
from edgekit.graph import Graph, Layer
from edgekit.ops import describe
from edgekit.ops.cost import cost

_FP32_BYTES = 4


@dataclass(frozen=True, slots=True)
class Context:
    """What a row needs beside its layer: the graph, the limits, the story, the memory by layer index.

    Times of an emulated device mean nothing and are left out.
    """

    graph: Graph
    precision: str
    arch: str
    peaks: Peaks | None = None
    modules: Mapping[int, str] = field(default_factory=dict)
    memory: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    emulated: bool = False


def layer_timings(rounds: Sequence[Round], context: Context) -> tuple[LayerTiming, ...]:
    """Return a row for each layer that computes something, in file order."""
    rows = rounds[0].message["layers"]
    seconds = np.median(np.stack([each.layers_s for each in rounds if each.layers_s is not None]), axis=0)
    total_s = float(seconds.sum())
    work = [traffic(context.graph.layers[row["index"]], row) for row in rows]
    net_bytes = sum(each.weight_bytes for each in work if each is not None)
    found = []
    for row, time_s, each in zip(rows, seconds, work, strict=True):
        static = _static(row, each, context)
        if not context.emulated:
            static = replace(static, latency_s=float(time_s), share=float(time_s) / total_s)
            static = _limited(static, each, context.peaks, net_bytes)
        found.append(static)
    return tuple(found)


def layer_sum_ratio(rounds: Sequence[Round]) -> float:
    """Return sum of the layers' medians over the median of the whole runs between them.

    The median over processes of each process's ratio.
    """
    return float(
        np.median(
            [
                float(np.sum(each.layers_s)) / float(np.median(each.whole_s))
                for each in rounds
                if each.layers_s is not None and each.whole_s is not None
            ]
        )
    )


def traffic(layer: Layer, row: Mapping[str, Any]) -> Traffic | None:
    """Return the work of a layer from the blobs that the worker saw; None where no rule knows it.

    Weights count in the precision that the layer's output has, quantised ones as one byte.
    """
    inputs, outputs = row["inputs"], row["outputs"]
    try:
        found = cost(
            layer, [tuple(blob["shape"]) for blob in inputs], [tuple(blob["shape"]) for blob in outputs]
        )
    except UserError:
        return None
    moved = sum(_bytes_of(blob) for blob in (*inputs, *outputs)) if found.activation_bytes else 0
    width = 1 if _is_quantized(layer) else min(_FP32_BYTES, max(2, outputs[0]["bits"] // 8))
    return Traffic(found.macs, found.parameters * width, moved)


def kind_of(layer: Layer) -> str:
    """Return what a person calls the layer: depthwise, pointwise, 3x3 convolution, or ncnn's type."""
    if layer.type not in ("Convolution", "ConvolutionDepthWise"):
        return layer.type
    facts = describe(layer)
    kernel, groups = facts["kernel"], facts.get("group", 1)
    assert isinstance(kernel, tuple)
    size = "x".join(str(length) for length in kernel)
    if groups == facts["in_channels"] == facts["num_output"] and groups != 1:
        return f"depthwise {size}"
    grouped = "grouped " if groups != 1 else ""
    return f"{grouped}pointwise" if kernel == (1, 1) else f"{grouped}convolution {size}"


def _is_quantized(layer: Layer) -> bool:
    """Whether id 8, int8_scale_term in ncnn's words, says that the weights are int8."""
    term = layer.params.get("8")
    return layer.type.startswith(("Convolution", "InnerProduct")) and isinstance(term, int) and term > 0


def _bytes_of(blob: Mapping[str, Any]) -> int:
    return int(np.prod(blob["shape"])) * int(blob["bits"]) // 8


def _static(row: Mapping[str, Any], work: Traffic | None, context: Context) -> LayerTiming:
    """Return what is known of a layer without its time."""
    index = int(row["index"])
    layer, output, memory = context.graph.layers[index], row["outputs"][0], context.memory.get(index, {})
    return LayerTiming(
        index=index,
        name=str(row["name"]),
        type=str(row["type"]),
        kind=kind_of(layer),
        latency_s=None,
        share=None,
        macs=None if work is None else work.macs,
        bytes=None if work is None else work.bytes,
        intensity=None if work is None else work.intensity,
        instructions=row.get("instructions"),
        simd=dict(row.get("simd", {})),
        shape=tuple(int(size) for size in output["shape"]),
        pack=int(output["pack"]),
        module=context.modules.get(index),
        reason=slow_reason(layer, context.precision, context.arch),
        blob_peak_bytes=memory.get("blob_peak_bytes"),
        workspace_peak_bytes=memory.get("workspace_peak_bytes"),
    )


def _limited(timing: LayerTiming, work: Traffic | None, peaks: Peaks | None, net_bytes: int) -> LayerTiming:
    """Hold the time of a layer against the least that the device allows."""
    if work is None or peaks is None or timing.latency_s is None:
        return timing
    least = limit(work, peaks, net_bytes)
    return replace(
        timing,
        bound=least.bound,
        limit_s=least.seconds,
        of_limit=least.seconds / timing.latency_s,
        gain_s=max(0.0, timing.latency_s - least.seconds),
    )
