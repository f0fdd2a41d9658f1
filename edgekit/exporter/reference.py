"""Align the checked artefact with its reference, judge every layer once, and keep it all in the bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from edgekit.alignment import Artefact, Errors, Port, align, sample, store
from edgekit.bundle import TensorSpec
from edgekit.devices import Device
from edgekit.exporter.result import Finding, FindingKind
from edgekit.graph import Graph
from edgekit.runtimes.trace import Trace
from edgekit.verifier import Artefact as JudgedArtefact
from edgekit.verifier import LayerResult, Status, VerifyReport, verify_artefact

_MOST_GUILTY = 5


def write_reference(
    folder: Path,
    graph: Graph,
    param: Path,
    weights: Path,
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec],
    traces: Sequence[Trace],
    device: Device,
    errors: Mapping[int, Errors] | None = None,
) -> VerifyReport:
    """Write `alignment.json` and `reference.npz` into the bundle folder; return the verdict on one probe.

    `param` and `weights` are the fp32 model; `traces` are of probes of the first shape, `errors` what
    rounding does to the first one, where that is known.
    """
    artefact = Artefact(
        graph,
        param,
        weights,
        tuple(Port(spec.blob, spec.name, spec.batch_axis) for spec in inputs),
        tuple(Port(spec.blob, spec.name, spec.batch_axis) for spec in outputs),
        device,
    )
    alignment = align(artefact, traces)
    samples = (sample(graph, alignment, traces[0], "seeded input 0", errors),)
    store.write(folder, alignment, samples, store.fingerprint(traces[0]))
    names = {spec.blob: spec.name for spec in outputs}
    return verify_artefact(
        str(folder), JudgedArtefact(graph, param, weights, device), alignment, samples, names
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
