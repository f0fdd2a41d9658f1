"""Models with state: run many frames, each runtime carrying its own states, and compare what comes out.

An output `next_X` is the next value of the input `X`. Layer by layer a frame is judged on the reference's
states; here the errors are left to pile up in ncnn's own states, as they do on a phone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edgekit.alignment.layout import contiguous, mat_layout
from edgekit.bundle import Manifest, TensorSpec
from edgekit.numerics.floors import Noise, floor, largest
from edgekit.numerics.metrics import Metrics, compare
from edgekit.runtimes.ncnn import PRECISIONS, Case, Feed, run_cases
from edgekit.runtimes.trace import Array
from edgekit.verifier.run import Artefact

_NEXT = "next_"


@dataclass(frozen=True, slots=True)
class StreamResult:
    """One output over all frames: metrics of the whole sequence, the worst frame, what rounding explains."""

    name: str
    frames: int
    metrics: Metrics | None
    worst_frame: int
    floor: float
    passed: bool


def states(manifest: Manifest) -> dict[str, str]:
    """Return input name -> output name of every state of a model; empty for a model without."""
    outputs = {spec.name for spec in manifest.outputs}
    return {spec.name: f"{_NEXT}{spec.name}" for spec in manifest.inputs if f"{_NEXT}{spec.name}" in outputs}


def run_stream(
    artefact: Artefact,
    manifest: Manifest,
    frames: Sequence[Mapping[str, Array]],
    first: Mapping[str, Array],
) -> dict[str, list[Array | None]]:
    """Run all frames in one worker, states carried inside it; return each output's frames.

    `frames` hold the inputs that are not states, `first` the states of the first frame, in PyTorch's shapes.
    """
    carried = states(manifest)
    inputs = {spec.name: spec for spec in manifest.inputs}
    outputs = {spec.name: spec for spec in manifest.outputs}
    results = tuple(spec.blob for spec in manifest.outputs if spec.name not in carried.values())
    keep = tuple(outputs[name].blob for name in carried.values())
    feedback = {inputs[name].blob: outputs[out].blob for name, out in carried.items()}
    cases = []
    for number, frame in enumerate(frames):
        given = frame if number else {**frame, **first}
        cases.append(
            Case(
                f"frame{number}",
                {inputs[name].blob: _feed(inputs[name], array) for name, array in given.items()},
                results,
                keep=keep,
                carried=feedback if number else {},
                carried_from=f"frame{number - 1}",
            )
        )
    options = PRECISIONS[artefact.precision]
    reply = run_cases(
        artefact.device, artefact.param, artefact.weights, cases, options, threads=artefact.threads
    )
    reply.close()
    return {
        spec.name: [reply.tensors.get(f"frame{number}:{spec.blob}") for number in range(len(frames))]
        for spec in manifest.outputs
        if spec.blob in results
    }


def judge_stream(
    name: str,
    actual: Sequence[Array | None],
    reference: Sequence[Array],
    exact: Sequence[Array],
    precision: str,
) -> StreamResult:
    """Compare one output frame by frame; `exact` is the reference in float64, states carried in float64.

    The floor is the rule of `numerics.floors` on the sequence: how far float32 PyTorch drifts from
    float64 over the same frames is how far rounding alone may carry the states away.
    """
    rounding = max(largest(np.abs(r - e)) for r, e in zip(reference, exact, strict=True))
    limit = floor(Noise(rounding, 0.0, max(largest(r) for r in reference)), precision)
    errors = [
        float("inf") if a is None or a.size != r.size else largest(np.abs(a.reshape(r.shape) - r))
        for a, r in zip(actual, reference, strict=True)
    ]
    worst = int(np.argmax(errors))
    metrics = None
    if np.isfinite(errors).all():
        whole = np.stack(
            [a.reshape(r.shape) for a, r in zip(actual, reference, strict=True) if a is not None]
        )
        metrics = compare(whole, np.stack(reference)).metrics
    passed = metrics is not None and metrics.max_abs <= limit
    return StreamResult(name, len(reference), metrics, worst, limit, passed)


def _feed(spec: TensorSpec, array: Array) -> Feed:
    layout = mat_layout(array.shape, spec.batch_axis)
    return Feed(contiguous(layout.apply(array)), layout.batch_axis)
