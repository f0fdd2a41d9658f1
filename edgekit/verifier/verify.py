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
from edgekit.bundle import PARAM_FILE, Bundle, open_bundle, read_graph
from edgekit.devices import Device, open_device
from edgekit.errors import FormatError, UserError, did_you_mean
from edgekit.graph import Graph
from edgekit.runtimes.ncnn import PRECISIONS
from edgekit.staging import check_replaceable
from edgekit.verifier.explain import explain
from edgekit.verifier.foreign import Foreign, align_foreign, is_foreign
from edgekit.verifier.inputs import NamedInputs, check_finite, read_inputs
from edgekit.verifier.judge import Judge, report
from edgekit.verifier.mismatch import comparison, explained, first_difference, other_types
from edgekit.verifier.model import LayerResult, Status, VerifyReport
from edgekit.verifier.reference import make_reference
from edgekit.verifier.repro import CASE_FILE, write_repro
from edgekit.verifier.run import Artefact, measure
from edgekit.verifier.storage import narrow_weights
from edgekit.verifier.stream import StreamResult

if TYPE_CHECKING:
    import torch

    from edgekit.sources.inputs import InputSpec


def verify(
    bundle: str | os.PathLike[str] | Bundle,
    *,
    device: str | Device = "local",
    precision: str = "fp32",
    inputs: str | os.PathLike[str] | Sequence[NamedInputs] | None = None,
    model: str | torch.nn.Module | None = None,
    weights: str | os.PathLike[str] | None = None,
    threads: int = 1,
    repro: str | os.PathLike[str] | None = None,
    input_specs: Sequence[InputSpec] = (),
) -> VerifyReport:
    """Compare a bundle with its PyTorch model, layer by layer, on a device.

    `bundle` may also be a `NAME.param` of other make with `NAME.bin` beside it: then `model` names the
    PyTorch model, `input_specs` describe its inputs where the spec does not, and the two are aligned first.

    Without `inputs` the bundle's own seeded inputs and reference captures are used and PyTorch is not
    needed. With `inputs` (an .npz by input name, an .npy, an image, a folder of images, or a .wav) the
    PyTorch model runs once per sample; `model` names it where the bundle's own spec would execute user
    code, and `weights` the checkpoint where the bundle was exported with one. `repro` is a folder for the
    smallest runnable case of the worst culprit.

    Raises:
        UserError: a damaged bundle, an unknown precision, inputs that do not fit.
        WorkerCrashed: ncnn died; the message names the step.
    """
    check_precision(precision)
    where = open_device(device) if isinstance(device, str) else device
    if repro is not None:
        check_replaceable(repro, CASE_FILE)
    if not isinstance(bundle, Bundle) and is_foreign(os.fspath(bundle)):
        if inputs is not None:
            raise UserError("--inputs needs a bundle", "leave it out, or export the model")
        checkpoint = None if weights is None else Path(weights)
        foreign = align_foreign(Path(bundle), where, model, checkpoint, input_specs)
        return _verify_foreign(foreign, where, precision, threads, repro)
    opened = bundle if isinstance(bundle, Bundle) else open_bundle(bundle)
    try:
        graph = read_graph(opened)
    except FormatError as error:
        raise explained(opened, error) from None
    alignment, samples, fingerprint = store.read(opened.path)
    check_matches(graph, alignment, opened)
    warnings = changes(opened) + other_types(graph, alignment)
    stored = narrow_weights(graph, opened.manifest.precision)
    artefact = Artefact(graph, opened.param, opened.bin, where, precision, threads, stored)
    stream: tuple[StreamResult, ...] = ()
    if inputs is not None:
        sets = inputs if isinstance(inputs, Sequence) and not isinstance(inputs, str) else None
        given = read_inputs(inputs, opened.manifest) if sets is None else sets  # type: ignore[arg-type]
        check_finite(given)
        path = None if weights is None else Path(weights)
        new = make_reference(opened, artefact, alignment, fingerprint, given, model, path)
        alignment, samples, stream = new.alignment, new.samples, new.stream
        warnings += new.warnings
    names = {output.blob: output.name for output in opened.manifest.outputs}
    verdict = verify_artefact(str(opened.path), artefact, alignment, samples, names, warnings, remedies=True)
    if repro is not None:
        verdict = _write_repro(repro, verdict, artefact, alignment, samples)
    return with_stream(verdict, stream)


def _verify_foreign(
    foreign: Foreign,
    device: Device,
    precision: str,
    threads: int,
    repro: str | os.PathLike[str] | None,
) -> VerifyReport:
    stored = narrow_weights(foreign.graph)
    artefact = Artefact(foreign.graph, foreign.param, foreign.weights, device, precision, threads, stored)
    verdict = verify_artefact(
        str(foreign.param),
        artefact,
        foreign.alignment,
        foreign.samples,
        foreign.outputs,
        foreign.warnings,
        remedies=True,
    )
    if repro is not None:
        verdict = _write_repro(repro, verdict, artefact, foreign.alignment, foreign.samples)
    return verdict


def _write_repro(
    folder: str | os.PathLike[str],
    verdict: VerifyReport,
    artefact: Artefact,
    alignment: Alignment,
    samples: Sequence[Sample],
) -> VerifyReport:
    """Write the culprit that is furthest above its floor as a case of its own; a pass has none."""
    guilty = [layer for layer in verdict.layers if layer.status is Status.FAIL]
    if not guilty:
        return replace(verdict, warnings=(*verdict.warnings, "no case was written: every layer passes"))
    worst = max(guilty, key=_excess)
    write_repro(Path(folder), artefact, alignment, samples[worst.sample], worst)
    return verdict


def _excess(layer: LayerResult) -> float:
    if layer.isolated is None or not layer.floor:
        return float("inf")
    return layer.isolated.max_abs / layer.floor


def with_stream(verdict: VerifyReport, stream: Sequence[StreamResult]) -> VerifyReport:
    """Add what a model with states did over many frames; a stream that drifts away fails the verdict."""
    if not stream:
        return verdict
    passed = verdict.passed and all(each.passed for each in stream)
    return replace(
        verdict,
        verdict=Status.PASS if passed else Status.FAIL,
        extra={**verdict.extra, "stream": tuple(stream)},
    )


def verify_artefact(
    target: str,
    artefact: Artefact,
    alignment: Alignment,
    samples: Sequence[Sample],
    outputs: dict[str, str],
    warnings: Sequence[str] = (),
    *,
    remedies: bool = False,
) -> VerifyReport:
    """Judge an artefact on samples that are already at hand; `outputs` maps blobs to output names.

    `remedies` also tries what would make a culprit right, which takes one more run of ncnn.
    """
    verdict = judge_artefact(target, artefact, alignment, samples, outputs, warnings)
    return explain(verdict, artefact, alignment, samples, remedies=remedies)


def judge_artefact(
    target: str,
    artefact: Artefact,
    alignment: Alignment,
    samples: Sequence[Sample],
    outputs: dict[str, str],
    warnings: Sequence[str] = (),
) -> VerifyReport:
    """Judge like `verify_artefact`, without asking why a culprit is wrong: one run of ncnn."""
    measurements = measure(artefact, alignment, samples, list(outputs))
    judge = Judge(artefact, alignment, samples, measurements)
    return report(target, judge, outputs, warnings)


def check_precision(precision: str) -> None:
    """Raise `UserError` unless ncnn knows this precision."""
    if precision not in PRECISIONS:
        remedy = did_you_mean(precision, PRECISIONS) or "known precisions: " + ", ".join(PRECISIONS)
        raise UserError(f"unknown precision '{precision}'", remedy)


def check_matches(graph: Graph, alignment: Alignment, bundle: Bundle) -> None:
    """Raise `UserError` when the alignment was made for another .param.

    A layer that has become one of another type is still the one that should give this tensor.
    """
    mine = [layer.name for layer in graph.layers]
    theirs = [layer.name for layer in alignment.layers]
    numbered = [layer.index for layer in alignment.layers] == list(range(len(graph)))
    made = {blob for layer in alignment.layers for blob in layer.outputs}
    read = {blob for layer in alignment.layers for blob in layer.anchors}
    read |= {output.blob for output in bundle.manifest.outputs}
    same = mine == theirs and numbered and read <= made
    if not same or any(
        not set(entry.outputs) <= set(layer.outputs)
        for entry, layer in zip(alignment.layers, graph.layers, strict=True)
    ):
        first = first_difference(graph, alignment)
        raise UserError(
            f"the layers of '{bundle.path / PARAM_FILE}' are not those that alignment.json describes"
            + (f": {first}" if first else ""),
            f"export the model again, or see every change with: {comparison(bundle)}",
        )


def changes(bundle: Bundle) -> list[str]:
    """Warn about files that are no longer what the export wrote; they are verified all the same."""
    return [
        f"{name} was changed after the export (its sha256 differs from the manifest)"
        for name in bundle.changed_files()
    ]
