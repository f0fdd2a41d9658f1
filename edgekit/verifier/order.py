"""Which input of a file of other make is which, where only their order in the file said so.

What its layers make of one order or another tells: inputs are exchanged two at a time, and an exchange is
kept where more blobs then hold tensors of the model. The input that is read first is decided first, since
what comes after a wrong one is wrong whatever it reads itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations, permutations

from edgekit.alignment import Port
from edgekit.devices import WorkerCrashed, WorkerError
from edgekit.graph import Graph
from edgekit.verifier.trial import Trial, Trials

_MOST_TRIED = 64  # runs of the whole net

_FEW = 4  # inputs, of which every order is tried: two that one layer reads count only when both are right


def settled_order(best: Trial, blobs: Sequence[str], trials: Trials) -> tuple[Trial, frozenset[str]]:
    """Try other orders of some inputs, which are otherwise as good as any.

    Returns the trial in which most blobs hold some tensor of the model, and those of `blobs` that this
    decides: all where the outputs have the model's numbers, else those for which every other order is worse.
    """
    search = _Search(best, _as_read(best.artefact.graph, blobs), trials)
    search.exchange()
    if len(blobs) <= _FEW and len(search.decided()) < len(blobs):
        search.permute()
    return search.best, search.decided()


def _as_read(graph: Graph, blobs: Sequence[str]) -> list[str]:
    """Order input blobs by the first layer that reads them, or a copy of them."""

    def first_reader(blob: str) -> int:
        places = graph.blobs[blob].consumers
        copies = [
            copy
            for place in places
            if graph.layers[place].type == "Split"
            for copy in graph.layers[place].outputs
        ]
        direct = [place for place in places if graph.layers[place].type != "Split"]
        return min([*direct, *map(first_reader, copies)], default=len(graph.layers))

    return sorted(blobs, key=first_reader)


class _Search:
    """The best order so far, and how much of the model was found in every one that was tried."""

    def __init__(self, best: Trial, blobs: Sequence[str], trials: Trials) -> None:
        self.best = best
        self._blobs, self._trials = tuple(blobs), trials
        self._known = {} if best.ends else {best.inputs: best.known}

    def exchange(self) -> None:
        """Exchange inputs two at a time for as long as that helps."""
        before = None
        while not self.best.ends and self.best is not before:
            before = self.best
            for one, two in combinations(self._blobs, 2):
                self._try(_exchanged(self.best.inputs, one, two))

    def permute(self) -> None:
        """Try every order."""
        start = self.best.inputs
        for order in permutations(self._blobs):
            self._try(_taken(start, dict(zip(self._blobs, order, strict=True))))

    def decided(self) -> frozenset[str]:
        """Return the inputs of which no exchange with another leaves as much of the model."""
        if self.best.ends:
            return frozenset(self._blobs)
        inputs, best = self.best.inputs, self.best.known
        equal = {
            blob
            for pair in combinations(self._blobs, 2)
            if self._known.get(_exchanged(inputs, *pair), best) >= best
            for blob in pair
        }
        return frozenset(self._blobs) - equal

    def _try(self, inputs: tuple[Port, ...]) -> None:
        if self.best.ends or inputs in self._known or len(self._known) > _MOST_TRIED:
            return
        try:
            other = self._trials.run(inputs)
        except (WorkerError, WorkerCrashed):
            self._known[inputs] = -1  # a layer cannot take such an input
            return
        self._known[inputs] = other.known
        if other.known > self.best.known:
            self.best = other


def _exchanged(inputs: tuple[Port, ...], one: str, two: str) -> tuple[Port, ...]:
    return _taken(inputs, {one: two, two: one})


def _taken(inputs: tuple[Port, ...], order: Mapping[str, str]) -> tuple[Port, ...]:
    """Let inputs be taken for what others are taken for."""
    by_blob = {port.blob: port for port in inputs}
    return tuple(
        replace(by_blob[order[port.blob]], blob=port.blob) if port.blob in order else port for port in inputs
    )
