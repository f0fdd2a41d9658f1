"""Blobs that could as well stand for another tensor: a wrong alignment is worse than none.

Tensors that are computed alike from alike values are equal on every input, so that either will do. Others
are equal on the probes only (behind an activation that lets nothing through), and a verdict on other inputs
would compare with the wrong one.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgekit.alignment.state import Changes, State
from edgekit.alignment.walk import moves, same_tensor
from edgekit.runtimes.trace import Trace

_NO_DIFFERENCE = 1e-9


def give_up_undecided(state: State) -> dict[str, str]:
    """Forget the tensors of all blobs that could as well stand for others; return blob -> reason."""
    reasons: dict[str, str] = {}
    strict = replace(state, order_counts=False)  # whoever writes a sum may turn it round
    for blob in state.alternatives:
        if blob in state.pinned or blob not in state.chosen:
            continue
        for change, way in moves(strict, blob):
            if abs(change) < _NO_DIFFERENCE and _matters(state, way):
                reasons.update({each: _reason(state, each, way) for each in way if each not in reasons})
    for blob in reasons:
        for copy in state.copies(blob):
            if copy not in state.pinned:
                state.chosen.pop(copy, None)
    return reasons


def _matters(state: State, way: Changes) -> bool:
    """Whether a move leads to tensors that other inputs may tell apart, and to no view of the same."""
    return any(
        not same_tensor(state.trace, match.value, state.chosen[blob].value)
        and not same_tensor(
            state.trace, state.flow.first(match.value), state.flow.first(state.chosen[blob].value)
        )
        and not _same_constant(state.trace, match.value, state.chosen[blob].value)
        for blob, match in way.items()
        if blob in state.chosen
    )


def _same_constant(trace: Trace, left: int, right: int) -> bool:
    """Whether two values depend on no input and hold the same numbers: no input tells them apart."""
    fixed = left not in trace.live and right not in trace.live
    return fixed and np.array_equal(trace.values[left].reshape(-1), trace.values[right].reshape(-1))


def _reason(state: State, blob: str, way: Changes) -> str:
    names = " or ".join(_name(state, value) for value in (state.chosen[blob].value, way[blob].value))
    return f"its numbers are those of several PyTorch tensors, and its place does not tell which: {names}"


def _name(state: State, value: int) -> str:
    producer = state.trace.producers.get(value)
    if producer is None:
        return "an input"
    source = state.trace.nodes[producer].source
    line = "" if source.line is None else f" in line {source.line}"
    return f"{source.op} in '{source.module}'{line}" if source.module else f"{source.op}{line}"
