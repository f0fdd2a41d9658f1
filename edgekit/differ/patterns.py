"""Small groups of layers that say together what one layer says elsewhere."""

from __future__ import annotations

from edgekit.differ.draft import AFFINE, PIECE, Draft, Node, Value
from edgekit.differ.rules import rounded

_NEVER_NEGATIVE = ("relu", "relu6", "sigmoid", "hardsigmoid", "softmax", "softplus")
_GATES = {"sigmoid": "swish", "hardsigmoid": "hardswish"}


def gated_activations(draft: Draft) -> None:
    """Turn x * sigmoid(x) into Swish, x * hardsigmoid(x) into HardSwish."""
    for product in list(draft.nodes.values()):
        if product.kind != "binary" or product.facts["op"] != "mul" or len(product.inputs) != 2:
            continue
        for value, other in (tuple(product.inputs), tuple(reversed(product.inputs))):
            gate = draft.producer(value)
            known = gate.kind == "activation" and gate.facts["type"] in _GATES
            if known and gate.inputs == [other] and draft.only_reader(value) is product:
                product.kind = "activation"
                product.facts = {"type": _GATES[gate.facts["type"]], "params": gate.facts["params"]}
                product.inputs = [other]
                product.layers = [*gate.layers, *product.layers]
                del draft.nodes[gate.id]
                break


def chains(draft: Draft) -> None:
    """Make sums and products of more than two tensors a chain of those of two."""
    for node in list(draft.nodes.values()):
        if node.kind != "binary" or len(node.inputs) <= 2:
            continue
        first, *rest = node.inputs
        facts = {key: value for key, value in node.facts.items() if key != "coefficients"}
        for value in rest:
            made = draft.add("binary", facts, [first, value], node.shapes, node.layers)
            first = (made.id, 0)
        draft.drop(node, [first])


def numbers_in_a_row(draft: Draft) -> None:
    """Make one factor and one offset of numbers that are multiplied by and added one after the other."""
    for node in list(draft.nodes.values()):
        own = _affine(node)
        while own is not None and (after := draft.only_reader((node.id, 0))) is not None:
            following = _affine(after)
            if following is None:
                break
            own = own[0] * following[0], own[1] * following[0] + following[1]
            node.facts = {"op": AFFINE, "scalar": rounded(own[0]), "offset": rounded(own[1])}
            node.layers = [*node.layers, *after.layers]
            node.shapes = list(after.shapes)
            draft.drop(after)


def _affine(node: Node) -> tuple[float, float] | None:
    """Return the factor and the offset that a number means."""
    if node.kind != "binary" or node.facts["scalar"] is None:
        return None
    scalar = node.facts["scalar"]
    match node.facts["op"]:
        case "mul":
            return scalar, 0.0
        case "add":
            return 1.0, scalar
        case "rsub":
            return -1.0, scalar
    return (scalar, node.facts["offset"]) if node.facts["op"] == AFFINE else None


def shuffles(draft: Draft) -> None:
    """Turn reshape (g, c/g, ...), swap of the first two axes, reshape back into a channel shuffle."""
    for swap in list(draft.nodes.values()):
        if swap.kind != "permute" or not isinstance(swap.facts["order"], tuple):
            continue
        order = swap.facts["order"]
        before, after = draft.producer(swap.inputs[0]), draft.only_reader((swap.id, 0))
        if before.kind != "view" or after is None or after.kind != "view" or order[:2] != (1, 0):
            continue
        if list(order[2:]) != list(range(2, len(order))) or draft.only_reader(swap.inputs[0]) is not swap:
            continue
        outer, inner = draft.shape(before.inputs[0]), before.shapes[0]
        if outer is None or inner is None or after.shapes[0] != outer or inner[0] * inner[1] != outer[0]:
            continue
        after.kind, after.facts = "shuffle", {"groups": inner[0]}
        after.inputs = list(before.inputs)
        after.layers = [*before.layers, *swap.layers, *after.layers]
        del draft.nodes[swap.id], draft.nodes[before.id]


def slices(draft: Draft) -> None:
    """Make every piece of a Slice a crop of its own, as other converters write it."""
    for node in list(draft.nodes.values()):
        if node.kind != "slice":
            continue
        axis = node.facts["axis"]
        start: int | None = 0
        length = None if None in node.facts["sizes"] else sum(node.facts["sizes"])
        pieces: list[Value] = []
        for slot, size in enumerate(node.facts["sizes"]):
            facts = {"cuts": ((axis, start, size, length),)}
            piece = draft.add("crop", facts, node.inputs, [node.shapes[slot]], node.layers)
            piece.marks.add(f"{PIECE}{slot}")
            pieces.append((piece.id, 0))
            start = None if start is None or size is None else start + size
        draft.drop(node, pieces)


def bends_nothing(node: Node, draft: Draft) -> bool:
    """Whether a ReLU reads what an activation gives that is never negative."""
    before = draft.producer(node.inputs[0])
    return (
        (node.kind, node.facts.get("type")) == ("activation", "relu")
        and before.kind == "activation"
        and before.facts["type"] in _NEVER_NEGATIVE
    )
