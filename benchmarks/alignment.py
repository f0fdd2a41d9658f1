"""How many layers find their PyTorch tensor, operation and source line, on every zoo model by both routes?

    python benchmarks/alignment.py [NAME ...] [--route pnnx,onnx,file] [--json FILE] [--folder FOLDER]

Every model is exported at a small size, which makes its alignment, and its `alignment.json` is counted. The
route `file` starts from an .onnx file that PyTorch's own exporter wrote, which knows no source lines.
A layer without a tensor is listed with its reason. The exit status is 1 where less than 99 % of the layers of
any model are aligned. A run that is broken off goes on later.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

import edgekit
from edgekit import schema
from edgekit.alignment import Alignment, store
from edgekit.cli.progress import StatusLine
from edgekit.models import registry
from edgekit.sources.load import load_torch
from edgekit.sources.request import Request
from edgekit.sources.spec import parse_spec

SCHEMA = "edgekit.alignment-benchmark/1"
ROUTES = ("pnnx", "onnx", "file")
REQUIRED = 0.99
_SMALLER = {"resolution": 96, "frames": 16}
_LARGER = {"mobilenet_v4_hybrid_medium": 128, "mobilenet_v4_hybrid_large": 128, "audio_face_unet": 160}
"""Resolutions below which these models do not run."""


def main() -> int:
    """Export, count, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", metavar="NAME", nargs="*", help="zoo models (default: all)")
    parser.add_argument("--route", default=",".join(ROUTES), help="routes, separated by commas")
    parser.add_argument("--json", type=Path, help="write the results there")
    parser.add_argument("--folder", type=Path, default=Path("build/alignment"), help="for the bundles")
    args = parser.parse_args()
    names = args.names or [entry.name for entry in registry.entries()]
    rows = []
    with StatusLine("alignment") as status:
        for name in names:
            for route in args.route.split(","):
                status(f"{name}, {route}")
                rows.append(count(small(name), route, args.folder))
    if args.json:
        schema.write_json(summary(rows), args.json)
    sys.stdout.write(table(rows))
    return 0 if all(row["aligned"] >= REQUIRED * row["layers"] for row in rows) else 1


def small(name: str) -> str:
    """Return the spec of a zoo model at a small size."""
    known = {argument.name for argument in registry.entry(name).arguments}
    sizes = {key: value for key, value in _SMALLER.items() if key in known}
    if "resolution" in sizes:
        sizes["resolution"] = _LARGER.get(name, sizes["resolution"])
    words = ",".join(f"{key}={value}" for key, value in sizes.items())
    return f"{name}:{words}" if words else name


def count(spec: str, route: str, folder: Path) -> dict[str, Any]:
    """Export a model, unless that was done, and count how its layers were aligned."""
    bundle = folder / f"{spec.replace(':', '_').replace('=', '')}_{route}"
    if not (bundle / "manifest.json").is_file():
        if route == "file":
            edgekit.export(str(written(spec, bundle.with_suffix(".onnx"))), bundle)
        else:
            edgekit.export(spec, bundle, route=route)
    alignment, _, _ = store.read(bundle)
    return {"model": spec, "route": route, **_counts(alignment)}


def written(spec: str, path: Path) -> Path:
    """Let PyTorch write a zoo model as an .onnx file."""
    built = load_torch(Request(model=parse_spec(spec)))
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            built.module,
            tuple(torch.zeros(each.shape) for each in built.inputs),
            path,
            input_names=[each.name for each in built.inputs],
            opset_version=17,
            dynamo=False,
        )
    return path


def _counts(alignment: Alignment) -> dict[str, Any]:
    aligned = [layer for layer in alignment.layers if layer.aligned]
    methods = Counter(alignment.blobs[layer.outputs[0]].method.value for layer in aligned)
    placed = [layer for layer in aligned if layer.source is not None and layer.source.op]
    made = [
        layer
        for layer in placed
        if layer.source is not None and not layer.source.op.startswith(("input", "onnx."))
    ]
    return {
        "layers": len(alignment.layers),
        "aligned": len(aligned),
        "with_operation": len(placed),
        "with_line": sum(layer.source is not None and layer.source.line is not None for layer in made),
        "operations": len(made),
        "methods": dict(sorted(methods.items())),
        "unaligned": [
            {"name": layer.name, "type": layer.type, "reason": layer.reason}
            for layer in alignment.layers
            if not layer.aligned
        ],
    }


def summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the document with its totals."""
    totals = {key: sum(row[key] for row in rows) for key in ("layers", "aligned", "operations", "with_line")}
    return {"schema": SCHEMA, "required": REQUIRED, "totals": totals, "rows": list(rows)}


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the figures as a table in markdown."""
    lines = [
        "| model | route | layers | aligned | file:line | found by |",
        "| --- | --- | ---: | ---: | ---: | --- |",
    ]
    for row in rows:
        methods = ", ".join(f"{count} {method}" for method, count in row["methods"].items())
        share = f"{row['aligned']} ({100 * row['aligned'] / row['layers']:.1f} %)"
        placed = f"{row['with_line']} of {row['operations']}"
        lines.append(
            f"| {row['model']} | {row['route']} | {row['layers']} | {share} | {placed} | {methods} |"
        )
    for row in rows:
        for each in row["unaligned"]:
            lines.append(
                f"\n{row['model']}, {row['route']}: {each['name']} ({each['type']}): {each['reason']}"
            )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
