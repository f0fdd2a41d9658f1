"""Judge a hypothesis by the layers around it: how many of them fail under it, and how badly they fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edgekit.alignment import families
from edgekit.alignment.matching import TOLERANCE, Observation, tamed
from edgekit.alignment.model import Method
from edgekit.alignment.noise import is_exact, layer_noise
from edgekit.alignment.state import Changes, State
from edgekit.alignment.walk import align_blob
from edgekit.numerics.floors import Noise, floor, largest

_PER_STRAIN = 0.5  # what strain weighs against a failing layer
_PER_FAILING_STRAIN = 0.05  # the same of a layer that fails: it is wrong, so that it may well fit badly
_PARTIAL = 0.5  # what a layer counts that is near its tensor, if not near enough
_MOST_STRAIN = 12.0  # of one layer: beyond that it only says that something is wrong nearby
_MOST_FAILING_STRAIN = 6.0
_PER_COMPUTING = 0.15  # that a layer computes a tensor's numbers is no coincidence, that it moves them may be
_PER_CHANGE = 0.03  # what a hypothesis pays for every blob that it moves: the simpler one is likelier
_OTHER_AXES = 0.25  # strain of a layer whose result has axes of one element otherwise than PyTorch's
_BETTER = 0.08  # smallest gain that counts


@dataclass(frozen=True, slots=True)
class Trial:
    """A hypothesis: the changes, what holds under them, and how many they count as."""

    changes: Changes
    state: State
    price: int


def trial_of(state: State, changes: Changes) -> Trial:
    """Assume some changes; the state itself stays as it is."""
    trial = state.copy()
    for blob, match in changes.items():
        trial.choose(blob, match, Method.LOOKAHEAD, 0.7)
        trial.alternatives.pop(blob, None)
    return Trial(changes, trial, _price(state, changes))


def _price(state: State, changes: Changes) -> int:
    """How many changes a hypothesis is: sizes and orders spread, and all that they alter is one."""
    relaid = [
        blob
        for blob, match in changes.items()
        if blob in state.chosen and state.chosen[blob].value == match.value
    ]
    return len(changes) - max(len(relaid) - 1, 0)


@dataclass(frozen=True, slots=True)
class Score:
    """How many of the tested layers fail, how badly those that pass and those that fail fit, the price.

    `computing` counts the failing layers that do more than move numbers.
    """

    fails: float
    computing: int
    strain: float
    failing_strain: float
    changes: int


class Scorer:
    """Judges layers and hypotheses; remembers how much rounding explains."""

    def __init__(self) -> None:
        self._noises: dict[tuple[int, int, frozenset[int]], Noise] = {}

    def fails(self, state: State, index: int, seen: Mapping[str, Observation]) -> bool:
        """Whether a layer alone misses its tensors by more than rounding explains: the verdict's rule."""
        return self.fails_from(state, index, seen, state.anchors(state.graph.layers[index].inputs))

    def fails_from(
        self, state: State, index: int, seen: Mapping[str, Observation], anchors: Sequence[str]
    ) -> bool:
        """The same of a layer that was run from some blobs above it."""
        return any(
            self._misses(state, index, blob, seen.get(blob), anchors)
            for blob in state.graph.layers[index].outputs
            if blob in state.chosen
        )

    def score(
        self, trial: Trial, tested: Sequence[int], answers: Sequence[Mapping[str, Observation]]
    ) -> Score:
        """Judge the layers that a hypothesis concerns by the rule of the verdict.

        A layer that was not aligned and now gives some tensor's numbers, if not to within rounding, fails by
        half: there may be a second fault above it.
        """
        fails, computing, strains = 0.0, 0, [0.0, 0.0]
        state = trial.state
        anchors = [state.anchors(state.graph.layers[index].inputs) for index in tested]
        for index, seen, started in zip(tested, answers, anchors, strict=True):
            layer = state.graph.layers[index]
            open_blobs = [blob for blob in layer.outputs if blob not in state.chosen]
            for blob in open_blobs:
                align_blob(state, index, blob, seen.get(blob))
            if all(blob not in state.chosen for blob in layer.outputs):
                fails += 1
                continue
            left = any(blob not in state.chosen for blob in layer.outputs)
            failing = self.fails_from(state, index, seen, started)
            fails += 1.0 if left else failing * (_PARTIAL if open_blobs else 1.0)
            computing += (
                failing and not families.is_move(layer) and not _is_right_but_for_axes(state, index, seen)
            )
            strains[False] += _OTHER_AXES * (not failing and _has_other_axes(state, index))
            if all(blob in state.chosen for blob in layer.inputs):
                most = _MOST_FAILING_STRAIN if failing else _MOST_STRAIN
                strains[failing] += min(state.layer_strain(index, fails=failing), most)
        return Score(fails, computing, strains[False], strains[True], trial.price)

    def _misses(
        self, state: State, index: int, blob: str, seen: Observation | None, anchors: Sequence[str]
    ) -> bool:
        entry = state.chosen[blob]
        if seen is None or seen.arrays[0].shape != entry.layout.shape or not seen.finite:
            return True
        expected = entry.layout.apply(tamed(state.trace.values[entry.value]))
        if expected.dtype.kind != "f":
            return not np.array_equal(seen.arrays[0], expected)
        error = largest(np.subtract(seen.arrays[0], expected))
        layer = state.graph.layers[index]
        exact = is_exact(layer) and tuple(anchors) == tuple(dict.fromkeys(layer.inputs))
        if error == 0 or (error <= floor(Noise(0.0, 0.0, largest(expected))) and not exact):
            return False  # no need to measure how much more rounding would explain
        sources = tuple(dict.fromkeys(state.value(each) for each in anchors))
        key = (index, entry.value, frozenset(sources))
        if key not in self._noises:
            noise = layer_noise(state.flow, layer, sources, [entry.value], exact=exact)
            self._noises[key] = noise[entry.value]
        return error > floor(self._noises[key])


def _is_right_but_for_axes(state: State, index: int, seen: Mapping[str, Observation]) -> bool:
    """Whether all that is wrong with a layer's results are their axes of one element."""
    pairs = [
        (state.chosen[blob].layout, seen[blob])
        for blob in state.graph.layers[index].outputs
        if blob in state.chosen and blob in seen
    ]
    return bool(pairs) and all(
        found.arrays[0].shape != layout.shape
        and tuple(size for size in found.arrays[0].shape if size > 1) == layout.sizes
        for layout, found in pairs
    )


def _has_other_axes(state: State, index: int) -> bool:
    """Whether a layer's results have axes of one element where no such view of their tensors has them."""
    for blob in state.graph.layers[index].outputs:
        entry = state.chosen.get(blob)
        if entry is None or blob in state.pinned or not entry.layout.is_identity:
            continue
        shapes = [state.trace.values[value].shape for value in state.flow.same_order(entry.value)]
        if not any(entry.layout.shape in (shape, shape[1:]) for shape in shapes):
            return True
    return False


def is_far(state: State, index: int, seen: Mapping[str, Observation]) -> bool:
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


def blame(score: Score) -> float:
    """What a hypothesis has against it, in failing layers."""
    strain = _PER_STRAIN * score.strain + _PER_FAILING_STRAIN * score.failing_strain
    return score.fails + _PER_COMPUTING * score.computing + strain + _PER_CHANGE * score.changes


def is_better(score: Score, than: Score) -> bool:
    """Less blame; but where no layer fails, none is made to: a layer that fits badly is no evidence alone."""
    return blame(score) <= blame(than) - _BETTER and (than.fails > 0 or score.fails == 0)
