"""Find the alignment that blames the fewest layers, and those whose operations fit them.

Every aligned layer is run alone on reference tensors. Where it does not give what it should, or cannot be
aligned, or fits its operations badly, hypotheses are tried (`hypotheses`): each is injected, the layers
around it run alone again, and the one under which the fewest of them fail is kept. With equal counts the
better fit of layers to operations decides, and without any difference nothing is changed: a wrong
alignment is worse than none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from edgekit.alignment import hypotheses, moves, sizes
from edgekit.alignment.alone import clearly_better, injection, isolation
from edgekit.alignment.matching import Observation
from edgekit.alignment.model import Method
from edgekit.alignment.observe import Observer, Probe, blobs_of
from edgekit.alignment.scoring import Score, Scorer, Trial, blame, is_better, is_far, trial_of
from edgekit.alignment.state import Changes, State
from edgekit.alignment.walk import settle, walk_layers

_BADLY = 0.4  # strain that makes a layer doubtful; reading a twin does not
# Bounds on the work of a round: what is left over is doubted in the next one.
_AHEAD = 6  # unaligned layers below a changed blob that may speak for or against the change
_MOST_STOPS = 6
_MOST_DOUBTS = 12
_MOST_JOINT = 12
_MOST_ROUNDS = 40  # each but the last keeps a change, so that this many faults are put right


@dataclass(slots=True)
class _Repair:
    """The knowledge that grows from round to round."""

    state: State
    observer: Observer
    alone: dict[int, dict[str, Observation]] = field(default_factory=dict)
    scorer: Scorer = field(default_factory=Scorer)
    given_up: dict[int, tuple[object, ...]] = field(default_factory=dict)
    suspects: list[str] = field(default_factory=list)


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
        (seen,) = work.observer.ask([Probe(injection(state, anchors), blobs_of(state.graph, rest))])
        before = len(rest)
        rest = walk_layers(state, seen, rest)
        if len(rest) == before:
            break
        settle(state, [blob for blob in blobs_of(state.graph, left) if blob in state.alternatives])
    return rest


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
            better = clearly_better(state, index, blob, seen.get(blob))
            if better is not None:
                state.choose(blob, better, Method.TOPOLOGY, 0.9)
                moved.append(blob)
    for blob in moved:
        _forget(work, blob, producer=False)
    if moved:
        _run_alone(work)


def _forget(work: _Repair, blob: str, *, producer: bool = True) -> None:
    """Let the layers around a changed blob be run and doubted again."""
    around = {*work.state.readers(blob)} | ({work.state.graph.blobs[blob].producer} if producer else set())
    for index in around:
        work.alone.pop(index, None)


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
            or (is_far(state, index, seen) and work.scorer.fails(state, index, seen))
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
    inputs = [
        *hypotheses.of_inputs(state, index),
        *sizes.of_shapes(state, index),
        *moves.of_moves(state, index),
    ]
    if not open_blobs:
        return inputs
    blob, seen = open_blobs[0], work.alone.get(index, {})
    outputs = [
        *sizes.of_parts(state, index),
        *hypotheses.of_output(state, index, blob, seen.get(blob)),
    ]
    joint = []
    for change in inputs:
        below = hypotheses.of_output(trial_of(state, change).state, index, blob, seen.get(blob))[:1]
        joint += [{**change, **each} for each in below if _fits(state, index, {**change, **each})]
    return [*inputs, *outputs, *joint[:_MOST_JOINT]]


def _fits(state: State, index: int, change: Changes) -> bool:
    return trial_of(state, change).state.layer_strain(index) < _BADLY


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
    return sorted(number for number in around if number == index or not _only_copies(state, number))


def _only_copies(state: State, index: int) -> bool:
    """Whether a layer hands on whatever it is given, so that it speaks for no hypothesis about another."""
    return state.graph.layers[index].type in ("Input", "Split", "Noop", "Dropout")


def _decide(work: _Repair, doubts: Sequence[int], left: Sequence[int]) -> bool:
    """Try the hypotheses about all doubtful layers in one go; keep the best of each. True if any was kept."""
    state = work.state
    _run_unaligned(work, [index for index in doubts if index in left])
    trials: list[tuple[int, list[int], list[Trial]]] = []
    for index in doubts:
        changes = _changes(work, index)
        tested = _tested(state, index, changes, left)
        trials.append((index, tested, [trial_of(state, {}), *(trial_of(state, each) for each in changes)]))
    questions = [
        isolation(trial.state, number)
        for _, tested, options in trials
        for trial in options
        for number in tested
    ]
    answers = iter(work.observer.ask(questions, probes=1))
    ground = [_ground(state, tested) for _, tested, _ in trials]
    kept = False
    for (index, tested, options), stood_on in zip(trials, ground, strict=True):
        seen = [[next(answers) for _ in tested] for _ in options]
        if _ground(state, tested) != stood_on:
            continue  # an earlier decision changed what these answers rest on: ask again
        scores = [work.scorer.score(trial, tested, each) for trial, each in zip(options, seen, strict=True)]
        best = min(range(len(options)), key=lambda place: (blame(scores[place]), place))
        kept_changes, confident = options[best].changes, True
        if not is_better(scores[best], scores[0]):
            kept_changes, confident = _without_evidence(work, index, options, scores, left)
        if not kept_changes:
            work.given_up[index] = _circumstances(state, index)
            continue
        kept = True
        _keep(work, kept_changes, confident=confident)
    return kept


def _without_evidence(
    work: _Repair, index: int, options: Sequence[Trial], scores: Sequence[Score], left: Sequence[int]
) -> tuple[Changes, bool]:
    """What to do where no hypothesis about one layer makes others pass; also whether that is sure."""
    if index not in left:
        return {}, False
    pair = _with_next(work, index, left)
    if pair:
        return pair, True
    return options[_by_structure(work.state, index, options, scores)].changes, False


def _with_next(work: _Repair, index: int, left: Sequence[int]) -> Changes:
    """Look a layer further: a layer and one that reads it may both be wrong. Empty where that helps none."""
    state = work.state
    pairs = [{}, *hypotheses.pairs_of(state, index, left)]
    if len(pairs) == 1:
        return {}
    tested = _tested(state, index, pairs, left)
    options = [trial_of(state, each) for each in pairs]
    questions = [isolation(option.state, number) for option in options for number in tested]
    answers = iter(work.observer.ask(questions, probes=1))
    scores = [work.scorer.score(option, tested, [next(answers) for _ in tested]) for option in options]
    best = min(range(len(pairs)), key=lambda place: (blame(scores[place]), place))
    return pairs[best] if scores[best].fails <= scores[0].fails - 1 else {}


def _ground(state: State, layers: Sequence[int]) -> list[object]:
    """What the answers of some layers alone rest on: the tensors at which they start, and their own."""
    blobs = [
        blob
        for index in layers
        for layer in [state.graph.layers[index]]
        for blob in (*state.anchors(layer.inputs), *layer.outputs)
    ]
    return [
        (blob, state.chosen[blob].value, state.chosen[blob].layout) if blob in state.chosen else blob
        for blob in blobs
    ]


def _run_unaligned(work: _Repair, layers: Sequence[int]) -> None:
    state = work.state
    answers = work.observer.ask([isolation(state, index) for index in layers], probes=1)
    work.alone.update(zip(layers, answers, strict=True))


def _by_structure(state: State, index: int, options: Sequence[Trial], scores: Sequence[Score]) -> int:
    """Without evidence from the layers around, take the hypothesis that fits the layer best, if one does."""
    fitting = [
        (options[place].state.layer_strain(index), place)
        for place in range(1, len(options))
        if scores[place].fails <= scores[0].fails
        and all(blob in options[place].state.chosen for blob in state.graph.layers[index].outputs)
    ]
    fitting = sorted(each for each in fitting if each[0] < _BADLY)
    alone = len(fitting) == 1 or (len(fitting) > 1 and fitting[0][0] < fitting[1][0])
    return fitting[0][1] if alone else 0


def _keep(work: _Repair, changes: Changes, *, confident: bool) -> None:
    method, confidence = (Method.LOOKAHEAD, 0.7) if confident else (Method.STRUCTURE, 0.4)
    for blob, match in changes.items():
        work.state.choose(blob, match, method, confidence)
        work.state.alternatives.pop(blob, None)
        work.suspects.append(blob)
        _forget(work, blob)
