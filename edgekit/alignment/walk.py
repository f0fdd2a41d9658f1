"""Walk the layers in order and give each blob the tensor that its numbers and its place allow.

A tensor is accepted for a blob when the numbers agree on every probe *and* the tensors already given
to the layer's inputs cut the PyTorch graph before it: nothing may reach it around them. The cut is what
tells identical branches, repeated blocks and dead activations apart where the numbers cannot.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from edgekit.alignment import families
from edgekit.alignment.matching import Index, Match, Observation, indistinct
from edgekit.alignment.model import BlobAlignment, Method
from edgekit.graph import Graph, Layer
from edgekit.runtimes.trace import Trace

_MOST_COMBINATIONS = 64


@dataclass(slots=True)
class State:
    """What is known so far: the tensor of each aligned blob, and what else its numbers would allow."""

    graph: Graph
    index: Index
    chosen: dict[str, BlobAlignment] = field(default_factory=dict)
    alternatives: dict[str, tuple[Match, ...]] = field(default_factory=dict)
    weights: Mapping[int, frozenset[int]] = field(default_factory=dict)
    """Layer index -> trace nodes that have its weights; see `weights.fingerprints`."""

    @property
    def trace(self) -> Trace:
        """The trace whose structure counts (the traces of all probes have the same)."""
        return self.index.traces[0]

    def anchors(self, blobs: Iterable[str]) -> tuple[str, ...]:
        """Return the nearest aligned blobs at or above `blobs`, walking up through unmatched layers."""
        found: dict[str, None] = {}
        seen: set[str] = set()
        pending = list(blobs)
        while pending:
            blob = pending.pop(0)
            if blob in seen:
                continue
            seen.add(blob)
            if blob in self.chosen:
                found[blob] = None
            else:
                pending.extend(self.graph.layers[self.graph.blobs[blob].producer].inputs)
        return tuple(found)

    def sources(self, layer: Layer) -> tuple[int, ...]:
        """Return the trace values that stand at the layer's inputs."""
        return tuple(dict.fromkeys(self.chosen[blob].value for blob in self.anchors(layer.inputs)))


def walk(state: State, seen: Mapping[str, Observation]) -> list[int]:
    """Align every blob that can be aligned from `seen`; return the layers with an output left over."""
    return walk_layers(state, seen, range(len(state.graph.layers)))


def walk_layers(state: State, seen: Mapping[str, Observation], layers: Iterable[int]) -> list[int]:
    """Walk some layers in the given order; return those with an output left over."""
    left: list[int] = []
    for index in layers:
        layer = state.graph.layers[index]
        for blob in layer.outputs:
            if blob not in state.chosen:
                align_blob(state, index, blob, seen.get(blob))
        if any(blob not in state.chosen for blob in layer.outputs):
            left.append(index)
    return left


def align_blob(state: State, index: int, blob: str, seen: Observation | None) -> bool:
    """Try to align one blob from its numbers; True when it was."""
    layer = state.graph.layers[index]
    if layer.type == "Split":
        return _copy_of_input(state, layer, blob)
    if seen is None or not seen.finite:
        return False
    near = indistinct(state.index.matches(seen))
    best, rivals = select(state, index, near)
    if best is None:
        return False
    method = Method.TOPOLOGY if rivals else Method.VALUES
    confidence = 1.0 if not rivals else 0.9
    state.chosen[blob] = BlobAlignment(blob, best.value, best.layout, method, confidence, best.error)
    state.alternatives[blob] = tuple(near)
    return True


def _copy_of_input(state: State, layer: Layer, blob: str) -> bool:
    origin = state.chosen.get(layer.inputs[0])
    if origin is None:
        return False
    state.chosen[blob] = BlobAlignment(
        blob, origin.value, origin.layout, Method.TOPOLOGY, origin.confidence, origin.error
    )
    state.alternatives[blob] = state.alternatives.get(layer.inputs[0], ())
    return True


def select(state: State, index: int, near: Sequence[Match]) -> tuple[Match | None, int]:
    """Choose among matches that the numbers cannot tell apart; also say how many real rivals there were.

    Where no candidate is cut off by the inputs as they are aligned, inputs that had alternatives of
    their own are tried with those: a consumer knows which of two identical branches it reads.
    """
    layer = state.graph.layers[index]
    sources = state.sources(layer)
    segments = {match.value: state.trace.segment(match.value, sources) for match in near}
    fitting = [match for match in near if segments[match.value] is not None]
    if not fitting:
        changed = _realign_inputs(state, layer, near)
        if changed is None:
            return None, 0
        segments = {match.value: state.trace.segment(match.value, changed) for match in near}
        fitting = [match for match in near if segments[match.value] is not None]
    used = {entry.value for entry in state.chosen.values()}
    ranked = sorted(
        fitting, key=lambda match: _rank(state, index, match, segments[match.value] or (), used)
    )
    best = ranked[0]
    rivals = sum(
        not _same_tensor(state.trace, best.value, match.value) and match.value not in sources
        for match in ranked[1:]
    )
    return best, rivals


def _rank(
    state: State, index: int, match: Match, segment: Sequence[int], used: set[int]
) -> tuple[bool, bool, bool, bool, bool, bool, int]:
    """Smaller is better: right weights, right family, one product per product layer, no view, unused, as it lies, first.

    Views and convolution-like layers want the last: pnnx folds a BatchNorm into the layer before it.
    """
    trace, layer = state.trace, state.graph.layers[index]
    allowed = families.last_ops(layer)
    known = state.weights.get(index, frozenset())
    producer = trace.producers.get(match.value)
    op = trace.nodes[producer].op if producer is not None else ""
    view_layer = families.is_view_layer(layer)
    order = trace.order(match.value)
    products = [node for node in segment if families.short(trace.nodes[node].op) in families.PRODUCTS]
    return (
        bool(known) and not known.intersection(products),
        allowed is not None and families.short(op) not in allowed,
        families.is_weighted(layer) and len(products) != 1,
        families.is_view(op) != view_layer,
        match.value in used and not view_layer,
        not match.layout.is_identity,
        -order if view_layer or families.is_weighted(layer) else order,
    )


def _same_tensor(trace: Trace, left: int, right: int) -> bool:
    """Whether one value is a view (of a view ...) of the other."""
    early, late = sorted((left, right), key=trace.order)
    while late != early:
        producer = trace.producers.get(late)
        if producer is None or not families.is_view(trace.nodes[producer].op):
            return False
        inputs = trace.nodes[producer].inputs
        if not inputs:
            return False
        late = inputs[0]
    return True


def _realign_inputs(state: State, layer: Layer, near: Sequence[Match]) -> tuple[int, ...] | None:
    """Try the inputs' own alternatives until one candidate is cut off; commit and return that choice."""
    anchors = state.anchors(layer.inputs)
    options = [_options(state, blob) for blob in anchors]
    for combination in itertools.islice(itertools.product(*options), _MOST_COMBINATIONS):
        values = tuple(dict.fromkeys(match.value for match in combination))
        for candidate in near:
            if state.trace.segment(candidate.value, values) is None:
                continue
            if not all(_consistent(state, blob, match, layer) for blob, match in zip(anchors, combination)):
                continue
            for blob, match in zip(anchors, combination, strict=True):
                rechoose(state, blob, match)
            return values
    return None


def _options(state: State, blob: str) -> list[Match]:
    entry = state.chosen[blob]
    current = Match(entry.value, entry.layout, entry.error)
    others = [match for match in state.alternatives.get(blob, ()) if match.value != entry.value]
    return [current, *others]


def _consistent(state: State, blob: str, match: Match, reader: Layer) -> bool:
    """Whether the blob's producer, and the readers aligned so far, stay cut off when it stands for `match`."""
    if state.chosen[blob].value == match.value:
        return True
    trial = dict(state.chosen)
    for name in _copies(state, blob):
        old = trial[name]
        trial[name] = BlobAlignment(name, match.value, match.layout, old.method, 0.9, match.error)
    probe = State(state.graph, state.index, trial, state.alternatives, state.weights)
    for name in _copies(state, blob):
        producer = state.graph.layers[state.graph.blobs[name].producer]
        layers = [producer, *(state.graph.layers[index] for index in state.graph.blobs[name].consumers)]
        for layer in layers:
            if layer is reader or layer.type == "Split" or not layer.inputs:
                continue
            sources = probe.sources(layer)
            outputs = [trial[output].value for output in layer.outputs if output in trial]
            if any(probe.trace.segment(value, sources) is None for value in outputs):
                return False
    return True


def rechoose(state: State, blob: str, match: Match) -> None:
    """Let a blob, and every Split copy of it, stand for another tensor."""
    if state.chosen[blob].value == match.value:
        return
    for name in _copies(state, blob):
        state.chosen[name] = BlobAlignment(
            name, match.value, match.layout, Method.TOPOLOGY, 0.9, match.error
        )


def _copies(state: State, blob: str) -> Iterator[str]:
    """The blob, what it is a Split copy of, and every other copy."""
    producer = state.graph.layers[state.graph.blobs[blob].producer]
    origin = producer.inputs[0] if producer.type == "Split" else blob
    yield origin
    for index in state.graph.blobs[origin].consumers:
        layer = state.graph.layers[index]
        if layer.type == "Split":
            yield from (name for name in layer.outputs if name in state.chosen)
