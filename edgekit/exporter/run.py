"""One export, step by step: load, probe, convert, check, align, write."""

from __future__ import annotations

import importlib.metadata
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgekit import bundle
from edgekit.bundle import ConverterWarning, Manifest, TensorSpec
from edgekit.devices import Device, WorkerCrashed, WorkerError
from edgekit.exporter import compare, remedies, structure
from edgekit.exporter.inputs import probe
from edgekit.exporter.reference import guilty_layers, write_reference
from edgekit.exporter.request import Request
from edgekit.exporter.result import (
    ExportError,
    ExportMismatch,
    ExportResult,
    Finding,
    FindingKind,
    OutputCheck,
)
from edgekit.formats import ncnn
from edgekit.graph import Graph
from edgekit.runtimes.trace import Array, Trace
from edgekit.schema import write_json
from edgekit.verifier import VerifyReport

if TYPE_CHECKING:
    from edgekit.exporter.routes import Pending
    from edgekit.exporter.subject import Reference, Subject
    from edgekit.toolchain.pnnx import PnnxRun

Progress = Callable[[str], None]
Ports = tuple[TensorSpec, ...]
_TOOLS = ("torch", "pnnx", "ncnn", "onnx", "onnxsim", "onnxruntime", "numpy")
_WORKER_TIMEOUT_S = 600.0


class Run:
    """Carries one request through; `folder` is where the bundle's files are written."""

    def __init__(self, request: Request, folder: Path, device: Device, progress: Progress) -> None:
        self._request = request
        self._folder = folder
        self._device = device
        self._progress = progress
        self._timings_s: dict[str, float] = {}
        self._warnings: list[ConverterWarning] = []
        self._log: list[str] = []

    def execute(self) -> ExportResult:
        """Do everything; raises what `export` says."""
        from edgekit.exporter.subject import load_subject, one_thread

        with one_thread(), tempfile.TemporaryDirectory(prefix="edgekit-export-") as temporary:
            with self._step("loading the model", "load"):
                subject = load_subject(self._request)
            probes = self._probes(subject)
            converted, reference, pending = self._convert(subject, probes, Path(temporary))
            inputs, outputs = self._ports(subject, reference, converted)
            graph = self._check_structure(converted, pending, len(inputs), len(subject.outputs.names))
            inputs, outputs, checks = self._check_numbers(
                subject, converted, inputs, outputs, probes, reference
            )
            return self._write(subject, pending, converted, graph, inputs, outputs, checks, reference.traces)

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
        """Start the converter, run the reference meanwhile, wait for the converter."""
        with self._step("tracing the model", "trace"):
            pending = subject.start(self._request.route, probes[0], folder)
        self._warnings.extend(pending.warnings)
        with pending.process as process:
            with self._step("running the reference", "reference"):
                reference = subject.reference(probes)
            self._raise(reference.findings)
            with self._step("converting", "convert"):
                run = process.result()
        self._warnings.extend(ConverterWarning("pnnx", text) for text in run.warnings)
        self._log.append(run.log)
        self._raise(structure.converter_findings(run, pending.sources, self._request.route))
        return run, reference, pending

    def _ports(
        self, subject: Subject, reference: Reference, run: PnnxRun
    ) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
        """Join the model's inputs and outputs with their blobs."""
        if len(run.input_batch_axes) != len(subject.inputs):
            self._raise([_count_finding("inputs", len(subject.inputs), len(run.input_batch_axes))])
        if len(run.output_batch_axes) != len(subject.outputs.names):
            self._raise([_count_finding("outputs", len(subject.outputs.names), len(run.output_batch_axes))])
        inputs = tuple(
            TensorSpec(spec.name, f"in{index}", spec.shape, spec.dtype, axis, spec.value_range, spec.kind)
            for index, (spec, axis) in enumerate(zip(subject.inputs, run.input_batch_axes, strict=True))
        )
        outputs = {}
        for index, (name, found) in enumerate(zip(subject.outputs.names, run.output_batch_axes, strict=True)):
            value = reference.outputs[0][name]
            axis = found if value.ndim else None
            outputs[name] = TensorSpec(name, f"out{index}", value.shape or (1,), str(value.dtype), axis)
        return inputs, tuple(outputs.values())

    def _check_structure(self, run: PnnxRun, pending: Pending, inputs: int, outputs: int) -> Graph:
        graph = ncnn.read(run.param, unknown="keep")
        route = self._request.route
        self._raise(structure.graph_findings(graph, inputs, outputs, pending.sources, route))
        return ncnn.read(run.param, run.bin)

    def _check_numbers(
        self,
        subject: Subject,
        run: PnnxRun,
        inputs: tuple[TensorSpec, ...],
        outputs: tuple[TensorSpec, ...],
        probes: list[dict[str, Array]],
        reference: Reference,
    ) -> tuple[Ports, Ports, tuple[OutputCheck, ...]]:
        """Run the artefact on every probe and compare; differing numbers fail the export.

        Returns the inputs and outputs too, whose batch axes may have been put right.
        """
        with self._step("checking the numbers", "check"):
            first = self._compared(run, inputs, outputs, probes, reference)
            if all(check.passed for check in first[2]):
                return first
            for other in compare.input_axes(inputs):
                tried = self._compared(run, other, outputs, probes, reference, quiet=True)
                if tried[2] and all(check.passed for check in tried[2]):
                    return tried
        failed = [check for check in first[2] if not check.passed]
        findings = subject.explain(failed, probes, self._request.route)
        with self._step("looking for the guilty layer", "blame"):
            graph = ncnn.read(run.param, run.bin)
            verdict = self._judge(graph, run, inputs, outputs, reference.traces)
        raise ExportMismatch(
            (*findings, *guilty_layers(verdict)),
            log="\n".join(self._log),
            warnings=tuple(self._warnings),
        )

    def _compared(
        self,
        run: PnnxRun,
        inputs: Ports,
        outputs: Ports,
        probes: list[dict[str, Array]],
        reference: Reference,
        *,
        quiet: bool = False,
    ) -> tuple[Ports, Ports, tuple[OutputCheck, ...]]:
        """Run and compare once; a `quiet` try that ncnn refuses has no checks."""
        try:
            answers = compare.run_outputs(
                self._device, run.param, run.bin, inputs, outputs, probes, _WORKER_TIMEOUT_S
            )
        except (WorkerError, WorkerCrashed) as error:
            if quiet:
                return inputs, outputs, ()
            finding = Finding(
                FindingKind.NCNN,
                f"ncnn cannot run the converted model: {error.message}",
                remedies.other_route(self._request.route),
            )
            raise self._failure([finding]) from error
        outputs = compare.settled_axes(outputs, reference.outputs, answers)
        return inputs, outputs, compare.compare(outputs, reference.outputs, reference.traces, answers)

    def _write(
        self,
        subject: Subject,
        pending: Pending,
        run: PnnxRun,
        graph: Graph,
        inputs: tuple[TensorSpec, ...],
        outputs: tuple[TensorSpec, ...],
        checks: tuple[OutputCheck, ...],
        traces: list[Trace],
    ) -> ExportResult:
        """Write the bundle's files, the manifest last."""
        shutil.copyfile(run.param, self._folder / bundle.PARAM_FILE)
        shutil.copyfile(run.bin, self._folder / bundle.BIN_FILE)
        with self._step("comparing layer by layer", "align"):
            verdict = self._judge(graph, run, inputs, outputs, traces)
        guilty = guilty_layers(verdict)
        if guilty:
            raise ExportMismatch(guilty, log="\n".join(self._log), warnings=tuple(self._warnings))
        rewrites = (*subject.notes, *pending.rewrites)
        (self._folder / bundle.LOG_FILE).write_text(self._log_text(rewrites), "utf-8")
        aliases = dict(subject.outputs.aliases)
        by_name = {each.name: each for each in outputs}
        named = (*outputs, *(_renamed(by_name[first], name) for name, first in aliases.items()))
        manifest = Manifest(
            model=subject.source,
            inputs=inputs,
            outputs=named,
            route=self._request.route,
            precision=self._request.precision,
            tools=tool_versions(),
            files={path.name: bundle.file_sha256(path) for path in sorted(self._folder.iterdir())},
            warnings=tuple(dict.fromkeys(self._warnings)),
            extra={"rewrites": list(rewrites), **_dynamic(subject)},
        )
        write_json(manifest.to_json(), self._folder / bundle.MANIFEST_FILE)
        return ExportResult(
            path=self._folder,
            model=subject.source.spec,
            route=self._request.route,
            precision=self._request.precision,
            inputs=inputs,
            outputs=named,
            layers=len(graph),
            parameters=sum(int(np.size(weight.data)) for layer in graph for weight in layer.weights),
            param_bytes=(self._folder / bundle.PARAM_FILE).stat().st_size,
            bin_bytes=(self._folder / bundle.BIN_FILE).stat().st_size,
            checks=checks,
            warnings=manifest.warnings,
            rewrites=rewrites,
            aligned_layers=verdict.compared,
            timings_s=dict(self._timings_s),
        )

    def _judge(
        self,
        graph: Graph,
        run: PnnxRun,
        inputs: tuple[TensorSpec, ...],
        outputs: tuple[TensorSpec, ...],
        traces: list[Trace],
    ) -> VerifyReport:
        """Align and judge every layer on the probes of the first shape."""
        first_shape = traces[:2]
        return write_reference(
            self._folder, graph, run.param, run.bin, inputs, outputs, first_shape, self._device
        )

    def _log_text(self, rewrites: tuple[str, ...]) -> str:
        lines = [f"{each.tool}: {each.text}" for each in self._warnings if each.tool != "pnnx"]
        lines += [f"edgekit: {each}" for each in rewrites]
        return "\n".join([*lines, *self._log]).rstrip() + "\n"

    def _raise(self, findings: Sequence[Finding]) -> None:
        if findings:
            raise self._failure(findings)

    def _failure(self, findings: Sequence[Finding]) -> ExportError:
        return ExportError(tuple(findings), log="\n".join(self._log), warnings=tuple(self._warnings))

    @contextmanager
    def _step(self, text: str, name: str) -> Iterator[None]:
        self._progress(text)
        began_s = time.perf_counter()
        try:
            yield
        finally:
            self._timings_s[name] = time.perf_counter() - began_s


def tool_versions() -> dict[str, str]:
    """Return the versions of the packages that have a part in an export."""
    versions = {}
    for name in _TOOLS:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def _count_finding(what: str, expected: int, found: int) -> Finding:
    return Finding(
        FindingKind.INPUTS if what == "inputs" else FindingKind.OUTPUTS,
        f"the model has {expected} {what}, the converted one has {found}",
        "make sure that every input reaches an output and that outputs are computed tensors",
    )


def _renamed(spec: TensorSpec, name: str) -> TensorSpec:
    return TensorSpec(name, spec.blob, spec.shape, spec.dtype, spec.batch_axis)


def _dynamic(subject: Subject) -> Mapping[str, object]:
    shapes = {spec.name: list(spec.shape2) for spec in subject.inputs if spec.shape2}
    return {"second_shapes": shapes} if shapes else {}
