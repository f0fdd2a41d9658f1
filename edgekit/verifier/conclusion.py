"""What all culprits have in common: one cause that explains them together."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.alignment.model import Alignment, LayerAlignment
from edgekit.graph import Graph
from edgekit.verifier.model import LayerResult, Status
from edgekit.verifier.refit import OTHER_NORM

_FEWEST = 2
"""Culprits that are needed before what they share says more than each alone."""

_OTHER_CHECKPOINT = "the .bin belongs to another checkpoint"
_OTHER_NORM = "it was folded with another eps or other statistics"


def conclude(layers: Sequence[LayerResult], graph: Graph, alignment: Alignment) -> str | None:
    """Return one sentence on all culprits, without its full stop; None where no one cause is theirs alone.

    Layers that were not compared are neither for nor against it. A culprit that a change of its own makes
    right has a cause of its own, unless that change is another norm.
    """
    compared = {layer.index for layer in layers if layer.status is not Status.UNMATCHED}
    culprits = {layer.index for layer in layers if layer.status is Status.FAIL}
    remedies = [layers[index].remedy for index in culprits]
    norms = all(each is None or each.endswith(OTHER_NORM) for each in remedies)
    if len(culprits) < _FEWEST or not norms:
        return None
    weighted = {index for index in compared if graph.layers[index].weights}
    normed = {index for index in weighted if _holds_norm(alignment.layers[index])}
    if culprits == weighted and not any(remedies):
        words = "every compared layer that has weights is wrong and no other"
        if culprits == normed:
            either = f"{_OTHER_CHECKPOINT}, or the BatchNorm was folded with another eps"
            return f"{words}, and each holds a folded BatchNorm: {either}"
        return f"{words}: {_OTHER_CHECKPOINT}"
    if culprits == normed:
        return f"these, and only these, hold a folded BatchNorm: {_OTHER_NORM}"
    return None


def _holds_norm(entry: LayerAlignment) -> bool:
    """Whether a BatchNorm of the model is folded into the layer."""
    return entry.type != "BatchNorm" and any("batch_norm" in each.op for each in entry.operations)
