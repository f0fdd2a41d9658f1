"""The result of a comparison: differences with their effect and remedy, and what was equal all the same."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from edgekit import schema
from edgekit.runtimes.trace import Source

DIFF_SCHEMA = "edgekit.diff/1"


class Severity(StrEnum):
    """How much a difference matters, by its effect on what the network gives.

    P0  every result has another meaning, range or shape, or what follows is fed another shape
    P1  weights of a layer do not fit, or it computes something else, but what follows is fed the same shape
    P2  the weights fit; the numbers differ in detail (statistics, borders)
    P3  hardly any effect
    """

    P0 = "P0"
    P1 = "P1"
    P2 = "P2"
    P3 = "P3"


@dataclass(frozen=True, slots=True)
class Place:
    """One operation of one side: its name there, its ncnn layer, and where the PyTorch model says it.

    `definition` is the line that makes the module, `source` the line that calls it.
    """

    name: str
    layer: str
    source: Source | None = None
    definition: str | None = None

    @property
    def line(self) -> str | None:
        """The line to change, `file:line`: that which makes the module, else that which calls it."""
        if self.definition is None and self.source is not None and self.source.file is not None:
            return f"{self.source.file}:{self.source.line}"
        return self.definition


@dataclass(frozen=True, slots=True)
class Side:
    """What one side has: a name and a value in words. Both are None where it has nothing."""

    name: str | None
    value: str | None
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference. `kind` is one of activation, normalization, channels, kernel, stride, padding,
    dilation, groups, bias, pooling, resampling, missing, extra, wiring, shape, range, layer, parameters.

    `places` are all pairs of operations that differ in this very way, the first being left and right;
    `change` is what to do on the PyTorch side.
    """

    severity: Severity
    kind: str
    left: Side
    right: Side
    impact: str
    change: str | None = None
    places: tuple[tuple[Place | None, Place | None], ...] = ()

    @property
    def count(self) -> int:
        """How many operations differ in this way."""
        return max(len(self.places), 1)


@dataclass(frozen=True, slots=True)
class Equivalence:
    """Something that is written in two ways and means the same."""

    left: str
    right: str
    reason: str


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output: its name, its shape (of one item), and the interval that its values lie in."""

    name: str
    shape: tuple[int, ...] | None
    range: str | None = None


@dataclass(frozen=True, slots=True)
class PortPair:
    """An input or output of both sides, None where a side has none."""

    left: Port | None
    right: Port | None


@dataclass(frozen=True, slots=True)
class SideTotals:
    """Counts of one side: layers of the file, operations that were compared, parameters, MACs."""

    layers: int
    operations: int
    parameters: int
    macs: int | None


@dataclass(frozen=True, slots=True)
class WeightDifference:
    """A weight of a matched operation whose numbers differ, by `largest` of the largest of them."""

    name: str
    weight: str
    largest: float


@dataclass(frozen=True, slots=True)
class WeightComparison:
    """How many weights of matched operations are there on both sides, and which hold other numbers."""

    compared: int
    different: tuple[WeightDifference, ...] = ()

    @property
    def equal(self) -> int:
        """How many hold the same numbers."""
        return self.compared - len(self.different)


@dataclass(frozen=True, slots=True)
class DiffReport:
    """A whole comparison: `a` is the left side, `b` the right one."""

    a: str
    b: str
    differences: tuple[Difference, ...]
    left: SideTotals
    right: SideTotals
    matched: int
    inputs: tuple[PortPair, ...] = ()
    outputs: tuple[PortPair, ...] = ()
    equivalences: tuple[Equivalence, ...] = ()
    notes: tuple[str, ...] = ()
    weights: WeightComparison | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def same(self) -> bool:
        """Whether no difference matters."""
        return not self.differences

    def to_json(self) -> dict[str, Any]:
        """Return the document of `diff --json`."""
        return {
            "schema": DIFF_SCHEMA,
            "same": self.same,
            "a": self.a,
            "b": self.b,
            "inputs": schema.to_json(self.inputs),
            "outputs": schema.to_json(self.outputs),
            "differences": [_difference(each) for each in self.differences],
            "totals": {
                "left": schema.to_json(self.left),
                "right": schema.to_json(self.right),
                "matched": self.matched,
            },
            "equivalences": schema.to_json(self.equivalences),
            "weights": self.weights and {**schema.to_json(self.weights), "equal": self.weights.equal},
            "notes": schema.to_json(self.notes),
        }


def _difference(difference: Difference) -> dict[str, Any]:
    """Return a difference with all its places in brief, where there is more than the one of its sides."""
    document = {**schema.to_json(difference), "count": difference.count}
    del document["places"]
    if difference.count > 1:
        document["places"] = [
            {"left": _brief(left), "right": _brief(right)} for left, right in difference.places
        ]
    return document


def _brief(place: Place | None) -> dict[str, str | None] | None:
    return None if place is None else {"name": place.name, "layer": place.layer, "line": place.line}
