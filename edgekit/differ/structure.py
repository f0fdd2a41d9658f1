"""The comparable form of a network: operations in one order, in whichever order a file has them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from edgekit.differ.draft import Draft, Shape, Value, View
from edgekit.graph import Param
from edgekit.runtimes.trace import Source

Fact = Any
Written = tuple[str, tuple[tuple[str, Param], ...]]
"""The type of a layer and its parameters by name, but for those that are sizes of what it is fed."""


@dataclass(frozen=True, slots=True)
class Op:
    """One operation of a structure. `inputs` are (operation, output) pairs by position in the structure.

    `layers` are the ncnn layers that it stands for, the naming one first; `source` is where it stands in
    the PyTorch model, `module_ops` which PyTorch operations the layer was made from, where that is known.
    `written` is what the file says of those layers, whatever shapes they are fed; `window` are the facts of
    the convolution that a linear layer is by the file alone; `views` are the layers that give operands
    another shape, by operand.
    """

    index: int
    kind: str
    name: str
    type: str
    facts: Mapping[str, Fact]
    inputs: tuple[Value, ...]
    shapes: tuple[Shape | None, ...]
    layers: tuple[int, ...]
    source: Source | None = None
    module_ops: tuple[Source, ...] = ()
    marks: frozenset[str] = frozenset()
    written: tuple[Written, ...] = ()
    window: Mapping[str, Fact] | None = None
    views: Mapping[int, Op] = field(default_factory=dict)

    @property
    def shape(self) -> Shape | None:
        """The shape of the first output."""
        return self.shapes[0] if self.shapes else None


@dataclass(frozen=True, eq=False)
class Structure:
    """All operations, topologically ordered; `outputs` are the values that leave the network, by name.

    `idle` is what the file says of layers that do nothing at the sizes they are fed, and are left out, each
    with the operation that feeds it.
    """

    ops: tuple[Op, ...]
    outputs: tuple[tuple[str, Value], ...] = field(default=())
    idle: frozenset[tuple[int, Written]] = frozenset()

    @cached_property
    def readers(self) -> Mapping[int, tuple[int, ...]]:
        """Operation -> the operations that read any of its outputs."""
        found: dict[int, list[int]] = {op.index: [] for op in self.ops}
        for op in self.ops:
            for producer in dict.fromkeys(value[0] for value in op.inputs):
                found[producer].append(op.index)
        return {index: tuple(readers) for index, readers in found.items()}

    @cached_property
    def inputs(self) -> tuple[Op, ...]:
        """The inputs of the network."""
        return tuple(op for op in self.ops if op.kind == "input")

    @cached_property
    def ends(self) -> frozenset[int]:
        """Operations whose results leave the network."""
        return frozenset(value[0] for _, value in self.outputs)

    def __len__(self) -> int:
        return len(self.ops)

    def __iter__(self) -> Iterator[Op]:
        return iter(self.ops)


@dataclass(frozen=True, slots=True)
class Names:
    """What a graph's layers are called and where they come from, by layer index."""

    names: Mapping[int, str]
    types: Mapping[int, str]
    sources: Mapping[int, Source] = field(default_factory=dict)
    operations: Mapping[int, tuple[Source, ...]] = field(default_factory=dict)
    written: Mapping[int, Written] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Walk:
    """In which order branches are walked: the longer of two first, or operands as they are numbered.

    With `backwards`, branches of a sum that are told apart by nothing but their numbers go the other way.
    """

    longest_first: bool
    backwards: bool = False

    def exchanged(self) -> Walk:
        """Return the walk the other way."""
        return replace(self, backwards=not self.backwards)


def freeze(draft: Draft, names: Names, input_order: Mapping[str, int], walk: Walk) -> Structure:
    """Put a draft's nodes in order and number them.

    The order is that of a walk from the outputs to the inputs, which visits what depends on inputs of
    lower `input_order` first, then the longer of two branches and the nearer of two outputs first, or
    operands and outputs as they are numbered (but those of a sum have no order: of two branches of one length
    that comes first whose last operations are first by name). Two networks that differ
    little are walked alike, in whatever order their files have the layers.
    """
    order = _walk(draft, input_order, walk)
    position = {node: index for index, node in enumerate(order)}
    ops = []
    for index, key in enumerate(order):
        node = draft.nodes[key]
        main = node.layers[0]
        ops.append(
            Op(
                index=index,
                kind=node.kind,
                name=names.names[main],
                type=names.types[main],
                facts=dict(node.facts),
                inputs=tuple((position[producer], slot) for producer, slot in node.inputs),
                shapes=tuple(node.shapes),
                layers=tuple(dict.fromkeys(node.layers)),
                source=_source(node.kind, node.facts, node.layers, names),
                module_ops=tuple(
                    source
                    for layer in dict.fromkeys(node.layers)
                    for source in names.operations.get(layer, ())
                ),
                marks=frozenset(node.marks),
                written=tuple(
                    names.written[layer] for layer in dict.fromkeys(node.layers) if layer in names.written
                ),
                window=node.window,
                views={operand: _view(index, view, names) for operand, view in node.views.items()},
            )
        )
    outputs = tuple((name, (position[node], slot)) for name, (node, slot) in draft.outputs)
    idle = frozenset(
        (position[fed], names.written[layer]) for (fed, _), layer in draft.idle if fed in position
    )
    return Structure(tuple(ops), outputs, idle)


def _view(index: int, view: View, names: Names) -> Op:
    """Return the Reshape before operation number `index` as an operation of its own."""
    layer = view.layer
    return Op(
        index=index,
        kind="view",
        name=names.names[layer],
        type=names.types[layer],
        facts={"shape": view.shape},
        inputs=(),
        shapes=(view.shape,),
        layers=(layer,),
        source=names.sources.get(layer),
    )


_ACTIVATION_OPS = {
    "relu": ("relu", "clamp_min", "threshold"),
    "relu6": ("hardtanh", "clamp", "relu6"),
    "clip": ("hardtanh", "clamp", "clip"),
    "swish": ("silu", "mul"),
    "leakyrelu": ("leaky_relu",),
}


def _source(kind: str, facts: Mapping[str, Fact], layers: list[int], names: Names) -> Source | None:
    """Return where the operation stands; in a layer with a fused activation both have lines of their own."""
    operations = [each for layer in layers for each in names.operations.get(layer, ())]
    if kind == "activation" and operations:
        wanted = _ACTIVATION_OPS.get(facts["type"], (facts["type"],))
        for operation in reversed(operations):
            if _plain_name(operation) in wanted:
                return operation
    if kind in ("conv", "deconv", "linear"):
        for operation in operations:
            if _plain_name(operation) in _PRODUCT_OPS:
                return operation
    return names.sources.get(layers[0])


def _plain_name(operation: Source) -> str:
    """Return what a PyTorch operation is called without its namespace and the mark of what is in place."""
    return operation.op.rpartition(".")[2].rstrip("_")


_TELLING = 3
_PRODUCT_OPS = (
    "convolution",
    "_convolution",
    "addmm",
    "mm",
    "bmm",
    "linear",
    "Conv",
    "ConvTranspose",
    "Gemm",
)


def _walk(draft: Draft, input_order: Mapping[str, int], walk: Walk) -> list[int]:
    depth = _depths(draft)
    rank = _ranks(draft, input_order)

    def key(node: int, value: Value, operand: int) -> tuple[int, int, tuple[str, ...], int]:
        unordered = draft.nodes[node].kind == "binary"
        by_length = walk.longest_first or unordered
        kinds = _kinds_above(draft, value[0]) if unordered else ()
        tie = -operand if unordered and walk.backwards else operand
        return rank[value[0]], -depth[value[0]] if by_length else operand, kinds, tie

    def operands(node: int) -> list[int]:
        numbered = list(enumerate(draft.nodes[node].inputs))
        numbered.sort(key=lambda item: key(node, item[1], item[0]), reverse=True)
        return [value[0] for _, value in numbered]

    ends = [value for _, value in draft.outputs]
    ends.sort(key=lambda value: (rank[value[0]], depth[value[0]] if walk.longest_first else 0))
    order = _post_order([end[0] for end in ends], operands)
    walked = set(order)
    return [*order, *(node for node in draft.nodes if node not in walked)]  # inputs that nothing reads


def _kinds_above(draft: Draft, node: int) -> tuple[str, ...]:
    """Return what the last operations of a branch are: it tells branches of one length apart."""
    kinds: list[str] = []
    while len(kinds) < _TELLING:
        kinds.append(draft.nodes[node].kind)
        if not draft.nodes[node].inputs:
            break
        node = draft.nodes[node].inputs[0][0]
    return tuple(kinds)


def _topological(draft: Draft) -> list[int]:
    return _post_order(draft.nodes, lambda node: [value[0] for value in draft.nodes[node].inputs])


def _post_order(roots: Iterable[int], operands: Callable[[int], list[int]]) -> list[int]:
    """Return nodes after their operands, of which the last is walked to first."""
    order: list[int] = []
    done: set[int] = set()
    for root in roots:
        stack = [(root, False)]
        while stack:
            node, visited = stack.pop()
            if node in done:
                continue
            if visited:
                done.add(node)
                order.append(node)
                continue
            stack.append((node, True))
            stack += [(operand, False) for operand in operands(node)]
    return order


def _depths(draft: Draft) -> dict[int, int]:
    """Longest way from an input, in operations."""
    depth: dict[int, int] = {}
    for key in _topological(draft):
        depth[key] = 1 + max((depth[value[0]] for value in draft.nodes[key].inputs), default=0)
    return depth


def _ranks(draft: Draft, input_order: Mapping[str, int]) -> dict[int, int]:
    """The highest rank among the inputs that a node depends on: one input first, then what it meets."""
    rank: dict[int, int] = {}
    for key in _topological(draft):
        node = draft.nodes[key]
        if node.kind == "input":
            rank[key] = input_order.get(node.facts["name"], 0)
        else:
            rank[key] = max((rank[value[0]] for value in node.inputs), default=-1)
    return rank
