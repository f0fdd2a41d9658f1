"""What may be the matter with a layer that does not compute what its tensors say: the hypotheses.

Its output may be wrong: then some tensor downstream of its inputs is what it should have made. Or an input
stands for the wrong tensor: the layer before lost its activation, say, and what it made looks like the
tensor before the activation; or it permutes axes in another order than it should.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from edgekit.alignment import families
from edgekit.alignment.layout import Layout, permutations
from edgekit.alignment.matching import Match, Observation, tamed
from edgekit.alignment.scoring import trial_of
from edgekit.alignment.state import Changes, State
from edgekit.runtimes.trace import Array

# Bounds on the work: a hypothesis costs a run of the layers around it, and the likeliest come first.
_MOST_OUTPUTS = 16
_MOST_INPUTS = 12
_MOST_LAYOUTS = 6  # the orders of three axes, as most blobs have
_MOST_FIRST = 5  # of two tensors at once it is the product that counts
_MOST_SECOND = 4
# How far the border of a layer may lie from where it seems to be, in operations of PyTorch.
_STEPS_ON = 4  # a convolution takes in its norm and its activation, which may be two operations
_STEPS_BACK = 6  # the same above a branch, with views in between
_STEPS_UP = 2  # the operation itself and one view
_LONGEST = 12  # of a branch that was taken for its twin, in layers
FITS = 0.4
"""Strain below which a layer may well stand for what it is aligned with: a twin is read, or inputs cross."""
_SOME = 1 << 14  # numbers of a tensor, by which two of them are called like


def of_output(state: State, index: int, blob: str, seen: Observation | None) -> list[Changes]:
    """What an unaligned output may stand for: tensors that its layer fits best, the most alike first."""
    layer = state.graph.layers[index]
    sources = state.sources(layer)
    values = [
        value for value in _outputs(state, index, sources) if state.trace.values[value].dtype.kind == "f"
    ]
    if layer.type != "Split":  # each part of what a layer cuts up is another tensor
        taken = {state.chosen[each].value for each in layer.outputs if each in state.chosen}
        values = [value for value in values if value not in taken]
    if seen is not None:
        fitting = [value for value in values if state.trace.values[value].size == seen.arrays[0].size]
        # A wrong stride or a lost axis gives another size than any tensor around has.
        values, seen = (fitting, seen) if fitting else (values, None)
    found: list[tuple[float, float, Match]] = []
    for value in values:
        array = state.trace.values[value]
        layout = lying(state, layer.inputs, value, seen)
        match = Match(value, layout, 0.0)
        found.append((state.strain(index, match), -likeness(array, layout, seen), match))
    found.sort(key=lambda item: item[:2])
    return [{blob: match} for _, _, match in found[:_MOST_OUTPUTS]]


def _outputs(state: State, index: int, sources: Sequence[int]) -> list[int]:
    """What follows from the inputs, what has the layer's weights, what else the inputs go into."""
    trace = state.trace
    live = [source for source in sources if source in trace.live]
    if not live:
        layer = state.graph.layers[index]
        hint = next((weight.data.size for weight in layer.weights), None)
        return [value for size, values in state.flow.fixed.items() if size == hint for value in values]
    found = dict.fromkeys(state.flow.near(sources))
    for node in sorted(state.weights.get(index, ())):
        products = trace.nodes[node].outputs
        found.update(dict.fromkeys((*products, *_downstream(state, products))))
    found.update(dict.fromkeys(_downstream(state, live)))
    return list(found)


def _downstream(state: State, values: Iterable[int], steps: int = _STEPS_ON) -> list[int]:
    """Results of the next few operations that read some values, whatever else these read."""
    trace = state.trace
    found: dict[int, None] = {}
    front = list(values)
    for _ in range(steps):
        readers = {node for value in front for node in trace.consumers.get(value, ())}
        front = [
            value
            for node in sorted(readers)
            for value in trace.nodes[node].outputs
            if value not in found and value not in trace.hidden
        ]
        found.update(dict.fromkeys(front))
    return list(found)


def pairs_of(state: State, index: int, left: Sequence[int]) -> list[Changes]:
    """The likeliest tensors of a layer's output, each with those of an unaligned layer that reads it."""
    blob = next(blob for blob in state.graph.layers[index].outputs if blob not in state.chosen)
    found: list[Changes] = []
    for first in of_output(state, index, blob, None)[:_MOST_FIRST]:
        trial = trial_of(state, first).state
        for reader in trial.readers(blob):
            layer = trial.graph.layers[reader]
            open_blobs = [each for each in layer.outputs if each not in trial.chosen]
            if reader not in left or not open_blobs or any(each not in trial.chosen for each in layer.inputs):
                continue
            seconds = of_output(trial, reader, open_blobs[0], None)[:_MOST_SECOND]
            found += [{**first, **second} for second in seconds]
    return found


def of_inputs(state: State, index: int) -> list[Changes]:
    """What else a layer's inputs may stand for, one input at a time, the nearest tensors first."""
    layer = state.graph.layers[index]
    found: list[Changes] = []
    for origin in dict.fromkeys(state.origin(blob) for blob in state.anchors(layer.inputs)):
        if origin in state.pinned:
            continue
        others = [{origin: match} for match in _others(state, origin, index)][:_MOST_INPUTS]
        found.extend(others)
        found.extend(each for each in (_followed(state, origin, change) for change in others) if each)
        found.extend({origin: match} for match in _relaid(state, origin))
    return found


def _others(state: State, origin: str, reader: int) -> Iterator[Match]:
    """Other tensors of the same size around the place that an aligned blob has now.

    First those that the operation behind the reader's own output reads. What a layer that does nothing has
    lost may have made the tensor larger, or smaller.
    """
    trace, entry = state.trace, state.chosen[origin]
    now = trace.values[entry.value]
    maker = state.graph.layers[state.graph.blobs[origin].producer]
    sources = state.sources(maker)
    around = dict.fromkeys(match.value for match in state.alternatives.get(origin, ()))
    around.update(dict.fromkeys(_beside(state, entry.value)))
    around.update(dict.fromkeys(_downstream(state, [entry.value])))
    around.update(dict.fromkeys(state.flow.near(sources)))
    place = trace.order(entry.value)
    read = set(_read_by(state, reader))
    around.update(dict.fromkeys(read - {entry.value}))
    lost = _downstream(state, sources, steps=1) if maker.type == "Noop" else []
    around.update(dict.fromkeys(lost))
    around.pop(entry.value, None)
    ranked = sorted(
        (value for value in around if trace.values[value].size == now.size or value in lost),
        key=lambda value: (value not in read, abs(trace.order(value) - place), value),
    )
    for value in ranked:
        array = trace.values[value]
        if array.dtype.kind != now.dtype.kind or value in trace.hidden:
            continue
        same_axes = array.shape == now.shape
        plain = Layout(entry.layout.shape, None, entry.layout.batch_axis)
        if array.size == now.size:
            yield Match(value, plain, 0.0)
        own = lying(state, maker.inputs, value, None)
        if own != plain and (array.size != now.size or families.may_turn(maker)):
            yield Match(value, own, 0.0)
        if same_axes and not entry.layout.is_identity:
            yield Match(value, entry.layout, 0.0)


def _read_by(state: State, index: int) -> list[int]:
    """What the operations right behind a layer's aligned outputs read, views included."""
    trace = state.trace
    front = [state.chosen[blob].value for blob in state.graph.layers[index].outputs if blob in state.chosen]
    found: dict[int, None] = {}
    for _ in range(_STEPS_UP):
        nodes = [trace.producers[each] for each in front if each in trace.producers]
        front = [each for node in nodes for each in trace.nodes[node].inputs if each in trace.live]
        found.update(dict.fromkeys(front))
    return list(found)


def _followed(state: State, origin: str, change: Changes) -> Changes | None:
    """Follow a change upwards: the layer that makes it, and those above, may have been mistaken alike.

    A maximum read as an average is the tensor of another branch, and so is all that is computed from it.
    """
    changes = dict(change)
    pending = [origin]
    while pending and len(changes) < _LONGEST:
        blob = pending.pop()
        index = state.graph.blobs[blob].producer
        strain = state.layer_strain(index, changes)
        if strain < FITS:
            continue
        best: tuple[float, str, Match] | None = None
        for anchor in state.anchors(state.graph.layers[index].inputs):
            above = state.origin(anchor)
            if above in changes or above in state.pinned:
                continue
            entry = state.chosen[above]
            above_it = _upstream(state, changes[blob].value, entry.value)
            matches = [Match(value, entry.layout, 0.0) for value in above_it]
            for match in (*matches, *state.alternatives.get(above, ())):
                other = state.layer_strain(index, {**changes, above: match})
                if other < strain and (best is None or other < best[0]):
                    best = (other, above, match)
        if best is not None:
            changes[best[1]] = best[2]
            pending.append(best[1])
    return changes if len(changes) > 1 else None


def _upstream(state: State, value: int, like: int) -> list[int]:
    """Tensors of the shape of `like` that a value is or is computed from, the nearest first."""
    trace = state.trace
    shape = trace.values[like].shape
    found = {value: None} if trace.values[value].shape == shape else {}
    front = [value]
    for _ in range(_STEPS_BACK):
        nodes = [trace.producers[each] for each in front if each in trace.producers]
        front = [each for node in nodes for each in trace.nodes[node].inputs if each in trace.live]
        found.update(dict.fromkeys(each for each in front if trace.values[each].shape == shape))
    return [each for each in found if each != like]


def _beside(state: State, value: int) -> list[int]:
    """What the next operations read besides a value: the other branch."""
    trace = state.trace
    front = [value, *_downstream(state, [value], steps=1)]
    nodes = sorted({node for each in front for node in trace.consumers.get(each, ())})
    return [each for node in nodes for each in trace.nodes[node].inputs if each in trace.live]


def _relaid(state: State, origin: str) -> list[Match]:
    """The same tensor with its axes in other orders, where its layer may reorder them."""
    entry = state.chosen[origin]
    layer = state.graph.layers[state.graph.blobs[origin].producer]
    if not families.may_turn(layer):
        return []
    shape, batch_axis = entry.layout.shape, entry.layout.batch_axis
    orders = [None, *permutations(state.trace.values[entry.value].shape)]
    layouts = [Layout(shape, order, batch_axis) for order in orders]
    if not entry.layout.is_identity:  # then its sizes may be in the wrong order too
        layouts.insert(0, lying(state, layer.inputs, entry.value, None))
    found = [Match(entry.value, layout, 0.0) for layout in dict.fromkeys(layouts) if layout != entry.layout]
    return found[:_MOST_LAYOUTS]


def lying(state: State, inputs: Sequence[str], value: int, seen: Observation | None) -> Layout:
    """How a tensor would lie in a blob: in the shape that ncnn gave, else without the batch."""
    shape = state.trace.values[value].shape
    if seen is not None:
        return Layout(seen.arrays[0].shape, None, seen.batch_axis)
    batched = any(state.chosen[blob].layout.batch_axis is not None for blob in inputs if blob in state.chosen)
    if batched:
        return Layout(shape, None, 0)
    return Layout(shape[1:] if len(shape) > 1 and shape[0] == 1 else shape or (1,))


def likeness(array: Array, layout: Layout, seen: Observation | None) -> float:
    """Cosine of what ncnn made and a hypothesis; a fault rarely turns a tensor by much."""
    if seen is None or seen.arrays[0].size != array.size:
        return 0.0
    step = max(1, array.size // _SOME)
    with np.errstate(invalid="ignore", over="ignore"):  # a broken layer may give memory that nobody wrote
        expected = np.asarray(layout.apply(tamed(array))).reshape(-1)[::step].astype(np.float64)
        actual = seen.arrays[0].reshape(-1)[::step].astype(np.float64)
        product = float(np.linalg.norm(actual)) * float(np.linalg.norm(expected))
        cosine = float(np.dot(actual, expected)) / product if product > 0 else 0.0
    return cosine if np.isfinite(cosine) else 0.0
