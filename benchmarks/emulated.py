"""Every network of the zoo on emulated ARM: exported, then verified layer by layer in fp32 and fp16.

    python benchmarks/emulated.py [--device qemu:cortex-a76] [--only NAME]... [--results benchmarks/results]

Writes `emulated.json` and `emulated.md` there after every row, and goes on where it was when it is run again.
Networks that take a resolution are run at a small one: the layers are the same, and the emulator is slow.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import edgekit
from edgekit import schema
from edgekit.bundle import open_bundle
from edgekit.devices import open_device
from edgekit.errors import EdgekitError
from edgekit.formats import ncnn
from edgekit.graph import Layer
from edgekit.ops.describe import describe
from edgekit.verifier import LayerResult, VerifyReport

SCHEMA = "edgekit.emulated/1"
PRECISIONS = ("fp32", "fp16")
MODELS = (
    "mobilenet_v1:resolution=96",
    "mobilenet_v2:resolution=96",
    "mobilenet_v3_small:resolution=96",
    "mobilenet_v3_large:resolution=96",
    "mobilenet_v4_conv_small:resolution=96",
    "shufflenet_v1:resolution=96",
    "shufflenet_v2:resolution=96",
    "depthwise_separable",
    "gtconv_block",
    "gtcrn:frames=16",
    "gtcrn_stream",
    "audio_encoder",
    "audio_face_unet:resolution=96",
    "se_resnet18:resolution=96",
    "cbam_resnet18:resolution=96",
    "hybridsn",
    "digits",
    "mobilenet_v4_conv_medium:resolution=96",
    "mobilenet_v4_hybrid_medium:resolution=96",
    "mobilenet_v4_conv_large:resolution=96",
    "mobilenet_v4_hybrid_large:resolution=96",
)

KERNEL = (
    "ncnn's kernel `convdw3x3s2_pack8_fp16sa_neon`, which takes two pixels from the wrong row where it makes "
    "two columns at a time (`benchmarks/depthwise_fp16.py`)"
)

Row = dict[str, Any]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="qemu:cortex-a76")
    parser.add_argument("--only", action="append", help="a model, as often as wanted")
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results")
    args = parser.parse_args()
    device = open_device(args.device)
    path = args.results / "emulated.json"
    document = json.loads(path.read_text()) if path.is_file() else {}
    if document.get("name") != args.device:
        document = {
            "schema": SCHEMA,
            "name": args.device,
            "device": schema.to_json(device.info()),
            "rows": [],
        }
    for model in args.only or MODELS:
        done = {row["precision"] for row in document["rows"] if row["model"] == model}
        if done >= set(PRECISIONS):
            continue
        with tempfile.TemporaryDirectory() as folder:
            found = rows_of(
                model, args.device, Path(folder), [each for each in PRECISIONS if each not in done]
            )
        document["rows"] = sorted(document["rows"] + found, key=place)
        write(args.results, document)
        for row in found:
            print("  ".join(cells(row)), file=sys.stderr)
    return 0 if all(row["verdict"] == "pass" for row in document["rows"]) else 1


def place(row: Row) -> int:
    """Where a row stands in the table."""
    return MODELS.index(row["model"]) if row["model"] in MODELS else len(MODELS)


def rows_of(model: str, device: str, folder: Path, precisions: Sequence[str]) -> list[Row]:
    """Export one model and verify it there."""
    try:
        edgekit.export(model, folder / "bundle")
    except EdgekitError as error:
        return [{"model": model, "precision": each, "verdict": f"no export: {error}"} for each in precisions]
    return [row_of(model, device, folder / "bundle", precision) for precision in precisions]


def row_of(model: str, device: str, bundle: Path, precision: str) -> Row:
    begin = time.monotonic()
    try:
        report = edgekit.verify(bundle, device=device, precision=precision)
    except EdgekitError as error:
        return {"model": model, "precision": precision, "verdict": f"no answer: {error}"}
    return {
        "model": model,
        "precision": precision,
        "verdict": report.verdict.value,
        "layers": len(report.layers),
        "compared": report.compared,
        "culprits": list(report.culprits),
        "causes": causes(report, bundle),
        "output_max_abs": max(
            (each.metrics.max_abs for each in report.outputs if each.metrics), default=None
        ),
        "seconds": round(time.monotonic() - begin, 1),
    }


def causes(report: VerifyReport, bundle: Path) -> dict[str, list[str]]:
    """Whose fault it is -> the wrong layers."""
    opened = open_bundle(bundle)
    layers = ncnn.read(opened.param, opened.bin).layers
    found: dict[str, list[str]] = {}
    for each in report.layers:
        if each.name in report.culprits:
            known = report.precision == "fp16" and is_in_two_columns(layers[each.index], each)
            found.setdefault(KERNEL if known else f"not known: {each.why}", []).append(each.name)
    return found


def is_in_two_columns(layer: Layer, result: LayerResult) -> bool:
    """Whether the kernel that `depthwise_fp16.py` convicts computes a layer, and enough columns of it."""
    if layer.type != "ConvolutionDepthWise" or result.shape[-3] % 8:
        return False
    facts = describe(layer)
    geometry = (facts["kernel"], facts["stride"], facts["dilation"])
    return geometry == ((3, 3), (2, 2), (1, 1)) and result.shape[-1] % 4 >= 2


def write(folder: Path, document: Mapping[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "emulated.json").write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    (folder / "emulated.md").write_text(table(document), "utf-8")


def table(document: Mapping[str, Any]) -> str:
    device = document["device"]
    lines = [
        f"# The zoo on {document['name']}",
        "",
        f"{device['cpu']}, ncnn {device['ncnn']}; made by `python benchmarks/emulated.py`.",
        "A wrong layer is one whose error alone is above what the arithmetic explains.",
        "",
        "| model | precision | verdict | layers compared | wrong layers | output off by at most |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    lines += ["| " + " | ".join(cells(row)) + " |" for row in document["rows"]]
    failed = [row for row in document["rows"] if row.get("causes")]
    lines += ["", "Why:", ""] if failed else []
    lines += [
        f"- {row['model']}, {row['precision']}: {', '.join(names)}: {cause}"
        for row in failed
        for cause, names in row["causes"].items()
    ]
    return "\n".join(lines) + "\n"


def cells(row: Row) -> list[str]:
    off = row.get("output_max_abs")
    return [
        row["model"],
        row["precision"],
        row["verdict"],
        f"{row['compared']} of {row['layers']}" if "layers" in row else "",
        ", ".join(row.get("culprits", ())),
        "" if off is None else f"{off:.1e}",
    ]


if __name__ == "__main__":
    sys.exit(main())
