"""The main job, start to finish: a MobileNet V2 exported, verified on a photograph, timed.

python benchmarks/demo.py [FOLDER]    writes FOLDER/{mobilenet_v2,verify.html,bench.html,*.json}
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import edgekit
from edgekit import schema
from edgekit.bencher import BenchReport
from edgekit.cli.progress import StatusLine
from edgekit.exporter import ExportResult
from edgekit.report.verify.words import verdict
from edgekit.units import counted, format_bytes, format_count, format_duration, format_error
from edgekit.verifier import LayerResult, Status, VerifyReport

_MODEL = "mobilenet_v2"


def main(arguments: list[str]) -> int:
    """Run the three steps and print what came of them."""
    folder = Path(arguments[0] if arguments else "build")
    folder.mkdir(parents=True, exist_ok=True)
    began_s = time.perf_counter()
    with StatusLine("demo") as status:
        status(f"exporting {_MODEL}")
        exported = edgekit.export(_MODEL, folder / _MODEL)
        photo = _photograph()
        status("comparing ncnn with PyTorch on a photograph")
        verified = edgekit.verify(folder / _MODEL, inputs=photo)
        status("timing")
        timed = edgekit.bench([str(folder / _MODEL)], threads=_threads())
    pages = _write_pages(folder, verified, timed)
    elapsed_s = time.perf_counter() - began_s
    print("\n".join(_summary(exported, verified, timed, photo, elapsed_s, pages)))
    return 0 if verified.passed else 1


def _photograph() -> Path:
    """The photograph that matplotlib brings in its sample data."""
    from matplotlib import cbook

    return Path(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))


def _threads() -> tuple[int, ...]:
    return tuple(sorted({1, os.cpu_count() or 1}))


def _write_pages(folder: Path, verified: VerifyReport, timed: BenchReport) -> list[Path]:
    from edgekit.report.bench.html import bench_html
    from edgekit.report.verify.html import verify_html

    schema.write_json(verified.to_json(), folder / "verify.json")
    schema.write_json(timed.to_json(), folder / "bench.json")
    return [
        schema.write_text(verify_html(verified), folder / "verify.html"),
        schema.write_text(bench_html(timed), folder / "bench.html"),
    ]


def _summary(
    exported: ExportResult,
    verified: VerifyReport,
    timed: BenchReport,
    photo: Path,
    elapsed_s: float,
    pages: list[Path],
) -> list[str]:
    """Some twenty lines, the verdict first."""
    return [
        f"MobileNet V2, PyTorch to ncnn and back to a verdict, in {format_duration(elapsed_s)}",
        "",
        *_verdict_lines(verified, photo),
        "",
        *_export_lines(exported),
        "",
        *_bench_lines(timed),
        "",
        *(f"open       {page}" for page in pages),
        f"again      . {_activate()} && edgekit verify {exported.path} --all",
    ]


def _verdict_lines(report: VerifyReport, photo: Path) -> list[str]:
    output = report.outputs[0]
    lines = [f"{'PASS' if report.passed else 'FAIL'}       {verdict(report)}"]
    if output.metrics is not None:
        lines.append(
            f"output     {output.name} on {photo.name}: off by {format_error(output.metrics.max_abs)}, "
            f"rounding explains {format_error(output.floor)}; SNR {output.metrics.snr_db:.0f} dB"
        )
    count = f"{report.compared} of {len(report.layers)}"
    lines += [f"layers     {count} compared one by one, each on PyTorch's own inputs"]
    worst = max((layer for layer in report.layers if layer.isolated), key=_excess, default=None)
    if worst is not None and worst.isolated is not None and worst.source is not None:
        lines.append(
            f"closest    {worst.name} ({worst.type}) from {worst.source.module}: off by "
            f"{format_error(worst.isolated.max_abs)}, {_excess(worst):.0%} of what rounding explains"
        )
    return lines


def _excess(layer: LayerResult) -> float:
    if layer.isolated is None or not layer.floor or layer.status is Status.UNMATCHED:
        return 0.0
    return layer.isolated.max_abs / layer.floor


def _export_lines(result: ExportResult) -> list[str]:
    parameters, size = format_count(result.parameters), format_bytes(result.bin_bytes)
    line = f"{result.path}: {result.layers} layers, {parameters} parameters, {size}, {result.route} route"
    return [f"bundle     {line}"]


def _bench_lines(report: BenchReport) -> list[str]:
    lines = [f"device     {report.device.cpu}, {report.device.arch}, ncnn {report.device.ncnn}"]
    for result in report.results:
        if result.latency is None:
            continue
        low, high = (format_duration(bound) for bound in result.latency.ci95_s)
        threads = counted(result.threads, "thread")
        lines.append(
            f"{threads:11}{format_duration(result.latency.median_s)} median [{low}, {high}], "
            f"p90 {format_duration(result.latency.p90_s)}, {len(result.latency.samples_s)} runs, "
            f"grade {result.validity.grade}"
        )
    memory = next((result.memory for result in report.results if result.memory), None)
    if memory is not None:
        lines.append(
            f"memory     {format_bytes(memory.peak_rss_bytes)} resident at most: "
            f"{format_bytes(memory.weights_bytes)} weights, {format_bytes(memory.blob_peak_bytes)} blobs, "
            f"{format_bytes(memory.workspace_peak_bytes)} workspace"
        )
    caveats = sorted(
        (-caveat.severity.rank, f"{counted(result.threads, 'thread')}: {caveat.message}")
        for result in report.results
        for caveat in result.validity.warnings
    )
    lines += [f"beware     {message}" for _, message in caveats[:3]]
    return lines


def _activate() -> str:
    return os.path.relpath(Path(sys.prefix) / "bin" / "activate")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
