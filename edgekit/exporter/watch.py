"""What a run of the reference says about the model itself: things that no converter can carry over.

A trace holds what one run did. Where the model looks at its numbers to decide what to do, draws random
numbers, keeps state or leaves an input out, the trace is another function than the model, and the
converter says nothing of it. The tape of the reference run shows each with its line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from edgekit.exporter.result import Finding, FindingKind
from edgekit.runtimes.trace import Node, Source, Trace

_SCALARS = "aten._local_scalar_dense"
_DYNAMIC_SHAPES = frozenset(
    {"aten.nonzero", "aten.masked_select", "aten.unique", "aten._unique2", "aten.unique_consecutive"}
)


def findings(traces: Sequence[Trace], states: Sequence[str]) -> tuple[Finding, ...]:
    """Return what makes the model impossible to carry over; `states` are the buffers that a run changed."""
    trace = traces[0]
    return (
        *_state(states),
        *_random(trace),
        *_data_dependent(trace),
        *general_findings(traces),
    )


def general_findings(traces: Sequence[Trace]) -> tuple[Finding, ...]:
    """Return what any runtime's traces can say: inputs that nothing reads, outputs that are no numbers."""
    return (*_unused_inputs(traces[0]), *_not_finite(traces))


def buffer_versions(module: torch.nn.Module) -> dict[str, int]:
    """Return a counter for every parameter and buffer that grows when something writes to it."""
    named = (*module.named_parameters(), *module.named_buffers())
    return {name: tensor._version for name, tensor in named}


def changed_buffers(module: torch.nn.Module, before: Mapping[str, int]) -> tuple[str, ...]:
    """Return the parameters and buffers that were written to or replaced since `before`."""
    return tuple(name for name, count in buffer_versions(module).items() if before.get(name) != count)


def _state(states: Sequence[str]) -> list[Finding]:
    if not states:
        return []
    names = ", ".join(f"'{name}'" for name in states[:3])
    return [
        Finding(
            FindingKind.STATE,
            f"forward changes {names}: ncnn keeps nothing from one run to the next",
            "make the state an input and an output of forward",
        )
    ]


def _random(trace: Trace) -> list[Finding]:
    nodes = [node for node in trace.nodes if _draws(node.op)]
    if not nodes:
        return []
    ops = ", ".join(sorted({node.op for node in nodes}))
    return [
        Finding(
            FindingKind.RANDOM,
            f"the model draws random numbers ({ops}), so no two runs agree",
            "make dropout depend on self.training, or pass the noise in as an input",
            _sources(nodes),
        )
    ]


def _draws(op: str) -> bool:
    packet = getattr(torch.ops.aten, op.removeprefix("aten."), None)
    if packet is None or not op.startswith("aten."):
        return False
    return any(torch.Tag.nondeterministic_seeded in getattr(packet, name).tags for name in packet.overloads())


def _data_dependent(trace: Trace) -> list[Finding]:
    found = []
    scalars = [node for node in trace.nodes if node.op == _SCALARS and _is_live(trace, node)]
    if scalars:
        found.append(
            Finding(
                FindingKind.DATA_DEPENDENT,
                "the model turns numbers of its input into Python values (if, .item(), int()), "
                "which freezes them as they were in one run",
                "compute with tensors instead: torch.where, clamp, a mask",
                _sources(scalars),
            )
        )
    shapes = [node for node in trace.nodes if _has_dynamic_shape(trace, node) and _is_live(trace, node)]
    if shapes:
        found.append(
            Finding(
                FindingKind.DATA_DEPENDENT,
                "the shape of a tensor depends on the numbers of the input, which ncnn cannot do",
                "multiply by the mask instead of selecting with it",
                _sources(shapes),
            )
        )
    return found


def _has_dynamic_shape(trace: Trace, node: Node) -> bool:
    """Whether how much comes out depends on the numbers: `nonzero` and its like, indexing by a mask."""
    if node.op == "aten.index":
        return any(trace.values[value].dtype.kind == "b" for value in node.inputs)
    return node.op in _DYNAMIC_SHAPES


def _is_live(trace: Trace, node: Node) -> bool:
    return any(value in trace.live for value in node.inputs)


def _unused_inputs(trace: Trace) -> list[Finding]:
    outputs = set(trace.outputs.values())
    unused = [
        name
        for name, value in trace.inputs.items()
        if not trace.consumers.get(value) and value not in outputs
    ]
    return [
        Finding(
            FindingKind.UNUSED_INPUT,
            f"the model never reads its input '{name}'",
            "take it out of forward, or out of the described inputs",
        )
        for name in unused
    ]


def _not_finite(traces: Sequence[Trace]) -> list[Finding]:
    names = {
        name
        for trace in traces
        for name, value in trace.outputs.items()
        if not np.isfinite(trace.values[value]).all()
    }
    return [
        Finding(
            FindingKind.NUMBERS,
            f"the model itself gives NaN or Inf in '{name}' on seeded inputs",
            "give the range of the inputs, as in --input x=1x3x224x224@0..1",
        )
        for name in sorted(names)
    ]


def _sources(nodes: Sequence[Node]) -> tuple[Source, ...]:
    return tuple(dict.fromkeys(node.source for node in nodes))
