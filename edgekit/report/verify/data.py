"""What the HTML page's script needs of a verification: one short record per layer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgekit.numerics.histogram import Histogram
from edgekit.numerics.metrics import Finding, Metrics
from edgekit.report.verify import words
from edgekit.report.verify.svg import edges_of
from edgekit.units import format_shape
from edgekit.verifier import LayerResult, Status, VerifyReport


def page_data(report: VerifyReport, folder: Path | None) -> dict[str, Any]:
    """Return the object that the page embeds; texts that need the whole report are made here."""
    before: dict[int, list[int]] = {}
    after: dict[int, list[int]] = {}
    count = len(report.layers)
    for source, target in dict.fromkeys(edges_of(report)):
        if target < count:
            before.setdefault(target, []).append(source)
            after.setdefault(source, []).append(target)
    layers = [
        _layer(report, layer, folder, before.get(number, []), after.get(number, []))
        for number, layer in enumerate(report.layers)
    ]
    return {"passed": report.passed, "layers": layers}


def _layer(
    report: VerifyReport, layer: LayerResult, folder: Path | None, before: list[int], after: list[int]
) -> dict[str, Any]:
    failed = layer.status is Status.FAIL
    source = layer.source
    times = words.excess(layer)
    return {
        "name": layer.name,
        "type": layer.type,
        "blob": layer.blob,
        "shape": format_shape(layer.shape) if layer.shape else "",
        "given": _other_shape(layer),
        "module": words.module(source),
        "op": source.op if source else "",
        "place": words.place(source, folder),
        "label": "unmatched" if layer.status is Status.UNMATCHED else layer.label.value,
        "failed": failed,
        "text": f"{words.wrong(layer)} {words.effect(report, layer)}" if failed else layer.reason or "",
        "entire": _metrics(layer.propagated, layer.propagated_finding),
        "single": _metrics(layer.isolated, layer.finding),
        "floor": layer.floor,
        "times": times if times is not None and math.isfinite(times) else None,
        "beyond": (times is not None and math.isinf(times)) or (failed and layer.isolated is None),
        "gain": layer.gain,
        "typical": layer.typical,
        "matched": words.matched(layer),
        "before": before,
        "after": after,
        "histogram": _histogram(layer.histogram),
    }


def _other_shape(layer: LayerResult) -> str:
    if layer.ncnn_shape is None or layer.ncnn_shape == layer.shape:
        return ""
    return format_shape(layer.ncnn_shape)


def _metrics(metrics: Metrics | None, finding: Finding | None) -> Mapping[str, Any] | None:
    if metrics is None and finding is None:
        return None
    numbers = {} if metrics is None else {name: getattr(metrics, name) for name in Metrics.__slots__}
    return {**numbers, "finding": None if finding is None else finding.value.replace("_", " ")}


def _histogram(histogram: Histogram | None) -> Mapping[str, Any] | None:
    if histogram is None:
        return None
    return {
        "low": histogram.low,
        "high": histogram.high,
        "reference": histogram.reference,
        "actual": histogram.actual,
        "stride": histogram.stride,
        "referenceLeft": histogram.reference_left,
        "actualLeft": histogram.actual_left,
    }
