"""A repair as values: which layers are kept out of half precision, what it took, what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

from edgekit import schema
from edgekit.alignment.model import Alignment, LayerAlignment
from edgekit.graph import Graph
from edgekit.ops.half import NO_WINOGRAD
from edgekit.repairer.rescaling import Rescaling
from edgekit.runtimes.trace import Source
from edgekit.verifier import LayerResult, VerifyReport


class Keep(IntEnum):
    """What a layer is spared; the value is its feature mask in the `.param`. The weakest comes first.

    DIRECT  fp16 throughout, but no winograd kernel (64)
    SUMS    sums and functions in float32, blobs and weights stored in fp16 (1: fp16 arithmetic off)
    ALL     blobs and weights too (1 + 2: fp16 arithmetic and storage off)
    """

    DIRECT = NO_WINOGRAD
    SUMS = 1
    ALL = 3

    @property
    def in_half(self) -> bool:
        """Whether the layer stays in half precision."""
        return self is Keep.DIRECT

    @property
    def words(self) -> str:
        """What the layer does then."""
        return {
            Keep.DIRECT: "stays in fp16, without winograd",
            Keep.SUMS: "computes in float32, stores fp16",
            Keep.ALL: "computes and stores float32",
        }[self]


@dataclass(frozen=True, slots=True)
class Kept:
    """One layer that is masked, by its index in the bundle that was repaired."""

    index: int
    name: str
    type: str
    keep: Keep
    why: str
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Rescaled:
    """A layer kept in fp16 by an exact change of scale: its weights times 2^-exponent, the next ones' times
    2^exponent.
    """

    index: int
    name: str
    type: str
    exponent: int
    consumers: tuple[str, ...]
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """One run on the device: which masks, and what still failed (layer names, `output NAME`)."""

    number: int
    what: str
    masks: Mapping[str, int]
    failing: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing failed."""
        return not self.failing


@dataclass(frozen=True, slots=True)
class Cost:
    """What one model costs at run time.

    `weight_bytes` as held in memory, `activation_bytes` as read and written by one run; `instructions` of
    an emulated run, `latency_s` (median) of a real device; None where that was not measured.
    """

    layers: int
    half_layers: int
    file_bytes: int
    weight_bytes: int
    activation_bytes: int
    instructions: int | None = None
    latency_s: float | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """The model before and after; `note` says why something was not counted."""

    before: Cost
    after: Cost
    timed_on: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Repair:
    """The outcome. `bundle` is where the repaired bundle was written, None where nothing had to be done.

    `before` and `after` are verifications on the device; `diff` the changed lines of the `.param`.
    """

    source: str
    precision: str
    before: VerifyReport
    after: VerifyReport
    kept: tuple[Kept, ...]
    trials: tuple[Trial, ...]
    bundle: str | None = None
    diff: tuple[str, ...] = ()
    widened: int = 0
    price: Price | None = None
    rescaled: tuple[Rescaled, ...] = ()

    @property
    def kept_out(self) -> int:
        """How many layers are kept out of half precision."""
        return sum(not each.keep.in_half for each in self.kept)

    @property
    def direct(self) -> int:
        """How many layers stay in fp16 without their winograd kernels."""
        return sum(each.keep.in_half for each in self.kept)

    @property
    def needed(self) -> bool:
        """Whether there was anything to repair."""
        return not self.before.passed

    @property
    def holds(self) -> bool:
        """Whether the repaired model passes on the device."""
        return self.after.passed

    def _kept_json(self, each: Kept) -> dict[str, Any]:
        """One layer with its error alone, on PyTorch's inputs, before and after."""
        after = next((layer for layer in self.after.layers if layer.name == each.name), None)
        return {
            **schema.to_json(each),
            "mask": int(each.keep),
            "before": _error(self.before.layers[each.index]),
            "after": None if after is None else _error(after),
        }

    def to_json(self) -> dict[str, Any]:
        """Return the object under the key `repair` of `verify --json`."""
        return {
            "source": self.source,
            "bundle": self.bundle,
            "precision": self.precision,
            "needed": self.needed,
            "kept": [self._kept_json(each) for each in self.kept],
            "kept_out": self.kept_out,
            "direct": self.direct,
            "widened": self.widened,
            "rescaled": schema.to_json(self.rescaled),
            "trials": [{**schema.to_json(each), "holds": each.holds} for each in self.trials],
            "price": schema.to_json(self.price),
            "diff": list(self.diff),
            "before": {"verdict": self.before.verdict.value, "culprits": list(self.before.culprits)},
        }


def _error(layer: LayerResult) -> float | str | None:
    """Return the isolated max_abs, or what is wrong with the result where there is none."""
    if layer.isolated is not None:
        return layer.isolated.max_abs
    return None if layer.finding is None else layer.finding.value


def rescaled_layer(alignment: Alignment, graph: Graph, change: Rescaling) -> Rescaled:
    """Return a change of scale as what is told of it."""
    entry = alignment.layers[change.producer]
    consumers = tuple(graph.layers[index].name for index in change.consumers)
    return Rescaled(entry.index, entry.name, entry.type, change.exponent, consumers, entry.source)


def kept(entry: LayerAlignment, keep: Keep, why: str) -> Kept:
    """Return a layer of an alignment as one that is kept."""
    return Kept(entry.index, entry.name, entry.type, keep, why, entry.source)


def with_repair(repair: Repair) -> VerifyReport:
    """Return the verification of the repaired model with the repair beside it."""
    after = repair.after
    return replace(after, extra={**after.extra, "repair": repair.to_json()})
