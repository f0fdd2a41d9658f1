"""One row per layer: its time, its work, what bounds it, and where it comes from.

Times are medians of runs in which ncnn computed a layer at a time (see the worker's `layers`), the
median over processes; work follows from shapes that the worker saw and from the cost rules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


def layer_timings(
    graph: Graph,
    rounds: Sequence[Round],
    precision: str,
    peaks: Peaks | None = None,
    modules: Mapping[int, str] | None = None,
    memory: Sequence[Mapping[str, Any]] = (),
) -> tuple[LayerTiming, ...]:
    """Return a row for each layer that computes something, in file order."""
    rows = rounds[0].message["layers"]
    seconds = np.median(np.stack([each.layers_s for each in rounds if each.layers_s is not None]), axis=0)
    total_s = float(seconds.sum())
    work = [traffic(graph.layers[row["index"]], row) for row in rows]
    net_bytes = sum(each.weight_bytes for each in work if each is not None)
    peak_bytes = {entry["index"]: entry for entry in memory}
    return tuple(
        _row(
            graph.layers[row["index"]], row, float(time_s), total_s, each, peaks, net_bytes, precision,
            (modules or {}).get(row["index"]), peak_bytes.get(row["index"], {}),
        )
        for row, time_s, each in zip(rows, seconds, work, strict=True)
    )  # fmt: skip


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


def _row(
    layer: Layer,
    row: Mapping[str, Any],
    seconds: float,
    total_s: float,
    work: Traffic | None,
    peaks: Peaks | None,
    net_bytes: int,
    precision: str,
    module: str | None,
    memory: Mapping[str, Any],
) -> LayerTiming:
    least = None if work is None or peaks is None else limit(work, peaks, net_bytes)
    output = row["outputs"][0]
    return LayerTiming(
        index=int(row["index"]),
        name=str(row["name"]),
        type=str(row["type"]),
        kind=kind_of(layer),
        latency_s=seconds,
        share=seconds / total_s,
        macs=None if work is None else work.macs,
        bytes=None if work is None else work.bytes,
        intensity=None if work is None else work.intensity,
        bound=None if least is None else least.bound,
        limit_s=None if least is None else least.seconds,
        of_limit=None if least is None else least.seconds / seconds,
        gain_s=None if least is None else max(0.0, seconds - least.seconds),
        shape=tuple(int(size) for size in output["shape"]),
        pack=int(output["pack"]),
        module=module,
        reason=slow_reason(layer, precision),
        blob_peak_bytes=memory.get("blob_peak_bytes"),
        workspace_peak_bytes=memory.get("workspace_peak_bytes"),
    )
