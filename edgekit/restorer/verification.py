"""Check a module with the binary's weights against the binary: its outputs, then every layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgekit.bundle import TensorSpec
from edgekit.devices import Device
from edgekit.differ.diff import Aligned
from edgekit.exporter.artefact import Artefact
from edgekit.exporter.check import checked_numbers
from edgekit.exporter.ledger import Ledger
from edgekit.exporter.reference import write_reference
from edgekit.exporter.result import OutputCheck
from edgekit.exporter.routes import as_tensors
from edgekit.exporter.subject import TorchSubject
from edgekit.inspector import Opened
from edgekit.runtimes.trace import Array
from edgekit.sources.inputs import InputSpec
from edgekit.sources.load import TorchModel
from edgekit.sources.variant import run
from edgekit.toolchain.pnnx import PnnxRun
from edgekit.verifier import VerifyReport


@dataclass(frozen=True, slots=True)
class BinaryPorts:
    """The binary's blobs for the model's inputs (described) and outputs (in order), with batch axes."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[tuple[str, int | None], ...]


def ports(specs: Sequence[InputSpec], both: Aligned, converted: PnnxRun) -> BinaryPorts:
    """Return the binary's blobs in the model's order: what the alignment makes of in0, ... and out0, ...

    A bundle knows which axes are the batch; of a bare file the axes of the model's conversion are taken.
    """
    known = _known_axes(both)
    blob_of = {theirs: mine for mine, theirs in both.partners.items()}
    inputs = []
    for index, (spec, found) in enumerate(zip(specs, converted.input_batch_axes, strict=True)):
        blob = blob_of[f"in{index}"]
        axis = known.get(blob, found)
        inputs.append(TensorSpec(spec.name, blob, spec.shape, spec.dtype, axis, spec.value_range, spec.kind))
    left = {value: name for name, value in both.found.left.outputs}
    by_order = [name for name, _ in both.found.left.outputs]
    names: dict[str, str] = {}
    for (name, (op, slot)), fallback in zip(both.found.right.outputs, by_order, strict=True):
        names[name] = left.get((both.found.back.get(op, -1), slot), fallback)
    outputs = []
    for index, found in enumerate(converted.output_batch_axes):
        blob = names[f"out{index}"]
        outputs.append((blob, known.get(blob, found)))
    return BinaryPorts(tuple(inputs), tuple(outputs))


def _known_axes(both: Aligned) -> dict[str, int | None]:
    bundle = both.left.opened.bundle
    if bundle is None:
        return {}
    return {spec.blob: spec.batch_axis for spec in (*bundle.manifest.inputs, *bundle.manifest.outputs)}


def verified(
    model: TorchModel,
    binary: Opened,
    blobs: BinaryPorts,
    probes: Sequence[Mapping[str, Array]],
    route: str,
    device: Device,
    folder: Path,
) -> tuple[tuple[OutputCheck, ...], VerifyReport]:
    """Return the checks of all outputs on all probes, and the verdict on every layer.

    Raises:
        ExportError: ncnn cannot run the binary.
    """
    assert binary.bin is not None
    run(model.adapter, as_tensors(model, probes[0]))  # after which its outputs are known by name
    subject = TorchSubject(model)
    reference = subject.reference(probes)
    outputs = []
    for name, (blob, axis) in zip(subject.outputs.names, blobs.outputs, strict=True):
        value = reference.outputs[0][name]
        outputs.append(
            TensorSpec(name, blob, value.shape or (1,), str(value.dtype), axis if value.ndim else None)
        )
    artefact = Artefact(binary.param, binary.bin, binary.graph, blobs.inputs, tuple(outputs))
    artefact, checks = checked_numbers(artefact, probes, reference, device, Ledger(lambda _: None), route)
    verdict = write_reference(
        folder,
        artefact,
        reference.traces,
        device,
    )
    return checks, verdict
