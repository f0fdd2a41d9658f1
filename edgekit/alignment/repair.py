"""Find the alignment that blames the fewest layers, and those whose operations fit them.

Every aligned layer is run alone on reference tensors. Where it does not give what it should, or cannot be
aligned, or fits its operations badly, hypotheses are tried (`hypotheses`): each is injected, the layers
around it run alone again, and the one under which the fewest of them fail is kept. With equal counts the
better fit of layers to operations decides, and without any difference nothing is changed: a wrong
alignment is worse than none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from edgekit.alignment import hypotheses
from edgekit.alignment.layout import Layout
from edgekit.alignment.matching import TOLERANCE, Match, Observation
from edgekit.alignment.model import Method
from edgekit.alignment.noise import is_exact, layer_noise
from edgekit.alignment.observe import Observer, Probe, blobs_of
from edgekit.alignment.state import Changes, State
from edgekit.alignment.walk import align_blob, settle, walk_layers
from edgekit.numerics.floors import Noise, floor, largest

_CLEARLY = 3.0
_ROUNDING = 1e-7
_BADLY = 0.4  # strain that makes a layer doubtful; reading a twin does not
_PER_STRAIN = 0.5  # what strain weighs against a failing layer
_MOST_STRAIN = 12.0  # of one layer: beyond that it only says that something is wrong nearby
_BETTER = 0.1  # smallest gain that counts
_AHEAD = 6
_MOST_STOPS = 6
_MOST_DOUBTS = 12
_MOST_JOINT = 12
_MOST_ROUNDS = 40


@dataclass(slots=True)
class _Repair:
    """The knowledge that grows from round to round."""

    state: State
    observer: Observer
    alone: dict[int, dict[str, Observation]] = field(default_factory=dict)
    noises: dict[tuple[int, int, frozenset[int]], Noise] = field(default_factory=dict)
    given_up: dict[int, tuple[object, ...]] = field(default_factory=dict)
    suspects: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Trial:
    """A hypothesis: the changes, and the layers whose runs alone it alters."""

    changes: Changes
    state: State


def repair(state: State, observer: Observer, left: Sequence[int]) -> list[str]:
    """Put right what the first walk left over or got wrong; return the blobs whose numbers do not match."""
    work = _Repair(state, observer)
    for _ in range(_MOST_ROUNDS):
        left = _resume(work, left)
        _run_alone(work)
        doubts = _doubts(work, left)
        if not doubts or not _decide(work, doubts, left):
            break
    return [blob for blob in dict.fromkeys(work.suspects) if blob in state.chosen]


def _resume(work: _Repair, left: Sequence[int]) -> list[int]:
    """Walk on from reference tensors until nothing new is aligned; return the layers still left."""
    state = work.state
    rest = [
        index for index in left if any(blob not in state.chosen for blob in state.graph.layers[index].outputs)
    ]
    while rest:
        anchors = {blob for index in rest for blob in state.anchors(state.graph.layers[index].inputs)}
        (seen,) = work.observer.ask([Probe(_injection(state, anchors), blobs_of(state.graph, rest))])
        before = len(rest)
        rest = walk_layers(state, seen, rest)
        if len(rest) == before:
            break
        settle(state, [blob for blob in blobs_of(state.graph, left) if blob in state.alternatives])
    return rest


def _injection(state: State, blobs: Iterable[str]) -> dict[str, tuple[int, Layout]]:
    return {blob: (state.chosen[blob].value, state.chosen[blob].layout) for blob in sorted(blobs)}


def isolation(state: State, index: int) -> Probe:
    """The question that runs one layer alone: reference in at its anchors, its outputs out."""
    layer = state.graph.layers[index]
    return Probe(_injection(state, state.anchors(layer.inputs)), layer.outputs)


# -- every layer alone ----------------------------------------------------------------------------------


def _run_alone(work: _Repair) -> None:
    """Run the aligned layers alone, those that were not yet as they stand; decide near-ties by that."""
    state = work.state
    todo = [
        index
        for index, layer in enumerate(state.graph.layers)
        if index not in work.alone
        and layer.type not in ("Input", "Split")
        and any(blob in state.chosen for blob in layer.outputs)
    ]
    moved: list[str] = []
    answers = work.observer.ask([isolation(state, index) for index in todo], probes=1)
    for index, seen in zip(todo, answers, strict=True):
        work.alone[index] = seen
        for blob in state.graph.layers[index].outputs:
            better = _clearly_better(state, index, blob, seen.get(blob))
            if better is not None:
                state.choose(blob, better, Method.TOPOLOGY, 0.9)
                moved.append(blob)
    for blob in moved:
        _forget(work, blob, producer=False)
    if moved:
        _run_alone(work)


def _clearly_better(state: State, index: int, blob: str, seen: Observation | None) -> Match | None:
    """An alternative that a layer alone agrees with clearly better: in a whole run rounding had piled up."""
    others = state.alternatives.get(blob, ())
    if seen is None or len(others) < 2 or blob in state.pinned:
        return None
    current = state.chosen[blob]
    here = max(state.index.error(seen, current.value, current.layout), _ROUNDING)
    sources = state.sources(state.graph.layers[index])
    better: Match | None = None
    for match in others:
        if match.value == current.value or state.flow.cut(match.value, sources) is None:
            continue
        error = state.index.error(seen, match.value, match.layout)
        if max(error, _ROUNDING) * _CLEARLY < here and (better is None or error < better.error):
            better = Match(match.value, match.layout, error)
    return better


def _forget(work: _Repair, blob: str, *, producer: bool = True) -> None:
    """Let the layers around a changed blob be run and doubted again."""
    around = {*work.state.readers(blob)} | ({work.state.graph.blobs[blob].producer} if producer else set())
    for index in around:
        work.alone.pop(index, None)


def _fails(work: _Repair, state: State, index: int, seen: Mapping[str, Observation]) -> bool:
    """Whether a layer alone misses its tensors by more than rounding explains: the rule of the verdict."""
    return any(
        _misses(work, state, index, blob, seen.get(blob))
        for blob in state.graph.layers[index].outputs
        if blob in state.chosen
    )


def _misses(work: _Repair, state: State, index: int, blob: str, seen: Observation | None) -> bool:
    entry = state.chosen[blob]
    if seen is None or seen.arrays[0].shape != entry.layout.shape or not seen.finite:
        return True
    expected = entry.layout.apply(state.trace.values[entry.value])
    if expected.dtype.kind != "f":
        return not np.array_equal(seen.arrays[0], expected)
    error = largest(np.subtract(seen.arrays[0], expected))
    layer = state.graph.layers[index]
    exact = is_exact(layer) and all(each in state.chosen for each in layer.inputs)
    if error == 0 or (error <= floor(Noise(0.0, 0.0, largest(expected))) and not exact):
        return False  # no need to measure how much more rounding would explain
    sources = state.sources(layer)
    key = (index, entry.value, frozenset(sources))
    if key not in work.noises:
        noise = layer_noise(state.flow, layer, sources, [entry.value], exact=exact)
        work.noises[key] = noise[entry.value]
    return error > floor(work.noises[key])


def _is_far(state: State, index: int, seen: Mapping[str, Observation]) -> bool:
    """Whether a layer alone gives something that looks like another tensor altogether."""
    for blob in state.graph.layers[index].outputs:
        entry, found = state.chosen.get(blob), seen.get(blob)
        if entry is None:
            continue
        if found is None or found.arrays[0].shape != entry.layout.shape:
            return True
        if state.index.error(found, entry.value, entry.layout) > TOLERANCE:
            return True
    return False


# -- doubts and their hypotheses ------------------------------------------------------------------------


def _doubts(work: _Repair, left: Sequence[int]) -> list[int]:
    """The layers to make hypotheses about: the first of each unaligned stretch, failing ones, bad fits."""
    state = work.state
    stops = [
        index
        for index in left
        if all(blob in state.chosen for blob in state.graph.layers[index].inputs)
        and not _is_given_up(work, index)
    ]
    doubtful = [
        index
        for index, seen in work.alone.items()
        if all(blob in state.chosen for blob in state.graph.layers[index].inputs)
        and not _is_given_up(work, index)
        and (
            state.layer_strain(index) >= _BADLY
            or (_is_far(state, index, seen) and _fails(work, state, index, seen))
        )
    ]
    return sorted({*stops[:_MOST_STOPS], *doubtful[:_MOST_DOUBTS]})


def _is_given_up(work: _Repair, index: int) -> bool:
    return work.given_up.get(index) == _circumstances(work.state, index)


def _circumstances(state: State, index: int) -> tuple[object, ...]:
    """What the hypotheses about a layer depend on."""
    layer = state.graph.layers[index]
    around = [*layer.inputs, *layer.outputs]
    for blob in layer.outputs:
        for reader in state.readers(blob):
            around.extend(state.graph.layers[reader].outputs)
    return tuple(
        (state.chosen[blob].value, state.chosen[blob].layout) if blob in state.chosen else None
        for blob in around
    )


def _changes(work: _Repair, index: int) -> list[Changes]:
    """Everything that may be the matter with a layer: an input, its output, or both."""
    state, layer = work.state, work.state.graph.layers[index]
    open_blobs = [blob for blob in layer.outputs if blob not in state.chosen]
    inputs = hypotheses.of_inputs(state, index)
    if not open_blobs:
        return inputs
    blob, seen = open_blobs[0], work.alone.get(index, {})
    outputs = hypotheses.of_output(state, index, blob, seen.get(blob))
    joint = []
    for change in inputs:
        below = hypotheses.of_output(_trial(state, change).state, index, blob, seen.get(blob))[:1]
        joint += [{**change, **each} for each in below if _fits(state, index, {**change, **each})]
    return [*inputs, *outputs, *joint[:_MOST_JOINT]]


def _fits(state: State, index: int, change: Changes) -> bool:
    return _trial(state, change).state.layer_strain(index) < _BADLY


def _tested(state: State, index: int, changes: Sequence[Changes], left: Sequence[int]) -> list[int]:
    """The layers that tell hypotheses about one layer apart: around changed blobs, and unaligned below."""
    blobs = {blob for change in changes for blob in change}
    around = {index}
    for blob in blobs:
        around.add(state.graph.blobs[blob].producer)
        around.update(state.readers(blob))
    reached = {blob for number in around for blob in state.graph.layers[number].outputs}
    ahead = 0
    for later in left:
        layer = state.graph.layers[later]
        if later > index and ahead < _AHEAD and reached.intersection(layer.inputs):
            reached.update(layer.outputs)
            around.add(later)
            ahead += 1
    return sorted(number for number in around if state.graph.layers[number].type not in ("Input", "Split"))


def _decide(work: _Repair, doubts: Sequence[int], left: Sequence[int]) -> bool:
    """Try the hypotheses about all doubtful layers in one go; keep the best of each. True if any was kept."""
    state = work.state
    _run_unaligned(work, [index for index in doubts if index in left])
    trials: list[tuple[int, list[int], list[_Trial]]] = []
    for index in doubts:
        changes = _changes(work, index)
        tested = _tested(state, index, changes, left)
        trials.append((index, tested, [_trial(state, {}), *(_trial(state, each) for each in changes)]))
    questions = [
        isolation(trial.state, number)
        for _, tested, options in trials
        for trial in options
        for number in tested
    ]
    answers = iter(work.observer.ask(questions, probes=1))
    touched: set[int] = set()
    kept = False
    for index, tested, options in trials:
        seen = [[next(answers) for _ in tested] for _ in options]
        scores = [_score(work, trial.state, tested, each) for trial, each in zip(options, seen, strict=True)]
        best = min(range(len(options)), key=lambda place: (_blame(scores[place]), place))
        if not _is_better(scores[best], scores[0]):
            best = _by_structure(state, index, options, scores) if index in left else 0
        if best == 0 or touched.intersection(tested):
            if best == 0:
                work.given_up[index] = _circumstances(state, index)
            continue
        touched.update(tested)
        kept = True
        _keep(work, options[best].changes, confident=_is_better(scores[best], scores[0]))
    return kept


def _run_unaligned(work: _Repair, layers: Sequence[int]) -> None:
    state = work.state
    answers = work.observer.ask([isolation(state, index) for index in layers], probes=1)
    work.alone.update(zip(layers, answers, strict=True))


def _trial(state: State, changes: Changes) -> _Trial:
    trial = state.copy()
    for blob, match in changes.items():
        trial.choose(blob, match, Method.LOOKAHEAD, 0.7)
        trial.alternatives.pop(blob, None)
    return _Trial(changes, trial)


Score = tuple[int, float]
"""How many of the tested layers fail, and how badly they fit their operations."""


def _score(
    work: _Repair, trial: State, tested: Sequence[int], answers: Sequence[Mapping[str, Observation]]
) -> Score:
    fails, strain = 0, 0.0
    for index, seen in zip(tested, answers, strict=True):
        layer = trial.graph.layers[index]
        for blob in layer.outputs:
            if blob not in trial.chosen:
                align_blob(trial, index, blob, seen.get(blob))
        if any(blob not in trial.chosen for blob in layer.outputs):
            fails += 1
            continue
        fails += _fails(work, trial, index, seen)
        if all(blob in trial.chosen for blob in layer.inputs):
            strain += min(trial.layer_strain(index), _MOST_STRAIN)
    return fails, strain


def _blame(score: Score) -> float:
    return score[0] + _PER_STRAIN * score[1]


def _is_better(score: Score, than: Score) -> bool:
    """Less blame; but where no layer fails, none is made to: a layer that fits badly is no evidence alone."""
    return _blame(score) <= _blame(than) - _BETTER and (than[0] > 0 or score[0] == 0)


def _by_structure(state: State, index: int, options: Sequence[_Trial], scores: Sequence[Score]) -> int:
    """Without evidence from the layers around, take a hypothesis that alone fits the layer perfectly."""
    fitting = [
        place
        for place in range(1, len(options))
        if scores[place][0] <= scores[0][0]
        and options[place].state.layer_strain(index) == 0
        and all(blob in options[place].state.chosen for blob in state.graph.layers[index].outputs)
    ]
    return fitting[0] if len(fitting) == 1 else 0


def _keep(work: _Repair, changes: Changes, *, confident: bool) -> None:
    method, confidence = (Method.LOOKAHEAD, 0.7) if confident else (Method.STRUCTURE, 0.4)
    for blob, match in changes.items():
        work.state.choose(blob, match, method, confidence)
        work.state.alternatives.pop(blob, None)
        work.suspects.append(blob)
        _forget(work, blob)
