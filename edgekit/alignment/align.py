"""Find the PyTorch tensor of every ncnn blob.

A fresh artefact is aligned by one capture: each blob by its numbers, ties by the cut (`walk`). Where a fault
is already inside, the numbers below it match nothing; then hypotheses are tried from where they stop
matching (`repair`), and the walk goes on from the blob that was put right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from edgekit.alignment import families
from edgekit.alignment.ahead import Ahead
from edgekit.alignment.flow import Flow
from edgekit.alignment.kinds import short
from edgekit.alignment.layout import mat_layout
from edgekit.alignment.matching import Observation
from edgekit.alignment.model import Alignment, BlobAlignment, LayerAlignment, Method
from edgekit.alignment.multiples import align_multiples
from edgekit.alignment.observe import Artefact, Observer, Port, Probe, blobs_of
from edgekit.alignment.repair import repair
from edgekit.alignment.state import State
from edgekit.alignment.undecided import give_up_undecided
from edgekit.alignment.walk import walk
from edgekit.alignment.weights import fingerprints
from edgekit.errors import UserError
from edgekit.graph import Layer
from edgekit.runtimes.trace import Source, Trace

Seen = Mapping[str, Observation]


def capture(artefact: Artefact, ahead: Ahead) -> Seen:
    """Return every blob of whole runs on the inputs of the traces: all that most alignments need of ncnn.

    Raises:
        UserError: an input blob and its PyTorch tensor cannot be told to be the same.
        WorkerCrashed, WorkerError: ncnn cannot run the artefact.
    """
    traces = ahead.index.traces
    injection = {
        blob: (entry.value, entry.layout) for blob, entry in _input_entries(artefact, traces[0]).items()
    }
    everything = blobs_of(artefact.graph, range(len(artefact.graph.layers)))
    (seen,) = Observer(artefact, traces).ask([Probe(injection, everything)])
    return seen


def align(
    artefact: Artefact,
    traces: Sequence[Trace],
    ahead: Ahead | None = None,
    seen: Seen | None = None,
    draft: Callable[[Alignment], None] = lambda _: None,
) -> Alignment:
    """Align an artefact with the traces of one model on several probes (two are enough, one will do).

    `ahead` is what is known of these traces already, `seen` what `capture` gave for them. `draft` is called
    with an alignment of every layer before ncnn is asked whether it holds, as it does for most fresh
    artefacts: a caller can prepare meanwhile what it would do with that.

    Raises:
        UserError: an input blob and its PyTorch tensor cannot be told to be the same.
        WorkerCrashed, WorkerError: ncnn cannot run the artefact.
    """
    ahead = ahead or Ahead(traces)
    seen = capture(artefact, ahead) if seen is None else seen
    index, traces = ahead.index, ahead.index.traces
    state = State(artefact.graph, Flow(traces[0]), index, weights=fingerprints(artefact.graph, traces[0]))
    state.chosen.update(_input_entries(artefact, traces[0]))
    for port in artefact.outputs:
        if port.blob not in state.chosen:
            state.chosen[port.blob] = _output(state, port, seen.get(port.blob))
    state.pinned = frozenset(state.chosen)
    left = walk(state, seen)
    if not left:
        draft(freeze(state, (), {}))
    suspects = repair(state, Observer(artefact, traces), left)
    undecided = give_up_undecided(state)
    align_multiples(state, seen)
    return freeze(state, [blob for blob in suspects if blob in state.chosen], undecided)


def _input_entries(artefact: Artefact, trace: Trace) -> dict[str, BlobAlignment]:
    return {port.blob: _port(trace, port, trace.inputs[port.name]) for port in artefact.inputs}


def _output(state: State, port: Port, seen: Observation | None) -> BlobAlignment:
    """An output of the model stands for what it is told to; its numbers say how it lies, if they agree."""
    value = state.trace.outputs[port.name]
    match = (
        None
        if seen is None or seen.arrays[0].size != state.trace.values[value].size
        else state.index.match(seen, value)
    )
    if match is not None and not match.layout.regroups(state.trace.values[value].shape):
        return BlobAlignment(port.blob, value, match.layout, Method.OUTPUT, 1.0, match.error)
    return _port(state.trace, port, value, Method.OUTPUT)


def _port(trace: Trace, port: Port, value: int, method: Method = Method.INPUT) -> BlobAlignment:
    shape = trace.values[value].shape
    if port.batch_axis is not None and not 0 <= port.batch_axis < len(shape):
        raise UserError(
            f"batch axis {port.batch_axis} of '{port.name}' is outside its shape {shape}",
            "name one of its axes",
        )
    return BlobAlignment(port.blob, value, mat_layout(shape, port.batch_axis), method, 1.0, 0.0)


def freeze(state: State, suspects: Sequence[str], undecided: Mapping[str, str]) -> Alignment:
    """Turn the state into the alignment: segments, source lines and reasons for every layer."""
    layers = [_layer(state, index, layer, undecided) for index, layer in enumerate(state.graph.layers)]
    return Alignment(tuple(layers), dict(state.chosen), tuple(suspects))


def _layer(state: State, index: int, layer: Layer, undecided: Mapping[str, str]) -> LayerAlignment:
    aligned = tuple(blob for blob in layer.outputs if blob in state.chosen)
    anchors = state.anchors(layer.inputs)
    base = LayerAlignment(index, layer.name, layer.type, aligned, anchors)
    if not aligned:
        used = [blob for blob in layer.outputs if state.graph.blobs[blob].consumers]
        reason = (
            "no PyTorch tensor has these numbers: ncnn splits here what PyTorch computes in one operation"
            if used
            else "no later layer reads its output"
        )
        reason = next((undecided[blob] for blob in layer.outputs if blob in undecided), reason)
        return LayerAlignment(index, layer.name, layer.type, (), anchors, reason=reason)
    trace = state.trace
    values = [state.chosen[blob].value for blob in aligned]
    sources = [state.chosen[blob].value for blob in anchors]
    cuts = [state.flow.cut(value, sources) for value in values]
    nodes = tuple(sorted({node for cut in cuts if cut is not None for node in cut.nodes}))
    operations = tuple(trace.nodes[node].source for node in nodes)
    source = _summary(trace, nodes, values[0])
    also = tuple(name for name in _twins(state, values[0], sources) if name != source.module)
    source = replace(source, also=also)
    return LayerAlignment(index, layer.name, layer.type, aligned, base.anchors, nodes, source, operations)


def _twins(state: State, value: int, sources: Sequence[int]) -> Iterator[str]:
    """Yield the modules that compute the same tensor from the same sources, each once."""
    if value not in state.trace.live:
        return
    cuts = ((twin, state.flow.cut(twin, sources)) for twin in state.flow.alike(value) if twin != value)
    found = (_summary(state.trace, cut.nodes, twin).module for twin, cut in cuts if cut is not None)
    yield from dict.fromkeys(found)


def _summary(trace: Trace, nodes: Sequence[int], value: int) -> Source:
    """Sum up a segment: the module common to its operations, the last real op, the line of the main one.

    A layer that hands its input on (Split) stands where its tensor was made.
    """
    if not nodes:
        producer = trace.producers.get(value)
        if producer is None:
            return _given(trace, value)
        nodes = [producer]
    real = [node for node in nodes if not families.is_view(trace.nodes[node].op)] or list(nodes)
    main = next((node for node in real if short(trace.nodes[node].op) in families.PRODUCTS), real[-1])
    place = trace.nodes[main].source
    modules = [trace.nodes[node].source.module for node in real]
    common = _common_module(modules) or place.module
    return Source(common, trace.nodes[real[-1]].op, place.file, place.line)


def _given(trace: Trace, value: int) -> Source:
    """An input of the model or a constant is made by no operation: it stands where it is first read."""
    reader = next(iter(trace.consumers.get(value, ())), None)
    place = Source("", "") if reader is None else trace.nodes[reader].source
    if value in trace.constants:
        owner, _, name = trace.constants[value].rpartition(".")
        return Source(owner, f"constant {name}".strip(), place.file, place.line)
    name = next((name for name, key in trace.inputs.items() if key == value), "")
    return Source("", f"input {name}".strip(), place.file, place.line)


def _common_module(modules: Sequence[str]) -> str:
    common: list[str] = []
    for parts in zip(*(module.split(".") for module in modules), strict=False):
        if len(set(parts)) > 1:
            break
        common.append(parts[0])
    return ".".join(common)
