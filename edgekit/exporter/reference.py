"""Align the checked artefact with its reference, judge every layer once, and keep it all in the bundle."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path

from edgekit.alignment import Ahead, Alignment, Port, Sample, Seen, align, sample, store
from edgekit.alignment import Artefact as AlignedArtefact
from edgekit.devices import Device
from edgekit.exporter.artefact import Artefact
from edgekit.exporter.result import Finding, FindingKind
from edgekit.runtimes.trace import Trace
from edgekit.verifier import Artefact as JudgedArtefact
from edgekit.verifier import LayerResult, Status, VerifyReport, verify_artefact

_MOST_GUILTY = 5


def write_reference(
    folder: Path,
    artefact: Artefact,
    traces: Sequence[Trace],
    device: Device,
    ahead: Ahead | None = None,
    seen: Seen | None = None,
) -> VerifyReport:
    """Write `alignment.json` and `reference.npz` into the bundle folder; return the verdict on one probe.

    `traces` are of probes of the first shape, `ahead` and `seen` what is known of them and of the artefact's
    blobs already.
    """
    ahead = ahead or Ahead(traces)
    graph = artefact.graph
    names = {spec.blob: spec.name for spec in artefact.outputs}
    judged = JudgedArtefact(graph, artefact.param, artefact.bin, device)
    with ThreadPoolExecutor(1) as aside:  # while ncnn is at work, this process is not
        alignment, samples = _aligned(artefact, traces, device, ahead, seen, aside)
        written = aside.submit(store.write, folder, alignment, samples, store.fingerprint(traces[0]))
        verdict = verify_artefact(str(folder), judged, alignment, samples, names)
        written.result()
    return verdict


def _aligned(
    artefact: Artefact,
    traces: Sequence[Trace],
    device: Device,
    ahead: Ahead,
    seen: Seen | None,
    aside: Executor,
) -> tuple[Alignment, tuple[Sample, ...]]:
    """Align; the sample is taken of a draft meanwhile, which is what a fresh artefact nearly always keeps."""
    drafts: list[tuple[Alignment, Future[Sample]]] = []

    def taken(alignment: Alignment) -> Sample:
        return sample(artefact.graph, alignment, traces[0], "seeded input 0", ahead.known)

    alignment = align(
        to_align(artefact, device),
        traces,
        ahead,
        seen,
        lambda draft: drafts.append((draft, aside.submit(taken, draft))),
    )
    ready = [future for draft, future in drafts if draft == alignment]
    return alignment, (ready[0].result() if ready else taken(alignment),)


def to_align(artefact: Artefact, device: Device) -> AlignedArtefact:
    """Return an artefact as the aligner sees it."""
    return AlignedArtefact(
        artefact.graph,
        artefact.param,
        artefact.bin,
        tuple(Port(spec.blob, spec.name, spec.batch_axis) for spec in artefact.inputs),
        tuple(Port(spec.blob, spec.name, spec.batch_axis) for spec in artefact.outputs),
        device,
    )


def guilty_layers(report: VerifyReport) -> tuple[Finding, ...]:
    """Turn the culprits of a verdict into findings: which layer, from which line, by how much."""
    guilty = [layer for layer in report.layers if layer.status is Status.FAIL]
    return tuple(_finding(layer) for layer in guilty[:_MOST_GUILTY])


def _finding(layer: LayerResult) -> Finding:
    if layer.isolated is None:
        what = f"gives no usable result ({layer.finding.value if layer.finding else 'no number'})"
    else:
        what = f"is off by {layer.isolated.max_abs:.2g} where rounding explains {layer.floor or 0.0:.2g}"
    origin = f", made from {layer.source.op} in '{layer.source.module}'," if layer.source else ""
    return Finding(
        FindingKind.NUMBERS,
        f"ncnn layer {layer.index} '{layer.name}' ({layer.type}){origin} {what}",
        sources=() if layer.source is None else (layer.source,),
    )
