"""How much each change matters, judged by what it does to the layers that follow.

Every operation of the right network that is as on the left is asked whether it is fed the shape that it is
fed on the left, when its inputs are worked out from the left's shapes and the changes since then. If not,
those of the changes that alter a shape are P0. A change that ends in the same shape stays what it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edgekit.differ.align import Matching
from edgekit.differ.change import Change, is_weighted
from edgekit.differ.draft import Shape, Value
from edgekit.differ.model import Severity
from edgekit.differ.shape_effect import MaybeShape, shape_after
from edgekit.differ.structure import Op, Structure

Blame = frozenset[int]
"""Changes, by their position in the list."""

_NOTHING: Blame = frozenset()
_MINOR = ("bias", "range")


def judged(changes: Sequence[Change], found: Matching) -> tuple[Change, ...]:
    """Return the changes with the severity that their effect gives them."""
    spread = _Spread(changes, found).blamed()
    raised = []
    for index, change in enumerate(changes):
        if index in spread and change.kind not in _MINOR:
            impact = f"{change.impact}; what follows is fed another shape"
            raised.append(replace(change, severity=Severity.P0, impact=impact))
        elif _bounds_the_output(change, found):
            raised.append(replace(change, severity=Severity.P0, impact=_impact_on_outputs(change)))
        else:
            raised.append(change)
    return tuple(raised)


_OF_EACH_NUMBER = ("activation", "missing", "extra", "parameters", "layer")


def _impact_on_outputs(change: Change) -> str:
    """Say the impact of what happens to every number that an output consists of."""
    if change.kind == "activation":
        return change.impact.replace("values", "the network's outputs", 1)
    if change.kind in ("missing", "extra"):
        side = "left" if change.right is None else "right"
        return f"the network's outputs pass through it on the {side} only"
    return f"{change.impact}, to the network's outputs"


def _bounds_the_output(change: Change, found: Matching) -> bool:
    """Whether a function of single numbers is the last that happens to an output, moving of numbers aside."""
    if change.kind not in _OF_EACH_NUMBER:
        return False
    on_left = change.left is not None and _reaches_the_end(found.left, change.left)
    on_right = change.right is not None and _reaches_the_end(found.right, change.right)
    return on_left or on_right


def _reaches_the_end(structure: Structure, op: Op) -> bool:
    if not _is_of_each_number(op):
        return False
    pending = [op.index]
    while pending:
        index = pending.pop()
        if index in structure.ends:
            return True
        pending += [
            reader
            for reader in structure.readers[index]
            if structure.ops[reader].kind in ("permute", "crop", "concat", "unary")
            or _applies_a_number(structure.ops[reader])
        ]
    return False


def _is_of_each_number(op: Op) -> bool:
    """Whether an operation gives a function of each number that it is fed."""
    return op.kind in ("activation", "unary") or _applies_a_number(op)


def _applies_a_number(op: Op) -> bool:
    return op.kind == "binary" and op.facts["scalar"] is not None


class _Spread:
    """Follows shapes through the right network, with the left's wherever both agree."""

    def __init__(self, changes: Sequence[Change], found: Matching) -> None:
        self._changes = changes
        self._found = found
        self._of_left: dict[int, set[int]] = {}
        self._of_right: dict[int, set[int]] = {}
        for index, change in enumerate(changes):
            for op, table in ((change.left, self._of_left), (change.right, self._of_right)):
                if op is not None:
                    table.setdefault(op.index, set()).add(index)
            for op in change.companions:
                table = self._of_left if change.left is not None else self._of_right
                table.setdefault(op.index, set()).add(index)
        self._shapes: dict[Value, MaybeShape] = {}
        self._left: dict[int, Blame] = {}
        self._right: dict[int, Blame] = {}

    def blamed(self) -> Blame:
        """Return the changes that alter a shape which something that follows is fed."""
        guilty: set[int] = set()
        for op in self._found.left:
            self._left[op.index] = self._blame_left(op)
        for op in self._found.right:
            partner = self._partner(op)
            inputs = [self._shapes.get(value) for value in op.inputs]
            if partner is not None and self._is_checkpoint(op, partner):
                guilty |= self._check(op, partner, inputs)
                self._reset(op, partner)
                continue
            self._pass_on(op, partner, inputs)
        return frozenset(guilty) | self._at_outputs()

    def _partner(self, op: Op) -> Op | None:
        index = self._found.back.get(op.index)
        return None if index is None else self._found.left.ops[index]

    def _blame_left(self, op: Op) -> Blame:
        """Changes above an operation of the left since the last checkpoint."""
        partner_index = self._found.pairs.get(op.index)
        partner = None if partner_index is None else self._found.right.ops[partner_index]
        if partner is not None and self._is_checkpoint(partner, op):
            return _NOTHING
        above = _NOTHING.union(*(self._left[producer] for producer, _ in op.inputs))
        altered = _alters(self._found.left, op) if partner is None else not self._same_effect(partner, op)
        return above | self._of_left.get(op.index, set()) if altered else above

    def _is_checkpoint(self, right: Op, left: Op) -> bool:
        """Whether shapes start afresh here: two inputs, or a pair that makes the same of the same."""
        if right.kind == "input":
            return True
        weighty = is_weighted(right) or len(right.inputs) > 1
        return weighty and right.kind == left.kind and self._same_effect(right, left)

    def _same_effect(self, right: Op, left: Op) -> bool:
        """Whether the right one of a pair gives the left's shape when it is fed what the left is fed."""
        if not (self._of_left.get(left.index) or self._of_right.get(right.index)):
            return True
        if len(left.inputs) != len(right.inputs):
            return left.shape == right.shape
        mine = [self._found.left.ops[producer].shapes[slot] for producer, slot in left.inputs]
        theirs = [self._found.right.ops[producer].shapes[slot] for producer, slot in right.inputs]
        return shape_after(right, mine, theirs) == left.shape

    def _check(self, op: Op, partner: Op, inputs: Sequence[MaybeShape]) -> Blame:
        guilty = _NOTHING
        for operand, shape in enumerate(inputs):
            if operand >= len(partner.inputs) or shape is None:
                continue
            producer, slot = partner.inputs[operand]
            wanted = self._found.left.ops[producer].shapes[slot]
            if wanted is not None and _flat(wanted) != _flat(shape):
                guilty |= self._left[producer] | self._right[op.inputs[operand][0]]
        return guilty

    def _reset(self, op: Op, partner: Op) -> None:
        self._right[op.index] = _NOTHING
        for slot in range(len(op.shapes)):
            known = slot < len(partner.shapes)
            self._shapes[op.index, slot] = partner.shapes[slot] if known else op.shapes[slot]

    def _pass_on(self, op: Op, partner: Op | None, inputs: Sequence[MaybeShape]) -> None:
        actual = [self._found.right.ops[producer].shapes[slot] for producer, slot in op.inputs]
        above = _NOTHING.union(*(self._right[producer] for producer, _ in op.inputs))
        altered = _alters(self._found.right, op) if partner is None else not self._same_effect(op, partner)
        self._right[op.index] = above | (self._of_right.get(op.index, set()) if altered else _NOTHING)
        self._shapes[op.index, 0] = shape_after(op, inputs, actual)
        for slot in range(1, len(op.shapes)):
            self._shapes[op.index, slot] = op.shapes[slot] if list(inputs) == actual else None

    def _at_outputs(self) -> Blame:
        guilty = _NOTHING
        pairs = zip(self._found.left.outputs, self._found.right.outputs, strict=False)
        for (_, left_value), (_, right_value) in pairs:
            wanted = self._found.left.ops[left_value[0]].shapes[left_value[1]]
            shape = self._shapes.get(right_value)
            if wanted is not None and shape is not None and _flat(wanted) != _flat(shape):
                guilty |= self._left[left_value[0]] | self._right[right_value[0]]
        return guilty


def _alters(structure: Structure, op: Op) -> bool:
    """Whether an operation gives another shape than it is fed."""
    if not op.inputs:
        return True
    producer, slot = op.inputs[0]
    return structure.ops[producer].shapes[slot] != op.shape


def _flat(shape: Shape) -> Shape:
    """Axes of one element tell nothing: (c, 1, 1) and (c) are read alike."""
    return tuple(size for size in shape if size != 1)
