"""One bench on several devices: the figures side by side, what each one is, where the time goes on each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from edgekit import schema
from edgekit.bencher import BenchReport, Result
from edgekit.bencher.result import LayerTiming
from edgekit.report.bench.words import wrapped
from edgekit.report.table import text_table
from edgekit.units import counted, format_bytes, format_count, format_duration, format_percent

Reports = Mapping[str, BenchReport]
"""Device as it was named -> what `bench` measured on it, in the order in which they were asked for."""

_MOST_LAYERS = 12
_LEAST_SHARE = 0.02  # of the whole net, below which a layer is not worth a row


def devices_json(reports: Reports) -> dict[str, Any]:
    """Return the document of schema `edgekit.bench-devices/1`; each report is an `edgekit.bench/1`."""
    return {
        "schema": schema.schema_id("edgekit.bench-devices", 1),
        "reports": [{"name": name, **report.to_json()} for name, report in reports.items()],
    }


def devices_text(reports: Reports) -> str:
    """Return what a reader came for, a row per configuration, per device and per heavy layer."""
    sections = (_findings(reports), _figures(reports), _devices(reports), _layers(reports), _caveats(reports))
    return "\n\n".join("\n".join(section) for section in sections if section) + "\n"


def _keys(reports: Reports) -> list[tuple[str, int, str]]:
    """Every configuration that any device measured, in order."""
    return list(dict.fromkeys(result.key for report in reports.values() for result in report.results))


def _results(reports: Reports, key: tuple[str, int, str]) -> dict[str, Result]:
    """Device -> its result of one configuration, where it has one."""
    return {
        name: result
        for name, report in reports.items()
        for result in report.results
        if result.key == key and result.runtime == report.results[0].runtime
    }


def _title(key: tuple[str, int, str]) -> str:
    target, threads, precision = key
    return f"{target}, {counted(threads, 'thread')}, {precision}"


def _findings(reports: Reports) -> list[str]:
    return [f"{_title(key)}: {_finding(_results(reports, key))}" for key in _keys(reports)]


def _finding(results: Mapping[str, Result]) -> str:
    """Say which device is the fastest where the intervals allow to say so."""
    timed = {name: result.latency for name, result in results.items() if result.latency is not None}
    untimed = [name for name in results if name not in timed]
    silent = [f"no times on {', '.join(untimed)}: emulated"] if untimed else []
    if not timed:
        return silent[0]
    ordered = sorted(timed, key=lambda name: timed[name].median_s)
    best = timed[ordered[0]]
    said = [f"{format_duration(best.median_s)} on {ordered[0]}"]
    for name in ordered[1:]:
        latency = timed[name]
        if latency.ci95_s[0] <= best.ci95_s[1]:
            said.append(f"no difference on {name}")
        else:
            said.append(f"{latency.median_s / best.median_s:.2f}x that on {name}")
    return ", ".join(said + silent)


def _figures(reports: Reports) -> list[str]:
    rows = []
    for key in _keys(reports):
        results = _results(reports, key)
        for what, cells in (
            ("median", _cells(results, _median)),
            ("95 % interval", _cells(results, _interval)),
            ("p90", _cells(results, _p90)),
            ("grade", _cells(results, lambda each: each.validity.grade or "")),
            ("instructions", _cells(results, lambda each: _count(each.instructions))),
            ("weights", _cells(results, lambda each: _bytes(each, "weights_bytes"))),
            ("blob peak", _cells(results, lambda each: _bytes(each, "blob_peak_bytes"))),
            ("workspace peak", _cells(results, lambda each: _bytes(each, "workspace_peak_bytes"))),
        ):
            if any(cells.values()):
                rows.append([_title(key), what, *(cells.get(name, "") for name in reports)])
    return text_table(["", "", *reports], _once(rows), left=(0, 1), indent="")


def _once(rows: list[list[str]]) -> list[list[str]]:
    """Name a configuration in the first of its rows only."""
    return [
        ["" if index and rows[index - 1][0] == row[0] else row[0], *row[1:]] for index, row in enumerate(rows)
    ]


def _cells(results: Mapping[str, Result], cell: Callable[[Result], str]) -> dict[str, str]:
    return {name: cell(result) for name, result in results.items()}


def _median(result: Result) -> str:
    return "" if result.latency is None else format_duration(result.latency.median_s)


def _p90(result: Result) -> str:
    return "" if result.latency is None else format_duration(result.latency.p90_s)


def _interval(result: Result) -> str:
    if result.latency is None:
        return ""
    low, high = result.latency.ci95_s
    return f"{format_duration(low)} .. {format_duration(high)}"


def _count(number: int | None) -> str:
    return "" if number is None else format_count(number)


def _bytes(result: Result, field: str) -> str:
    return "" if result.memory is None else format_bytes(getattr(result.memory, field))


def _devices(reports: Reports) -> list[str]:
    rows = []
    for name, report in reports.items():
        device, conditions = report.device, report.results[0].conditions
        rows.append(
            [
                name,
                device.cpu,
                device.arch,
                ",".join(map(str, conditions.cpus)),
                _clusters(conditions.clusters),
                ", ".join(conditions.governors),
                device.ncnn,
            ]
        )
    headers = ["device", "cpu", "arch", "ran on", "clusters", "governor", "ncnn"]
    return text_table(headers, rows, left=(0, 1, 2, 3, 4, 5, 6), indent="")


def _clusters(clusters: tuple[Mapping[str, Any], ...]) -> str:
    """Return `4 at 1800 MHz + 2 at 2400 MHz`, or nothing where the kernel tells no frequencies."""
    known = [(len(each["cpus"]), each["max_khz"]) for each in clusters if each["max_khz"]]
    return " + ".join(f"{count} at {khz / 1000:.0f} MHz" for count, khz in known)


def _layers(reports: Reports) -> list[str]:
    """A row per heavy layer of the first configuration: its share of the whole on each device."""
    results = _results(reports, _keys(reports)[0])
    shares = {name: _shares(result.layers) for name, result in results.items() if result.layers}
    layers = {layer.index: layer for result in results.values() for layer in result.layers}
    heaviest = sorted(layers, key=lambda index: -max(each.get(index, 0.0) for each in shares.values()))
    rows = []
    for index in sorted(heaviest[:_MOST_LAYERS]):
        if max(each.get(index, 0.0) for each in shares.values()) >= _LEAST_SHARE:
            layer = layers[index]
            cells = (format_percent(each[index]) if index in each else "" for each in shares.values())
            rows.append([str(index), layer.name, layer.kind, *cells])
    if not rows:
        return []
    title = "share of each layer (of the time, or of the instructions where emulated), the heaviest"
    return [title, *text_table(["#", "layer", "kind", *shares], rows, left=(1, 2), indent="")]


def _shares(layers: tuple[LayerTiming, ...]) -> dict[int, float]:
    """Index of a layer -> its share of what all of them took."""
    costs = {
        layer.index: float(cost)
        for layer in layers
        if (cost := layer.latency_s if layer.latency_s is not None else layer.instructions) is not None
    }
    total = sum(costs.values())
    return {index: cost / total for index, cost in costs.items()} if total > 0 else {}


def _caveats(reports: Reports) -> list[str]:
    return [line for name, report in reports.items() for line in _caveats_of(name, report)]


def _caveats_of(name: str, report: BenchReport) -> Iterator[str]:
    """What speaks against the figures of a device, each thing once."""
    messages = dict.fromkeys(
        f"{caveat.message}; {caveat.remedy}"
        for result in report.results
        for caveat in result.validity.warnings
    )
    if messages:
        yield f"on {name}"
        for message in messages:
            yield from wrapped(message)
