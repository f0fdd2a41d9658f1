"""`verify`: open a bundle, run it, judge it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.alignment import store
from edgekit.alignment.model import Alignment
from edgekit.alignment.sample import Sample
from edgekit.bundle import BIN_FILE, PARAM_FILE, Bundle, open_bundle
from edgekit.devices import Device, open_device
from edgekit.errors import UserError, did_you_mean
from edgekit.formats import ncnn as ncnn_format
from edgekit.graph import Graph
from edgekit.runtimes.ncnn import PRECISIONS
from edgekit.verifier.attribution import Attribution, attribute
from edgekit.verifier.judge import Judge, report
from edgekit.verifier.model import Status, VerifyReport
from edgekit.verifier.run import Artefact, measure

if TYPE_CHECKING:
    from edgekit.verifier.inputs import InputSet

_MOST_EXPLAINED = 16


def verify(
    bundle: str | os.PathLike[str] | Bundle,
    *,
    device: str | Device = "local",
    precision: str = "fp32",
    inputs: str | os.PathLike[str] | InputSet | None = None,
    model: str | None = None,
    threads: int = 1,
) -> VerifyReport:
    """Compare a bundle with its PyTorch model, layer by layer, on a device.

    Without `inputs` the bundle's own seeded inputs and reference captures are used and PyTorch is not
    needed. With `inputs` (an .npz by input name, an image, a folder of images, or a .wav) the PyTorch model
    runs once per sample; `model` names it where the bundle's own spec would execute user code.

    Raises:
        UserError: a damaged bundle, an unknown precision, inputs that do not fit.
        WorkerCrashed: ncnn died; the message names the step.
    """
    check_precision(precision)
    opened = bundle if isinstance(bundle, Bundle) else open_bundle(bundle)
    graph = ncnn_format.read(opened.param, opened.bin)
    alignment, samples, fingerprint = store.read(opened.path)
    check_matches(graph, alignment, opened.path)
    warnings = _changes(opened)
    if inputs is not None:
        from edgekit.verifier.inputs import reference_samples

        samples = reference_samples(opened, graph, alignment, fingerprint, inputs, model)
    where = open_device(device) if isinstance(device, str) else device
    artefact = Artefact(graph, opened.param, opened.bin, where, precision, threads)
    names = {output.blob: output.name for output in opened.manifest.outputs}
    return verify_artefact(str(opened.path), artefact, alignment, samples, names, warnings)


def verify_artefact(
    target: str,
    artefact: Artefact,
    alignment: Alignment,
    samples: Sequence[Sample],
    outputs: dict[str, str],
    warnings: Sequence[str] = (),
) -> VerifyReport:
    """Judge an artefact on samples that are already at hand; `outputs` maps blobs to output names."""
    measurements = measure(artefact, alignment, samples, list(outputs))
    judge = Judge(artefact.graph, alignment, samples, measurements, artefact.precision)
    verdict = report(target, judge, outputs, warnings)
    guilty = [layer.index for layer in verdict.layers if layer.status is Status.FAIL][:_MOST_EXPLAINED]
    return explained(verdict, attribute(artefact, alignment, samples[0], guilty))


def explained(verdict: VerifyReport, attributions: Sequence[Attribution]) -> VerifyReport:
    """Add to every culprit why it is wrong."""
    if not attributions:
        return verdict
    why = {
        each.index: each.sentence if each.diagnosis is None else f"{each.diagnosis}; {each.sentence}"
        for each in attributions
    }
    layers = tuple(replace(layer, why=why.get(layer.index)) for layer in verdict.layers)
    return replace(verdict, layers=layers, extra={**verdict.extra, "attribution": tuple(attributions)})


def check_precision(precision: str) -> None:
    """Raise `UserError` unless ncnn knows this precision."""
    if precision not in PRECISIONS:
        remedy = did_you_mean(precision, PRECISIONS) or "known precisions: " + ", ".join(PRECISIONS)
        raise UserError(f"unknown precision '{precision}'", remedy)


def check_matches(graph: Graph, alignment: Alignment, path: Path) -> None:
    """Raise `UserError` when the alignment was made for another .param."""
    mine = [(layer.type, layer.name) for layer in graph.layers]
    theirs = [(layer.type, layer.name) for layer in alignment.layers]
    if mine != theirs:
        raise UserError(
            f"the layers of '{path / PARAM_FILE}' are not those that alignment.json describes",
            "export the model again, or compare the two with: edgekit diff",
        )


def _changes(bundle: Bundle) -> list[str]:
    """Warn about files that are no longer what the export wrote; they are verified all the same."""
    changed = [name for name in bundle.changed_files() if name in (PARAM_FILE, BIN_FILE)]
    return [f"{name} was changed after the export (its sha256 differs from the manifest)" for name in changed]
