"""Changes to a traced graph that make pnnx convert it, each the same mathematics as before.

A call of a module whose result nothing reads is left out: pnnx dies of it.
pnnx crashes at random where one operation takes the same tensor twice (`x * x`, `x + x`): it keeps
consumers in a set and loses one. These become operations of one tensor.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

_TWICE_SAME = {"aten::mul": ("aten::pow", 2), "aten::add": ("aten::mul", 2)}


def rewrite(traced: Any) -> list[str]:
    """Rewrite every graph of a traced module in place; return in plain words what was done."""
    done: Counter[str] = Counter()
    seen: set[int] = set()
    for module in traced.modules():
        script = getattr(module, "_c", None)
        if script is None or id(module) in seen or not script._has_method("forward"):
            continue
        seen.add(id(module))
        graph = script._get_method("forward").graph
        _remove_dead(graph)
        if not _taken_whole(script):
            _rewrite_same_operand(graph, done)
    return [text if count == 1 else f"{text} ({count} times)" for text, count in done.items()]


def _remove_dead(graph: Any) -> None:
    """Remove what nothing reads; what writes to its operand stays. State is refused elsewhere."""
    for node in reversed(list(graph.nodes())):
        pure = node.kind() in _PURE or (node.kind().startswith("aten::") and not node.kind().endswith("_"))
        if pure and not any(output.uses() for output in node.outputs()):
            node.destroy()


_PURE = frozenset(
    "prim::CallMethod prim::GetAttr prim::Constant prim::ListConstruct prim::ListUnpack "
    "prim::TupleConstruct prim::TupleUnpack prim::TupleIndex prim::NumToTensor".split()
)


def _taken_whole(script: Any) -> bool:
    """Whether it is a layer of torch.nn, which pnnx finds by the operations PyTorch itself puts there."""
    name: str = script._type().qualified_name()
    return name.startswith("__torch__.torch.nn.")


def _rewrite_same_operand(graph: Any, done: Counter[str]) -> None:
    for node in list(graph.nodes()):
        replacement = _TWICE_SAME.get(node.kind())
        operands = list(node.inputs())
        if replacement is None or len(operands) < 2 or operands[0].debugName() != operands[1].debugName():
            continue
        if node.kind() == "aten::add" and operands[2].toIValue() != 1:
            continue
        kind, number = replacement
        graph.setInsertPoint(node)
        scalar = graph.insertConstant(number)
        fresh = graph.create(kind, [operands[0], scalar], 1)
        fresh.copyMetadata(node)
        graph.insertNode(fresh)
        fresh.output().setType(node.output().type())
        node.output().replaceAllUsesWith(fresh.output())
        node.destroy()
        done["wrote x * x as x ** 2" if kind == "aten::pow" else "wrote x + x as x * 2"] += 1
