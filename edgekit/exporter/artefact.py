"""A converted model and what is known of it: files, graph, inputs and outputs with their blobs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgekit.bundle import TensorSpec
from edgekit.exporter.result import Finding, FindingKind
from edgekit.exporter.subject import Reference, Subject
from edgekit.graph import Graph
from edgekit.toolchain.pnnx import PnnxRun

Ports = tuple[TensorSpec, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Artefact:
    """The fp32 files that the converter wrote; `inputs` and `outputs` are in the model's order."""

    param: Path
    bin: Path
    graph: Graph
    inputs: Ports
    outputs: Ports


def joined_ports(subject: Subject, reference: Reference, run: PnnxRun) -> tuple[Ports, Ports]:
    """Join the model's inputs and outputs with their blobs in0, in1, ... and out0, out1, ..."""
    inputs = tuple(
        TensorSpec(spec.name, f"in{index}", spec.shape, spec.dtype, axis, spec.value_range, spec.kind)
        for index, (spec, axis) in enumerate(zip(subject.inputs, run.input_batch_axes, strict=True))
    )
    outputs = []
    for index, (name, axis) in enumerate(zip(subject.outputs.names, run.output_batch_axes, strict=True)):
        value = reference.outputs[0][name]
        shape, batch_axis = (value.shape, axis) if value.ndim else ((1,), None)
        outputs.append(TensorSpec(name, f"out{index}", shape, str(value.dtype), batch_axis))
    return inputs, tuple(outputs)


def count_findings(subject: Subject, run: PnnxRun) -> list[Finding]:
    """Return findings when the converter lost inputs or outputs."""
    pairs = (
        (FindingKind.INPUTS, len(subject.inputs), len(run.input_batch_axes)),
        (FindingKind.OUTPUTS, len(subject.outputs.names), len(run.output_batch_axes)),
    )
    return [
        Finding(
            kind,
            f"the model has {expected} {kind.value}, the converted one has {found}",
            "make sure that every input reaches an output and that outputs are computed tensors",
        )
        for kind, expected, found in pairs
        if expected != found
    ]
