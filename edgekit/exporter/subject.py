"""What is being exported: something that can run a reference and start its own conversion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from edgekit.alignment import Ahead
from edgekit.bundle import ModelSource
from edgekit.exporter import watch
from edgekit.exporter.remedies import other_route
from edgekit.exporter.result import ExportError, Finding, FindingKind, OutputCheck
from edgekit.exporter.routes import Pending, as_tensors, start_onnx_route, start_pnnx_route
from edgekit.exporter.structure import tape_sources
from edgekit.runtimes.trace import Array, Trace, finite_scale
from edgekit.sources.adapter import OutputTree
from edgekit.sources.code import user_code_error
from edgekit.sources.inputs import InputSpec
from edgekit.sources.load import TorchModel, load_torch
from edgekit.sources.request import Request
from edgekit.sources.spec import ModelSpec, SpecKind
from edgekit.sources.variant import Variant, run


@dataclass(frozen=True, slots=True)
class Reference:
    """The model itself on every probe: traces, outputs by name, and what no conversion can carry over.

    `ahead` is what was found out of them while the converter was at work.
    """

    traces: list[Trace]
    outputs: list[dict[str, Array]]
    findings: tuple[Finding, ...] = ()
    ahead: Ahead | None = None


class Subject(Protocol):
    """A model on its way to ncnn."""

    @property
    def inputs(self) -> tuple[InputSpec, ...]:
        """Its inputs in their order."""
        ...

    @property
    def outputs(self) -> OutputTree:
        """Its outputs; known once `start` or `reference` has run it."""
        ...

    @property
    def source(self) -> ModelSource:
        """Where it came from."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What was changed on the way here, in plain words."""
        ...

    def start(self, route: str, probe: Mapping[str, Array], folder: Path, *, apart: bool = False) -> Pending:
        """Begin the conversion in `folder`; with `apart` no attention becomes one layer."""
        ...

    def reference(self, probes: Sequence[Mapping[str, Array]]) -> Reference:
        """Run the model itself on every probe."""
        ...

    def explain(
        self,
        failed: Sequence[OutputCheck],
        probes: Sequence[Mapping[str, Array]],
        reference: Reference,
        pending: Pending,
    ) -> tuple[Finding, ...]:
        """Say why the converted model's outputs differ, as far as that can be known."""
        ...


def load_subject(request: Request) -> Subject:
    """Load what the request names."""
    if isinstance(request.model, ModelSpec) and request.model.kind is SpecKind.ONNX:
        from edgekit.exporter.onnx_subject import OnnxSubject
        from edgekit.sources.onnx_file import load_onnx

        return OnnxSubject(load_onnx(request))
    return TorchSubject(load_torch(request))


class TorchSubject:
    """A PyTorch module."""

    def __init__(self, model: TorchModel) -> None:
        self._model = model
        self._route = ""
        self._variant = self._variant_for("pnnx")

    @property
    def inputs(self) -> tuple[InputSpec, ...]:
        """Its inputs in their order."""
        return self._model.inputs

    @property
    def outputs(self) -> OutputTree:
        """Its outputs, as the last run gave them."""
        assert self._model.adapter.tree is not None
        return self._model.adapter.tree

    @property
    def source(self) -> ModelSource:
        """Where it came from."""
        return self._model.source

    @property
    def notes(self) -> tuple[str, ...]:
        """What was changed on the way here."""
        return self._model.notes

    def start(self, route: str, probe: Mapping[str, Array], folder: Path, *, apart: bool = False) -> Pending:
        """Begin the conversion by the route."""
        self._route = route
        self._variant = self._variant_for(route, apart=apart)
        start = start_onnx_route if route == "onnx" else start_pnnx_route
        try:
            return start(self._model, self._variant, probe, folder)
        except ExportError as error:
            reference = self.reference([probe])  # better than the words of a tracer that gave up
            found = reference.findings or _placed(error, reference.traces[0])
            raise ExportError(found, log=error.log) from error

    def _variant_for(self, route: str, *, apart: bool = False) -> Variant:
        dynamic = any(each.shape2 for each in self._model.inputs)
        return Variant(self._model.adapter, dynamic=dynamic, onnx=route == "onnx", apart=apart)

    def reference(self, probes: Sequence[Mapping[str, Array]]) -> Reference:
        """Record one eager run for each probe: of the variant that was converted, where it is another.

        The outputs are always those of the model as it was written.
        """
        before = watch.buffer_versions(self._model.module)
        try:
            traces = [self._record(probe) for probe in probes]
            outputs = [self._outputs(probe, trace) for probe, trace in zip(probes, traces, strict=True)]
        except Exception as error:
            raise user_code_error(error, "the model, run on seeded inputs,") from error
        changed = watch.changed_buffers(self._model.module, before)
        return Reference(traces, outputs, watch.findings(traces, changed))

    def _record(self, probe: Mapping[str, Array]) -> Trace:
        tensors = as_tensors(self._model, probe)
        named = dict(zip((spec.name for spec in self.inputs), tensors, strict=True))
        return self._variant.record(named, self.outputs.names)

    def _outputs(self, probe: Mapping[str, Array], trace: Trace) -> dict[str, Array]:
        if not self._variant.changed:
            return {name: trace.values[value] for name, value in trace.outputs.items()}
        tensors = run(self._model.adapter, as_tensors(self._model, probe))
        return {name: each.numpy() for name, each in zip(self.outputs.names, tensors, strict=True)}

    def explain(
        self,
        failed: Sequence[OutputCheck],
        probes: Sequence[Mapping[str, Array]],
        reference: Reference,
        pending: Pending,
    ) -> tuple[Finding, ...]:
        """Say which outputs differ, by how much, and whether the trace itself differs already."""
        differences = difference_findings(failed, other_route(self._route))
        return (*_trace_findings(probes, reference, pending), *differences)


def _placed(error: ExportError, trace: Trace) -> tuple[Finding, ...]:
    """Add where the operator stands that ONNX has no words for."""
    operator = getattr(error.__cause__, "operator", None)
    if operator is None:
        return error.findings
    sources = tape_sources(trace, operator)
    return tuple(replace(each, sources=each.sources or sources) for each in error.findings)


def _trace_findings(
    probes: Sequence[Mapping[str, Array]], reference: Reference, pending: Pending
) -> list[Finding]:
    """Run the trace on the inputs it was not made with: where it differs, no converter is to blame."""
    if pending.rerun is None:
        return []
    for number, (probe, wanted) in enumerate(zip(probes, reference.outputs, strict=True)):
        try:
            found = pending.rerun(probe)
        except RuntimeError as error:
            reason = (str(error).strip().splitlines() or ["it cannot be run"])[-1]
            return [_frozen(number, f"cannot run on seeded input {number}: {reason}")]
        for (name, reference_output), output in zip(wanted.items(), found, strict=True):
            if output.shape != reference_output.shape or not np.allclose(
                output, reference_output, rtol=1e-3, atol=1e-3 * finite_scale(reference_output)
            ):
                return [_frozen(number, f"gives another '{name}' on seeded input {number} than the model")]
    return []


def _frozen(probe: int, what: str) -> Finding:
    second_size = probe > 1
    return Finding(
        FindingKind.DATA_DEPENDENT,
        f"the trace {what}: a {'size' if second_size else 'value'} of the first input is frozen in it",
        "take sizes from x.shape inside forward and keep int() and Python lists away from them"
        if second_size
        else "compute with tensors instead of Python values and lists",
    )


def difference_findings(failed: Sequence[OutputCheck], remedy: str | None = None) -> tuple[Finding, ...]:
    """Say which outputs differ, and by how much."""
    return tuple(
        Finding(
            FindingKind.NUMBERS,
            f"output '{check.output}' on seeded input {check.probe}: {check.reason}"
            + (f" (by {check.relative:.1e} of its spread)" if check.max_abs < float("inf") else ""),
            remedy,
        )
        for check in failed
    )
