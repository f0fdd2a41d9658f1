"""Run an artefact on samples, whole and layer by layer, and measure both against the reference.

Results are compared while the worker's answer is still a mapped file, one blob at a time, so that
memory is bounded by the largest blob and not by the net.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.alignment.model import Alignment
from edgekit.alignment.sample import Sample
from edgekit.devices import Device, DeviceInfo, Reply, device_info
from edgekit.errors import UserError
from edgekit.graph import Graph
from edgekit.numerics.histogram import Histogram, histogram
from edgekit.numerics.metrics import Comparison, Finding, compare
from edgekit.runtimes.ncnn import PRECISIONS, Case, Feed
from edgekit.runtimes.survivors import run_survivors
from edgekit.runtimes.trace import Array, finite_scale
from edgekit.verifier.portions import batches, capture_of, in_stretches
from edgekit.worker.protocol import let_go

_SCALED_IN = ("fp32",)
"""Scaled inputs would leave the range of fp16, and their floors are measured in float32."""


@dataclass(frozen=True, slots=True)
class Artefact:
    """The ncnn model to judge: its structure, its files, and where and how it runs.

    `stored` names the precision of layers (by index) whose weights are stored in less than float32.
    """

    graph: Graph
    param: Path
    weights: Path
    device: Device
    precision: str = "fp32"
    threads: int = 1
    stored: Mapping[int, str] = field(default_factory=dict)

    @property
    def on_arm(self) -> bool:
        """Whether ncnn's kernels for ARM may run there: anywhere but on this host, where it is no ARM one."""
        here = self.device.spec == "local"
        return not here or platform.machine().startswith(("aarch64", "arm"))


@dataclass(frozen=True, slots=True)
class BlobMeasurement:
    """One blob on one sample: the comparisons, the reference's scale, the shape that ncnn gave.

    `histogram` lays the values of the whole run over the reference's; `scaled` is the comparison on the
    sample's scaled case of the layer, where it has one.
    """

    propagated: Comparison
    isolated: Comparison
    scale: float
    shape: tuple[int, ...] | None
    histogram: Histogram | None = None
    scaled: Comparison | None = None


@dataclass(frozen=True, slots=True)
class Measurements:
    """Everything measured: per sample, per blob; and what ran where."""

    samples: tuple[Mapping[str, BlobMeasurement], ...]
    device: DeviceInfo
    light_mode_differs: tuple[str, ...] = ()
    second_run_differs: tuple[str, ...] = ()
    crashes: tuple[str, ...] = ()
    """What ncnn died of; the blobs concerned are missing, all others were measured."""


def measure(
    artefact: Artefact,
    alignment: Alignment,
    samples: Sequence[Sample],
    outputs: Sequence[str],
    options: Mapping[str, Any] | None = None,
) -> Measurements:
    """Run every sample whole (light mode off and on, and once more) and every layer alone.

    The outputs of a run in light mode, where ncnn works in place and frees blobs early, must be
    bit for bit those of the run that was captured: otherwise observing changed what was observed. So must
    those of a second run: otherwise ncnn is not deterministic, and one verdict says little.
    """
    parts = [
        _measure_batch(artefact, alignment, [samples[number] for number in batch], outputs, options or {})
        for batch in batches(samples)
    ]
    differing = (each for part in parts for each in part.light_mode_differs)
    repeated = (each for part in parts for each in part.second_run_differs)
    return Measurements(
        tuple(each for part in parts for each in part.samples),
        parts[0].device,
        tuple(dict.fromkeys(differing)),
        tuple(dict.fromkeys(repeated)),
        tuple(crash for part in parts for crash in part.crashes),
    )


def _measure_batch(
    artefact: Artefact,
    alignment: Alignment,
    samples: Sequence[Sample],
    outputs: Sequence[str],
    options: Mapping[str, Any],
) -> Measurements:
    """Measure some samples in one worker process."""
    cases = cases_of(artefact.graph, alignment, samples, outputs, artefact.precision)
    survivors = run_survivors(
        artefact.device,
        artefact.param,
        artefact.weights,
        artefact.graph,
        _in_stretches(cases, artefact.graph, samples),
        {**PRECISIONS[artefact.precision], **options},
        threads=artefact.threads,
    )
    reply = survivors.reply
    if reply is None:
        raise UserError(survivors.crashes[-1], "no layer of these files can be run at all")
    reply.close()  # the tensors stay mapped
    info = device_info(
        reply.message["environment"],
        kind=artefact.device.spec.partition(":")[0],
        emulated=artefact.device.emulated,
    )
    measured = tuple(
        _compare_sample(number, sample, alignment, reply) for number, sample in enumerate(samples)
    )
    numbers = range(len(samples))
    return Measurements(
        measured,
        info,
        _differences(reply, numbers, outputs, "whole", "light"),
        _differences(reply, numbers, outputs, "light", "again"),
        survivors.crashes,
    )


def _in_stretches(cases: Sequence[Case], graph: Graph, samples: Sequence[Sample]) -> list[Case]:
    """Cut the captures that a worker could not hold; everything else stays one case."""
    wholes = {f"{number}.whole": sample for number, sample in enumerate(samples)}
    return [
        part
        for case in cases
        for part in (in_stretches(case, graph, wholes[case.id]) if case.id in wholes else [case])
    ]


def cases_of(
    graph: Graph,
    alignment: Alignment,
    samples: Sequence[Sample],
    outputs: Sequence[str],
    precision: str,
) -> list[Case]:
    """Return everything that ncnn has to run: `N.whole`, `N.light`, `N.again`, `N.LAYER`, `N.scaledLAYER`."""
    inputs = _input_blobs(graph)
    integers = frozenset(
        blob for sample in samples for blob, array in sample.blobs.items() if array.dtype.kind == "i"
    )
    cases: list[Case] = []
    for number, sample in enumerate(samples):
        cases.extend(_cases(number, sample, alignment, inputs, tuple(outputs), integers))
        if precision in _SCALED_IN:
            cases.extend(_scaled_cases(number, sample, alignment))
    return cases


def _input_blobs(graph: Graph) -> frozenset[str]:
    return frozenset(graph.input_blobs)


def _cases(
    number: int,
    sample: Sample,
    alignment: Alignment,
    inputs: frozenset[str],
    outputs: tuple[str, ...],
    integers: frozenset[str],
) -> list[Case]:
    def feeds(blobs: Sequence[str]) -> dict[str, Feed]:
        return {
            blob: Feed(sample.blobs[blob], alignment.blobs[blob].layout.batch_axis)
            for blob in blobs
            if blob in sample.blobs
        }

    start = feeds(sorted(inputs))
    everything = tuple(blob for blob in alignment.blobs if blob not in inputs)
    cases = [
        Case(f"{number}.whole", start, everything, integers=integers),
        Case(f"{number}.light", start, outputs, light_mode=True, integers=integers),
        Case(f"{number}.again", start, outputs, light_mode=True, integers=integers),
    ]
    cases += [
        Case(f"{number}.{layer.index}", feeds(layer.anchors), layer.outputs, integers=integers)
        for layer in alignment.layers
        if layer.outputs and layer.type != "Input"
    ]
    return cases


def _scaled_cases(number: int, sample: Sample, alignment: Alignment) -> list[Case]:
    return [
        Case(
            f"{number}.scaled{case.layer}",
            {
                blob: Feed(array, alignment.blobs[blob].layout.batch_axis)
                for blob, array in case.inputs.items()
            },
            tuple(case.outputs),
        )
        for case in sample.scaled
    ]


def _compare_sample(
    number: int, sample: Sample, alignment: Alignment, reply: Reply
) -> dict[str, BlobMeasurement]:
    found = {}
    scaled = {
        blob: _compare(reply.tensors.get(f"{number}.scaled{case.layer}:{blob}"), expected)
        for case in sample.scaled
        for blob, expected in case.outputs.items()
        if f"{number}.scaled{case.layer}" in reply.message["status"]
    }
    captured = capture_of(reply.tensors, f"{number}.whole")
    for layer in alignment.layers:
        for blob in layer.outputs:
            reference = sample.blobs[blob]
            if layer.type == "Input":
                same = compare(reference, reference)
                found[blob] = BlobMeasurement(same, same, finite_scale(reference), reference.shape)
                continue
            whole = reply.tensors.get(captured.get(blob, ""))
            alone = reply.tensors.get(f"{number}.{layer.index}:{blob}")
            found[blob] = BlobMeasurement(
                _compare(whole, reference),
                _compare(alone, reference),
                finite_scale(reference),
                None if whole is None else whole.shape,
                None if whole is None else histogram(reference, whole),
                scaled.get(blob),
            )
            for array in (reference, whole, alone):
                if array is not None:
                    let_go(array)
    return found


def _compare(actual: Array | None, reference: Array) -> Comparison:
    """A blob that ncnn did not give has no shape at all."""
    if actual is None:
        return Comparison(None, Finding.MISSING)
    return compare(actual, reference)


def _differences(
    reply: Reply, numbers: Sequence[int], outputs: Sequence[str], left: str, right: str
) -> tuple[str, ...]:
    """Outputs that two runs of the same inputs do not give bit for bit alike."""
    differing = []
    for blob in outputs:
        for number in numbers:
            one, other = (
                reply.tensors.get(capture_of(reply.tensors, f"{number}.{name}").get(blob, ""))
                for name in (left, right)
            )
            if one is None or other is None:
                continue
            if one.shape != other.shape or not np.array_equal(one, other, equal_nan=True):
                differing.append(blob)
                break
    return tuple(differing)
