"""An ONNX graph that is being rewritten: constants, shapes, fresh names."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from edgekit.errors import require


class OnnxGraph:
    """Constants, shapes and fresh names of a graph that is being rewritten."""

    def __init__(self, model: Any) -> None:
        self.onnx = require("onnx", "onnx")
        self.model = model
        self.nodes: list[Any] = list(model.graph.node)
        self._constants = {each.name: each for each in model.graph.initializer}
        for node in self.nodes:
            if node.op_type == "Constant" and node.attribute[0].name == "value":
                self._constants[node.output[0]] = node.attribute[0].t
        inferred = self.onnx.shape_inference.infer_shapes(model)
        infos = [*inferred.graph.value_info, *inferred.graph.input, *inferred.graph.output]
        self._shapes = {each.name: each.type.tensor_type.shape.dim for each in infos}
        self.producers = {name: node for node in self.nodes for name in node.output}
        self._taken = {name for node in self.nodes for name in node.output} | set(self._constants)

    def is_read(self, name: str) -> bool:
        """Whether a node or the model's outputs read a tensor."""
        outputs = (each.name for each in self.model.graph.output)
        return name in outputs or any(name in node.input for node in self.nodes)

    def sibling(self, node: Any, kind: str) -> Any:
        """Return a node of a kind that reads the same tensor and stands before `node`, or None."""
        before = itertools.takewhile(lambda each: each is not node, self.nodes)
        return next((n for n in before if n.op_type == kind and n.input[0] == node.input[0]), None)

    def constant(self, name: str) -> np.ndarray[Any, Any] | None:
        """Return the value of a constant, None for a computed tensor."""
        tensor = self._constants.get(name)
        return None if tensor is None else np.asarray(self.onnx.numpy_helper.to_array(tensor))

    def shape(self, name: str) -> list[int | None] | None:
        """Return the shape of a tensor where it is known; None for an open size."""
        dims = self._shapes.get(name)
        if dims is None:
            return None
        return [each.dim_value if each.HasField("dim_value") else None for each in dims]

    def add_constant(self, near: str, value: np.ndarray[Any, Any]) -> str:
        """Add a constant and return its name."""
        name = self.fresh(near)
        tensor = self.onnx.numpy_helper.from_array(value, name)
        self.model.graph.initializer.append(tensor)
        self._constants[name] = tensor
        return name

    def fresh(self, near: str) -> str:
        """Return a tensor name that nothing has yet."""
        number = 0
        while f"{near}_edgekit{number}" in self._taken:
            number += 1
        self._taken.add(f"{near}_edgekit{number}")
        return f"{near}_edgekit{number}"

    def node(self, kind: str, inputs: Sequence[str], output: str, name: str, **attributes: Any) -> Any:
        """Make a node; it is named after the node that it stands for, and after its own output."""
        own = f"{name}/{output.rpartition('/')[2]}"
        return self.onnx.helper.make_node(kind, list(inputs), [output], name=own, **attributes)

    def replace(self, old: Any, fresh: Iterable[Any]) -> None:
        """Put nodes in the place of one."""
        index = next(i for i, node in enumerate(self.nodes) if node is old)
        self.nodes[index : index + 1] = list(fresh)

    def move_behind(self, node: Any, others: Sequence[Any]) -> None:
        """Put nodes right behind another one, in their order."""
        kept = [each for each in self.nodes if not any(each is other for other in others)]
        index = next(i for i, each in enumerate(kept) if each is node)
        self.nodes = [*kept[: index + 1], *others, *kept[index + 1 :]]

    def finish(self) -> None:
        """Write the nodes back into the model."""
        nodes = [self.onnx.NodeProto.FromString(node.SerializeToString()) for node in self.nodes]
        del self.model.graph.node[:]
        self.model.graph.node.extend(nodes)

    def attribute(self, node: Any, name: str, default: Any = None) -> Any:
        """Return an attribute's value."""
        for each in node.attribute:
            if each.name == name:
                return self.onnx.helper.get_attribute_value(each)
        return default

    def axes(self, node: Any) -> list[int] | None:
        """Return the axes of a reduction, from attribute or constant input; None for all or unknown."""
        axes = self.attribute(node, "axes")
        if axes is None and len(node.input) > 1:
            axes = self.constant(node.input[1])
        shape = self.shape(node.input[0])
        if axes is None or shape is None:
            return None
        return sorted(int(axis) % len(shape) for axis in axes)
