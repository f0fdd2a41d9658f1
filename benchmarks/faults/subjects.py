"""What faults are put into: exported bundles of clean models, with the model at hand to align anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import nets
import numpy as np
from torch import nn

import edgekit
from edgekit.alignment import Alignment, Port, Sample, align, sample, store
from edgekit.alignment import Artefact as Fresh
from edgekit.bundle import Bundle, open_bundle
from edgekit.devices import Device, open_device
from edgekit.formats import ncnn
from edgekit.graph import Graph
from edgekit.runtimes.ncnn import FP32, Case, Feed, run_cases
from edgekit.runtimes.trace import Array, Trace
from edgekit.sources.inputs import InputSpec, probe
from edgekit.sources.rebuild import rebuild
from edgekit.verifier import Artefact, VerifyReport, verify_artefact

ZOO = (
    "mobilenet_v1:resolution=96",
    "mobilenet_v2:resolution=96",
    "mobilenet_v3_large:resolution=96",
    "mobilenet_v3_small:resolution=96",
    "mobilenet_v4_conv_small:resolution=96",
    "mobilenet_v4_hybrid_medium:resolution=128",
    "shufflenet_v1:resolution=96",
    "shufflenet_v2:resolution=96",
    "se_resnet18:resolution=96",
    "cbam_resnet18:resolution=96",
    "hybridsn",
    "depthwise_separable",
    "gtconv_block",
    "gtcrn:frames=16",
    "gtcrn_stream",
    "audio_encoder",
    "audio_face_unet",
)
MODELS = (*ZOO, *nets.NETS)


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A clean bundle: its graph, alignment and samples, and the traces that these were made from."""

    name: str
    bundle: Bundle
    graph: Graph
    alignment: Alignment
    samples: tuple[Sample, ...]
    traces: tuple[Trace, ...]
    device: Device
    scratch: Path

    def write(self, graph: Graph) -> tuple[Path, Path]:
        """Write a changed graph; return its .param and .bin."""
        param, weights = self.scratch / "faulty.param", self.scratch / "faulty.bin"
        ncnn.write(graph, param, weights)
        return param, weights

    def verify(
        self, graph: Graph, alignment: Alignment | None = None, samples: Sequence[Sample] | None = None
    ) -> VerifyReport:
        """Judge a changed graph by the clean bundle's alignment, or by one of its own."""
        param, weights = self.write(graph)
        outputs = {spec.blob: spec.name for spec in self.bundle.manifest.outputs}
        artefact = Artefact(graph, param, weights, self.device)
        return verify_artefact(
            self.name, artefact, alignment or self.alignment, samples or self.samples, outputs
        )

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
        reply = run_cases(self.device, param, weights, [Case("run", feeds, blobs)], FP32)
        reply.close()
        return {blob: reply.tensors.get(f"run:{blob}") for blob in blobs}


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


def load(name: str, folder: Path, seed: int = 0) -> Subject:
    """Export a model and open what came of it."""
    bundle = open_bundle(export(name, folder, seed))
    alignment, samples, _ = store.read(bundle.path)
    model = rebuild(bundle.manifest, _net(name, seed) if name in nets.NETS else None)
    traces = tuple(
        model.record({key: np.asarray(value) for key, value in probe(_inputs(bundle), seed, number).items()})
        for number in (0, 1)
    )
    graph = ncnn.read(bundle.param, bundle.bin)
    scratch = folder / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    return Subject(name, bundle, graph, alignment, samples, traces, open_device("local"), scratch)


def _inputs(bundle: Bundle) -> tuple[InputSpec, ...]:
    return tuple(
        InputSpec(spec.name, spec.shape, spec.dtype, spec.value_range, spec.kind)
        for spec in bundle.manifest.inputs
    )
