"""Which axis of an input or output a file of other make takes for the batch, which ncnn keeps apart.

Most converters drop a leading axis of size 1. Where the model itself works on that axis (a mean over the
second of three, a flip of the first) it is kept, and nothing in the file says so: what its layers make of
either tells.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from edgekit.alignment import Ahead, Artefact, Port, Seen, capture
from edgekit.alignment.layout import mat_layout
from edgekit.devices import WorkerCrashed, WorkerError
from edgekit.runtimes.trace import Trace

_MOST_TRIED = 12  # runs of the whole net; a wrong file of many inputs is not worth more

_OF_SEQUENCES = 3  # axes: steps, batch, features


def usual_axis(shape: Sequence[int]) -> int | None:
    """Return the axis that most converters drop: the first, where it has size 1 and is not the only one."""
    return 0 if len(shape) > 1 and shape[0] == 1 else None


def settled_inputs(artefact: Artefact, ahead: Ahead) -> tuple[Artefact, Seen]:
    """Run the artefact; where an output lacks the numbers of the model's, try other axes of its inputs.

    Returns the artefact with those inputs under which most of its blobs hold some tensor of the model, and
    what they hold.

    Raises:
        WorkerCrashed, WorkerError: ncnn cannot run the artefact.
    """
    trace = ahead.index.traces[0]
    seen = capture(artefact, ahead)
    if _reaches_the_end(artefact, ahead, seen):
        return artefact, seen
    best = _known(artefact, ahead, seen)
    tried = 0
    for index in range(len(artefact.inputs)):
        for port in _others(artefact.inputs[index], trace):
            if tried == _MOST_TRIED:
                return artefact, seen
            tried += 1
            inputs = (*artefact.inputs[:index], port, *artefact.inputs[index + 1 :])
            other = replace(artefact, inputs=inputs)
            try:
                found = capture(other, ahead)
            except (WorkerError, WorkerCrashed):
                continue  # a layer cannot take such an input
            known = _known(other, ahead, found)
            if known > best:
                artefact, seen, best = other, found, known
    return artefact, seen


def output_axis(shape: Sequence[int], seen: Sequence[int] | None) -> int | None:
    """Return the axis that an output of PyTorch `shape` lacks in the `seen` shape, the usual one if none."""
    usual = usual_axis(shape)
    axes: tuple[int | None, ...] = (usual, None, *range(len(shape)))
    for axis in axes:
        if seen is not None and mat_layout(tuple(shape), axis).shape == tuple(seen):
            return axis
    return usual


def _others(port: Port, trace: Trace) -> Iterator[Port]:
    shape = trace.values[trace.inputs[port.name]].shape
    sequences = len(shape) == _OF_SEQUENCES  # which recurrent layers take with their batch in either place
    for axis in (None, *(axis for axis, size in enumerate(shape) if size == 1 or sequences)):
        if axis != port.batch_axis:
            yield replace(port, batch_axis=axis)


def _reaches_the_end(artefact: Artefact, ahead: Ahead, seen: Seen) -> bool:
    """Whether every output has the numbers of one of the model's."""
    wanted = ahead.index.traces[0].outputs.values()
    return all(
        blob in seen and seen[blob].finite and ahead.index.matches(seen[blob], wanted)
        for blob in artefact.graph.output_blobs
    )


def _known(artefact: Artefact, ahead: Ahead, seen: Seen) -> int:
    """How many blobs that a layer makes hold the numbers of a tensor of the model."""
    values = list(ahead.index.traces[0].producers)
    made = [
        seen[blob]
        for layer in artefact.graph.layers
        if layer.type not in ("Input", "Split")
        for blob in layer.outputs
        if blob in seen
    ]
    return sum(each.finite and bool(ahead.index.matches(each, values)) for each in made)
