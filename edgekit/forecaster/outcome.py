"""What becomes of one layer's output: how far off, and whether numbers are left."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class State(StrEnum):
    """The worst number in a tensor."""

    FINITE = "finite"
    INF = "inf"
    NAN = "nan"

    @property
    def rank(self) -> int:
        """0 for finite, 2 for NaN."""
        return tuple(State).index(self)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The largest error (None where the result is not finite), the state of the result, its largest number.

    `peak` is None where it is near enough that of the exact result.
    """

    error: float | None
    state: State = State.FINITE
    peak: float | None = None


def state_of(values: Array) -> State:
    """Return the worst number in an array."""
    if np.isnan(values).any():
        return State.NAN
    return State.INF if np.isinf(values).any() else State.FINITE


def outcome(got: Array, wanted: Array, factor: float = 1.0) -> Outcome:
    """Compare a result with the exact one; infinities that the exact one has too are none of its faults."""
    usable = np.isfinite(wanted)
    state = state_of(got[usable])
    if state is not State.FINITE:
        return Outcome(None, state)
    error = float(np.max(np.abs(got[usable] - wanted[usable]), initial=0.0))
    return Outcome(error * factor)
