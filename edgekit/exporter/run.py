"""One export, step by step: load, probe, convert, check, align, write."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgekit import bundle, scratch
from edgekit.alignment import Ahead, Seen, capture
from edgekit.bundle import ConverterWarning
from edgekit.devices import Device, LocalDevice, WorkerCrashed, WorkerError
from edgekit.exporter.artefact import Artefact, Ports
from edgekit.exporter.check import checked_numbers, checked_structure, mismatch
from edgekit.exporter.ledger import Ledger, Progress
from edgekit.exporter.reference import guilty_layers, to_align, write_reference
from edgekit.exporter.result import ExportResult, Finding, FindingKind, OutputCheck
from edgekit.exporter.routes import Pending
from edgekit.exporter.subject import Reference, Subject, load_subject
from edgekit.exporter.write import write_log, write_manifest, write_model
from edgekit.runtimes.trace import Array
from edgekit.sources.inputs import probe
from edgekit.sources.request import Request
from edgekit.threads import one_thread
from edgekit.toolchain.pnnx import PnnxRun
from edgekit.verifier import VerifyReport

_TO_CHECK = 2
"""How often an export runs ncnn at once as soon as it has a model: for its outputs, and for every blob."""
_TO_JUDGE = 2
"""And how often to judge it: every layer alone for its alignment, and once more for the verdict."""


class Run:
    """Carries one request through; `folder` is where the bundle's files are written."""

    def __init__(self, request: Request, folder: Path, device: Device, progress: Progress) -> None:
        self._request = request
        self._folder = folder
        self._device = device
        self._ledger = Ledger(progress)
        self._workers = ExitStack()
        self._seen: tuple[Ports, Future[Seen]] | None = None

    def execute(self) -> ExportResult:
        """Do everything; raises what `export` says."""
        request, ledger = self._request, self._ledger
        with one_thread(), scratch.folder() as temporary, self._workers:
            with ledger.step("load", "loading the model"):
                subject = load_subject(request)
            probes = self._probes(subject)
            run, reference, pending = self._convert(subject, probes, temporary)
            artefact = checked_structure(subject, reference, run, pending, ledger, request.route)
            with ledger.step("check", "checking the numbers"), ThreadPoolExecutor(1) as aside:
                self._capture(artefact, reference, aside)
                artefact, checks = checked_numbers(
                    artefact, probes, reference, self._device, ledger, request.route
                )
                self._start_workers(_TO_JUDGE)
            self._demand_numbers(subject, artefact, checks, probes, reference, pending)
            return self._written(subject, artefact, checks, probes, reference, pending)

    def _capture(self, artefact: Artefact, reference: Reference, aside: Executor) -> None:
        """Ask for every blob while the outputs are checked, where there is a processor for each."""
        if isinstance(self._device, LocalDevice) and reference.ahead is not None:
            aligned = to_align(artefact, self._device)
            self._seen = artefact.inputs, aside.submit(capture, aligned, reference.ahead)

    def _probes(self, subject: Subject) -> list[dict[str, Array]]:
        """Two seeded inputs, and for dynamic sizes a third one of the second shape."""
        seed, specs = self._request.seed, subject.inputs
        probes = [probe(specs, seed, 0), probe(specs, seed, 1)]
        if any(spec.shape2 for spec in specs):
            probes.append(probe(specs, seed, 2, second_shape=True))
        return probes

    def _convert(
        self, subject: Subject, probes: list[dict[str, Array]], folder: Path
    ) -> tuple[PnnxRun, Reference, Pending]:
        """Convert; where the converter dies of attention that it takes for one layer, once more without."""
        ledger = self._ledger
        run, reference, pending = self._tried(subject, probes, folder)
        if pending.attends and not (run.status == 0 and run.produced):
            again = folder / "apart"
            again.mkdir()
            run, reference, pending = self._tried(subject, probes, again, apart=True)
        ledger.warn(ConverterWarning("pnnx", text) for text in run.warnings)
        ledger.write(pending.log)
        ledger.write(run.log)
        return run, reference, pending

    def _tried(
        self, subject: Subject, probes: list[dict[str, Array]], folder: Path, *, apart: bool = False
    ) -> tuple[PnnxRun, Reference, Pending]:
        """Start the converter, run the reference and what it tells meanwhile, wait for the converter."""
        ledger = self._ledger
        with ledger.step("trace", "tracing the model"):
            pending = subject.start(self._request.route, probes[0], folder, apart=apart)
        with pending.process as process:
            if not apart:
                self._start_workers(_TO_CHECK)
            with ledger.step("reference", "running the reference"):
                reference = subject.reference(probes)
            ledger.warn(pending.warnings if reference.findings or len(probes) > 2 else pending.unsettled)
            ledger.demand(reference.findings)
            with ledger.step("rounding", "measuring what rounding does"):
                ahead = Ahead(reference.traces[:2])
                ahead.measure_whole()
                for _ in ahead.steps():
                    if process.done:
                        break
            with ledger.step("wait", "converting"):
                run = process.result()
        ledger.time("convert", run.duration_s)  # beside the steps above
        return run, replace(reference, ahead=ahead), pending

    def _start_workers(self, count: int) -> None:
        """Let the next workers on this machine start beside other work: most of their time is start-up."""
        if isinstance(self._device, LocalDevice):
            self._workers.enter_context(self._device.ahead(count))

    def _demand_numbers(
        self,
        subject: Subject,
        artefact: Artefact,
        checks: tuple[OutputCheck, ...],
        probes: list[dict[str, Array]],
        reference: Reference,
        pending: Pending,
    ) -> None:
        """Fail the export when an output differs, and name the layer that is guilty of it."""
        failed = [check for check in checks if not check.passed]
        if failed:
            findings = subject.explain(failed, probes, reference, pending)
            only_other_size = all(check.probe > 1 for check in failed)
            guilty = () if only_other_size else self._guilty(artefact, reference)
            raise mismatch((*findings, *guilty), self._ledger)

    def _guilty(self, artefact: Artefact, reference: Reference) -> tuple[Finding, ...]:
        """Name the layers at fault, as far as the wrong model can be run layer by layer at all."""
        try:
            return guilty_layers(self._judge(artefact, reference))
        except (WorkerCrashed, WorkerError) as error:
            return (Finding(FindingKind.NCNN, f"run layer by layer, {error.message}"),)

    def _judge(self, artefact: Artefact, reference: Reference) -> VerifyReport:
        """Align and judge every layer on the probes of the first shape."""
        with self._ledger.step("align", "comparing layer by layer"):
            inputs, seen = self._seen or ((), None)
            return write_reference(
                self._folder,
                artefact,
                reference.traces[:2],
                self._device,
                reference.ahead,
                None if seen is None or inputs != artefact.inputs else seen.result(),
            )

    def _written(
        self,
        subject: Subject,
        artefact: Artefact,
        checks: tuple[OutputCheck, ...],
        probes: list[Mapping[str, Array]] | list[dict[str, Array]],
        reference: Reference,
        pending: Pending,
    ) -> ExportResult:
        """Judge every layer, write the bundle's files, sum up."""
        request, ledger, folder = self._request, self._ledger, self._folder
        verdict = self._judge(artefact, reference)
        guilty = guilty_layers(verdict)
        if guilty:
            raise mismatch(guilty, ledger)
        cost = write_model(artefact, folder, request.precision, probes, self._device, ledger)
        rewrites = (*subject.notes, *pending.rewrites)
        write_log(folder, ledger, rewrites)
        manifest = write_manifest(folder, request, subject, artefact, ledger, rewrites)
        return ExportResult(
            path=folder,
            model=subject.source.spec,
            route=request.route,
            precision=request.precision,
            inputs=manifest.inputs,
            outputs=manifest.outputs,
            layers=len(artefact.graph),
            parameters=sum(int(np.size(each.data)) for layer in artefact.graph for each in layer.weights),
            param_bytes=(folder / bundle.PARAM_FILE).stat().st_size,
            bin_bytes=(folder / bundle.BIN_FILE).stat().st_size,
            checks=checks,
            warnings=manifest.warnings,
            rewrites=rewrites,
            fp16=cost,
            aligned_layers=verdict.compared,
            unmatched=verdict.unmatched,
            timings_s=dict(ledger.timings_s),
        )
