"""Place the blobs below a fault: assume a tensor, inject it, and see whether what follows matches again.

First the walk is resumed from reference tensors, which is all that a deep net of honest but chaotic
rounding needs. Where it still stops, two things may be true of the layer it stops at:

  its output is wrong    some tensor downstream of its inputs is what it should have made: inject each one
                         and count how many of the following layers match again;
  its input is wrong     the layer before dropped an activation, say, and what it made looks like the tensor
                         before the activation: inject what follows that tensor and see whether this layer
                         matches.

The second is tried first, because a layer that matches the reference bit for bit is strong evidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edgekit.alignment import families
from edgekit.alignment.layout import Layout
from edgekit.alignment.matching import Match, Observation
from edgekit.alignment.model import BlobAlignment, Method
from edgekit.alignment.observe import Observer, Port, Probe, blobs_of
from edgekit.alignment.walk import State, rechoose, walk_layers
from edgekit.graph import Layer

_AHEAD = 6
_MOST_HYPOTHESES = 16
_MOST_ROUNDS = 64


def repair(
    state: State,
    observer: Observer,
    outputs: Sequence[Port],
    left: Sequence[int],
    seen: Mapping[str, Observation],
) -> list[str]:
    """Align what the first walk left over, as far as evidence goes; return the blobs put right."""
    suspects: list[str] = []
    known = {port.blob: state.trace.outputs[port.name] for port in outputs}
    given_up: set[int] = set()
    latest = dict(seen)
    for _ in range(_MOST_ROUNDS):
        left = _resume(state, observer, left, latest)
        stops = [index for index in _stops(state, left) if index not in given_up]
        if not stops:
            break
        for index in stops:
            blob = _put_right(state, observer, index, latest, known)
            if blob is None:
                given_up.add(index)
            else:
                suspects.append(blob)
    return suspects


def _resume(
    state: State, observer: Observer, left: Sequence[int], latest: dict[str, Observation]
) -> list[int]:
    """Go on from reference tensors until nothing new is aligned; return the layers still left."""
    while left:
        injection = _injection(state, {blob for index in left for blob in _anchors(state, index)})
        (seen,) = observer.ask([Probe(injection, blobs_of(state.graph, left))])
        latest.update(seen)
        rest = walk_layers(state, seen, left)
        if len(rest) == len(left):
            return rest
        left = rest
    return []


def _anchors(state: State, index: int) -> tuple[str, ...]:
    return state.anchors(state.graph.layers[index].inputs)


def _injection(state: State, blobs: Iterable[str]) -> dict[str, tuple[int, Layout]]:
    return {blob: (state.chosen[blob].value, state.chosen[blob].layout) for blob in sorted(blobs)}


def _stops(state: State, left: Sequence[int]) -> list[int]:
    """The first layers of the unaligned regions that do not end in aligned layers again.

    A region whose every way down is aligned again is no fault: ncnn only takes other steps there.
    """
    open_layers: set[int] = set()
    for index in reversed(left):
        layer = state.graph.layers[index]
        readers = [
            reader
            for blob in layer.outputs
            if blob not in state.chosen
            for reader in state.graph.blobs[blob].consumers
        ]
        if not readers or any(
            reader in open_layers or _reads_from_afar(state, reader, index) for reader in readers
        ):
            open_layers.add(index)
    return [
        index
        for index in sorted(open_layers)
        if all(blob in state.chosen for blob in state.graph.layers[index].inputs)
    ]


def _reads_from_afar(state: State, reader: int, index: int) -> bool:
    """Whether a reader is unaligned without being part of the walk (nothing to observe)."""
    outputs = state.graph.layers[reader].outputs
    return reader > index and bool(outputs) and not any(blob in state.chosen for blob in outputs)


def _put_right(
    state: State,
    observer: Observer,
    index: int,
    latest: Mapping[str, Observation],
    known: Mapping[str, int],
) -> str | None:
    """Try the hypotheses for one layer; commit the best supported one and return its blob."""
    layer = state.graph.layers[index]
    blob = _wrong_input(state, observer, layer)
    if blob is not None:
        return blob
    return _wrong_output(state, observer, index, latest, known)


# -- its input is wrong --------------------------------------------------------------------------------


def _wrong_input(state: State, observer: Observer, layer: Layer) -> str | None:
    trials: list[tuple[str, Match]] = []
    for blob in layer.inputs:
        entry = state.chosen[blob]
        producer = state.graph.layers[state.graph.blobs[blob].producer]
        if producer.type == "Input":
            continue
        for value in _following(state, [entry.value])[:_MOST_HYPOTHESES]:
            if state.trace.values[value].size == state.trace.values[entry.value].size:
                trials.append((blob, Match(value, entry.layout, 0.0)))
    if not trials:
        return None
    questions = []
    for blob, match in trials:
        injection = _injection(state, layer.inputs)
        injection[blob] = (match.value, match.layout)
        questions.append(Probe(injection, layer.outputs))
    best: tuple[float, str, Match] | None = None
    for (blob, match), seen in zip(trials, observer.ask(questions), strict=True):
        trial = _copy(state)
        rechoose(trial, blob, match)
        walk_layers(trial, seen, [state.graph.layers.index(layer)])
        if all(output in trial.chosen for output in layer.outputs):
            error = max(trial.chosen[output].error for output in layer.outputs)
            if best is None or error < best[0]:
                best = (error, blob, match)
    if best is None:
        return None
    _, blob, match = best
    _commit(state, blob, match, Method.LOOKAHEAD, 0.8)
    return blob


def _following(state: State, values: Sequence[int], most: int = 24) -> list[int]:
    """Trace values downstream of `values` that they cut off from the inputs, nearest first."""
    trace = state.trace
    reached = set(values)
    found: list[int] = []
    start = min((trace.order(value) for value in values), default=-1)
    candidates = sorted({node for value in values for node in trace.consumers.get(value, ())})
    seen: set[int] = set()
    while candidates and len(found) < most:
        node = candidates.pop(0)
        if node in seen:
            continue
        seen.add(node)
        for value in trace.nodes[node].outputs:
            if value in trace.hidden:
                reached.add(value)
            elif trace.segment(value, values) is not None:
                reached.add(value)
                found.append(value)
            else:
                continue
            candidates = sorted({*candidates, *trace.consumers.get(value, ())})
    return [value for value in found if trace.order(value) > start]


# -- its output is wrong -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Hypothesis:
    blob: str
    match: Match
    prior: tuple[bool, ...]
    likeness: float


def _wrong_output(
    state: State,
    observer: Observer,
    index: int,
    latest: Mapping[str, Observation],
    known: Mapping[str, int],
) -> str | None:
    layer = state.graph.layers[index]
    blob = next(output for output in layer.outputs if output not in state.chosen)
    if blob in known:
        return None  # an output of the model: what it should be is told, not found
    hypotheses = _hypotheses(state, index, blob, latest.get(blob))
    if not hypotheses:
        return None
    ahead = _downstream(state, index)
    questions = [_ahead_question(state, hypothesis, ahead) for hypothesis in hypotheses]
    scored = []
    for hypothesis, seen in zip(hypotheses, observer.ask(questions), strict=True):
        trial = _copy(state)
        _commit(trial, blob, hypothesis.match, Method.LOOKAHEAD, 0.7)
        rest = walk_layers(trial, seen, ahead)
        scored.append((len(ahead) - len(rest), hypothesis))
    best = max(scored, key=lambda pair: (pair[0], tuple(not flag for flag in pair[1].prior), pair[1].likeness))
    matched, hypothesis = best
    if matched == 0 and not _trusted(hypothesis, [other for _, other in scored]):
        return None
    method, confidence = (Method.LOOKAHEAD, 0.7) if matched else (Method.STRUCTURE, 0.4)
    _commit(state, blob, hypothesis.match, method, confidence)
    return blob


def _trusted(best: _Hypothesis, others: Sequence[_Hypothesis]) -> bool:
    """Without support from what follows, structure must single the hypothesis out."""
    rivals = [other for other in others if other is not best and other.prior == best.prior]
    return not any(best.prior) and not rivals


def _hypotheses(state: State, index: int, blob: str, seen: Observation | None) -> list[_Hypothesis]:
    layer = state.graph.layers[index]
    trace = state.trace
    sources = state.sources(layer)
    allowed = families.last_ops(layer)
    known_nodes = state.weights.get(index, frozenset())
    found = []
    for value in _following(state, sources):
        segment = trace.segment(value, sources) or ()
        producer = trace.nodes[trace.producers[value]]
        products = [node for node in segment if families.short(trace.nodes[node].op) in families.PRODUCTS]
        prior = (
            bool(known_nodes) and not known_nodes.intersection(products),
            families.is_weighted(layer) and len(products) != 1,
            allowed is not None and families.short(producer.op) not in allowed,
            families.is_view(producer.op) != families.is_view_layer(layer),
        )
        array = trace.values[value]
        if seen is not None and seen.arrays[0].size == array.size:
            layout = Layout(seen.arrays[0].shape, None, seen.batch_axis)
        else:
            layout = Layout(_without_batch(array.shape))
        found.append(_Hypothesis(blob, Match(value, layout, 0.0), prior, _likeness(state, value, layout, seen)))
    found.sort(key=lambda item: (item.prior, -item.likeness))
    return found[:_MOST_HYPOTHESES]


def _without_batch(shape: tuple[int, ...]) -> tuple[int, ...]:
    return shape[1:] if len(shape) > 1 and shape[0] == 1 else shape or (1,)


def _likeness(state: State, value: int, layout: Layout, seen: Observation | None) -> float:
    """Cosine of what ncnn made and the hypothesis; a fault rarely turns a tensor by much."""
    expected = layout.apply(state.trace.values[value]).reshape(-1)
    if seen is None or seen.arrays[0].size != expected.size:
        return 0.0
    actual = seen.arrays[0].reshape(-1)
    product = float(np.linalg.norm(actual)) * float(np.linalg.norm(expected))
    cosine = float(np.dot(actual, expected)) / product if product > 0 else 0.0
    return cosine if np.isfinite(cosine) else 0.0


def _downstream(state: State, index: int) -> list[int]:
    """The next unaligned layers below one layer, in file order."""
    reached = set(state.graph.layers[index].outputs)
    found: list[int] = []
    for later in range(index + 1, len(state.graph.layers)):
        layer = state.graph.layers[later]
        if not reached.intersection(layer.inputs):
            continue
        if any(output in state.chosen for output in layer.outputs):
            continue
        reached.update(layer.outputs)
        found.append(later)
        if len(found) == _AHEAD:
            break
    return found


def _ahead_question(state: State, hypothesis: _Hypothesis, ahead: Sequence[int]) -> Probe:
    trial = _copy(state)
    _commit(trial, hypothesis.blob, hypothesis.match, Method.LOOKAHEAD, 0.7)
    injection = _injection(trial, {blob for index in ahead for blob in _anchors(trial, index)})
    injection[hypothesis.blob] = (hypothesis.match.value, hypothesis.match.layout)
    return Probe(injection, blobs_of(state.graph, ahead))


def _commit(state: State, blob: str, match: Match, method: Method, confidence: float) -> None:
    if blob in state.chosen:
        rechoose(state, blob, match)
    state.chosen[blob] = BlobAlignment(blob, match.value, match.layout, method, confidence, match.error)
    state.alternatives[blob] = (match,)


def _copy(state: State) -> State:
    return State(state.graph, state.index, dict(state.chosen), dict(state.alternatives), state.weights)
