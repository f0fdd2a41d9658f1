"""What the aligner asks of ncnn: captures of the net, started from the inputs or from any aligned blob."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgekit.alignment.layout import Layout, contiguous
from edgekit.alignment.matching import Observation, observations
from edgekit.devices import Device
from edgekit.graph import Graph
from edgekit.runtimes.ncnn import CALM, Case, Feed, run_cases
from edgekit.runtimes.trace import Array, Trace


@dataclass(frozen=True, slots=True)
class Port:
    """A model input or output: its blob, its name in the trace, the PyTorch axis that ncnn holds as batch."""

    blob: str
    name: str
    batch_axis: int | None


@dataclass(frozen=True, slots=True)
class Artefact:
    """The ncnn model to align: its structure, its files, its inputs and outputs, and where it runs."""

    graph: Graph
    param: Path
    weights: Path
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    device: Device


Injection = Mapping[str, tuple[int, Layout]]
"""Blob -> (trace value, layout) whose numbers stand in for what ncnn computed."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One question: inject these, look at those."""

    injection: Injection
    blobs: tuple[str, ...]


class Observer:
    """Runs questions on every probe input in one worker process."""

    def __init__(self, artefact: Artefact, traces: Sequence[Trace]) -> None:
        self._artefact = artefact
        self._traces = tuple(traces)
        self._arrays: dict[tuple[int, int, Layout], Array] = {}
        self._integers = integer_blobs(traces[0], artefact)

    def ask(self, questions: Sequence[Probe]) -> list[dict[str, Observation]]:
        """Answer each question with what ncnn gave for its blobs (those that it gave)."""
        cases = [
            Case(
                id=f"{number}.{probe}",
                inputs={
                    blob: Feed(self._array(probe, value, layout), layout.batch_axis)
                    for blob, (value, layout) in question.injection.items()
                },
                outputs=question.blobs,
                integers=self._integers & frozenset(question.blobs),
            )
            for number, question in enumerate(questions)
            for probe in range(len(self._traces))
        ]
        reply = run_cases(self._artefact.device, self._artefact.param, self._artefact.weights, cases, CALM)
        reply.close()  # the tensors stay mapped
        names = [[f"{number}.{probe}" for probe in range(len(self._traces))] for number in range(len(questions))]
        return [
            observations(question.blobs, reply.tensors, reply.batch_axes, ids)
            for question, ids in zip(questions, names, strict=True)
        ]

    def _array(self, probe: int, value: int, layout: Layout) -> Array:
        key = (probe, value, layout)
        if key not in self._arrays:
            self._arrays[key] = contiguous(layout.apply(self._traces[probe].values[value]))
        return self._arrays[key]


def integer_blobs(trace: Trace, artefact: Artefact) -> frozenset[str]:
    """Blobs that carry integers from an integer input through layers that only move them."""
    found = {
        port.blob for port in artefact.inputs if trace.values[trace.inputs[port.name]].dtype.kind in "iub"
    }
    for layer in artefact.graph.layers:
        if layer.type in _KEEPS_INTEGERS and layer.inputs and all(blob in found for blob in layer.inputs):
            found.update(layer.outputs)
    return frozenset(found)


_KEEPS_INTEGERS = frozenset("Split Reshape Permute Flatten Squeeze ExpandDims Crop Slice Concat Noop".split())


def blobs_of(graph: Graph, layers: Iterable[int]) -> tuple[str, ...]:
    """The output blobs of the given layers, inputs of the model left out."""
    return tuple(
        blob
        for index in layers
        if graph.layers[index].type != "Input"
        for blob in graph.layers[index].outputs
    )
