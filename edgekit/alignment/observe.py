"""What the aligner asks of ncnn: captures of the net, started from the inputs or from any aligned blob."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgekit.alignment.layout import HIGHEST_RANK, Layout, contiguous
from edgekit.alignment.matching import Observation, observations
from edgekit.devices import Device, Reply
from edgekit.graph import Graph
from edgekit.runtimes.ncnn import CALM, Case, Feed
from edgekit.runtimes.survivors import run_survivors
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
    """Runs questions on the probe inputs in one worker process."""

    def __init__(self, artefact: Artefact, traces: Sequence[Trace]) -> None:
        self._artefact = artefact
        self._traces = tuple(traces)
        self._arrays: dict[tuple[int, int, Layout], Array] = {}
        first = traces[0]
        integers = (
            port.blob for port in artefact.inputs if first.values[first.inputs[port.name]].dtype.kind in "iub"
        )
        self._integers = integer_blobs(artefact.graph, integers)

    def ask(self, questions: Sequence[Probe], probes: int | None = None) -> list[dict[str, Observation]]:
        """Answer each question with what ncnn gave for its blobs (those that it gave).

        `probes` limits the number of probe inputs. A question on which ncnn dies is answered as far as it can
        be: what ncnn died of is left out, with all that depends on it.
        """
        count = len(self._traces) if probes is None else min(probes, len(self._traces))
        cases = {
            f"{number}.{probe}": self._case(number, probe, question)
            for number, question in enumerate(questions)
            for probe in range(count)
        }
        reply = self._run(cases) if cases else None
        if reply is None:
            return [{} for _ in questions]
        ids = [[f"{number}.{probe}" for probe in range(count)] for number in range(len(questions))]
        return [
            observations(question.blobs, reply.tensors, reply.batch_axes, names)
            for question, names in zip(questions, ids, strict=True)
        ]

    def _case(self, number: int, probe: int, question: Probe) -> Case:
        inputs = {
            blob: Feed(self._array(probe, value, layout), layout.batch_axis)
            for blob, (value, layout) in question.injection.items()
        }
        ranks = (feed.array.ndim - (feed.batch_axis is not None) for feed in inputs.values())
        blobs = question.blobs if all(rank <= HIGHEST_RANK for rank in ranks) else ()
        return Case(f"{number}.{probe}", inputs, blobs, integers=self._integers & frozenset(blobs))

    def _run(self, cases: Mapping[str, Case]) -> Reply | None:
        """Run the cases as far as ncnn survives them."""
        artefact = self._artefact
        reply = run_survivors(
            artefact.device,
            artefact.param,
            artefact.weights,
            artefact.graph,
            cases.values(),
            CALM,
            group=_question,  # on every probe: a blob counts when all of them answer
        ).reply
        if reply is not None:
            reply.close()  # the tensors stay mapped
        return reply

    def _array(self, probe: int, value: int, layout: Layout) -> Array:
        key = (probe, value, layout)
        if key not in self._arrays:
            self._arrays[key] = contiguous(layout.apply(self._traces[probe].values[value]))
        return self._arrays[key]


def _question(case: str) -> str:
    return case.partition(".")[0]


def integer_blobs(graph: Graph, inputs: Iterable[str]) -> frozenset[str]:
    """Blobs that carry integers from an integer input through layers that only move them."""
    found = set(inputs)
    for layer in graph.layers:
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
