"""What rounding explains of every blob of a net, on every sample, in one precision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from edgekit.alignment.model import Alignment
from edgekit.alignment.sample import Sample
from edgekit.graph import Graph
from edgekit.numerics.floors import SMALLEST, Sums, floor
from edgekit.numerics.metrics import Comparison, Finding
from edgekit.ops.half import takes_winograd
from edgekit.verifier.run import Artefact
from edgekit.verifier.storage import narrowest
from edgekit.verifier.terms import sums_of

NO_LAYERS: Mapping[int, str] = MappingProxyType({})


class Limits:
    """The floors of `numerics.floors` for one artefact, its samples and a precision.

    `stored` names the precision of layers (by index) whose weights are stored in less than float32. `on_arm`
    says that the kernels may be those for ARM, some of which estimate what others divide.
    """

    def __init__(
        self,
        graph: Graph,
        alignment: Alignment,
        samples: Sequence[Sample],
        precision: str,
        stored: Mapping[int, str] = NO_LAYERS,
        *,
        on_arm: bool = True,
    ) -> None:
        self.precision = precision
        self.stored = stored
        self._on_arm = on_arm
        self._graph = graph
        self._alignment = alignment
        self._samples = samples
        self._summed: dict[str, Sums] = {}
        self._marked: frozenset[str] | None = None

    def isolated(self, blob: str, number: int) -> float:
        """Return the largest max_abs of a blob whose layer ran alone on sample `number`."""
        return floor(self._samples[number].noise[blob].isolated, self.precision, self.sums(blob))

    def propagated(self, blob: str, number: int) -> float:
        """Return the largest max_abs of a blob in a run of the whole net on sample `number`."""
        above = blob in self._below_winograd()
        sums = replace(self.sums(blob), weights=narrowest(self.stored), winograd_above=above)
        return floor(self._samples[number].noise[blob].propagated, self.precision, sums)

    def _below_winograd(self) -> frozenset[str]:
        """Blobs with a layer above them, or right before them, that ncnn may compute with winograd."""
        if self._marked is None:
            marked: set[str] = set()
            for layer in self._graph.layers:
                if takes_winograd(layer) or not marked.isdisjoint(layer.inputs):
                    marked.update(layer.outputs)
            self._marked = frozenset(marked)
        return self._marked

    def sums(self, blob: str) -> Sums:
        """How an element of a blob is summed."""
        if not self._summed:
            for entry in self._alignment.layers:
                layer = self._graph.layers[entry.index]
                sums = sums_of(layer, entry, self._samples[0], self.stored, on_arm=self._on_arm)
                self._summed.update(dict.fromkeys(entry.outputs, sums))
        return self._summed.get(blob, Sums())


def limits_of(
    artefact: Artefact, alignment: Alignment, samples: Sequence[Sample], precision: str | None = None
) -> Limits:
    """Return the limits of an artefact where it runs, in its own precision or another."""
    return Limits(
        artefact.graph,
        alignment,
        samples,
        precision or artefact.precision,
        artefact.stored,
        on_arm=artefact.on_arm,
    )


def is_above(comparison: Comparison, limit: float, precision: str) -> bool:
    """Whether a blob is further off than `limit`, or worthless whatever its distance."""
    return is_worthless(comparison, precision) or (
        comparison.metrics is not None and comparison.metrics.max_abs > limit
    )


def is_worthless(comparison: Comparison, precision: str) -> bool:
    """Whether the numbers say nothing; zeros do where the reference is too small for the precision."""
    if comparison.metrics is None:
        return True
    if comparison.finding is Finding.ALL_ZERO:  # then max_abs is the reference's peak
        return comparison.metrics.max_abs >= SMALLEST[precision]
    return comparison.finding is not None
