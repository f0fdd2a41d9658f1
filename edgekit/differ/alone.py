"""What one side has alone: layers missing or extra, with the small operations that belong to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from edgekit.differ import bounds, words
from edgekit.differ.align import Matching
from edgekit.differ.canonical import keeps_order
from edgekit.differ.change import Change, is_weighted
from edgekit.differ.draft import BATCH_MOVED
from edgekit.differ.model import Severity
from edgekit.differ.structure import Op, Structure

P1, P2, P3 = Severity.P1, Severity.P2, Severity.P3

_BATCH_NORMS = ("batch_norm", "BatchNormalization")
_FOLDED = "BatchNorm, folded into the convolution"
_NO_NORM = "none"
_UNKNOWN_NORM = "none, or a BatchNorm folded into the convolution"
_KINDS = {
    "norm": ("normalization", P2, "the values are not normalised in the same way"),
    "activation": ("activation", P1, "one side bends the values here, the other does not"),
    "pool": ("pooling", P2, "one side sums up neighbourhoods here, the other does not"),
    "reduce": ("pooling", P2, "one side reduces an axis here, the other does not"),
    "resize": ("resampling", P2, "one side resamples here, the other does not"),
    "pad": ("padding", P2, "the border is computed from other values"),
}


def alone(found: Matching) -> list[Change]:
    """Return the changes of operations without a partner."""
    lefts = _unmatched(found.left, found.pairs)
    rights = _unmatched(found.right, found.back)
    changes = [
        *_side(found.left, lefts, found, on_left=True),
        *_side(found.right, rights, found, on_left=False),
    ]
    return changes


def _unmatched(structure: Structure, matched: Mapping[int, int]) -> list[int]:
    return [op.index for op in structure if op.index not in matched and op.kind != "input"]


def _side(
    structure: Structure, indices: Sequence[int], found: Matching, *, on_left: bool
) -> Iterator[Change]:
    for group in _components(structure, indices):
        ops = [structure.ops[index] for index in group]
        heads = [op for op in ops if is_weighted(op)]
        if not heads:
            for op in ops:
                if not moved_elsewhere(op, found, on_left=on_left) and not _idle(op, found, on_left=on_left):
                    yield _small(op, found, on_left=on_left)
            continue
        members: dict[int, list[Op]] = {head.index: [] for head in heads}
        for op in ops:
            if op.index in members:
                continue
            before = [head.index for head in heads if head.index < op.index]
            members[before[-1] if before else heads[0].index].append(op)
        for head in heads:
            yield _layer(head, tuple(members[head.index]), on_left=on_left)


def _components(structure: Structure, indices: Sequence[int]) -> list[list[int]]:
    """Return the connected groups of operations, in order."""
    pending, groups = set(indices), []
    while pending:
        stack = [min(pending)]
        group: set[int] = set()
        while stack:
            index = stack.pop()
            if index not in pending:
                continue
            pending.discard(index)
            group.add(index)
            stack += [producer for producer, _ in structure.ops[index].inputs]
            stack += structure.readers[index]
        groups.append(sorted(group))
    return groups


def _layer(head: Op, companions: tuple[Op, ...], *, on_left: bool) -> Change:
    value = " + ".join(words.title(op) for op in sorted((head, *companions), key=lambda op: op.index))
    kind, impact = (
        ("missing", "its weights have no place on the other side, and what it computes is left out")
        if on_left
        else ("extra", "it has weights that the other side does not have, and computes what is not wanted")
    )
    if head.kind == "custom":
        impact = "ncnn has no such layer, so that what it computes is not known"
    if on_left:
        return Change(kind, head, None, value, None, P1, impact, companions)
    return Change(kind, None, head, None, value, P1, impact, companions)


def moved_elsewhere(op: Op, found: Matching, *, on_left: bool) -> bool:
    """Whether an operation puts axes in order where the other side has a Reshape that moves the batch."""
    if op.kind != "permute":
        return False
    mine, theirs = (found.left, found.right) if on_left else (found.right, found.left)
    partners = found.pairs if on_left else found.back
    readers = [partners.get(reader) for reader in mine.readers[op.index]]
    return any(reader is not None and BATCH_MOVED in theirs.ops[reader].marks for reader in readers)


def _idle(op: Op, found: Matching, *, on_left: bool) -> bool:
    """Whether an operation does nothing at the sizes of the other side, which differ for another reason."""
    theirs, partners = (found.right, found.pairs) if on_left else (found.left, found.back)
    fed = partners.get(op.inputs[0][0]) if op.inputs else None
    if op.written and theirs.idle.issuperset((fed, written) for written in op.written):
        return True
    if op.kind != "permute" or op.inputs[0][0] not in partners:
        return False
    shape = theirs.ops[partners[op.inputs[0][0]]].shape
    return shape is not None and keeps_order(op.facts["order"], shape)


def _small(op: Op, found: Matching, *, on_left: bool) -> Change:
    """An operation without weights of its own; a normalisation may stand against a folded BatchNorm."""
    value = words.title(op)
    kind, severity, impact = _KINDS.get(op.kind, ("missing" if on_left else "extra", P1, _small_impact(op)))
    other_value: str | None = "none" if op.kind in _KINDS else None
    partner: Op | None = None
    if op.kind == "norm":
        partner = _fed_by(op, found, on_left=on_left)
        other_value = _norm_of(partner)
        partner = None if other_value == _NO_NORM else partner
    if op.kind == "activation":
        impact = bounds.ranges(*((op, None) if on_left else (None, op))) or impact
    left, right = (op, partner) if on_left else (partner, op)
    if on_left:
        return Change(kind, left, right, value, other_value, severity, impact)
    return Change(kind, left, right, other_value, value, severity, impact)


def _small_impact(op: Op) -> str:
    if op.kind == "binary" and len(op.inputs) == 2:
        return "two branches are joined on one side only"
    if op.kind == "concat":
        return "branches are joined on one side only"
    return "one side computes this, the other does not"


def _fed_by(op: Op, found: Matching, *, on_left: bool) -> Op | None:
    """Return the partner of the operation whose result a normalisation takes."""
    producer = op.inputs[0][0]
    if on_left:
        index = found.pairs.get(producer)
        return None if index is None else found.right.ops[index]
    index = found.back.get(producer)
    return None if index is None else found.left.ops[index]


def _norm_of(partner: Op | None) -> str:
    if partner is None:
        return _NO_NORM
    if any(name in operation.op for operation in partner.module_ops for name in _BATCH_NORMS):
        return _FOLDED
    if partner.module_ops:
        return _NO_NORM
    return _UNKNOWN_NORM if partner.kind in ("conv", "deconv", "linear") else _NO_NORM
