"""What a fault does, measured without `edgekit verify`: the clean layer against the faulty one, both in ncnn.

Both run alone on the same inputs, and their results are subtracted. No new alignment, no floor and no verdict
take part in it, so that the faults that count are chosen by other means than those under test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from subjects import Subject, tensors

from edgekit.graph import Graph
from edgekit.runtimes.ncnn import CALM, Case, Feed
from edgekit.runtimes.trace import Array, finite_scale

PART_OF_SPREAD = 1e-3
"""A fault counts as such when it changes its own layer by more than this part of its spread."""
ROUNDING = 64 * 2.0**-24
"""Part of a tensor's largest number that another order of summation may move: below, a fault is none."""

Tensors = Mapping[str, Array]


@dataclass(frozen=True, slots=True)
class Effect:
    """Of one fault: the change of its layer's own result, and whether the next layers' results change.

    `size` is the largest change in units of the result's spread, infinite for another shape or none at all;
    `rounding` says that rounding may do as much. `absorbed` faults hardly show, less than `PART_OF_SPREAD`,
    in any layer that reads the result (a constant added before a norm): the artefact computes the same.
    """

    size: float
    rounding: bool
    absorbed: bool


def clean_results(subject: Subject) -> dict[str, Array]:
    """Run every layer of the clean artefact alone, and the layers after it."""
    return _run(subject, subject.graph, range(len(subject.graph.layers)))


def effects(subject: Subject, graph: Graph, layers: Sequence[int], clean: Tensors) -> list[Effect]:
    """Measure what was done to some layers of a graph."""
    faulty = _run(subject, graph, layers)
    return [_effect(subject, index, clean, faulty) for index in layers]


def _run(subject: Subject, graph: Graph, layers: Sequence[int]) -> dict[str, Array]:
    """Every layer alone on reference inputs, a case of its own for it and for the layers that read it."""
    cases = [
        case for index in layers for case in (_alone(subject, graph, index), _next(subject, graph, index))
    ]
    param, weights = subject.write(graph)
    return tensors(subject.device, param, weights, graph, cases, CALM)


def _alone(subject: Subject, faulty: Graph, index: int) -> Case:
    anchors = subject.alignment.layers[index].anchors
    outputs = subject.graph.layers[index].outputs if anchors else ()
    return Case(f"alone{index}", _feeds(subject, faulty, _read(faulty, index, anchors)), outputs)


def _read(faulty: Graph, index: int, anchors: Sequence[str]) -> tuple[str, ...]:
    """What has to be given to a layer: its anchors, and what it reads now that it did not read before."""
    return tuple(dict.fromkeys((*anchors, *faulty.layers[index].inputs))) if anchors else ()


def _next(subject: Subject, faulty: Graph, index: int) -> Case:
    """The layers that read a layer's result, everything else that they read given to them."""
    graph, anchors = subject.graph, subject.alignment.layers[index].anchors
    copies, readers = {*graph.layers[index].outputs}, []
    for number in range(index + 1, len(graph.layers)):
        layer = graph.layers[number]
        if copies.intersection(layer.inputs):
            if layer.type == "Split":
                copies.update(layer.outputs)
            else:
                readers.append(layer)
    beside = [blob for layer in readers for blob in layer.inputs if blob not in copies]
    outputs = tuple(blob for layer in readers for blob in layer.outputs) if anchors else ()
    given = (*_read(faulty, index, anchors), *beside)
    return Case(f"next{index}", _feeds(subject, faulty, given), outputs)


def _feeds(subject: Subject, faulty: Graph, blobs: Sequence[str]) -> dict[str, Feed]:
    """The reference of some blobs; a copy that only the faulty graph has holds what it is a copy of."""
    reference, feeds = subject.samples[0].blobs, {}
    for blob in blobs:
        known = blob
        while known not in reference and known in faulty.blobs:
            maker = faulty.layers[faulty.blobs[known].producer]
            if maker.type != "Split":
                break
            known = maker.inputs[0]
        if known in reference:
            feeds[blob] = Feed(reference[known], subject.alignment.blobs[known].layout.batch_axis)
    return feeds


def _effect(subject: Subject, index: int, clean: Tensors, faulty: Tensors) -> Effect:
    changes = [_change(clean.get(key), faulty.get(key)) for key in clean if key.startswith(f"alone{index}:")]
    after = [_change(clean.get(key), faulty.get(key)) for key in clean if key.startswith(f"next{index}:")]
    size = max((size for size, _ in changes), default=0.0)
    ends = bool(set(subject.graph.layers[index].outputs) & set(subject.graph.output_blobs))
    unseen = bool(after) and not ends and all(size <= PART_OF_SPREAD for size, _ in after)
    return Effect(size, all(rounding for _, rounding in changes), unseen)


def _change(clean: Array | None, faulty: Array | None) -> tuple[float, bool]:
    """Largest change in units of the spread, and whether rounding may do as much."""
    if clean is None or faulty is None or clean.shape != faulty.shape or not np.isfinite(faulty).all():
        return float("inf"), False
    change = float(np.max(np.abs(np.subtract(faulty, clean, dtype=np.float64)), initial=0.0))
    return change / finite_scale(clean), change <= ROUNDING * float(np.max(np.abs(clean), initial=0.0))
