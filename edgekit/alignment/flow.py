"""Questions about a trace's data flow: what can be computed from some values, and by which operations.

Values that are computed alike from alike values (twins: the same branch computed twice, two blocks with
equal weights on one input, equal constants) may stand in for each other: a converter merges them freely.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from edgekit.alignment import families
from edgekit.alignment.kinds import short
from edgekit.alignment.layout import Layout
from edgekit.runtimes.trace import Array, Node, Trace

_NEAR = 10
"""How many operations away the results of one ncnn layer are looked for; an ncnn layer stands for one or a
few, a decomposed norm for about eight."""
_MOST_VALUES = 96


@dataclass(frozen=True, slots=True)
class Cut:
    """The operations between some values and a target.

    `used` are the sources that these operations read (or the target itself is); `borrowed` counts the reads
    that see a twin of a source instead of the source.
    """

    nodes: tuple[int, ...]
    used: frozenset[int]
    borrowed: int


Lying = tuple[int, Layout]
"""A value, and how it lies in a blob."""


class Flow:
    """The data flow of one trace."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self._cuts: dict[tuple[int, frozenset[int]], Cut | None] = {}
        self._near: dict[tuple[frozenset[int], int], tuple[int, ...]] = {}
        self._reordered: dict[tuple[Lying, Lying], bool] = {}

    @cached_property
    def twins(self) -> Mapping[int, int]:
        """Value -> the first value that is computed alike; values without a twin are left out."""
        return _find_twins(self.trace)

    @cached_property
    def _members(self) -> Mapping[int, tuple[int, ...]]:
        members: dict[int, list[int]] = {}
        for value, first in self.twins.items():
            members.setdefault(first, [first]).append(value)
        return {first: tuple(values) for first, values in members.items()}

    @cached_property
    def fixed(self) -> Mapping[int, tuple[int, ...]]:
        """Element count -> the values that depend on no input: constants and what is made of them alone."""
        found: dict[int, list[int]] = {}
        for value, array in self.trace.values.items():
            if value not in self.trace.live:
                found.setdefault(int(array.size), []).append(value)
        return {size: tuple(values) for size, values in found.items()}

    def first(self, value: int) -> int:
        """The value that stands for a value and all its twins."""
        return self.twins.get(value, value)

    def alike(self, value: int) -> tuple[int, ...]:
        """A value and its twins, in order of execution."""
        first = self.first(value)
        return self._members.get(first, (first,))

    # -- forwards --------------------------------------------------------------------------------------

    def near(self, sources: Iterable[int], distance: int = _NEAR) -> tuple[int, ...]:
        """Return the values that can be computed from `sources` and constants, nearest first.

        Distance is counted in operations; views and the steps inside a recurrent layer count nothing.
        """
        key = (frozenset(sources), distance)
        if key not in self._near:
            self._near[key] = tuple(self._search(key[0], distance))
        return self._near[key]

    def _search(self, sources: frozenset[int], distance: int) -> list[int]:
        trace = self.trace
        reached = {self.first(value): 0 for value in sources}
        queue: list[tuple[int, int]] = []
        queued: set[int] = set()

        def offer(first: int) -> None:
            for value in self._members.get(first, (first,)):
                for index in trace.consumers.get(value, ()):
                    if index not in queued:
                        depth = self._depth(trace.nodes[index], reached)
                        if depth is not None and depth <= distance:
                            queued.add(index)
                            heapq.heappush(queue, (depth, index))

        for first in list(reached):
            offer(first)
        found: list[int] = []
        while queue and len(found) < _MOST_VALUES:
            depth, index = heapq.heappop(queue)
            for value in trace.nodes[index].outputs:
                if value not in trace.hidden and value not in sources:
                    found.append(value)
                first = self.first(value)
                if first not in reached:
                    reached[first] = depth
                    offer(first)
        return found

    def _depth(self, node: Node, reached: Mapping[int, int]) -> int | None:
        """How far a node's results are from the sources; None while something it reads is not reached."""
        deepest = 0
        for value in node.inputs:
            if value in self.trace.live:
                depth = reached.get(self.first(value))
                if depth is None:
                    return None
                deepest = max(deepest, depth)
        return deepest + (0 if node.call is not None or families.is_view(node.op) else 1)

    # -- backwards -------------------------------------------------------------------------------------

    def cut(self, target: int, sources: Iterable[int]) -> Cut | None:
        """Return the operations that make `target` out of `sources` and constants.

        None when the sources are not a cut: some path from a model input reaches `target` around them.
        """
        key = (target, frozenset(sources))
        if key not in self._cuts:
            self._cuts[key] = self._walk_back(target, key[1])
        return self._cuts[key]

    def _walk_back(self, target: int, sources: frozenset[int]) -> Cut | None:
        trace = self.trace
        stop = {self.first(value): value for value in sources}
        oldest = min((trace.order(twin) for value in sources for twin in self.alike(value)), default=-1)
        used: set[int] = set()
        borrowed: set[int] = set()
        seen: set[int] = set()
        nodes: set[int] = set()
        pending = [target]
        while pending:
            value = pending.pop()
            if value in seen:
                continue
            seen.add(value)
            first = self.first(value)
            if first in stop:
                used.update(source for source in sources if self.first(source) == first)
                if value not in sources:
                    borrowed.add(value)
                continue
            producer = trace.producers.get(value)
            if value in trace.live and (producer is None or producer <= oldest):
                return None
            if producer is not None and producer not in nodes:
                nodes.add(producer)
                pending.extend(trace.nodes[producer].inputs)
        return Cut(tuple(sorted(nodes)), frozenset(used), len(borrowed))

    def operands(self, nodes: Sequence[int], sources: Collection[int]) -> list[int]:
        """Return the sources that the last operation among `nodes` reads, through views, in its order."""
        trace = self.trace
        real = [index for index in nodes if not families.is_view(trace.nodes[index].op)]
        by_first = {self.first(value): value for value in sources}
        found = []
        for value in trace.nodes[real[-1]].inputs if real else ():
            origin: int | None = value
            while origin is not None and self.first(origin) not in by_first:
                producer = trace.producers.get(origin)
                node = None if producer is None else trace.nodes[producer]
                origin = (
                    node.inputs[0] if node is not None and families.is_view(node.op) and node.inputs else None
                )
            if origin is not None:
                found.append(origin if origin in sources else by_first[self.first(origin)])
        return found

    def reorders(self, nodes: Sequence[int], before: Lying, after: Lying) -> bool:
        """Whether nodes that move numbers, if anything, hand them on in another order than they lay in."""
        if not all(families.is_view(self.trace.nodes[node].op) for node in nodes):
            return False
        if (before, after) not in self._reordered:
            first, last = (
                layout.apply(self.trace.values[value]).reshape(-1) for value, layout in (before, after)
            )
            self._reordered[before, after] = first.size == last.size and not np.array_equal(first, last)
        return self._reordered[before, after]

    def same_order(self, value: int) -> Iterator[int]:
        """Yield a value, and those above it of which it is a view that leaves the numbers in their order."""
        trace = self.trace
        while True:
            yield value
            node = trace.nodes[trace.producers[value]] if value in trace.producers else None
            if node is None or not families.is_view(node.op) or len(node.inputs) != 1:
                return
            (above,) = node.inputs
            before, after = trace.values[above], trace.values[value]
            if before.size != after.size or not np.array_equal(before.reshape(-1), after.reshape(-1)):
                return
            value = above

    def inputs(self, nodes: Collection[int], sources: Iterable[int]) -> dict[int, int]:
        """Return, for every live value that `nodes` read from outside, the source that stands for it."""
        made = {value for index in nodes for value in self.trace.nodes[index].outputs}
        by_first = {self.first(value): value for value in sources}
        outside = {value for index in nodes for value in self.trace.nodes[index].inputs} - made
        exact = set(by_first.values())
        return {
            value: value if value in exact else by_first[self.first(value)]
            for value in sorted(outside)
            if self.first(value) in by_first
        }


def _find_twins(trace: Trace) -> dict[int, int]:
    first: dict[int, int] = {}
    for group in _equal_constants(trace):
        for value in group[1:]:
            first[value] = group[0]
    known: dict[tuple[object, ...], list[int]] = {}
    for node in trace.nodes:
        if node.call is not None or not node.outputs:
            continue
        if _does_nothing(trace, node):
            first[node.outputs[0]] = first.get(node.inputs[0], node.inputs[0])
            continue
        shapes = tuple(trace.values[value].shape for value in node.outputs)
        bounds = node.numbers if families.is_bound(node.op) else ()  # other ones may just not be reached
        key = (*_operation(node, first), shapes, bounds)
        for index in known.setdefault(key, []):
            other = trace.nodes[index].outputs
            if all(
                _equal(trace.values[a], trace.values[b]) for a, b in zip(node.outputs, other, strict=True)
            ):
                first.update({a: first.get(b, b) for a, b in zip(node.outputs, other, strict=True)})
                break
        else:
            known[key].append(node.index)
    return first


_NEUTRAL = {"add": 0.0, "sub": 0.0, "mul": 1.0, "div": 1.0, "Add": 0.0, "Sub": 0.0, "Mul": 1.0, "Div": 1.0}


def _does_nothing(trace: Trace, node: Node) -> bool:
    """Whether a node adds 0 or multiplies by 1: `total = 0` before a loop that adds to it, a scale of 1."""
    neutral = _NEUTRAL.get(short(node.op))
    if neutral is None or not node.inputs or node.inputs[0] not in trace.live:
        return False
    others = [trace.values[value] for value in node.inputs[1:]]
    if any(value in trace.live for value in node.inputs[1:]):
        return False
    if node.numbers[:1] != (neutral,) if not others else any(np.any(other != neutral) for other in others):
        return False
    return _equal(trace.values[node.inputs[0]], trace.values[node.outputs[0]])


def _operation(node: Node, first: Mapping[int, int]) -> tuple[str, tuple[int, ...]]:
    """What a node does with what, the same for `x * x` and `x.pow(2)` (whose numbers are compared too)."""
    read = tuple(first.get(value, value) for value in node.inputs)
    if node.op == "aten.mul" and len(read) == 2 and read[0] == read[1]:
        return "aten.pow", read[:1]
    return node.op, read


def _equal_constants(trace: Trace) -> Iterable[list[int]]:
    """Groups of constants with the same numbers, each in order of their ids."""
    alike: dict[tuple[object, ...], list[list[int]]] = {}
    for value in sorted(trace.constants):
        array = trace.values[value]
        start = array.reshape(-1)[:8].tobytes() if array.flags.c_contiguous else b""
        groups = alike.setdefault((array.shape, array.dtype.str, start), [])
        for group in groups:
            if _equal(trace.values[group[0]], array):
                group.append(value)
                break
        else:
            groups.append([value])
    return [group for groups in alike.values() for group in groups if len(group) > 1]


def _equal(left: Array, right: Array) -> bool:
    return left.dtype == right.dtype and left.shape == right.shape and bool(np.array_equal(left, right))
