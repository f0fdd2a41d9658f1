"""How near the forecast of half precision comes to an emulated Cortex-A76, layer by layer.

    python benchmarks/half_forecast.py [NAME ...] [--json FILE]

Every network is exported at a small size, forecast on this host, and run layer by layer under
`qemu:cortex-a76` on the inputs that PyTorch has. A layer counts as told when prediction and observation are
within a factor of 4, or when both say infinity or NaN. A layer that ncnn itself gets wrong (above its floor,
and right as soon as its sums are float32) is no rounding: it is listed, not counted.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import edgekit
from edgekit.alignment import Alignment, Sample, store
from edgekit.alignment.model import LayerAlignment
from edgekit.bundle import open_bundle
from edgekit.devices import QemuDevice
from edgekit.forecaster import Kernel, LayerForecast, Risk, forecast_graph
from edgekit.formats import ncnn
from edgekit.numerics.metrics import compare
from edgekit.runtimes.ncnn import PRECISIONS
from edgekit.schema import write_json
from edgekit.verifier import Artefact
from edgekit.verifier.alone import failing_alone, run_alone
from tests.repairer import nets

FACTOR = 4.0
ZOO = (
    "mobilenet_v1:resolution=96", "mobilenet_v2:resolution=96", "mobilenet_v3_small:resolution=96",
    "mobilenet_v3_large:resolution=96", "mobilenet_v4_conv_small:resolution=96",
    "shufflenet_v1:resolution=96", "shufflenet_v2:resolution=96", "se_resnet18:resolution=96",
    "cbam_resnet18:resolution=96",
    "depthwise_separable", "gtconv_block", "gtcrn_stream", "hybridsn", "digits", "audio_encoder",
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One layer: what was said and what was seen; `seen` is None where no number came."""

    net: str
    layer: str
    type: str
    kernel: str
    said: float | None
    seen: float | None
    floor: float
    fault: bool = False

    @property
    def told(self) -> bool:
        """Whether the forecast is within the factor, or both see no number."""
        if self.said is None or self.seen is None:
            return self.said is None and self.seen is None
        if self.said == self.seen:
            return True
        return min(self.said, self.seen) * FACTOR >= max(self.said, self.seen)

    @property
    def missed(self) -> bool:
        """Whether the layer overflows and nothing was said of it."""
        return self.seen is None and self.said is not None


def observe(name: str, bundle: Path, device: QemuDevice, precision: str) -> list[Row]:
    """Forecast and run every layer of a bundle on its first sample."""
    opened = open_bundle(bundle)
    graph = ncnn.read(opened.param, opened.bin)
    alignment, samples, _ = store.read(bundle)
    said = {layer.index: layer for layer in forecast_graph(graph, alignment, samples[:1], precision).layers}
    artefact = Artefact(graph, opened.param, opened.bin, device, precision)
    layers = [entry for entry in alignment.layers if entry.outputs and entry.type != "Input"]
    answers = run_alone(artefact, alignment, samples[0], layers, PRECISIONS[precision], 1)
    rows: list[Row] = []
    for entry, answer in zip(layers, answers, strict=True):
        forecast = said[entry.index]
        array = answer[forecast.blob]
        metrics = None if array is None else compare(array, samples[0].blobs[forecast.blob]).metrics
        rows.append(_row(name, forecast, None if metrics is None else metrics.max_abs))
    return confirmed(rows, layers, artefact, alignment, samples[:1], said)


def confirmed(
    rows: list[Row],
    layers: list[LayerAlignment],
    artefact: Artefact,
    alignment: Alignment,
    samples: Sequence[Sample],
    said: Mapping[int, LayerForecast],
) -> list[Row]:
    """Mark what ncnn gets wrong itself: above the floor though nothing was said, right with float32 sums."""
    odd = [
        entry.index
        for row, entry in zip(rows, layers, strict=True)
        if row.seen is not None and row.seen > row.floor and said[entry.index].risk is Risk.NONE
    ]
    if not odd or artefact.precision != "fp16":
        return rows
    wrong = failing_alone(replace(artefact, precision="fp16-storage"), alignment, samples, odd)
    right = {said[index].name for index in odd if index not in wrong}
    return [replace(row, fault=row.layer in right) for row in rows]


def _row(name: str, forecast: LayerForecast, seen: float | None) -> Row:
    kernel = forecast.kernel.value
    return Row(name, forecast.name, forecast.type, kernel, forecast.error, seen, forecast.floor)


def export(name: str, folder: Path) -> Path:
    """Export a network of the zoo, or one of those that half precision breaks."""
    target = folder / name.replace(":", "_").replace("=", "_")
    if not target.exists():
        known = {**nets.BROKEN, **nets.SOUND}
        if name in known:
            edgekit.export(nets.build(known[name][0]), target, inputs={"x": known[name][1]})
        else:
            edgekit.export(name, target)
    return target


def _told(row: Row) -> dict[str, Any]:
    return {key: getattr(row, key) for key in ("net", "layer", "type", "said", "seen", "floor")}


def summary(rows: list[Row]) -> dict[str, Any]:
    """Return the figures over the layers that take part in half precision."""
    counted = [row for row in rows if row.kernel != Kernel.WIDE and not row.fault]
    ratios = [row.said / row.seen for row in counted if row.said and row.seen]
    return {
        "layers": len(counted),
        "within_factor_4": sum(row.told for row in counted),
        "share": round(sum(row.told for row in counted) / max(1, len(counted)), 4),
        "overflows": sum(row.seen is None for row in counted),
        "overflows_missed": [f"{row.net} {row.layer}" for row in counted if row.missed],
        "false_alarms": [
            f"{row.net} {row.layer}" for row in counted if row.said is None and row.seen is not None
        ],
        "ratio_median": round(float(np.median(ratios)), 3) if ratios else None,
        "ncnn_faults": [_told(row) for row in rows if row.fault],
        "not_in_half_precision": sum(row.kernel == Kernel.WIDE for row in rows),
        "layers_outside": [_told(row) for row in counted if not row.told],
    }


def main() -> None:
    """Run, print, and write the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: the zoo and the nets that break")
    parser.add_argument("--precision", default="fp16", choices=("fp16", "fp16-storage", "bf16"))
    parser.add_argument("--bundles", type=Path, help="keep the exported bundles here")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    device, rows, nets_said = QemuDevice("cortex-a76"), [], {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.bundles or Path(scratch)
        for name in args.names or (*ZOO, *nets.BROKEN, *nets.SOUND):
            own = observe(name, export(name, folder), device, args.precision)
            rows += own
            found = summary(own)
            nets_said[name] = {key: found[key] for key in ("layers", "within_factor_4", "overflows")}
            print(
                f"{name}: {found['within_factor_4']} of {found['layers']} within a factor of {FACTOR:g}",
                flush=True,
            )
    document = {"schema": "edgekit.half-forecast/1", "precision": args.precision, "device": device.spec,
                **summary(rows), "networks": nets_said}  # fmt: skip
    for key, value in document.items():
        if key not in ("networks", "layers_outside", "ncnn_faults"):
            print(f"{key}: {value}")
    for key in ("layers_outside", "ncnn_faults"):
        for row in document[key]:
            print(f"{key}: {row}")
    if args.json:
        write_json(document, args.json)


if __name__ == "__main__":
    main()
