"""Make bench reports small enough to commit, and write their tables into one Markdown page.

    python benchmarks/publish.py build/bench/networks.json build/bench/blocks.json ... -o benchmarks/results

Of each process 11 quantiles of its samples are kept and numbers are rounded to four digits; medians and
intervals are those of all samples.
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from networks import NETWORKS

from edgekit import schema
from edgekit.units import counted, format_bytes, format_count, format_percent

HERE = Path(__file__).parent
QUANTILES = 11
Result = Mapping[str, Any]


def thinned(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document with fewer samples and digits."""
    rounded: dict[str, Any] = round_numbers(
        {**document, "results": [thinned_result(result) for result in document["results"]]}
    )
    return rounded


def thinned_result(result: Result) -> Result:
    """Keep some quantiles of each round, and of the conditions what all rounds share."""
    latency, memory = result["latency_s"], result["memory"]
    rounds = np.split(np.array(latency["samples"]), np.cumsum(latency["rounds"])[:-1])
    points = np.linspace(0, 1, QUANTILES)
    samples = [value for each in rounds for value in np.quantile(each, points).tolist()]
    conditions = {key: value for key, value in result["conditions"].items() if key != "rounds"}
    return {
        **result,
        "latency_s": {
            **latency,
            "samples": samples,
            "rounds": [QUANTILES] * len(rounds),
            "runs": len(latency["samples"]),
        },
        "conditions": {**conditions, "processes": len(rounds)},
        "memory": memory and {key: value for key, value in memory.items() if key != "layers"},
        "ridge": [],
    }


def round_numbers(value: Any) -> Any:
    """Round every float to four significant digits."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {key: round_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [round_numbers(item) for item in value]
    return value


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a Markdown table, numbers flush right."""
    yield "| " + " | ".join(headers) + " |"
    yield "| --- |" + " ---: |" * (len(headers) - 1)
    for row in rows:
        yield "| " + " | ".join(row) + " |"
    yield ""


def ms(result: Result) -> str:
    """Median and half of its interval in milliseconds."""
    latency = result["latency_s"]
    low, high = latency["ci95"]
    return f"{latency['median'] * 1e3:.3g} ± {(high - low) / 2 * 1e3:.1g}"


def head(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield the conditions."""
    device, first = document["device"], document["results"][0]
    grades = [result["validity"]["grade"] for result in document["results"]]
    shares = ", ".join(f"{grades.count(grade)} {grade}" for grade in "ABCD" if grade in grades)
    yield (
        f"{device['cpu']}, {device['arch']}, {device['cores']} cores, {device['system']}, "
        f"ncnn {device['ncnn']}; "
        f"{document['mode']}, {first['conditions'].get('processes', '?')} processes per configuration, "
        f"OpenMP {first['conditions']['openmp']}; started {document['started_at']}; grades: {shares}."
    )
    yield ""


def networks_page(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield the networks of ncnn's table, here and as published."""
    published = tomllib.loads((HERE / "published.toml").read_text("utf-8"))
    columns = list(NETWORKS.items())
    rows = []
    for threads in sorted({result["threads"] for result in document["results"]}):
        found = {Path(r["target"]).name: r for r in document["results"] if r["threads"] == threads}
        rows.append(
            [
                f"this machine, {counted(threads, 'thread')}",
                *(ms(found[name]) if name in found else "" for name, _ in columns),
            ]
        )
    for device in published["devices"]:
        values = dict(zip(published["networks"], device["ms"], strict=True))
        rows.append(
            [
                f"{device['name']}, {counted(device['threads'], 'thread')}",
                *(f"{values[name]:g}" for _, name in columns),
            ]
        )
    yield "## Networks"
    yield ""
    yield from head(document)
    yield f"Milliseconds: here the median in fp32; below, the minimum, from {published['source']}."
    yield ""
    yield from table(["", *(name for name, _ in columns)], rows)
    yield from memory_rows(document)
    yield from kind_rows(document)


def memory_rows(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield the memory of each network at one thread."""
    rows = [
        [
            Path(result["target"]).name,
            *(
                format_bytes(result["memory"][key])
                for key in ("peak_rss_bytes", "weights_bytes", "blob_peak_bytes", "workspace_peak_bytes")
            ),
        ]
        for result in document["results"]
        if result["threads"] == 1 and result["memory"]
    ]
    yield from table(["memory", "peak RSS", "weights", "blob peak", "workspace peak"], rows)


def kind_rows(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield where the time of each network goes at one thread."""
    shares: dict[str, dict[str, float]] = {}
    for result in document["results"]:
        if result["threads"] == 1:
            own = shares.setdefault(Path(result["target"]).name, {})
            for layer in result["layers"]:
                kind = layer["kind"].partition(" ")[0]
                kind = kind if kind in ("depthwise", "pointwise", "convolution", "grouped") else "other"
                own[kind] = own.get(kind, 0.0) + layer["share"]
    kinds = ("pointwise", "depthwise", "convolution", "grouped", "other")
    rows = [[name, *(format_percent(own.get(kind, 0.0)) for kind in kinds)] for name, own in shares.items()]
    yield from table(["share of the time", *kinds], rows)


def suite_page(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield the rows of a suite, a table per group."""
    ratios = {ratio["target"]: ratio for ratio in document["ratios"]}
    groups: dict[str, list[Result]] = {}
    for result in document["results"]:
        groups.setdefault(result["facts"]["group"], []).append(result)
    yield f"## {document['results'][0]['facts']['suite']}"
    yield ""
    yield from head(document)
    if ratios:
        yield "Work: MACs over those of the baseline, as in theory; time: the measured ratio of medians."
        yield ""
    for group, results in groups.items():
        rows = []
        for result in results:
            facts, memory, ratio = result["facts"], result["memory"], ratios.get(result["target"])
            work, time = "", ""
            if ratio:
                work, measured = f"{ratio['work']:.3f}", ratio["time"]
                time = f"{measured['estimate']:.3f} [{measured['low']:.3f}, {measured['high']:.3f}]"
            used = memory["blob_peak_bytes"] + memory["workspace_peak_bytes"] if memory else None
            counts = [format_count(facts["macs"]), format_count(facts["parameters"]), format_bytes(used)]
            rows.append([result["target"], ms(result), *counts, work, time])
        headers = [group, "ms", "MACs", "parameters", "memory", *(["work", "time"] if ratios else [])]
        yield from table(headers, [row[: len(headers)] for row in rows])


def main() -> int:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("reports", nargs="+", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=HERE / "results")
    args = parser.parse_args()
    lines = ["# Results", "", "Written by `benchmarks/publish.py` from the JSON files beside it.", ""]
    for path in args.reports:
        document = thinned(schema.load_json(path, "edgekit.bench/1"))
        schema.write_text(json.dumps(document, separators=(",", ":")) + "\n", args.output / path.name)
        is_suite = "suite" in document["results"][0]["facts"]
        lines += suite_page(document) if is_suite else networks_page(document)
    schema.write_text("\n".join(lines).rstrip() + "\n", args.output / "README.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
