"""An ONNX file on its way to ncnn; the reference is onnxruntime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from edgekit.bundle import ModelSource
from edgekit.exporter import watch
from edgekit.exporter.remedies import for_op
from edgekit.exporter.result import ExportError, Finding, FindingKind, OutputCheck
from edgekit.exporter.routes import STEM, Pending, check_names
from edgekit.exporter.subject import Reference, difference_findings
from edgekit.runtimes.onnx_trace import RANDOM, OnnxRuntime
from edgekit.runtimes.trace import Array, Source, Trace
from edgekit.sources.adapter import OutputTree
from edgekit.sources.inputs import InputSpec
from edgekit.sources.onnx_file import OnnxSource
from edgekit.toolchain.onnx_export import OnnxExportError, simplify
from edgekit.toolchain.pnnx import InputShape, PnnxProcess


class OnnxSubject:
    """An ONNX model."""

    def __init__(self, loaded: OnnxSource) -> None:
        self._loaded = loaded
        self._runtime: OnnxRuntime | None = None

    @property
    def inputs(self) -> tuple[InputSpec, ...]:
        """Its inputs in the file's order."""
        return self._loaded.inputs

    @property
    def outputs(self) -> OutputTree:
        """Its outputs in the file's order."""
        return OutputTree(self._loaded.outputs)

    @property
    def source(self) -> ModelSource:
        """The file."""
        return self._loaded.source

    @property
    def notes(self) -> tuple[str, ...]:
        """Nothing is changed on loading."""
        return ()

    def start(self, route: str, probe: Mapping[str, Array], folder: Path, *, apart: bool = False) -> Pending:
        """Simplify the model and start pnnx on it.

        Raises:
            ExportError: onnxsim fails, or an input or output is lost on the way.
        """
        dynamic = any(spec.shape2 for spec in self.inputs)
        shapes = {} if dynamic else {spec.name: spec.shape for spec in self.inputs}
        try:
            simplified = simplify(self._loaded.model, folder / f"{STEM}.onnx", shapes)
        except OnnxExportError as error:
            what = f"the ONNX file cannot be simplified: {error}"
            finding = Finding(FindingKind.CONVERTER, what, "export the .onnx file again, with another opset")
            raise ExportError((finding,), log=str(error)) from error
        check_names("inputs", [spec.name for spec in self.inputs], simplified.inputs)
        check_names("outputs", list(self._loaded.outputs), simplified.outputs)
        first = [InputShape(spec.shape, spec.dtype) for spec in self.inputs]
        second = [InputShape(spec.shape2 or spec.shape, spec.dtype) for spec in self.inputs]
        process = PnnxProcess(simplified.path, first, second if dynamic else ())
        return Pending(process, self._sources, simplified.rewrites, log=simplified.log)

    def _sources(self, op: str) -> tuple[Source, ...]:
        """Nodes of an operator that kept its ONNX name."""
        nodes = (node for node in self._loaded.model.graph.node if node.op_type == op)
        return tuple(dict.fromkeys(Source(node.name, f"onnx.{node.op_type}") for node in nodes))

    def reference(self, probes: Sequence[Mapping[str, Array]]) -> Reference:
        """Run the model in onnxruntime on every probe."""
        if self._runtime is None:
            self._runtime = OnnxRuntime(self._loaded.model)
        traces = [self._runtime.record(probe) for probe in probes]
        outputs = [
            {name: np.asarray(trace.values[value]) for name, value in trace.outputs.items()}
            for trace in traces
        ]
        return Reference(traces, outputs, (*_random(traces[0]), *watch.general_findings(traces)))

    def explain(
        self,
        failed: Sequence[OutputCheck],
        probes: Sequence[Mapping[str, Array]],
        reference: Reference,
        pending: Pending,
    ) -> tuple[Finding, ...]:
        """Say which outputs differ, and by how much."""
        return difference_findings(failed)


def _random(trace: Trace) -> list[Finding]:
    ops = sorted({node.op for node in trace.nodes if node.op.removeprefix("onnx.") in RANDOM})
    return [
        Finding(FindingKind.RANDOM, f"the model draws random numbers ({op})", for_op(op, None, "onnx"))
        for op in ops
    ]
