"""All that differs between two aligned structures."""

from __future__ import annotations

from edgekit.differ.align import Matching
from edgekit.differ.alone import alone
from edgekit.differ.change import Change
from edgekit.differ.compare import compare_pair
from edgekit.differ.severity import judged
from edgekit.differ.views import regrouped
from edgekit.differ.wiring import rewired

_HEAVY = {"missing": 1.5, "extra": 1.5, "wiring": 1.5}
_COMPANION = 0.25


def all_changes(found: Matching) -> tuple[Change, ...]:
    """Return all changes in the order of the network, each with the severity that its effect gives it."""
    changes = sorted(_plain(found), key=lambda change: _position(change, found))
    return judged(changes, found)


def burden(found: Matching) -> float:
    """Return how much an alignment leaves to be said: of two, that which says less is rather what was meant.

    What one side lacks counts more than what is otherwise, and so does what is wired elsewhere.
    """
    return sum(_HEAVY.get(change.kind, 1.0) + _COMPANION * len(change.companions) for change in _plain(found))


def _plain(found: Matching) -> list[Change]:
    changes: list[Change] = []
    for left_index, right_index in sorted(found.pairs.items()):
        changes += compare_pair(found.left.ops[left_index], found.right.ops[right_index])
    changes = [*changes, *alone(found), *rewired(found), *regrouped(found)]
    return _without_folded_biases(changes)


def _without_folded_biases(changes: list[Change]) -> list[Change]:
    """Leave out the bias of a layer whose BatchNorm is folded where the other side has a norm of its own.

    The shift of the BatchNorm is that bias, and that the norms differ is said.
    """
    norms = [change for change in changes if change.kind == "normalization"]
    left = {each.left.index for each in norms if each.left is not None and each.left.kind != "norm"}
    right = {each.right.index for each in norms if each.right is not None and each.right.kind != "norm"}
    return [change for change in changes if not (change.kind == "bias" and _folded(change, left, right))]


def _folded(change: Change, left: set[int], right: set[int]) -> bool:
    assert change.left is not None
    assert change.right is not None
    mine = change.left.index in left and bool(change.left.facts["bias"])
    return mine or (change.right.index in right and bool(change.right.facts["bias"]))


def _position(change: Change, found: Matching) -> float:
    """Where a change stands in the left's file; what the right has alone comes after what feeds it."""
    if change.left is not None:
        return change.left.layers[0]
    assert change.right is not None
    pending, seen = [change.right.index], set[int]()
    while pending:
        index = pending.pop(0)
        if index in found.back:
            return found.left.ops[found.back[index]].layers[0] + 0.5
        if index not in seen:
            seen.add(index)
            pending += [producer for producer, _ in found.right.ops[index].inputs]
    return -1.0
