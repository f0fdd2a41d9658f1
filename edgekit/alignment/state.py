"""What is known while an artefact is aligned: the tensor of each blob, and how well the layers fit them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from edgekit.alignment import families, kinds, parts
from edgekit.alignment.flow import Flow
from edgekit.alignment.layout import Layout
from edgekit.alignment.matching import Index, Match
from edgekit.alignment.model import BlobAlignment, Method
from edgekit.graph import Graph, Layer
from edgekit.runtimes.trace import Trace

UNCUT = 6.0
"""Strain of a layer whose tensor does not follow from its inputs' tensors: an input is lost or another's."""
_LEAKS = 1.0  # it would follow if the layer also read a blob that no layer reads, or that instead of another
_UNUSED = 1.0  # an input that the operations do not need
_ANOTHER = 0.125  # the same of a constant: the operations need none, or read another of the same numbers
_CROSSED = 0.125  # the inputs come in another order than PyTorch's operation takes them
_ELSEWHERE = 0.25  # an output of a layer that cuts up stands for another of the parts than its own
_BORROWED = 0.25  # a twin of the input is read: right numbers, perhaps another branch

Changes = Mapping[str, Match]
"""Blob -> another tensor that it is assumed to stand for. The blob is no Split copy; its copies follow."""


@dataclass(slots=True)
class State:
    """What is known so far: the tensor of each aligned blob, and what else its numbers would allow."""

    graph: Graph
    flow: Flow
    index: Index
    chosen: dict[str, BlobAlignment] = field(default_factory=dict)
    alternatives: dict[str, tuple[Match, ...]] = field(default_factory=dict)
    weights: Mapping[int, frozenset[int]] = field(default_factory=dict)
    """Layer index -> trace nodes that have its weights; see `weights.fingerprints`."""
    pinned: frozenset[str] = frozenset()
    """Inputs and outputs of the model: what they stand for is told, not found."""
    order_counts: bool = True
    """Whether the order of the inputs of a sum tells them apart: most converters keep it."""
    _unread: tuple[str, ...] | None = None

    @property
    def trace(self) -> Trace:
        """The trace whose structure counts (the traces of all probes have the same)."""
        return self.flow.trace

    @property
    def unread(self) -> tuple[str, ...]:
        """Blobs that no layer reads and that are no output: a layer has lost an input."""
        if self._unread is None:
            blobs = self.graph.blobs.values()
            self._unread = tuple(
                blob.name for blob in blobs if not blob.consumers and blob.name not in self.pinned
            )
        return self._unread

    def anchors(self, blobs: Iterable[str]) -> tuple[str, ...]:
        """Return the nearest aligned blobs at or above `blobs`, walking up through unmatched layers."""
        found: dict[str, None] = {}
        seen: set[str] = set()
        pending = list(reversed(tuple(blobs)))
        while pending:
            blob = pending.pop()
            if blob in seen:
                continue
            seen.add(blob)
            if blob in self.chosen:
                found[blob] = None
            else:
                pending.extend(reversed(self.graph.layers[self.graph.blobs[blob].producer].inputs))
        return tuple(found)

    def sources(self, layer: Layer, changes: Changes | None = None) -> tuple[int, ...]:
        """Return the trace values that stand at the layer's inputs."""
        return tuple(dict.fromkeys(self.value(blob, changes) for blob in self.anchors(layer.inputs)))

    def entry(self, blob: str, changes: Changes | None = None) -> tuple[int, Layout]:
        """Return trace value and layout of an aligned blob."""
        if changes:
            changed = changes.get(self.origin(blob))
            if changed is not None:
                return changed.value, changed.layout
        return self.chosen[blob].value, self.chosen[blob].layout

    def value(self, blob: str, changes: Changes | None = None) -> int:
        """Return the trace value of an aligned blob."""
        return self.entry(blob, changes)[0]

    def origin(self, blob: str) -> str:
        """Return what a Split copy is a copy of; any other blob is its own."""
        producer = self.graph.layers[self.graph.blobs[blob].producer]
        while producer.type == "Split":
            blob = producer.inputs[0]
            producer = self.graph.layers[self.graph.blobs[blob].producer]
        return blob

    def copies(self, blob: str) -> Iterator[str]:
        """Yield a blob that is no Split copy, and every Split copy of it."""
        yield blob
        for index in self.graph.blobs[blob].consumers:
            layer = self.graph.layers[index]
            if layer.type == "Split":
                for output in layer.outputs:
                    yield from self.copies(output)

    def readers(self, blob: str) -> tuple[int, ...]:
        """Return the layers other than Split that read a blob or a copy of it."""
        found = {
            index
            for copy in self.copies(blob)
            for index in self.graph.blobs[copy].consumers
            if self.graph.layers[index].type != "Split"
        }
        return tuple(sorted(found))

    def choose(self, blob: str, match: Match, method: Method, confidence: float) -> None:
        """Let a blob and all its copies stand for a tensor."""
        for name in self.copies(blob):
            if name in self.pinned:
                continue
            told = method if name == blob else Method.TOPOLOGY
            self.chosen[name] = BlobAlignment(name, match.value, match.layout, told, confidence, match.error)

    def strain(
        self, index: int, match: Match, changes: Changes | None = None, *, fails: bool = False
    ) -> float:
        """How badly a layer fits the operations between its inputs' tensors and an output's; 0 fits.

        `fails` says that it does not compute that output: see `families.misfit`.
        """
        layer = self.graph.layers[index]
        anchors = self.anchors(layer.inputs)
        sources = tuple(dict.fromkeys(self.value(blob, changes) for blob in anchors))
        cost = self._strain_of(index, match, sources, changes, fails=fails)
        if cost < _LEAKS or len(anchors) < 2:
            return cost
        unread = {self.value(blob, changes) for blob in self.unread if blob in self.chosen}
        meant = [
            (*(each for each in sources if each != source), other)
            for source in sources
            for other in sorted(unread - {*sources})
        ]
        costs = [self._strain_of(index, match, each, changes, fails=fails) for each in meant]
        return min(cost, _LEAKS + min(costs, default=cost))

    def _strain_of(
        self, index: int, match: Match, sources: tuple[int, ...], changes: Changes | None, *, fails: bool
    ) -> float:
        """The same, if these were the tensors at its inputs."""
        layer = self.graph.layers[index]
        anchors = self.anchors(layer.inputs)
        cut = self.flow.cut(match.value, sources)
        leaks = 0.0
        if cut is None and families.may_have_lost_input(layer):
            unread = {self.value(blob, changes) for blob in self.unread if blob in self.chosen}
            sources, leaks = tuple(dict.fromkeys((*sources, *sorted(unread)))), _LEAKS
            cut = self.flow.cut(match.value, sources) if unread else None
        if cut is None:
            return UNCUT
        cost = leaks + families.misfit(
            layer, self.trace, cut.nodes, self.weights.get(index, frozenset()), fails=fails
        )
        if len(sources) > 1 and not leaks and not families.takes_shapes(layer):
            spare = [source for source in sources if source not in cut.used]
            cost += sum(_UNUSED if source in self.trace.live else _ANOTHER for source in spare)
        if len(anchors) > 1 and cut.nodes and not leaks:
            read = self.flow.operands(cut.nodes, sources)
            in_order = [self.value(blob, changes) for blob in anchors]
            counts = self.order_counts or not kinds.commutes(layer)
            cost += _CROSSED * (counts and sorted(read) == sorted(in_order) and read != in_order)
        axes = self.trace.values[match.value].ndim
        before = [
            layout.permute
            for blob in anchors
            for value, layout in [self.entry(blob, changes)]
            if self.trace.values[value].ndim == axes and value in self.trace.live
        ]
        turned = families.turned(layer, match.layout.permute, before)
        if families.keeps_numbers(layer) and layer.inputs[0] in self.chosen:
            before_it = self.entry(layer.inputs[0], changes)
            turned += UNCUT * self.flow.reorders(cut.nodes, before_it, (match.value, match.layout))
        return cost + _BORROWED * cut.borrowed + turned

    def layer_strain(self, index: int, changes: Changes | None = None, *, fails: bool = False) -> float:
        """The strain of a layer with all its outputs as they are aligned, 0 for one that is not."""
        layer = self.graph.layers[index]
        if layer.type in ("Input", "Split"):
            return 0.0
        total = 0.0
        if len(layer.outputs) > 1 and all(blob in self.chosen for blob in layer.outputs):
            values = [self.value(blob, changes) for blob in layer.outputs]
            total += _ELSEWHERE * parts.misplaced(layer, self.trace, values)
        for blob in layer.outputs:
            if blob in self.chosen:
                value, layout = self.entry(blob, changes)
                total += self.strain(index, Match(value, layout, 0.0), changes, fails=fails)
        return total

    def copy(self) -> State:
        """Return a copy whose choices can be changed."""
        return State(
            self.graph,
            self.flow,
            self.index,
            dict(self.chosen),
            dict(self.alternatives),
            self.weights,
            self.pinned,
            self.order_counts,
            self._unread,
        )
