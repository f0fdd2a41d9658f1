"""One bundle on several devices: which agree with PyTorch, and the layers on which they do not agree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgekit import schema
from edgekit.report.table import text_table
from edgekit.units import format_error
from edgekit.verifier import LayerResult, Status, VerifyReport

Reports = Mapping[str, VerifyReport]
"""Device as it was named -> what `verify` found on it, in the order in which they were asked for."""

_MOST_LAYERS = 20
_APART = 4.0  # times the error on another device is no longer the same rounding in another order


def devices_json(reports: Reports) -> dict[str, Any]:
    """Return the document of schema `edgekit.verify-devices/1`; each report is an `edgekit.verify/1`."""
    passed = all(report.passed for report in reports.values())
    return {
        "schema": schema.schema_id("edgekit.verify-devices", 1),
        "verdict": "pass" if passed else "fail",
        "reports": [{"name": name, **report.to_json()} for name, report in reports.items()],
    }


def devices_text(reports: Reports) -> str:
    """Return the verdict, a row per device, and a row per layer on which the devices differ."""
    sections = ([_finding(reports)], _summary(reports), _layers(reports))
    return "\n\n".join("\n".join(section) for section in sections if section) + "\n"


def _finding(reports: Reports) -> str:
    failing = [name for name, report in reports.items() if not report.passed]
    if not failing:
        return f"PASS: the same model as in PyTorch on all {len(reports)} devices"
    return f"FAIL: another model on {len(failing)} of {len(reports)} devices: {', '.join(failing)}"


def _summary(reports: Reports) -> list[str]:
    rows = []
    for name, report in reports.items():
        worst = max(report.layers, key=_excess)
        off = [output.metrics.max_abs for output in report.outputs if output.metrics]
        rows.append(
            [
                name,
                report.device.arch,
                report.precision,
                report.verdict.value,
                f"{len(report.culprits)} of {report.compared}",
                worst.name,
                _error(worst),
                "" if worst.floor is None else format_error(worst.floor),
                format_error(max(off)) if off else "",
            ]
        )
    headers = [
        "device", "arch", "precision", "verdict", "wrong", "nearest its floor", "single", "floor", "output",
    ]  # fmt: skip
    return text_table(headers, rows, left=(0, 1, 2, 3, 5), indent="")


def _layers(reports: Reports) -> list[str]:
    """A row per layer that is wrong somewhere, or whose error is not the same rounding everywhere."""
    tables = [{layer.index: layer for layer in report.layers} for report in reports.values()]
    rows = []
    for index, first in tables[0].items():
        layers = [table[index] for table in tables if index in table]
        if any(layer.status is Status.FAIL for layer in layers) or _apart(layers):
            rows.append([str(index), first.name, *(_cell(layer) for layer in layers), _module(first)])
    if not rows:
        return ["every layer is as far from PyTorch on each device as on the others"]
    hidden = len(rows) - _MOST_LAYERS
    headers = ["#", "layer", *reports, "module"]
    lines = text_table(headers, rows[:_MOST_LAYERS], left=(1, len(headers) - 1), indent="")
    more = [f"and {hidden} more layers"] if hidden > 0 else []
    return ["error of each layer alone, where devices differ (! above what rounding explains)", *lines, *more]


def _apart(layers: list[LayerResult]) -> bool:
    errors = [layer.isolated.max_abs for layer in layers if layer.isolated is not None]
    floors = [layer.floor for layer in layers if layer.floor is not None]
    if not errors or not floors or max(errors) < 0.1 * max(floors):
        return False
    return max(errors) > _APART * max(min(errors), 1e-30)


def _excess(layer: LayerResult) -> float:
    if layer.isolated is None or not layer.floor:
        return float(layer.status is Status.FAIL)
    return layer.isolated.max_abs / layer.floor


def _cell(layer: LayerResult) -> str:
    return ("! " if layer.status is Status.FAIL else "") + _error(layer)


def _error(layer: LayerResult) -> str:
    return "n/a" if layer.isolated is None else format_error(layer.isolated.max_abs)


def _module(layer: LayerResult) -> str:
    return (layer.source.module if layer.source else None) or ""
