"""Runs of a file of other make under what its inputs may be, and how much of the model is found in each."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from edgekit.alignment import Ahead, Artefact, Port, Seen, capture
from edgekit.runtimes.trace import Trace


class Trials:
    """Runs an artefact with its inputs taken otherwise.

    `told` are outputs that the file itself names: they have to hold the numbers of just that trace value.
    """

    def __init__(self, artefact: Artefact, ahead: Ahead, told: Mapping[str, int]) -> None:
        self.artefact, self.ahead, self.told = artefact, ahead, told

    @property
    def trace(self) -> Trace:
        """The trace whose inputs are fed."""
        return self.ahead.index.traces[0]

    def run(self, inputs: tuple[Port, ...]) -> Trial:
        """Run the net with these inputs.

        Raises:
            WorkerCrashed, WorkerError: ncnn cannot run it.
        """
        artefact = replace(self.artefact, inputs=inputs)
        return Trial(artefact, capture(artefact, self.ahead), self)

    def holds(self, seen: Seen, blob: str, among: Collection[int]) -> bool:
        """Whether a blob has the numbers of one of these tensors of the model."""
        if blob not in seen or not seen[blob].finite:
            return False
        if blob in self.told:
            among = [self.told[blob]]
        return bool(self.ahead.index.matches(seen[blob], among))


@dataclass(frozen=True, eq=False)
class Trial:
    """An artefact whose inputs are taken in some way, and what its blobs then hold."""

    artefact: Artefact
    seen: Seen
    trials: Trials

    @property
    def inputs(self) -> tuple[Port, ...]:
        """What each input was taken for."""
        return self.artefact.inputs

    @cached_property
    def ends(self) -> bool:
        """Whether every output has the numbers of one of the model's."""
        wanted = self.trials.trace.outputs.values()
        return all(self.trials.holds(self.seen, blob, wanted) for blob in self.artefact.graph.output_blobs)

    @cached_property
    def known(self) -> int:
        """How many blobs that a layer makes hold the numbers of a tensor of the model."""
        values = list(self.trials.trace.producers)
        made = [
            blob
            for layer in self.artefact.graph.layers
            for blob in layer.outputs
            if layer.type not in ("Input", "Split") or blob in self.trials.told
        ]
        return sum(self.trials.holds(self.seen, blob, values) for blob in made)
