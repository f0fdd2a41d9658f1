"""A graph that is being brought into canonical form: nodes that passes may drop, merge and split."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Shape = tuple[int, ...]
Value = tuple[int, int]
"""A tensor: the id of the node that makes it, and which of its outputs it is."""


BATCH_MOVED = "batch moved"
"""Mark of what reads a Reshape that moves the batch to or from another axis."""

PADS_FOLLOW = "pads follow"
"""Mark of a convolution that pads as much as its window needs on what it is fed."""

AFFINE = "affine"
"""The operation of a factor and an offset that several numbers in a row come to."""

PIECE = "piece "
"""Mark of a part of a Slice, with its number behind it."""


@dataclass(frozen=True, slots=True)
class View:
    """What gives an operand another shape: the ncnn layer, by index, and the shape."""

    layer: int
    shape: Shape


@dataclass(slots=True)
class Node:
    """One operation. `layers` are the ncnn layers that it stands for, by index; the first one names it.

    `shapes` has one entry for each output, None where the shape is not known; `marks` are remarks that are
    no facts to compare by, `window` the facts of a convolution that shapes turned into a linear layer,
    `views` the shapes that a Reshape gives an operand on its way here.
    """

    id: int
    kind: str
    facts: dict[str, Any]
    inputs: list[Value]
    shapes: list[Shape | None]
    layers: list[int] = field(default_factory=list)
    marks: set[str] = field(default_factory=set)
    window: dict[str, Any] | None = None
    views: dict[int, View] = field(default_factory=dict)


class Draft:
    """Nodes by id in topological order, and the values that leave the graph.

    `idle` are the layers that were left out because they change nothing, at the sizes that they are fed, each
    with what it is fed.
    """

    def __init__(self) -> None:
        self.nodes: dict[int, Node] = {}
        self.outputs: list[tuple[str, Value]] = []
        self.notes: list[str] = []
        self.idle: list[tuple[Value, int]] = []
        self._next = 0

    def add(
        self,
        kind: str,
        facts: Mapping[str, Any],
        inputs: Iterable[Value],
        shapes: Iterable[Shape | None],
        layers: Iterable[int],
    ) -> Node:
        """Append a node."""
        node = Node(self._next, kind, dict(facts), list(inputs), list(shapes), list(layers))
        self.nodes[node.id] = node
        self._next += 1
        return node

    def order_outputs(self, other: Draft) -> None:
        """Put the outputs in the order that they have in another graph, if all have the same names there."""
        names = [name for name, _ in other.outputs]
        if sorted(names) == sorted(name for name, _ in self.outputs):
            self.outputs.sort(key=lambda output: names.index(output[0]))

    def producer(self, value: Value) -> Node:
        """Return the node that makes a value."""
        return self.nodes[value[0]]

    def shape(self, value: Value) -> Shape | None:
        """Return the shape of a value."""
        return self.nodes[value[0]].shapes[value[1]]

    def readers(self, value: Value) -> list[Node]:
        """Return the nodes that read a value, each once."""
        return [node for node in self.nodes.values() if value in node.inputs]

    def leaves(self, value: Value) -> bool:
        """Whether a value is an output of the graph."""
        return any(value == output for _, output in self.outputs)

    def only_reader(self, value: Value) -> Node | None:
        """Return the one node that reads a value; None when there are more, or it leaves the graph."""
        readers = self.readers(value)
        return readers[0] if len(readers) == 1 and not self.leaves(value) else None

    def redirect(self, old: Value, new: Value) -> None:
        """Let everything that reads `old` read `new`."""
        for node in self.nodes.values():
            node.inputs = [new if value == old else value for value in node.inputs]
        self.outputs = [(name, new if value == old else value) for name, value in self.outputs]
        self.idle = [(new if value == old else value, layer) for value, layer in self.idle]

    def drop(self, node: Node, values: Iterable[Value] | None = None) -> None:
        """Take a node out; its outputs become `values`, by default its first input each."""
        stand_ins = list(values) if values is not None else [node.inputs[0]] * len(node.shapes)
        for slot, value in enumerate(stand_ins):
            self.redirect((node.id, slot), value)
        del self.nodes[node.id]

    def sweep(self) -> None:
        """Take out nodes that nothing depends on any more, but no input."""
        while True:
            read = {value for node in self.nodes.values() for value in node.inputs}
            read |= {value for _, value in self.outputs}
            dead = [
                node
                for node in self.nodes.values()
                if node.kind != "input"
                and not any((node.id, slot) in read for slot in range(len(node.shapes)))
            ]
            if not dead:
                return
            for node in dead:
                del self.nodes[node.id]
