"""Write the files of a bundle, the manifest last."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from edgekit import bundle
from edgekit.bundle import Manifest, TensorSpec
from edgekit.devices import Device
from edgekit.exporter import compare, fp16
from edgekit.exporter.artefact import Artefact, Ports
from edgekit.exporter.check import WORKER_TIMEOUT_S, Probes
from edgekit.exporter.ledger import Ledger
from edgekit.exporter.result import Fp16Cost
from edgekit.exporter.subject import Subject
from edgekit.formats import ncnn
from edgekit.schema import write_json, write_text
from edgekit.sources.request import Request
from edgekit.toolchain.versions import installed_version

_TOOLS = ("torch", "pnnx", "ncnn", "onnx", "onnxsim", "onnxruntime", "numpy")


def write_model(
    artefact: Artefact, folder: Path, precision: str, probes: Probes, device: Device, ledger: Ledger
) -> Fp16Cost | None:
    """Write the .param, and the .bin in the precision asked for; return what fp16 weights cost.

    Raises:
        ExportError: fp16 cannot hold a weight, or leaves an output without a number.
    """
    shutil.copyfile(artefact.param, folder / bundle.PARAM_FILE)
    target = folder / bundle.BIN_FILE
    if precision == "fp32":
        shutil.copyfile(artefact.bin, target)
        return None
    ledger.demand(fp16.overflow_findings(artefact.graph))
    _, data = ncnn.dumps(fp16.with_fp16_weights(artefact.graph))
    target.write_bytes(data)
    with ledger.step("fp16", "measuring what fp16 weights cost"):
        full, half = (
            compare.run_outputs(
                device, artefact.param, weights, artefact.inputs, artefact.outputs, probes, WORKER_TIMEOUT_S
            )
            for weights in (artefact.bin, target)
        )
    cost, findings = fp16.cost(artefact.outputs, full, half, artefact.bin.stat().st_size)
    ledger.demand(findings)
    return cost


def write_log(folder: Path, ledger: Ledger, rewrites: Sequence[str]) -> None:
    """Write what every tool said, and what was rewritten for it."""
    lines = [f"{each.tool}: {each.text}" for each in ledger.warnings if each.tool != "pnnx"]
    lines += [f"edgekit: {each}" for each in rewrites]
    write_text("\n".join([*lines, ledger.log]), folder / bundle.LOG_FILE)


def write_manifest(
    folder: Path,
    request: Request,
    subject: Subject,
    artefact: Artefact,
    ledger: Ledger,
    rewrites: Sequence[str],
) -> Manifest:
    """Write the manifest over all files that are in the folder, and return it."""
    written = sorted(folder.iterdir())
    with ThreadPoolExecutor() as pool:  # hashing lets other threads run
        digests = list(pool.map(bundle.file_sha256, written))
    manifest = Manifest(
        model=subject.source,
        inputs=artefact.inputs,
        outputs=_with_aliases(artefact.outputs, dict(subject.outputs.aliases)),
        route=request.route,
        precision=request.precision,
        tools=tool_versions(),
        files={path.name: digest for path, digest in zip(written, digests, strict=True)},
        warnings=ledger.warnings,
        extra={"rewrites": list(rewrites), **_dynamic(subject)},
    )
    write_json(manifest.to_json(), folder / bundle.MANIFEST_FILE)
    return manifest


def _with_aliases(outputs: Ports, aliases: Mapping[str, str]) -> Ports:
    """Add the names under which the model returns a tensor a second time: they share its blob."""
    by_name = {each.name: each for each in outputs}
    again = (
        TensorSpec(name, first.blob, first.shape, first.dtype, first.batch_axis)
        for name, first in ((name, by_name[first]) for name, first in aliases.items())
    )
    return (*outputs, *again)


def _dynamic(subject: Subject) -> Mapping[str, object]:
    shapes = {spec.name: list(spec.shape2) for spec in subject.inputs if spec.shape2}
    return {"second_shapes": shapes} if shapes else {}


def tool_versions() -> dict[str, str]:
    """Return the versions of the packages that have a part in an export."""
    versions = {name: installed_version(name) for name in _TOOLS}
    return {name: version for name, version in versions.items() if version is not None}
