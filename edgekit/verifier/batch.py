"""Which axis of an input or output a file of other make takes for the batch, which ncnn keeps apart.

Most converters drop a leading axis of size 1. Where the model itself works on that axis (a mean over the
second of three, a flip of the first) it is kept, and nothing in the file says so: what its layers make of
either tells.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from edgekit.alignment import Port
from edgekit.alignment.layout import mat_layout
from edgekit.devices import WorkerCrashed, WorkerError
from edgekit.runtimes.trace import Trace
from edgekit.verifier.trial import Trial, Trials

_MOST_TRIED = 12  # runs of the whole net; a wrong file of many inputs is not worth more

_OF_SEQUENCES = 3  # axes: steps, batch, features


def usual_axis(shape: Sequence[int]) -> int | None:
    """Return the axis that most converters drop: the first, where it has size 1 and is not the only one."""
    return 0 if len(shape) > 1 and shape[0] == 1 else None


def settled_axes(best: Trial, trials: Trials) -> Trial:
    """Where an output lacks the numbers of the model's, try other axes of the inputs.

    Returns the trial in which most blobs hold some tensor of the model.
    """
    tried = 0
    if best.ends:
        return best
    for index in range(len(best.inputs)):
        for port in _others(best.inputs[index], trials.trace):
            if tried == _MOST_TRIED:
                return best
            tried += 1
            try:
                other = trials.run((*best.inputs[:index], port, *best.inputs[index + 1 :]))
            except (WorkerError, WorkerCrashed):
                continue  # a layer cannot take such an input
            if other.known > best.known:
                best = other
    return best


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
