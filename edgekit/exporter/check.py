"""Check a converted model before anything is written: structure first, then numbers, in a worker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from edgekit.devices import Device, WorkerCrashed, WorkerError
from edgekit.errors import FormatError
from edgekit.exporter import compare, remedies, structure
from edgekit.exporter.artefact import Artefact, Ports, count_findings, joined_ports
from edgekit.exporter.ledger import Ledger
from edgekit.exporter.result import ExportError, ExportMismatch, Finding, FindingKind, OutputCheck
from edgekit.exporter.routes import Pending
from edgekit.exporter.subject import Reference, Subject
from edgekit.formats import ncnn
from edgekit.graph import Graph
from edgekit.runtimes.trace import Array, Source
from edgekit.toolchain.pnnx import PnnxRun

Probes = Sequence[Mapping[str, Array]]
WORKER_TIMEOUT_S = 600.0


def checked_structure(
    subject: Subject, reference: Reference, run: PnnxRun, pending: Pending, ledger: Ledger, route: str
) -> Artefact:
    """Return the converted model when the converter's words, its files and its graph hold together.

    Raises:
        ExportError: they do not; every finding is named.
    """
    graph, refusal = _structure(run)

    trace = reference.traces[0]

    def sources(op: str) -> tuple[Source, ...]:
        return pending.sources(op) or structure.tape_sources(trace, op)

    ledger.demand(structure.converter_findings(run, graph, sources, route, trace))
    if graph is None:
        ledger.demand([structure.unreadable(refusal, sources, route)])
    assert graph is not None
    ledger.demand(structure.graph_findings(graph, len(subject.inputs), len(subject.outputs.names)))
    ledger.demand(count_findings(subject, run))
    inputs, outputs = joined_ports(subject, reference, run)
    return Artefact(run.param, run.bin, ncnn.read(run.param, run.bin), inputs, outputs)


def _structure(run: PnnxRun) -> tuple[Graph | None, str]:
    """Read what the converter wrote, or say why not; a failed run may have written nothing, or half of it."""
    if not run.produced:
        return None, "there is none"
    try:
        return ncnn.read(run.param, unknown="keep"), ""
    except FormatError as error:
        return None, error.message


Outcome = tuple[Artefact, tuple[OutputCheck, ...]]


def checked_numbers(
    artefact: Artefact, probes: Probes, reference: Reference, device: Device, ledger: Ledger, route: str
) -> Outcome:
    """Run the artefact on every probe and compare each output; batch axes are put right where needed.

    The artefact that comes back has the axes under which the checks were made. The checks may have failed.

    Raises:
        ExportError: ncnn refuses the artefact, or dies of it.
    """
    try:
        first = _compared(artefact, probes, reference, device)
    except (WorkerError, WorkerCrashed) as error:
        message = f"ncnn cannot run the converted model: {error.message}"
        finding = Finding(FindingKind.NCNN, message, remedies.other_route(route))
        ledger.demand([finding])
        raise
    if _passed(first):
        return first
    for inputs in compare.input_axes(artefact.inputs):
        other = _tried(replace(artefact, inputs=inputs), probes, reference, device)
        if other is not None and _passed(other):
            return other
    return first


def _passed(outcome: Outcome) -> bool:
    return all(check.passed for check in outcome[1])


def _tried(artefact: Artefact, probes: Probes, reference: Reference, device: Device) -> Outcome | None:
    try:
        return _compared(artefact, probes, reference, device)
    except (WorkerError, WorkerCrashed):
        return None


def _compared(artefact: Artefact, probes: Probes, reference: Reference, device: Device) -> Outcome:
    answers = compare.run_outputs(
        device, artefact.param, artefact.bin, artefact.inputs, artefact.outputs, probes, WORKER_TIMEOUT_S
    )
    outputs: Ports = compare.settled_axes(artefact.outputs, reference.outputs, answers)
    checks = compare.compare(outputs, reference.outputs, reference.traces, answers)
    return replace(artefact, outputs=outputs), checks


def mismatch(findings: Sequence[Finding], ledger: Ledger) -> ExportError:
    """Return the error of a conversion that computes something else."""
    return ExportMismatch(tuple(findings), log=ledger.log, warnings=ledger.warnings)
