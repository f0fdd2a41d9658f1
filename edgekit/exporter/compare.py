"""Does the fresh artefact compute what the reference computes? The end-to-end check before the rename.

The converter's messages never suffice: several wrong conversions say nothing at all. So the artefact runs
on two seeded inputs in a worker process (ncnn itself can crash on a wrong file) and every output is
compared with the reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgekit.alignment.layout import contiguous, mat_layout
from edgekit.bundle import TensorSpec
from edgekit.devices import Device
from edgekit.exporter.result import OutputCheck
from edgekit.runtimes.ncnn import FP32, Case, Feed, run_cases
from edgekit.runtimes.trace import Array, Trace, finite_scale

TOLERANCE = 2e-4
"""Largest accepted difference in units of the output's spread.

Right conversions stay below 6e-5 of it in float32 (worst of about forty networks, winograd kernels on); the
wrong ones that no message announces start at 1e-3.
"""

_ROUNDING_FACTOR = 64.0
_JITTER_SEED = 20240

Answer = Mapping[str, Array | int]
"""Output blob -> its array, or the code with which ncnn refused it."""


def run_outputs(
    device: Device,
    param: Path,
    weights: Path,
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec],
    probes: Sequence[Mapping[str, Array]],
    timeout_s: float | None = None,
) -> list[Answer]:
    """Run the artefact on every probe; return for each output blob its array, or ncnn's code if it failed.

    Raises:
        WorkerError: ncnn refuses a file.
        WorkerCrashed: ncnn died.
    """
    blobs = tuple(dict.fromkeys(each.blob for each in outputs))
    cases = [
        Case(str(number), {each.blob: _feed(each, probe[each.name]) for each in inputs}, blobs)
        for number, probe in enumerate(probes)
    ]
    reply = run_cases(device, param, weights, cases, FP32, timeout_s=timeout_s)
    reply.close()  # the tensors stay mapped
    status = reply.message["status"]
    return [
        {blob: reply.tensors.get(f"{case.id}:{blob}", status[case.id][blob]) for blob in blobs}
        for case in cases
    ]


def _feed(spec: TensorSpec, array: Array) -> Feed:
    layout = mat_layout(array.shape, spec.batch_axis)
    return Feed(contiguous(layout.apply(array)), layout.batch_axis)


def compare(
    outputs: Sequence[TensorSpec],
    references: Sequence[Mapping[str, Array]],
    traces: Sequence[Trace],
    answers: Sequence[Answer],
) -> tuple[OutputCheck, ...]:
    """Compare every output on every probe with its reference."""
    return tuple(
        _compare(spec, number, reference[spec.name], trace, answer[spec.blob])
        for number, (reference, trace, answer) in enumerate(zip(references, traces, answers, strict=True))
        for spec in outputs
    )


def settled_axes(
    outputs: Sequence[TensorSpec], references: Sequence[Mapping[str, Array]], answers: Sequence[Answer]
) -> tuple[TensorSpec, ...]:
    """Correct the batch axis of outputs whose shape it does not explain, where exactly one other axis does.

    pnnx gives none for the states of recurrent layers, and a wrong one now and then.
    """
    return tuple(_settled_axis(spec, references, answers) for spec in outputs)


def _settled_axis(
    spec: TensorSpec, references: Sequence[Mapping[str, Array]], answers: Sequence[Answer]
) -> TensorSpec:
    def explains(axis: int | None) -> bool:
        pairs = zip(references, answers, strict=True)
        return all(
            not isinstance(found := answer[spec.blob], int)
            and found.shape == mat_layout(reference[spec.name].shape, axis).shape
            for reference, answer in pairs
        )

    rank = references[0][spec.name].ndim
    if explains(spec.batch_axis):
        return spec
    others = [axis for axis in (None, *range(rank)) if axis != spec.batch_axis and explains(axis)]
    return replace(spec, batch_axis=others[0]) if others else spec


def input_axes(inputs: Sequence[TensorSpec]) -> Iterator[tuple[TensorSpec, ...]]:
    """Yield the inputs with other batch axes: any axis of size 1 or none, for one input after the other."""
    for index, spec in enumerate(inputs):
        for axis in (None, *(axis for axis, size in enumerate(spec.shape) if size == 1)):
            if axis != spec.batch_axis:
                yield (*inputs[:index], replace(spec, batch_axis=axis), *inputs[index + 1 :])


def _compare(
    spec: TensorSpec, probe: int, reference: Array, trace: Trace, answer: Array | int
) -> OutputCheck:
    scale = finite_scale(reference)
    if isinstance(answer, int):
        return OutputCheck(spec.name, probe, np.inf, scale, 0.0, f"ncnn gave no value (code {answer})")
    layout = mat_layout(reference.shape, spec.batch_axis)
    reason: str | None
    if answer.shape != layout.shape:
        reason = f"ncnn gave the shape {_shape(answer.shape)} where {_shape(layout.shape)} was expected"
        return OutputCheck(spec.name, probe, np.inf, scale, 0.0, reason)
    if not np.isfinite(answer).all():
        return OutputCheck(spec.name, probe, np.inf, scale, 0.0, "ncnn gave NaN or Inf")
    expected = np.asarray(layout.apply(reference), np.float64)
    max_abs = float(np.max(np.abs(answer - expected), initial=0.0))
    tolerance = TOLERANCE * scale
    if max_abs > tolerance:
        tolerance = max(tolerance, _rounding(trace, spec.name))
    reason = None if max_abs <= tolerance else "the numbers differ"
    return OutputCheck(spec.name, probe, max_abs, scale, tolerance, reason)


def _rounding(trace: Trace, output: str) -> float:
    """What rounding alone can do to an output of an ill-conditioned model, from two float64 passes.

    64 times the larger of the reference's own float32 error and of what moving every input and weight by
    one unit of rounding changes.
    """
    if trace.replay is None:
        return 0.0
    target = trace.outputs[output]
    given = {value: trace.values[value] for value in trace.inputs.values()}
    nodes = range(len(trace.nodes))
    plain, moved = (
        trace.replay.run(nodes, given, [target], jitter)[target] for jitter in (None, _JITTER_SEED)
    )
    own = np.max(np.abs(trace.values[target] - plain), initial=0.0)
    condition = np.max(np.abs(moved - plain), initial=0.0)
    return _ROUNDING_FACTOR * float(max(own, condition))


def _shape(shape: Sequence[int]) -> str:
    return "x".join(str(size) for size in shape)
