"""Walk the layers in order and give each blob the tensor that its numbers and its place allow.

A tensor is accepted for a blob when the numbers agree on every probe *and* it can be computed from the
tensors already given to the layer's inputs: nothing may reach it around them. Where several do, the one
whose operations the layer fits best is taken; `settle` revises that when later layers disagree.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence

from edgekit.alignment import families, parts
from edgekit.alignment.matching import Match, Observation, indistinct
from edgekit.alignment.model import BlobAlignment, Method
from edgekit.alignment.state import Changes, State
from edgekit.graph import Layer
from edgekit.runtimes.trace import Trace
from edgekit.worker.protocol import let_go

_FAR = 40
"""Operations away, for layers below a stretch that ncnn computes in other steps."""
_MOST_COMBINATIONS = 64
_MOST_PASSES = 4
_LONGEST_CHAIN = 256
_BADLY = 0.4  # strain of a layer that may stand behind the wrong tensor; reading a twin does not make as much


def walk(state: State, seen: Mapping[str, Observation]) -> list[int]:
    """Align every blob that can be aligned from `seen`; return the layers with an output left over."""
    left = walk_layers(state, seen, range(len(state.graph.layers)))
    settle(state, list(state.alternatives))
    return left


def walk_layers(state: State, seen: Mapping[str, Observation], layers: Iterable[int]) -> list[int]:
    """Walk some layers in the given order; return those with an output left over."""
    left: list[int] = []
    for index in layers:
        layer = state.graph.layers[index]
        for blob in layer.outputs:
            if blob not in state.chosen:
                align_blob(state, index, blob, seen.get(blob))
            for array in seen[blob].arrays if blob in seen else ():
                let_go(array)
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
    sources = state.sources(layer)
    near = matches(state, layer, seen, sources)
    if not near:
        changes, near = _from_other_inputs(state, index, seen)
        for origin, match in changes.items():
            state.choose(origin, match, Method.TOPOLOGY, 0.9)
        sources = state.sources(layer)
    if not near:
        return False
    near = indistinct(sorted([*near, *_from_rivals(state, layer, seen, near)], key=lambda match: match.error))
    ranked = sorted(near, key=lambda match: _rank(state, index, blob, match, sources))
    best = ranked[0]
    rivals = any(
        not same_tensor(state.trace, best.value, match.value) and match.value not in sources
        for match in ranked[1:]
    )
    method, confidence = (Method.VALUES, 1.0)
    if rivals:
        method, confidence = (Method.WEIGHTS, 0.95) if index in state.weights else (Method.TOPOLOGY, 0.9)
    state.chosen[blob] = BlobAlignment(blob, best.value, best.layout, method, confidence, best.error)
    state.alternatives[blob] = tuple(ranked)
    if rivals and state.layer_strain(index) >= _BADLY:
        settle(state, [blob])  # before what follows is looked for behind the wrong tensor
    return True


def _copy_of_input(state: State, layer: Layer, blob: str) -> bool:
    origin = state.chosen.get(layer.inputs[0])
    if origin is None:
        return False
    state.chosen[blob] = BlobAlignment(
        blob, origin.value, origin.layout, Method.TOPOLOGY, origin.confidence, origin.error
    )
    return True


def matches(
    state: State, layer: Layer, seen: Observation, sources: Sequence[int], *, far: bool = True
) -> list[Match]:
    """Return the tensors that follow from the sources and agree with the numbers as well as the best."""
    if not any(source in state.trace.live for source in sources):
        size = int(seen.arrays[0].size)
        return indistinct(state.index.matches(seen, (*sources, *state.flow.fixed.get(size, ()))))
    found = indistinct(state.index.matches(seen, (*sources, *state.flow.near(sources))))
    if not found and far and not layer_is_aligned_above(state, layer):
        found = indistinct(state.index.matches(seen, state.flow.near(sources, _FAR)))
    return found


def layer_is_aligned_above(state: State, layer: Layer) -> bool:
    """Whether all of a layer's own inputs are aligned."""
    return all(blob in state.chosen for blob in layer.inputs)


def _rank(
    state: State, index: int, blob: str, match: Match, sources: Sequence[int]
) -> tuple[float, bool, bool, bool, bool, bool, int]:
    """Smaller is better: the best fit, no view, not the input itself, as it lies, in its sizes, the first.

    View layers want the last view, and convolution-like layers the last operation: a converter folds a
    BatchNorm into the layer before it.
    """
    trace, layer = state.trace, state.graph.layers[index]
    producer = trace.producers.get(match.value)
    view = producer is not None and families.is_view(trace.nodes[producer].op)
    view_layer = families.is_view_layer(layer)
    order = trace.order(match.value)
    return (
        state.strain(index, match),
        _is_other_part(state, layer, blob, match.value),
        view != view_layer,
        match.value in sources and not view_layer,
        not match.layout.is_identity,
        match.layout.regroups(trace.values[match.value].shape),
        -order if view_layer or families.is_weighted(layer) else order,
    )


def _is_other_part(state: State, layer: Layer, blob: str, value: int) -> bool:
    """Whether a layer that cuts its input up gives that tensor, if at all, by another of its outputs."""
    if layer.type != "Slice":
        return False
    before = layer.outputs[: layer.outputs.index(blob)]
    if any(each not in state.chosen for each in before):
        return False
    return parts.is_elsewhere(state.trace, value, [state.value(each) for each in before], len(layer.outputs))


def same_tensor(trace: Trace, left: int, right: int) -> bool:
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


# -- revising earlier choices ----------------------------------------------------------------------------


def _from_rivals(state: State, layer: Layer, seen: Observation, known: Sequence[Match]) -> list[Match]:
    """Return the tensors that agree too, but follow from what the inputs could as well stand for."""
    origins = tuple(dict.fromkeys(state.origin(blob) for blob in state.anchors(layer.inputs)))
    options = [_options(state, origin) for origin in origins]
    tied = any(len(_distinct(state, each)) > 1 for each in (known, *options))
    options = [_distinct(state, each, bases=tied) for each in options]
    found = {match.value: match for match in known}
    for combination in itertools.islice(itertools.product(*options), 1, _MOST_COMBINATIONS):
        changes = dict(zip(origins, combination, strict=True))
        for match in matches(state, layer, seen, state.sources(layer, changes), far=False):
            found.setdefault(match.value, match)
    return list(found.values())[len(known) :]


def _distinct(state: State, options: Sequence[Match], *, bases: bool = False) -> list[Match]:
    """Leave out the options that are views of one before them: what follows from those is the same.

    With `bases`, not what one before is a view of: other operations may read that, and the view not.
    """
    order = state.trace.order
    kept: list[Match] = []
    for option in options:
        if not any(
            same_tensor(state.trace, option.value, each.value)
            and not (bases and order(option.value) < order(each.value))
            for each in kept
        ):
            kept.append(option)
    return kept


def _from_other_inputs(state: State, index: int, seen: Observation) -> tuple[Changes, list[Match]]:
    """Try the inputs' own alternatives until a tensor follows; return that choice and the tensors."""
    layer = state.graph.layers[index]
    origins = tuple(dict.fromkeys(state.origin(blob) for blob in state.anchors(layer.inputs)))
    options = [_options(state, origin) for origin in origins]
    for combination in itertools.islice(itertools.product(*options), 1, _MOST_COMBINATIONS):
        changes = {
            origin: match
            for origin, match in zip(origins, combination, strict=True)
            if match.value != state.chosen[origin].value
        }
        found = matches(state, layer, seen, state.sources(layer, changes), far=False)
        if found and _strain_change(state, changes, before=index) <= 0:
            return changes, found
    return {}, []


def _options(state: State, origin: str) -> list[Match]:
    entry = state.chosen[origin]
    current = Match(entry.value, entry.layout, entry.error)
    others = [match for match in state.alternatives.get(origin, ()) if match.value != entry.value]
    return [current, *others]


def settle(state: State, blobs: Iterable[str]) -> None:
    """Move blobs among tensors with equal numbers while that lets the layers around them fit better."""
    open_blobs = [
        blob for blob in blobs if len(state.alternatives.get(blob, ())) > 1 and blob not in state.pinned
    ]
    for _ in range(_MOST_PASSES):
        moved = False
        for blob in open_blobs:
            best = min(moves(state, blob), key=lambda pair: pair[0], default=None)
            if best is not None and best[0] < 0:
                for origin, match in best[1].items():
                    state.choose(origin, match, Method.TOPOLOGY, 0.9)
                moved = True
        if not moved:
            return


def moves(state: State, blob: str) -> Iterator[tuple[float, Changes]]:
    """The ways to move a blob: alone, with the blobs above it that then fit better too, or in exchange."""
    if blob not in state.chosen:
        return
    for match in _options(state, blob)[1:]:
        chain = _chain(state, blob, match)
        ways = [{blob: match}, chain]
        for other in _holders(state, match.value):
            back = next(
                (each for each in _options(state, other)[1:] if each.value == state.chosen[blob].value), None
            )
            if back is not None and other != blob:
                ways += [{blob: match, other: back}, {**_chain(state, other, back), **chain}]
        for way in ways:
            yield _strain_change(state, way), way


def _holders(state: State, value: int) -> list[str]:
    """The blobs with alternatives that stand for a value."""
    return [blob for blob in state.alternatives if blob in state.chosen and state.chosen[blob].value == value]


def _chain(state: State, blob: str, match: Match) -> Changes:
    """Follow a move upwards: which alternatives of the blobs above make its layer fit without borrowing?"""
    changes: dict[str, Match] = {blob: match}
    pending = [blob]
    while pending and len(changes) < _LONGEST_CHAIN:
        index = state.graph.blobs[pending.pop()].producer
        layer = state.graph.layers[index]
        for anchor in state.anchors(layer.inputs):
            origin = state.origin(anchor)
            if origin in changes or len(state.alternatives.get(origin, ())) < 2 or origin in state.pinned:
                continue
            here = state.layer_strain(index, changes)
            best = min(
                _options(state, origin)[1:],
                key=lambda option: state.layer_strain(index, {**changes, origin: option}),
                default=None,
            )
            if best is not None and state.layer_strain(index, {**changes, origin: best}) < here:
                changes[origin] = best
                pending.append(origin)
    return changes


def _strain_change(state: State, changes: Changes, before: int | None = None) -> float:
    """By how much the strain of all layers around the changed blobs grows.

    While the walk stands `before` a layer, neither that counts nor a layer whose inputs are not aligned yet.
    """
    around: set[int] = set()
    for blob in changes:
        around.add(state.graph.blobs[blob].producer)
        around.update(state.readers(blob))
    if before is not None:
        layers = state.graph.layers
        around = {index for index in around if layer_is_aligned_above(state, layers[index])} - {before}
    return sum(state.layer_strain(index, changes) - state.layer_strain(index) for index in around)
