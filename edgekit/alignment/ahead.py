"""What alignment and its floors ask of the reference alone, asked while a converter is still at work.

Nothing here is a guess: a question that was asked ahead has the answer that it would have had later, and one
that was not is asked then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edgekit.alignment import families
from edgekit.alignment.flow import Flow
from edgekit.alignment.matching import Index
from edgekit.alignment.noise import Errors, Known, Question, alone_errors, question, whole_errors
from edgekit.runtimes.trace import Node, Trace

_LONGEST = 6


class Ahead:
    """What is known of a model's traces before there is anything to align with them.

    `index` finds their tensors by numbers, `known` says what rounding does to the first of them.
    """

    def __init__(self, traces: Sequence[Trace]) -> None:
        self.trace = traces[0]
        self.index = Index(alike(traces))
        self._whole: dict[int, Errors] = {}
        self._alone: dict[Question, Errors] = {}

    @property
    def known(self) -> Known:
        """The errors that were measured so far."""
        return Known(self._whole, self._alone)

    def measure_whole(self) -> None:
        """Measure the errors of a whole run."""
        self._whole = whole_errors(self.trace)

    def steps(self) -> Iterator[None]:
        """Ask one question after the other; stop whenever there is something better to do."""
        if self.trace.replay is not None:
            flow = Flow(self.trace)
            for chain in _chains(self.trace):
                self._measure(flow, chain)
                yield
        for value in self.trace.producers:
            self.index.learn(value)
            yield

    def _measure(self, flow: Flow, chain: Sequence[Node]) -> None:
        """Measure a chain of operations once for every layer that may end in it."""
        sources = [value for value in chain[0].inputs if value in self.trace.live]
        targets = [node.outputs[0] for node in chain]
        cuts = [flow.cut(target, sources) for target in targets]
        whole = cuts[-1]
        if whole is None or any(
            # what changes no number is not computed at all
            cut is None or node.index not in cut.nodes or cut.nodes != whole.nodes[: len(cut.nodes)]
            for node, cut in zip(chain, cuts, strict=True)
        ):  # random numbers are drawn in order, so that a beginning of the chain draws the same ones
            return
        given = flow.inputs(whole.nodes, sources)
        errors = alone_errors(self.trace, whole.nodes, given, targets)
        for target, cut in zip(targets, cuts, strict=True):
            if cut is not None and flow.inputs(cut.nodes, sources) == given:
                self._alone[question(cut.nodes, given, target)] = errors[target]


def _chains(trace: Trace) -> Iterator[list[Node]]:
    """The operations that compute, each with those that a converter may fold into its layer."""
    taken: set[int] = set()
    for node in trace.nodes:
        if node.index in taken or families.is_view(node.op) or not _is_live(trace, node):
            continue
        chain = [node]
        while len(chain) < _LONGEST and (follower := _follower(trace, chain[-1])) is not None:
            chain.append(follower)
            taken.add(follower.index)
        yield chain


def _follower(trace: Trace, node: Node) -> Node | None:
    """The only operation that reads a result, where it reads nothing else and can be part of a tail."""
    readers = {reader for value in node.outputs for reader in trace.consumers.get(value, ())}
    if len(readers) != 1:
        return None
    follower = trace.nodes[readers.pop()]
    live = {value for value in follower.inputs if value in trace.live}
    return follower if live == {node.outputs[0]} and families.may_be_folded(follower.op) else None


def _is_live(trace: Trace, node: Node) -> bool:
    return bool(node.outputs) and node.call is None and any(value in trace.live for value in node.inputs)


def alike(traces: Sequence[Trace]) -> tuple[Trace, ...]:
    """Keep the traces that took the same way through the model as the first one."""
    first = traces[0]
    ways = [tuple((node.op, node.inputs, node.outputs) for node in trace.nodes) for trace in traces]
    return tuple(trace for trace, way in zip(traces, ways, strict=True) if way == ways[0] or trace is first)
