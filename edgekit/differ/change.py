"""One thing that differs, before its effect on the whole network is known."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from edgekit.differ.model import Severity
from edgekit.differ.structure import Op

_WEIGHTED = frozenset({"conv", "deconv", "linear", "recurrent", "attention", "embed", "custom", "constant"})
_COMMUTATIVE = frozenset({"add", "mul", "max", "min"})

Found = tuple[str, str, str, Severity, str]
"""What differs between two operations: kind, left value, right value, severity, impact."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs between two operations, or an operation that one side lacks.

    `severity` is what the change is worth by itself; `companions` are operations of the same side that
    came or went with it (the activation of a missing convolution). Of a rewiring, `feeds` are the
    operations of the right that the left's wiring means, and the other way round; `spares` those of the left
    and of the right that are fed and not meant; where these are before and after one operation, `around`
    says in two values what meets on each side, whatever its name. Of numbers of channels
    that are in one ratio throughout, `ratio` is that of the left to the right.
    """

    kind: str
    left: Op | None
    right: Op | None
    left_value: str | None
    right_value: str | None
    severity: Severity
    impact: str
    companions: tuple[Op, ...] = ()
    feeds: tuple[tuple[Op, ...], tuple[Op, ...]] = ((), ())
    spares: tuple[tuple[Op, ...], tuple[Op, ...]] = ((), ())
    around: tuple[str, str] | None = None
    ratio: Fraction | None = None


def is_weighted(op: Op) -> bool:
    """Whether an operation brings learned numbers of its own that are no scale or shift."""
    return op.kind in _WEIGHTED


def is_commutative(op: Op) -> bool:
    """Whether the order of the operands is of no consequence."""
    return op.kind == "binary" and op.facts["op"] in _COMMUTATIVE
