"""What faults are put into: exported bundles of clean models, with the model at hand to align anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nets
import numpy as np
from torch import nn

import edgekit
from edgekit.alignment import Alignment, Port, Sample, align, sample, store
from edgekit.alignment import Artefact as Fresh
from edgekit.bundle import Bundle, open_bundle
from edgekit.devices import Device
from edgekit.formats import ncnn
from edgekit.graph import Graph
from edgekit.runtimes.ncnn import FP32, Case, Feed
from edgekit.runtimes.survivors import run_survivors
from edgekit.runtimes.trace import Array, Trace
from edgekit.sources.inputs import InputSpec, probe
from edgekit.sources.rebuild import RebuiltModel, rebuild
from edgekit.verifier import Artefact, VerifyReport
from edgekit.verifier.judge import Judge, report
from edgekit.verifier.run import measure

ZOO = (
    "mobilenet_v1:resolution=96",
    "mobilenet_v2:resolution=96",
    "mobilenet_v3_large:resolution=96",
    "mobilenet_v3_small:resolution=96",
    "mobilenet_v4_conv_small:resolution=96",
    "mobilenet_v4_conv_medium:resolution=96",
    "mobilenet_v4_hybrid_medium:resolution=128",
    "shufflenet_v1:resolution=96",
    "shufflenet_v2:resolution=96",
    "se_resnet18:resolution=96",
    "cbam_resnet18:resolution=96",
    "digits",
    "hybridsn",
    "depthwise_separable",
    "gtconv_block",
    "gtcrn:frames=16",
    "gtcrn_stream",
    "audio_encoder",
    "audio_face_unet",
)
MODELS = (*nets.NETS, *ZOO)


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A clean bundle: its graph, alignment and samples, and the traces that these were made from."""

    name: str
    bundle: Bundle
    graph: Graph
    alignment: Alignment
    samples: tuple[Sample, ...]
    traces: tuple[Trace, ...]
    model: RebuiltModel
    device: Device
    scratch: Path

    def write(self, graph: Graph) -> tuple[Path, Path]:
        """Write a changed graph; return its .param and .bin."""
        param, weights = self.scratch / "faulty.param", self.scratch / "faulty.bin"
        ncnn.write(replace(graph, shapes={}), param, weights)
        return param, weights

    def verify(
        self, graph: Graph, alignment: Alignment | None = None, samples: Sequence[Sample] | None = None
    ) -> VerifyReport:
        """Judge a changed graph by the clean bundle's alignment, or by one of its own.

        As `edgekit verify` does, but for the question why a culprit is one.
        """
        param, weights = self.write(graph)
        outputs = {spec.blob: spec.name for spec in self.bundle.manifest.outputs}
        artefact = Artefact(graph, param, weights, self.device)
        alignment, samples = alignment or self.alignment, samples or self.samples
        measured = measure(artefact, alignment, samples, list(outputs))
        return report(self.name, Judge(artefact, alignment, samples, measured), outputs)

    def verify_anew(self, graph: Graph) -> VerifyReport:
        """Align a changed graph from nothing but its files and the model, then judge it."""
        param, weights = self.write(graph)
        manifest = self.bundle.manifest
        fresh = Fresh(
            graph,
            param,
            weights,
            tuple(Port(spec.blob, spec.name, spec.batch_axis) for spec in manifest.inputs),
            tuple(Port(spec.blob, spec.name, spec.batch_axis) for spec in manifest.outputs),
            self.device,
        )
        alignment = align(fresh, self.traces)
        return self.verify(graph, alignment, (sample(graph, alignment, self.traces[0], "seed 0"),))

    def on_other_inputs(self, seed: int) -> VerifyReport:
        """Judge the clean bundle on inputs of another seed than it was aligned on."""
        name = f"seed {seed}"
        fresh = sample(self.graph, self.alignment, _record(self.model, self.bundle, seed, 0), name)
        return self.verify(self.graph, samples=(fresh,))

    def outputs(self, graph: Graph) -> dict[str, Array | None]:
        """The outputs of a changed graph as a plain run gives them; None where ncnn gives nothing."""
        param, weights = self.write(graph)
        blobs = tuple(dict.fromkeys(spec.blob for spec in self.bundle.manifest.outputs))
        feeds = {
            spec.blob: Feed(
                self.samples[0].blobs[spec.blob], self.alignment.blobs[spec.blob].layout.batch_axis
            )
            for spec in self.bundle.manifest.inputs
        }
        found = tensors(self.device, param, weights, graph, [Case("run", feeds, blobs)], FP32)
        return {blob: found.get(f"run:{blob}") for blob in blobs}


def tensors(
    device: Device,
    param: Path,
    weights: Path,
    graph: Graph,
    cases: Sequence[Case],
    options: Mapping[str, Any],
) -> dict[str, Array]:
    """Run cases as far as ncnn survives them; return the tensors `CASE:BLOB`."""
    reply = run_survivors(device, param, weights, graph, cases, options).reply
    if reply is None:
        return {}
    reply.close()  # the tensors stay mapped
    return dict(reply.tensors)


def export(name: str, folder: Path, seed: int = 0) -> Path:
    """Export a model of the benchmark, once."""
    target = folder / f"{name.replace(':', '_').replace('=', '')}_{seed}"
    if not (target / "manifest.json").is_file():
        if name in nets.NETS:
            edgekit.export(_net(name, seed), target, inputs=nets.NETS[name][1], seed=seed)
        else:
            edgekit.export(name, target, seed=seed)
    return target


def _net(name: str, seed: int) -> nn.Module:
    return nets.build(name, seed)


def load(name: str, folder: Path, device: Device, seed: int = 0) -> Subject:
    """Export a model and open what came of it."""
    bundle = open_bundle(export(name, folder, seed))
    alignment, samples, _ = store.read(bundle.path)
    model = rebuild(bundle.manifest, _net(name, seed) if name in nets.NETS else None)
    traces = tuple(_record(model, bundle, seed, number) for number in (0, 1))
    shapes = {blob: array.shape for blob, array in samples[0].blobs.items()}  # for faults that need them
    graph = replace(ncnn.read(bundle.param, bundle.bin), shapes=shapes)
    scratch = folder / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    return Subject(name, bundle, graph, alignment, samples, traces, model, device, scratch)


def _record(model: RebuiltModel, bundle: Bundle, seed: int, number: int) -> Trace:
    inputs = probe(_inputs(bundle), seed, number)
    return model.record({key: np.asarray(value) for key, value in inputs.items()})


def _inputs(bundle: Bundle) -> tuple[InputSpec, ...]:
    return tuple(
        InputSpec(spec.name, spec.shape, spec.dtype, spec.value_range, spec.kind)
        for spec in bundle.manifest.inputs
    )
