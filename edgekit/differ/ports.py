"""The inputs and outputs of two networks, side by side: shapes, ranges, and what one of them lacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edgekit.differ import bounds
from edgekit.differ.align import Matching
from edgekit.differ.inputs import InputPort
from edgekit.differ.model import Difference, Port, PortPair, Severity
from edgekit.differ.model import Side as Shown
from edgekit.differ.structure import Op, Structure
from edgekit.units import format_shape

_MOST_NAMES = 4

Shape = tuple[int, ...]
_MOVING = ("permute", "crop", "shuffle")  # they hand numbers on as they are


def input_pairs(
    ports: tuple[Sequence[InputPort], Sequence[InputPort]], partners: Mapping[str, str]
) -> tuple[PortPair, ...]:
    """Return the inputs side by side, in the left's order; those of one side alone with None."""
    theirs = {port.blob: port for port in ports[1]}
    pairs = [(port, theirs.get(partners.get(port.blob, ""))) for port in ports[0]]
    taken = set(partners.values())
    alone = [PortPair(None, Port(port.name, port.shape)) for port in ports[1] if port.blob not in taken]
    return (
        *(
            PortPair(Port(mine.name, mine.shape), None if other is None else Port(other.name, other.shape))
            for mine, other in pairs
        ),
        *alone,
    )


def output_pairs(found: Matching) -> tuple[PortPair, ...]:
    """Return the outputs side by side: those that matched operations give, the others in their order."""
    mine, theirs = list(found.left.outputs), list(found.right.outputs)
    pairs: dict[int, int] = {}
    for index, (_, (op, slot)) in enumerate(mine):
        wanted = (found.pairs.get(op), slot)
        matched = [each for each, (_, value) in enumerate(theirs) if value == wanted]
        if matched and matched[0] not in pairs.values():
            pairs[index] = matched[0]
    rest = iter([index for index in range(len(theirs)) if index not in pairs.values()])
    for index in range(len(mine)):
        if index not in pairs and (other := next(rest, None)) is not None:
            pairs[index] = other
    made = [
        PortPair(_output(found.left, index), _output(found.right, pairs[index]) if index in pairs else None)
        for index in range(len(mine))
    ]
    return (*made, *(PortPair(None, _output(found.right, index)) for index in rest))


def _output(structure: Structure, index: int) -> Port:
    name, (op, slot) = structure.outputs[index]
    return Port(name, structure.ops[op].shapes[slot], _range(structure, structure.ops[op]))


def _range(structure: Structure, op: Op) -> str | None:
    """Return the interval that an output lies in, where an activation is the last thing that happens."""
    while op.kind in _MOVING:
        op = structure.ops[op.inputs[0][0]]
    return bounds.value_range(op)


def input_differences(
    ports: tuple[Sequence[InputPort], Sequence[InputPort]], partners: Mapping[str, str]
) -> list[Difference]:
    """Return inputs of another shape, and inputs that one side lacks."""
    by_blob = {port.blob: port for port in ports[1]}
    found = []
    for port in ports[0]:
        other = by_blob.get(partners.get(port.blob, ""))
        if other is None:
            found.append(_lone_port(port, on_left=True))
        elif port.shape is not None and other.shape is not None and _flat(port.shape) != _flat(other.shape):
            found.append(
                Difference(
                    Severity.P0,
                    "shape",
                    Shown(port.name, format_shape(port.shape)),
                    Shown(other.name, format_shape(other.shape)),
                    "the networks take inputs of different shapes",
                )
            )
    taken = set(partners.values())
    return [*found, *(_lone_port(port, on_left=False) for port in ports[1] if port.blob not in taken)]


def _lone_port(port: InputPort, *, on_left: bool) -> Difference:
    own = Shown(port.name, f"input {'?' if port.shape is None else format_shape(port.shape)}")
    nothing = Shown(None, None)
    kind = "missing" if on_left else "extra"
    left, right = (own, nothing) if on_left else (nothing, own)
    return Difference(
        Severity.P0, kind, left, right, "one network takes an input that the other does not know"
    )


def output_differences(found: Matching) -> list[Difference]:
    """Other numbers of outputs, or another order; what differs in their shapes is said of what makes them."""
    structures = found.left, found.right
    counts = [len(structure.outputs) for structure in structures]
    if counts[0] == counts[1]:
        return _other_order(found)
    mine, theirs = (
        Shown(_some([name for name, _ in structure.outputs]), f"{count} output{'s' if count != 1 else ''}")
        for structure, count in zip(structures, counts, strict=True)
    )
    return [Difference(Severity.P0, "shape", mine, theirs, "the networks give different numbers of outputs")]


def _some(names: Sequence[str]) -> str:
    """Return names, of many the last ones alone: what caches give stands before what the network is for."""
    shown = ", ".join(names[-_MOST_NAMES:])
    more = len(names) - _MOST_NAMES
    return shown if more <= 0 else f"{shown} and {more} more"


def _other_order(found: Matching) -> list[Difference]:
    """Return that each other's operations give the outputs of a name, where these can be told apart."""
    mine = [name for name, _ in found.left.outputs]
    theirs = [name for name, _ in found.right.outputs]
    given = {(op, slot): name for name, (op, slot) in found.right.outputs}
    partners = [given.get((found.pairs.get(op, -1), slot)) for _, (op, slot) in found.left.outputs]
    told = {name: _likeness(found.left, value) for name, value in found.left.outputs}
    if sorted(mine) != sorted(theirs) or any(partner is None for partner in partners):
        return []
    if all(told[name] == told[str(partner)] for name, partner in zip(mine, partners, strict=True)):
        return []  # in their own order, or too alike to tell
    return [
        Difference(
            Severity.P0,
            "wiring",
            Shown(", ".join(mine), "these outputs"),
            Shown(", ".join(map(str, partners)), "the same in another order"),
            "the outputs are given in another order",
            "return the outputs in the order of the other side",
        )
    ]


def _likeness(structure: Structure, value: tuple[int, int]) -> tuple[object, ...]:
    op = structure.ops[value[0]]
    return op.kind, dict(op.facts), op.shapes[value[1]], value[1]


def _flat(shape: Shape) -> Shape:
    return tuple(size for size in shape if size != 1)
