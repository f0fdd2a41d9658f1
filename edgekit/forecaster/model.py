"""A forecast as values: per layer what half precision will do to it, before any ARM core is at hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from edgekit import schema
from edgekit.forecaster.kernels import Kernel
from edgekit.forecaster.outcome import State
from edgekit.runtimes.trace import Source

INSIDE = "a sum inside it"
READS = "what it reads"
FADES = "is too small and becomes zero"
CONSTANT = "its constant"


class Risk(StrEnum):
    """What is wrong with a layer.

    NONE       it rounds, and that is all
    OVERFLOW   a number that it reads, holds or writes is beyond the precision: infinity or NaN
    ERROR      its error is twice what rounding explains (the floor that verify judges by) or more
    UNDERFLOW  most of what it writes is too small to be stored and becomes zero
    """

    NONE = "none"
    OVERFLOW = "overflow"
    ERROR = "error"
    UNDERFLOW = "underflow"


@dataclass(frozen=True, slots=True)
class LayerForecast:
    """One layer. `error` is the largest difference that it makes alone on PyTorch's inputs, None at overflow.

    `alone` is the state of its result on PyTorch's inputs, `entire` in the whole run, where what comes in may
    be infinite already. `peak` is the largest number that it reads or writes, `where` says which part of the
    layer leaves the range, `lost` the share of its numbers that become zero. `holds` is the largest number
    that a function gives there; it may saturate far below what PyTorch has.
    """

    index: int
    name: str
    type: str
    blob: str
    kernel: Kernel
    risk: Risk
    error: float | None
    floor: float
    peak: float
    alone: State = State.FINITE
    entire: State = State.FINITE
    where: str | None = None
    lost: float = 0.0
    holds: float | None = None
    source: Source | None = None

    @property
    def inside(self) -> bool:
        """Whether all that the layer reads and writes fits: float32 sums alone may cure it."""
        return self.where is None or self.where.startswith((INSIDE, CONSTANT))

    @property
    def fades(self) -> bool:
        """Whether the range is left at its lower end: a number that the layer reads becomes zero."""
        return self.where is not None and self.where.endswith(FADES)

    @property
    def overreads(self) -> bool:
        """Whether what it is handed by PyTorch is beyond the precision already."""
        return self.where is not None and self.where.startswith(READS) and not self.fades

    def after(self, entire: State) -> LayerForecast:
        """Return the same layer with its state in the whole run."""
        return replace(self, entire=entire)


@dataclass(frozen=True, slots=True)
class Forecast:
    """All layers that could be told, and the names and reasons of the others."""

    precision: str
    layers: tuple[LayerForecast, ...]
    untold: Mapping[str, str] = field(default_factory=dict)

    @property
    def at_risk(self) -> tuple[LayerForecast, ...]:
        """The layers that will fail, in file order."""
        return tuple(layer for layer in self.layers if layer.risk in (Risk.OVERFLOW, Risk.ERROR))

    @property
    def holds(self) -> bool:
        """Whether no layer is at risk."""
        return not self.at_risk

    @property
    def broken(self) -> tuple[LayerForecast, ...]:
        """The layers that give infinity or NaN in the whole run."""
        return tuple(layer for layer in self.layers if layer.entire is not State.FINITE)

    def to_json(self) -> dict[str, Any]:
        """Return the object under the key `forecast` of `verify --json`."""
        return {
            "precision": self.precision,
            "holds": self.holds,
            "at_risk": [layer.name for layer in self.at_risk],
            "layers": schema.to_json(self.layers),
            "untold": schema.to_json(self.untold),
        }
