"""Diff: where do two networks differ, what does it do, and what is to be changed?"""

from edgekit.differ.diff import diff
from edgekit.differ.model import (
    Difference,
    DiffReport,
    Equivalence,
    Place,
    Severity,
    Side,
    SideTotals,
    WeightComparison,
    WeightDifference,
)

__all__ = [
    "DiffReport",
    "Difference",
    "Equivalence",
    "Place",
    "Severity",
    "Side",
    "SideTotals",
    "WeightComparison",
    "WeightDifference",
    "diff",
]
