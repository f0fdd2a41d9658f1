"""Run chosen layers alone, on the reference's inputs, and judge what they give."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from edgekit.alignment.model import Alignment, LayerAlignment
from edgekit.alignment.sample import Sample
from edgekit.numerics.metrics import Array, compare
from edgekit.runtimes.ncnn import FP32, PRECISIONS, Case, Feed
from edgekit.runtimes.survivors import run_survivors
from edgekit.verifier.limits import is_above, limits_of
from edgekit.verifier.run import Artefact

Answer = Mapping[str, Array | None]
"""What ncnn gave for each output blob of a layer that ran alone."""


def run_alone(
    artefact: Artefact,
    alignment: Alignment,
    sample: Sample,
    layers: Sequence[LayerAlignment],
    options: Mapping[str, Any],
    threads: int,
) -> list[Answer]:
    """Run every layer alone in one worker, with the given `ncnn.Option` fields over float32's."""
    cases = [
        Case(
            str(layer.index),
            {
                blob: Feed(sample.blobs[blob], alignment.blobs[blob].layout.batch_axis)
                for blob in layer.anchors
            },
            layer.outputs,
        )
        for layer in layers
    ]
    reply = run_survivors(
        artefact.device,
        artefact.param,
        artefact.weights,
        artefact.graph,
        cases,
        {**FP32, **options},
        threads=threads,
    ).reply
    if reply is not None:
        reply.close()
    tensors = {} if reply is None else reply.tensors
    return [{blob: tensors.get(f"{layer.index}:{blob}") for blob in layer.outputs} for layer in layers]


def failing_alone(
    artefact: Artefact, alignment: Alignment, samples: Sequence[Sample], indices: Iterable[int]
) -> frozenset[int]:
    """Return which of the layers are above their floors alone, on any sample, in the artefact's precision."""
    layers = [alignment.layers[index] for index in indices if alignment.layers[index].outputs]
    if not layers:
        return frozenset()
    limits = limits_of(artefact, alignment, samples)
    failing: set[int] = set()
    for number, sample in enumerate(samples):
        options = PRECISIONS[artefact.precision]
        answers = run_alone(artefact, alignment, sample, layers, options, artefact.threads)
        for layer, answer in zip(layers, answers, strict=True):
            if any(
                array is None
                or is_above(
                    compare(array, sample.blobs[blob]), limits.isolated(blob, number), artefact.precision
                )
                for blob, array in answer.items()
            ):
                failing.add(layer.index)
    return frozenset(failing)
