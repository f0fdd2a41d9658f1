"""All that differs between two aligned structures."""

from __future__ import annotations

from edgekit.differ.align import Matching
from edgekit.differ.alone import alone
from edgekit.differ.change import Change
from edgekit.differ.compare import compare_pair
from edgekit.differ.severity import judged
from edgekit.differ.wiring import rewired


def all_changes(found: Matching) -> tuple[Change, ...]:
    """Return all changes in the order of the network, each with the severity that its effect gives it."""
    changes: list[Change] = []
    for left_index, right_index in sorted(found.pairs.items()):
        changes += compare_pair(found.left.ops[left_index], found.right.ops[right_index])
    changes += alone(found)
    changes += rewired(found)
    changes.sort(key=lambda change: _position(change, found))
    return judged(changes, found)


def _position(change: Change, found: Matching) -> float:
    """Where a change stands in the left's file; what the right has alone comes after what feeds it."""
    if change.left is not None:
        return change.left.layers[0]
    assert change.right is not None
    pending = [change.right.index]
    while pending:
        index = pending.pop(0)
        if index in found.back:
            return found.left.ops[found.back[index]].layers[0] + 0.5
        pending += [producer for producer, _ in found.right.ops[index].inputs]
    return -1.0
